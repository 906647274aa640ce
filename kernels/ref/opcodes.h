/* Codes in the parameter structs of the float and integer kernels: element types and functions. */
#ifndef AXK_OPCODES_H
#define AXK_OPCODES_H

enum { AXK_T_F32, AXK_T_I8, AXK_T_U8, AXK_T_I16, AXK_T_I32, AXK_T_I64, AXK_T_BOOL };

/* AXK_UNARY_F32; a and b are the struct's alpha and beta. */
enum {
	/* arithmetic only: unary_f32.c */
	AXK_U_ABS, AXK_U_NEG, AXK_U_SIGN, AXK_U_RECIPROCAL, AXK_U_SQRT, AXK_U_SQUARE,
	AXK_U_FLOOR, AXK_U_CEIL, AXK_U_ROUND,
	AXK_U_CLIP,        /* min(max(x, a), b) */
	AXK_U_LEAKY,       /* x < 0 ? a x : x */
	AXK_U_THRESHOLD,   /* x > a ? x : 0 */
	AXK_U_HARDSIGMOID, /* max(0, min(1, a x + b)) */
	AXK_U_HARDSWISH,   /* x max(0, min(1, x / 6 + 1/2)) */
	AXK_U_SOFTSIGN,    /* x / (1 + |x|) */
	AXK_U_SHRINK,      /* x < -a ? x + b : x > a ? x - b : 0 */
	AXK_U_ISNAN, AXK_U_ISINF, /* 1 or 0; a: negative infinity counts, b: positive */
	AXK_U_LAST_SIMPLE = AXK_U_ISINF,
	/* over exp, log, erf: unary_exp_f32.c */
	AXK_U_EXP, AXK_U_LOG, AXK_U_SIGMOID, AXK_U_TANH, AXK_U_ERF, AXK_U_SOFTPLUS,
	AXK_U_ELU,   /* x < 0 ? a (e^x - 1) : x */
	AXK_U_SELU,  /* b (x > 0 ? x : a e^x - a) */
	AXK_U_CELU,  /* max(0, x) + min(0, a (e^(x/a) - 1)) */
	AXK_U_SWISH, /* x sigmoid(a x) */
	AXK_U_MISH,  /* x tanh(softplus(x)) */
	AXK_U_GELU, AXK_U_GELU_TANH,
	AXK_U_LAST_EXP = AXK_U_GELU_TANH,
	/* through double: unary_trig_f32.c */
	AXK_U_SIN, AXK_U_COS, AXK_U_TAN, AXK_U_ASIN, AXK_U_ACOS, AXK_U_ATAN, AXK_U_SINH, AXK_U_COSH,
	AXK_U_ASINH, AXK_U_ACOSH, AXK_U_ATANH,
};

/* AXK_BINARY_F32 and AXK_BINARY_INT. */
enum {
	AXK_B_ADD, AXK_B_SUB, AXK_B_MUL, AXK_B_DIV, AXK_B_MIN, AXK_B_MAX,
	AXK_B_PRELU, /* a < 0 ? a b : a */
	AXK_B_MOD,   /* the divisor's sign, as Python's % */
	AXK_B_FMOD,  /* the dividend's sign, as C's fmod */
	AXK_B_LAST_SIMPLE = AXK_B_FMOD,
	AXK_B_POW,
	/* integers only */
	AXK_B_AND, AXK_B_OR, AXK_B_XOR, AXK_B_SHL, AXK_B_SHR,
	AXK_B_ABS, AXK_B_SIGN, /* of a; b is not read */
};

/* AXK_COMPARE. */
enum { AXK_C_EQ, AXK_C_LT, AXK_C_LE, AXK_C_GT, AXK_C_GE };

/* AXK_REDUCE_F32 and AXK_REDUCE_INT. */
enum {
	AXK_R_SUM, AXK_R_MEAN, AXK_R_MAX, AXK_R_MIN, AXK_R_PROD, AXK_R_L1, AXK_R_L2, AXK_R_SUMSQUARE,
	AXK_R_LOGSUM, AXK_R_LOGSUMEXP,
};

/* AXK_SCATTER: what happens to the element there. */
enum { AXK_S_SET, AXK_S_ADD, AXK_S_MUL, AXK_S_MIN, AXK_S_MAX };

#endif
