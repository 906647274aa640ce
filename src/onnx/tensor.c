/* TensorProto to constant. Payloads stand in the mapped file (or an external one) and are borrowed
 * from there when their type is one of ours and they are aligned for it; else they are copied once,
 * and converted on the way: float16, bfloat16, double to float32; uint16 to int32; uint32, uint64
 * to int64; booleans to 0 and 1. */
#include "onnx/internal.h"

static const struct TypeRow {
	const char *name;
	AxcDType dtype;
	size_t bytes; /* in raw_data */
} types[] = {
	[0] = {"undefined", AXC_DT_NONE, 0},
	[ONNX_FLOAT] = {"float32", AXC_F32, 4},
	[ONNX_UINT8] = {"uint8", AXC_U8, 1},
	[ONNX_INT8] = {"int8", AXC_I8, 1},
	[ONNX_UINT16] = {"uint16", AXC_I32, 2},
	[ONNX_INT16] = {"int16", AXC_I16, 2},
	[ONNX_INT32] = {"int32", AXC_I32, 4},
	[ONNX_INT64] = {"int64", AXC_I64, 8},
	[ONNX_STRING] = {"string", AXC_DT_NONE, 0},
	[ONNX_BOOL] = {"bool", AXC_BOOL, 1},
	[ONNX_FLOAT16] = {"float16", AXC_F32, 2},
	[ONNX_DOUBLE] = {"float64", AXC_F32, 8},
	[ONNX_UINT32] = {"uint32", AXC_I64, 4},
	[ONNX_UINT64] = {"uint64", AXC_I64, 8},
	[ONNX_COMPLEX64] = {"complex64", AXC_DT_NONE, 0},
	[ONNX_COMPLEX128] = {"complex128", AXC_DT_NONE, 0},
	[ONNX_BFLOAT16] = {"bfloat16", AXC_F32, 2},
	[17] = {"float8e4m3fn", AXC_DT_NONE, 0},
	[18] = {"float8e4m3fnuz", AXC_DT_NONE, 0},
	[19] = {"float8e5m2", AXC_DT_NONE, 0},
	[20] = {"float8e5m2fnuz", AXC_DT_NONE, 0},
	[21] = {"uint4", AXC_DT_NONE, 0},
	[22] = {"int4", AXC_DT_NONE, 0},
	[23] = {"float4e2m1", AXC_DT_NONE, 0},
};

static const struct TypeRow *type_row(int64_t t)
{
	return t >= 0 && t < (int64_t)AXC_COUNT(types) ? &types[t] : NULL;
}

AxcDType axc_onnx_dtype(int64_t elem_type)
{
	return type_row(elem_type) ? type_row(elem_type)->dtype : AXC_DT_NONE;
}

const char *axc_onnx_type_name(int64_t elem_type)
{
	return type_row(elem_type) ? type_row(elem_type)->name : "unknown";
}

int axc_onnx_elem_type(AxcDType dtype)
{
	switch (dtype) {
	case AXC_F32:
		return ONNX_FLOAT;
	case AXC_I8:
		return ONNX_INT8;
	case AXC_U8:
		return ONNX_UINT8;
	case AXC_I16:
		return ONNX_INT16;
	case AXC_I32:
		return ONNX_INT32;
	case AXC_I64:
		return ONNX_INT64;
	case AXC_BOOL:
		return ONNX_BOOL;
	case AXC_DT_NONE:
	case AXC_DTYPE_COUNT:
		break;
	}
	return 0;
}

/* ---- one element ---- */

static float from_half(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3ff,
		 bits;
	float f;
	if (exponent == 0) {
		f = (float)mantissa * 0x1p-24f;
		return sign ? -f : f;
	}
	bits = sign | (exponent == 31 ? 0x7f800000 : (exponent + 112) << 23) | mantissa << 13;
	memcpy(&f, &bits, 4);
	return f;
}

static float from_bfloat(uint16_t h)
{
	uint32_t bits = (uint32_t)h << 16;
	float f;
	memcpy(&f, &bits, 4);
	return f;
}

