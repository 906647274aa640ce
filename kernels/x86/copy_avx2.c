/* Strided copy with AVX2: rows of bytes (with the flip), and transposes of bytes and words in tiles; other
 * strides element by element. Unit: a block of rows (ref/plan2d.h). */
#include <immintrin.h>

#include "kernels/axk.h"
#include "kernels/ref/plan2d.h"
#include "kernels/x86/transpose_avx2.h"

/* Rows r0..r1-1 and columns c0..c1-1 one by one. */
AXK_INLINE void axk_copy_rest(const struct axk_plan2d *q, int bytes, uint8_t flip, char *y, const char *x, int r0,
			      int r1, int c0, int c1)
{
	for (int r = r0; r < r1; r++)
		for (int c = c0; c < c1; c++) {
			char *to = y + ((ptrdiff_t)r * q->sy1 + (ptrdiff_t)c * q->sy0) * bytes;
			const char *from = x + ((ptrdiff_t)r * q->sx1 + (ptrdiff_t)c * q->sx0) * bytes;
			switch (bytes) {
			case 1: *(uint8_t *)to = *(const uint8_t *)from ^ flip; break;
			case 2: memcpy(to, from, 2); break;
			case 4: memcpy(to, from, 4); break;
			default: memcpy(to, from, 8); break;
			}
		}
}

/* Pixels of 3 bytes, 4 apart, without gaps: 4 at a time; returns how many pixels are done. */
AXK_INLINE int axk_copy_rgbx(uint8_t flip, uint8_t *y, const uint8_t *x, int rows)
{
	const __m128i squeeze = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
	const __m128i mask = _mm_set1_epi8((char)flip);
	int r = 0;
	for (; r + 6 <= rows; r += 4) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(x + (ptrdiff_t)r * 4));
		_mm_storeu_si128((__m128i *)(void *)(y + (ptrdiff_t)r * 3),
				 _mm_shuffle_epi8(_mm_xor_si128(v, mask), squeeze));
	}
	return r;
}

/* Contiguous rows of bytes. Dense short rows are written 16 bytes at a time, the next row over the excess. */
AXK_INLINE void axk_copy_rows_u8(const struct axk_plan2d *q, uint8_t flip, uint8_t *y, const uint8_t *x, int rows)
{
	const __m128i mask = _mm_set1_epi8((char)flip);
	const uint8_t *end = y + (ptrdiff_t)(rows - 1) * q->sy1 + q->n0;
	const uint8_t *x_end = x + (ptrdiff_t)(rows - 1) * q->sx1 + q->n0; /* the caller's memory may end here */
	int done = q->n0 == 3 && q->sy1 == 3 && q->sx1 == 4 ? axk_copy_rgbx(flip, y, x, rows) : 0;
	y += (ptrdiff_t)done * q->sy1;
	x += (ptrdiff_t)done * q->sx1;
	for (int r = done; r < rows; r++, y += q->sy1, x += q->sx1)
		for (int c = 0; c < q->n0; c += 16) {
			int left = q->n0 - c < 16 ? q->n0 - c : 16;
			uint8_t tail[16] = {0};
			const uint8_t *from = x + c;
			if (x_end - from < 16)
				from = memcpy(tail, from, (size_t)left);
			__m128i v = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)from), mask);
			if (left < 16 && q->sy1 == q->n0 && end - (y + c) >= 16)
				left = 16;
			axk_put_bytes(y + c, v, left);
		}
}

AXK_INLINE void axk_copy_tile_u8(const struct axk_plan2d *q, uint8_t flip, uint8_t *y, const uint8_t *x)
{
	const __m128i mask = _mm_set1_epi8((char)flip);
	__m128i t[16];
	AXK_UNROLL
	for (int i = 0; i < 16; i++)
		t[i] = _mm_loadu_si128((const __m128i *)(const void *)(x + (ptrdiff_t)i * q->sx0));
	axk_transpose_16x16(t);
	AXK_UNROLL
	for (int i = 0; i < 16; i++)
		_mm_storeu_si128((__m128i *)(void *)(y + (ptrdiff_t)i * q->sy1), _mm_xor_si128(t[i], mask));
}

AXK_INLINE void axk_copy_tile_u32(const struct axk_plan2d *q, uint32_t *y, const uint32_t *x)
{
	__m256i t[8];
	AXK_UNROLL
	for (int i = 0; i < 8; i++)
		t[i] = _mm256_loadu_si256((const __m256i *)(const void *)(x + (ptrdiff_t)i * q->sx0));
	axk_transpose_8x8(t);
	AXK_UNROLL
	for (int i = 0; i < 8; i++)
		_mm256_storeu_si256((__m256i *)(void *)(y + (ptrdiff_t)i * q->sy1), t[i]);
}

/* Output contiguous over columns, input over rows. */
AXK_INLINE void axk_copy_transposed(const struct axk_plan2d *q, int bytes, uint8_t flip, char *y, const char *x, int rows)
{
	const int tile = bytes == 1 ? 16 : 8, r_end = rows / tile * tile, c_end = q->n0 / tile * tile;
	for (int c = 0; c < c_end; c += tile)
		for (int r = 0; r < r_end; r += tile) {
			char *to = y + ((ptrdiff_t)r * q->sy1 + c) * bytes;
			const char *from = x + (r + (ptrdiff_t)c * q->sx0) * bytes;
			if (bytes == 1)
				axk_copy_tile_u8(q, flip, (uint8_t *)to, (const uint8_t *)from);
			else
				axk_copy_tile_u32(q, (uint32_t *)(void *)to, (const uint32_t *)(const void *)from);
		}
	axk_copy_rest(q, bytes, flip, y, x, r_end, rows, 0, c_end);
	axk_copy_rest(q, bytes, flip, y, x, 0, rows, c_end, q->n0);
}

AXK_FN void axk_copy_avx2(const void *params, void *const *buf, void *scratch, int begin, int end)
{
	const struct axk_copy *p = params;
	const struct axk_plan2d q = axk_plan2d_of(p->dims, p->sy, p->sx);
	const int bytes = p->elem_bytes;
	const uint8_t flip = (uint8_t)p->flip;
	(void)scratch;
	for (int u = begin; u < end; u++) {
		ptrdiff_t at_y, at_x;
		int rows = axk_plan_unit(&q, u, &at_y, &at_x);
		char *y = (char *)buf[0] + at_y * bytes;
		const char *x = (const char *)buf[1] + at_x * bytes;
		if (q.sy0 == 1 && q.sx0 == 1 && (flip || (bytes == 1 && q.n0 < 256)))
			axk_copy_rows_u8(&q, flip, (uint8_t *)y, (const uint8_t *)x, rows);
		else if (q.sy0 == 1 && q.sx0 == 1)
			for (int r = 0; r < rows; r++)
				memcpy(y + (ptrdiff_t)r * q.sy1 * bytes, x + (ptrdiff_t)r * q.sx1 * bytes,
				       (size_t)q.n0 * (size_t)bytes);
		else if (q.sy0 == 1 && q.sx1 == 1 && (bytes == 1 || bytes == 4))
			axk_copy_transposed(&q, bytes, flip, y, x, rows);
		else
			axk_copy_rest(&q, bytes, flip, y, x, 0, rows, 0, q.n0);
	}
}
