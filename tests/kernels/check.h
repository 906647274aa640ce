/* axk-check: every row of kernels.def against the reference row of its kind, bit for bit, over random
 * shapes that include the awkward ones; and the benchmark of the same rows.
 *
 * A generator makes one random case of a kind: parameters, what each buffer holds, what is packed. The
 * runner gives every buffer memory that ends at a forbidden page (behind AXK_SLACK readable bytes, or none),
 * splits the units at random, and compares all output bytes, gaps between pixels and guards included. */
#ifndef AXK_TESTS_CHECK_H
#define AXK_TESTS_CHECK_H

#include "kernels/axk.h"

#include <stdbool.h>

typedef enum Role { ROLE_NONE, ROLE_OUT, ROLE_IN, ROLE_PACKED } Role;

typedef struct Buffer {
	Role role;
	size_t bytes;
	void *data; /* content of an input; NULL: random bytes */
} Buffer;

typedef struct Case {
	AxkKind kind;
	union {
		struct axk_conv conv;
		struct axk_pool pool;
		struct axk_mean mean;
		struct axk_requant requant;
		struct axk_binary_u8 binary;
		struct axk_lut lut;
		struct axk_softmax_u8 softmax;
		struct axk_resize_u8 resize;
		struct axk_conv_f32 conv_f32;
		struct axk_conv3d_f32 conv3d_f32;
		struct axk_matmul_f32 matmul_f32;
		struct axk_pool_f32 pool_f32;
		struct axk_gpool_f32 gpool_f32;
		struct axk_batchnorm_f32 batchnorm_f32;
		struct axk_norm_f32 norm_f32;
		struct axk_lrn_f32 lrn_f32;
		struct axk_resize_f32 resize_f32;
		struct axk_unary_f32 unary_f32;
		struct axk_binary_f32 binary_f32;
		struct axk_binary_int binary_int;
		struct axk_where where;
		struct axk_cast cast;
		struct axk_reduce reduce;
		struct axk_softmax_f32 softmax_f32;
		struct axk_argmax argmax;
		struct axk_cumsum cumsum;
		struct axk_topk topk;
		struct axk_gather gather;
		struct axk_gather_elements gather_elements;
		struct axk_gather_nd gather_nd;
		struct axk_scatter_nd scatter_nd;
		struct axk_scatter_elements scatter_elements;
		struct axk_copy copy;
		struct axk_fill fill;
		struct axk_move move;
		struct axk_quant quant;
		char bytes[1024];
	} p;
	Buffer buf[AXK_MAX_BUFS];
	AxkPackIn pack;
	bool float_out;   /* buffer 0 is float: any NaN equals any other (sign and payload differ between ISAs) */
	bool aligned;     /* buffers start at AXK_ALIGN, as the planner places them; the checker's start anywhere */
	double macs;      /* multiplications, or elements written where there are none; for the benchmark */
	void *owned[16];  /* freed by case_free */
	int n_owned;
} Case;

/* rng.c: small deterministic random numbers; range: lo..hi both included; chance: true once in n */
extern uint64_t rng_state;
int rng_range(int lo, int hi);
bool rng_chance(int n);
float rng_float(float lo, float hi);
int rng_pick(const int *from, int n);
#define RNG_PICK(...) \
	rng_pick((const int[]){__VA_ARGS__}, (int)(sizeof((const int[]){__VA_ARGS__}) / sizeof(int)))

/* memory.c: memory between a canary and a forbidden page */
typedef struct Guarded {
	uint8_t *data, *map;
	size_t bytes, map_bytes;
} Guarded;
void guarded_new(Guarded *g, size_t bytes, size_t align, size_t slack);
bool guarded_intact(const Guarded *g); /* nothing written outside of the bytes */
void guarded_free(Guarded *g);

/* case.c */
void *case_own(Case *c, size_t bytes);  /* zeroed memory that lives as long as the case */
void *case_bytes(Case *c, size_t bytes); /* the same, random */
void case_free(Case *c);

/* Generators, by kind: one random case. */
void gen_conv(Case *c);
void gen_pool(Case *c);
void gen_mean(Case *c);
void gen_requant(Case *c);
void gen_binary(Case *c);
void gen_lut(Case *c);
void gen_softmax(Case *c);
void gen_resize(Case *c);
/* gen_nn.c */
void gen_conv_f32(Case *c);
void gen_conv3d_f32(Case *c);
void gen_matmul_f32(Case *c);
void gen_pool_f32(Case *c);
void gen_gpool_f32(Case *c);
void gen_batchnorm_f32(Case *c);
void gen_norm_f32(Case *c);
void gen_lrn_f32(Case *c);
void gen_resize_f32(Case *c);
void fill_conv_f32(Case *c);
/* gen_elem.c */
void gen_unary_f32(Case *c);
void gen_binary_f32(Case *c);
void gen_binary_int(Case *c);
void gen_where(Case *c);
void gen_cast(Case *c);
void gen_reduce(Case *c);
void gen_softmax_f32(Case *c);
void gen_argmax(Case *c);
void gen_cumsum(Case *c);
void gen_topk(Case *c);
void gen_gather(Case *c);
void gen_gather_elements(Case *c);
void gen_gather_nd(Case *c);
void gen_scatter_nd(Case *c);
void gen_scatter_elements(Case *c);
void gen_copy(Case *c);
void gen_fill(Case *c);
void gen_move(Case *c);
void gen_quant(Case *c);
/* What follows from the shape already in c->p: buffers, weights, epilogue. */
void fill_conv(Case *c, bool plain);
void fill_pool(Case *c);

/* run.c */
typedef struct Run {
	Guarded buf[AXK_MAX_BUFS], scratch;
} Run;
void run_new(Run *r, const Case *c, const AxkInfo *row, uint64_t seed);
void run_units(Run *r, const Case *c, axk_fn *fn, int begin, int end);
void run_free(Run *r);
int run_unit_count(const Case *c, const AxkInfo *row);

/* bench.c */
int bench(const char *filter);

/* peak.c: float multiply-adds per ns with the widest vectors among the instruction sets; 0 where unknown */
double fma_peak(unsigned isa);

/* bench_layers.c: kind, how often the network has it, height and width, ic, oc, kernel, stride, pad */
typedef struct Layer {
	const char *from;
	AxkKind kind;
	int times, size, ic, oc, k, s, pad;
	int groups; /* float convolutions; 0: 1 */
} Layer;
extern const Layer bench_layers[];
extern const int n_bench_layers;
void bench_case(Case *c, const Layer *l);

/* bench_rows.c: kernels without weights; what the sizes mean depends on the kind */
typedef struct BenchRow {
	const char *what;
	AxkKind kind;
	int op, x[5];
} BenchRow;
extern const BenchRow bench_rows[];
extern const int n_bench_rows;
void bench_row_case(Case *c, const BenchRow *b);

#endif