static uint64_t load(const uint8_t *p, size_t bytes)
{
	uint64_t v = 0;
	for (size_t i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static void convert_one(int32_t type, uint64_t bits, void *out, size_t i)
{
	double wide;
	switch (type) {
	case ONNX_FLOAT16:
		((float *)out)[i] = from_half((uint16_t)bits);
		break;
	case ONNX_BFLOAT16:
		((float *)out)[i] = from_bfloat((uint16_t)bits);
		break;
	case ONNX_DOUBLE:
		memcpy(&wide, &bits, 8);
		((float *)out)[i] = (float)wide;
		break;
	case ONNX_UINT16:
		((int32_t *)out)[i] = (uint16_t)bits;
		break;
	case ONNX_UINT32:
		((int64_t *)out)[i] = (uint32_t)bits;
		break;
	case ONNX_UINT64:
		((int64_t *)out)[i] = (int64_t)AXC_MIN(bits, (uint64_t)INT64_MAX);
		break;
	case ONNX_BOOL:
		((uint8_t *)out)[i] = bits != 0;
		break;
	case ONNX_FLOAT:
	case ONNX_INT32:
		((uint32_t *)out)[i] = (uint32_t)bits;
		break;
	case ONNX_INT64:
		((uint64_t *)out)[i] = bits;
		break;
	case ONNX_INT16:
		((uint16_t *)out)[i] = (uint16_t)bits;
		break;
	default: /* int8, uint8 */
		((uint8_t *)out)[i] = (uint8_t)bits;
		break;
	}
}

static bool same_representation(int32_t type)
{
	switch (type) {
	case ONNX_FLOAT:
	case ONNX_UINT8:
	case ONNX_INT8:
	case ONNX_INT16:
	case ONNX_INT32:
	case ONNX_INT64:
		return true;
	default:
		return false;
	}
}

/* ---- whole tensors ---- */

static bool new_copy(OnnxFile *f, size_t bytes, void **ret)
{
	if (bytes > AXC_ONNX_MAX_COPIED_BYTES - f->copied_bytes)
		return axc_fail(
			f->d,
			"the model's constants need more than the %zu bytes that are accepted",
			AXC_ONNX_MAX_COPIED_BYTES);
	f->copied_bytes += bytes;
	*ret = axc_alloc(f->arena, bytes);
	return true;
}

static bool from_raw(OnnxFile *f, int32_t type, const uint8_t *raw, size_t n, OnnxConst *c)
{
	const struct TypeRow *row = &types[type];
	void *copy = NULL;
	if (same_representation(type) && (uintptr_t)raw % row->bytes == 0) {
		c->data = raw;
		return true;
	}
	if (!new_copy(f, n * axc_dtype_bytes(row->dtype), &copy))
		return false;
	if (same_representation(type) && n)
		memcpy(copy, raw, n * row->bytes);
	else
		for (size_t i = 0; i < n; i++)
			convert_one(type, load(raw + i * row->bytes, row->bytes), copy, i);
	c->data = copy;
	return true;
}

static bool wrong_count(OnnxFile *f, const char *where, size_t found, size_t wanted,
			const char *unit)
{
	return axc_fail(f->d, "the tensor '%s' has %zu %s of data; its type and shape want %zu",
			where, found, unit, wanted);
}

/* Pieces of float_data or double_data, as they stood in the file, or raw_data (the last one
 * counts). */
static bool from_payload(OnnxFile *f, const Onnx__TensorProto *t, const char *where, size_t want,
			 size_t n, OnnxConst *c)
{
	uint64_t field = t->payload[0];
	size_t pieces = t->n_payload / 3, total = 0;
	for (size_t i = 0; i < pieces; i++)
		if (t->payload[3 * i] != field)
			return axc_fail(f->d, "the tensor '%s' has data in two places", where);
	const uint64_t *last = t->payload + 3 * (pieces - 1);
	if (field == TENSOR_RAW_DATA || pieces == 1) {
		if (last[2] != want)
			return wrong_count(f, where, last[2], want, "bytes");
		return from_raw(f, t->data_type, f->data + last[1], n, c);
	}
	for (size_t i = 0; i < pieces; i++)
		total += t->payload[3 * i + 2];
	void *joined = NULL;
	if (total != want)
		return wrong_count(f, where, total, want, "bytes");
	if (!new_copy(f, want, &joined))
		return false;
	for (size_t i = 0, at = 0; i < pieces; at += t->payload[3 * i + 2], i++)
		memcpy((char *)joined + at, f->data + t->payload[3 * i + 1], t->payload[3 * i + 2]);
	return from_raw(f, t->data_type, joined, n, c);
}

/* int32_data, int64_data, uint64_data: one number per element. */
static bool from_numbers(OnnxFile *f, const Onnx__TensorProto *t, const char *where, size_t n,
			 OnnxConst *c)
{
	bool wide = t->data_type == ONNX_INT64,
	     unsig = t->data_type == ONNX_UINT32 || t->data_type == ONNX_UINT64;
	size_t have = wide ? t->n_int64_data : unsig ? t->n_uint64_data : t->n_int32_data;
	void *copy = NULL;
	if (t->data_type == ONNX_FLOAT || t->data_type == ONNX_DOUBLE)
		have = 0; /* these live in float_data, double_data or raw_data */
	if (have != n)
		return wrong_count(f, where, have, n, "elements");
	if (!new_copy(f, n * axc_dtype_bytes(c->dtype), &copy))
		return false;
	for (size_t i = 0; i < n; i++) {
		uint64_t bits = wide    ? (uint64_t)t->int64_data[i]
				: unsig ? t->uint64_data[i]
					: (uint64_t)(int64_t)t->int32_data[i];
		convert_one(t->data_type, bits, copy, i);
	}
	c->data = copy;
	return true;
}

static bool payload_fits(const Onnx__TensorProto *t)
{
	return t->payload[0] == TENSOR_RAW_DATA ||
	       (t->payload[0] == TENSOR_FLOAT_DATA && t->data_type == ONNX_FLOAT) ||
	       (t->payload[0] == TENSOR_DOUBLE_DATA && t->data_type == ONNX_DOUBLE);
}

bool axc_onnx_tensor(OnnxFile *f, const Onnx__TensorProto *t, const char *where, OnnxConst *c)
{
	const struct TypeRow *row = type_row(t->data_type);
	where = axc_safe_name(f->d->arena, where);
	if (!row || row->dtype == AXC_DT_NONE)
		return axc_fail(f->d, "the tensor '%s' is of type %s (%d), which is not supported",
				where, axc_onnx_type_name(t->data_type), t->data_type);
	if (t->n_dims > AXC_MAX_RANK)
		return axc_fail(f->d,
				"the tensor '%s' has %zu dimensions; at most %d are supported",
				where, t->n_dims, AXC_MAX_RANK);
	for (size_t i = 0; i < t->n_dims; i++)
		if (t->dims[i] < 0)
			return axc_fail(f->d, "the tensor '%s' has a negative dimension: %lld",
					where, (long long)t->dims[i]);
	c->dtype = row->dtype;
	c->shape = axc_shape_of((int)t->n_dims, t->dims);
	int64_t n = axc_shape_count(&c->shape);
	if (n >
	    AXC_ONNX_MAX_TENSOR_BYTES / (int64_t)AXC_MAX(row->bytes, axc_dtype_bytes(row->dtype)))
		return axc_fail(f->d, "the tensor '%s' of shape %s is larger than 2^31 bytes",
				where, axc_shape_text(f->d->arena, &c->shape));
	size_t want = (size_t)n * row->bytes;
	if (t->data_location == 1) {
		const uint8_t *raw = NULL;
		return axc_onnx_external(f, t, where, want, &raw) &&
		       from_raw(f, t->data_type, raw, (size_t)n, c);
	}
	if (t->n_payload >= 3 && payload_fits(t))
		return from_payload(f, t, where, want, (size_t)n, c);
	if (n == 0) {
		c->data = axc_alloc(f->arena, 16);
		return true;
	}
	return from_numbers(f, t, where, (size_t)n, c);
}
