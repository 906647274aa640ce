/* Which vectors a build of x86/vec/ in the library uses. Emitted files never see this: their rows
 * name one of the two headers. */
#ifdef __AVX512F__
#include "kernels/x86/vec_f32_avx512.h"
#else
#include "kernels/x86/vec_f32_avx2.h"
#endif
