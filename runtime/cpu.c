/* What this CPU can do, by the names that model.json uses, and how many of its cores are ours. */
#include "runtime.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <xmmintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

typedef struct Feature {
	const char *name;
	bool present;
} Feature;

static RtFeature lookup(const Feature *features, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(features[i].name, name) == 0)
			return features[i].present ? RT_FEATURE_PRESENT : RT_FEATURE_MISSING;
	}
	return RT_FEATURE_UNKNOWN;
}

#if defined(__x86_64__)

const char *rt_cpu_arch(void)
{
	return "x86_64";
}

static uint64_t os_state(unsigned ecx1)
{
	uint32_t low, high;
	if (!(ecx1 & bit_OSXSAVE))
		return 0;
	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

/* A feature counts when the CPU has it and the operating system saves its registers. */
RtFeature rt_cpu_feature(const char *name)
{
	unsigned a, b, c = 0, d, b7 = 0, c7 = 0, d7 = 0, c81 = 0;
	__get_cpuid(1, &a, &b, &c, &d);
	__get_cpuid_count(7, 0, &a, &b7, &c7, &d7);
	__get_cpuid(0x80000001, &a, &b, &c81, &d);
	uint64_t os = os_state(c);
	bool ymm = (os & 0x6) == 0x6, zmm = (os & 0xe6) == 0xe6, tiles = (os & 0x60000) == 0x60000;
	const Feature features[] = {
		{"avx2", ymm && (b7 & bit_AVX2)},
		{"fma", ymm && (c & bit_FMA)},
		{"f16c", ymm && (c & bit_F16C)},
		{"bmi1", b7 & bit_BMI},
		{"bmi2", b7 & bit_BMI2},
		{"lzcnt", c81 & bit_LZCNT},
		{"movbe", c & bit_MOVBE},
		{"avx512f", zmm && (b7 & bit_AVX512F)},
		{"avx512bw", zmm && (b7 & bit_AVX512BW)},
		{"avx512dq", zmm && (b7 & bit_AVX512DQ)},
		{"avx512vl", zmm && (b7 & bit_AVX512VL)},
		{"avx512vnni", zmm && (c7 & bit_AVX512VNNI)},
		{"amx-tile", tiles && (d7 & 1u << 24)},
		{"amx-int8", tiles && (d7 & 1u << 25)},
	};
	return lookup(features, sizeof features / sizeof *features, name);
}

bool rt_cpu_permit_amx(void)
{
	enum { ARCH_REQUEST_PERMISSION = 0x1023, XFEATURE_XTILEDATA = 18 };
	return syscall(SYS_arch_prctl, ARCH_REQUEST_PERMISSION, XFEATURE_XTILEDATA) == 0;
}

bool rt_cpu_name(char *ret_name, size_t bytes)
{
	unsigned r[12];
	for (unsigned i = 0; i < 3; i++) {
		if (!__get_cpuid(0x80000002 + i, &r[i * 4], &r[i * 4 + 1], &r[i * 4 + 2], &r[i * 4 + 3]))
			return false;
	}
	const char *text = (const char *)r;
	text += strspn(text, " ");
	int n = (int)(sizeof r - (size_t)(text - (const char *)r));
	snprintf(ret_name, bytes, "%.*s", n, text);
	return ret_name[0] != '\0';
}

#elif defined(__aarch64__)

const char *rt_cpu_arch(void)
{
	return "aarch64";
}

RtFeature rt_cpu_feature(const char *name)
{
	unsigned long caps = getauxval(AT_HWCAP), caps2 = getauxval(AT_HWCAP2);
	const Feature features[] = {
		{"neon", caps & 1ul << 1},     /* HWCAP_ASIMD */
		{"dotprod", caps & 1ul << 20}, /* HWCAP_ASIMDDP */
		{"i8mm", caps2 & 1ul << 13},   /* HWCAP2_I8MM */
	};
	return lookup(features, sizeof features / sizeof *features, name);
}

bool rt_cpu_permit_amx(void)
{
	return false;
}

bool rt_cpu_name(char *ret_name, size_t bytes)
{
	(void)ret_name, (void)bytes;
	return false;
}

#else

const char *rt_cpu_arch(void)
{
#if defined(__arm__)
	return "arm";
#elif defined(__riscv) && __riscv_xlen == 64
	return "riscv64";
#else
	return "unknown";
#endif
}

RtFeature rt_cpu_feature(const char *name)
{
	return lookup(NULL, 0, name);
}

bool rt_cpu_permit_amx(void)
{
	return false;
}

bool rt_cpu_name(char *ret_name, size_t bytes)
{
	(void)ret_name, (void)bytes;
	return false;
}

#endif

uint64_t rt_float_default(void)
{
	uint64_t mode = 0;
#if defined(__x86_64__)
	mode = _mm_getcsr();
	_mm_setcsr(0x1f80); /* round to nearest, no flushing of subnormals, exceptions masked */
#elif defined(__aarch64__)
	__asm__ volatile("mrs %0, fpcr" : "=r"(mode));
	__asm__ volatile("msr fpcr, %0" ::"r"((uint64_t)0));
#endif
	return mode;
}

void rt_float_restore(uint64_t mode)
{
#if defined(__x86_64__)
	_mm_setcsr((unsigned)mode);
#elif defined(__aarch64__)
	__asm__ volatile("msr fpcr, %0" ::"r"(mode));
#else
	(void)mode;
#endif
}

/* Cores by affinity and cgroup quota. */
unsigned rt_cpu_count(void)
{
	cpu_set_t set;
	long n = 1, quota, period;
	if (sched_getaffinity(0, sizeof set, &set) == 0)
		n = CPU_COUNT(&set);
	FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
	if (file) {
		if (fscanf(file, "%ld %ld", &quota, &period) == 2 && quota > 0 && period > 0 &&
		    (quota + period - 1) / period < n)
			n = (quota + period - 1) / period;
		fclose(file);
	}
	return n < 1 ? 1 : n > RT_MAX_CORES ? RT_MAX_CORES : (unsigned)n;
}
