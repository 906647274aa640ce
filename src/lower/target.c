/* The targets, one row each. */
#include "lower/program.h"

static const AxcTarget targets[] = {
	{"x86-64-avx512vnni", AXK_ISA_AVX2 | AXK_ISA_AVX512 | AXK_ISA_VNNI,
	 "avx2,fma,f16c,bmi,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni",
	 "avx2,fma,f16c,bmi1,bmi2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni", true, "x86-64"},
	{"x86-64-v3", AXK_ISA_AVX2, "avx2,fma,f16c,bmi,bmi2", "avx2,fma,f16c,bmi1,bmi2", true, "x86-64"},
	{"c", AXK_ISA_C, "", "", false, "any"},
};

const AxcTarget *axc_target_find(const char *name)
{
	for (size_t i = 0; i < AXC_COUNT(targets); i++) {
		if (strcmp(name, targets[i].name) == 0)
			return &targets[i];
		if (strcmp(name, "host") == 0 && axc_target_runs_here(&targets[i]))
			return &targets[i];
	}
	return NULL;
}

bool axc_target_runs_here(const AxcTarget *target)
{
	return (target->isa & ~axk_cpu_isa()) == 0;
}

const char *const *axc_target_names(void)
{
	static const char *const names[] = {"host", "c", "x86-64-v3", "x86-64-avx512vnni", NULL};
	return names;
}
