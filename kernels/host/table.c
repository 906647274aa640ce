/* The kernel table and what can be asked of it; everything here comes from kinds.def and kernels.def. */
#include "kernels/axk.h"
#include "kernels/host/host.h"

#include <stdlib.h>
#include <string.h>

#ifdef AXK_BUILD_X86
#include <cpuid.h>
#endif

#define AXK_KERNEL_REF(function, kind, files, fits, units, scratch, pack_bytes, pack) \
	extern axk_fn function, function##_native;
#define AXK_KERNEL_X86(function, kind, isa, files, fits, units, scratch, pack_bytes, pack) \
	extern axk_fn function;
#include "kernels/kernels.def"
#undef AXK_KERNEL_REF
#undef AXK_KERNEL_X86

#ifdef AXK_BUILD_X86
#define X86_FN(function) function
#define NATIVE_FN(function) function##_native
#else
#define X86_FN(function) NULL
#define NATIVE_FN(function) NULL
#endif

const AxkInfo axk_table[] = {
#define AXK_KERNEL_REF(function, kind, files, fits, units, scratch, pack_bytes, pack) \
	{#function, kind, AXK_ISA_C, files, function, NATIVE_FN(function), fits, units, scratch, pack_bytes, pack},
#define AXK_KERNEL_X86(function, kind, isa, files, fits, units, scratch, pack_bytes, pack) \
	{#function, kind, isa, files, X86_FN(function), NULL, fits, units, scratch, pack_bytes, pack},
#include "kernels/kernels.def"
#undef AXK_KERNEL_REF
#undef AXK_KERNEL_X86
	{0},
};

/* Field tables, one per kind. */
#define COUNT_ONE(...) +1

typedef struct KindRow {
	const char *name, *tag;
	size_t bytes;
	int n_fields;
} KindRow;

static const KindRow kinds[AXK_KIND_COUNT] = {
#define AXK_KIND(kind, tag, fields) \
	[kind] = {#kind, #tag, sizeof(struct tag), 0 fields(COUNT_ONE, COUNT_ONE, COUNT_ONE)},
#include "kernels/kinds.def"
#undef AXK_KIND
};

/* The tables are the same bytes whoever fills them, so threads may race here. */
const AxkField *axk_kind_fields(AxkKind kind, int *ret_n)
{
	switch (kind) {
#define FIELD_I(name) {#name, AXK_FIELD_INT, 1, (size_t)((char *)&at->name - (char *)at)},
#define FIELD_F(name) {#name, AXK_FIELD_FLOAT, 1, (size_t)((char *)&at->name - (char *)at)},
#define FIELD_A(name, count) {#name, AXK_FIELD_INTS, count, (size_t)((char *)at->name - (char *)at)},
#define AXK_KIND(kind, tag, fields) \
	case kind: { \
		static struct tag base, *const at = &base; \
		static AxkField table[0 fields(COUNT_ONE, COUNT_ONE, COUNT_ONE)]; \
		const AxkField filled[] = {fields(FIELD_I, FIELD_F, FIELD_A)}; \
		memcpy(table, filled, sizeof table); \
		*ret_n = kinds[kind].n_fields; \
		return table; \
	}
#include "kernels/kinds.def"
#undef AXK_KIND
	case AXK_KIND_COUNT:
		break;
	}
	*ret_n = 0;
	return NULL;
}

const char *axk_kind_name(AxkKind kind)
{
	return kinds[kind].name;
}

const char *axk_kind_struct(AxkKind kind)
{
	return kinds[kind].tag;
}

size_t axk_kind_params_bytes(AxkKind kind)
{
	return kinds[kind].bytes;
}

const AxkInfo *axk_select(AxkKind kind, unsigned isa, const void *params)
{
	for (const AxkInfo *k = axk_table; k->name; k++)
		if (k->kind == kind && (k->isa & ~isa) == 0 && (!k->fits || k->fits(params)))
			return k;
	return NULL;
}

axk_fn *axk_run_fn(const AxkInfo *info)
{
	return info->fn_native && (axk_cpu_isa() & AXK_ISA_AVX2) ? info->fn_native : info->fn;
}

#ifdef AXK_BUILD_X86
static uint64_t os_enabled_state(void)
{
	uint32_t lo, hi;
	__asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static unsigned ask_cpu(void)
{
	unsigned a, b, c, d, isa = 0;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return 0;
	uint64_t os = os_enabled_state();
	int fma = (c & bit_FMA) && (c & bit_F16C) && (c & bit_MOVBE);
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return 0;
	if ((os & 0x6) == 0x6 && fma && (b & bit_AVX2) && (b & bit_BMI) && (b & bit_BMI2))
		isa |= AXK_ISA_AVX2;
	if ((isa & AXK_ISA_AVX2) && (os & 0xe6) == 0xe6 && (b & bit_AVX512F) && (b & bit_AVX512BW) &&
	    (b & bit_AVX512DQ) && (b & bit_AVX512VL))
		isa |= AXK_ISA_AVX512;
	if ((isa & AXK_ISA_AVX512) && (c & bit_AVX512VNNI))
		isa |= AXK_ISA_VNNI;
	if ((isa & AXK_ISA_VNNI) && (os & 0x60000) == 0x60000 && (d & (1u << 24)) && (d & (1u << 25)))
		isa |= AXK_ISA_AMX;
	return isa;
}

/* AXK_CPU_ISA in the environment: features beyond this one count as absent, so that a test sees what an older
 * CPU computes. */
static unsigned ceiling(void)
{
	const char *most = getenv("AXK_CPU_ISA");
	if (!most)
		return ~0u;
	return strcmp(most, "c") == 0        ? 0
	       : strcmp(most, "avx2") == 0   ? AXK_ISA_AVX2
	       : strcmp(most, "avx512") == 0 ? AXK_ISA_AVX2 | AXK_ISA_AVX512
	                                     : ~0u;
}

/* Asked once: CPUID is slow in virtual machines. */
unsigned axk_cpu_isa(void)
{
	enum { KNOWN = 1 << 30 };
	static _Atomic unsigned answer;
	unsigned isa = answer;
	if (!isa)
		answer = isa = (ask_cpu() & ceiling()) | KNOWN;
	return isa & ~(unsigned)KNOWN;
}
#else
unsigned axk_cpu_isa(void)
{
	return 0;
}
#endif
