/* What the benchmark measures: layers of real networks, and the cases made of them. */
#include "tests/kernels/check.h"

const Layer bench_layers[] = {
	{"squeezenet", AXK_CONV_U8, 1, 224, 3, 64, 3, 2, 0, 0},
	{"squeezenet", AXK_MAXPOOL_U8, 1, 111, 64, 64, 3, 2, 0, 0},
	{"squeezenet", AXK_CONV_U8, 1, 55, 64, 16, 1, 1, 0, 0},
	{"squeezenet", AXK_CONV_U8, 2, 55, 16, 64, 1, 1, 0, 0},
	{"squeezenet", AXK_CONV_U8, 2, 55, 16, 64, 3, 1, 1, 0},
	{"squeezenet", AXK_CONV_U8, 1, 55, 128, 16, 1, 1, 0, 0},
	{"squeezenet", AXK_MAXPOOL_U8, 1, 55, 128, 128, 3, 2, 0, 0},
	{"squeezenet", AXK_CONV_U8, 1, 27, 128, 32, 1, 1, 0, 0},
	{"squeezenet", AXK_CONV_U8, 2, 27, 32, 128, 1, 1, 0, 0},
	{"squeezenet", AXK_CONV_U8, 2, 27, 32, 128, 3, 1, 1, 0},
	{"squeezenet", AXK_CONV_U8, 1, 27, 256, 32, 1, 1, 0, 0},
	{"squeezenet", AXK_MAXPOOL_U8, 1, 27, 256, 256, 3, 2, 0, 0},
	{"squeezenet", AXK_CONV_U8, 1, 13, 256, 48, 1, 1, 0, 0},
	{"squeezenet", AXK_CONV_U8, 2, 13, 48, 192, 1, 1, 0, 0},
	{"squeezenet", AXK_CONV_U8, 2, 13, 48, 192, 3, 1, 1, 0},
	{"squeezenet", AXK_CONV_U8, 1, 13, 384, 48, 1, 1, 0, 0},
	{"squeezenet", AXK_CONV_U8, 1, 13, 384, 64, 1, 1, 0, 0},
	{"squeezenet", AXK_CONV_U8, 2, 13, 64, 256, 1, 1, 0, 0},
	{"squeezenet", AXK_CONV_U8, 2, 13, 64, 256, 3, 1, 1, 0},
	{"squeezenet", AXK_CONV_U8, 1, 13, 512, 64, 1, 1, 0, 0},
	{"squeezenet", AXK_CONV_U8, 1, 13, 512, 1000, 1, 1, 0, 0},
	{"squeezenet", AXK_MEAN_U8, 1, 13, 1000, 1000, 0, 0, 0, 0},
	{"mobilenet", AXK_CONV_U8, 1, 224, 3, 32, 3, 2, 1, 0},
	{"mobilenet", AXK_DWCONV_U8, 1, 112, 32, 32, 3, 1, 1, 0},
	{"mobilenet", AXK_CONV_U8, 1, 112, 32, 16, 1, 1, 0, 0},
	{"mobilenet", AXK_CONV_U8, 1, 112, 16, 96, 1, 1, 0, 0},
	{"mobilenet", AXK_DWCONV_U8, 1, 112, 96, 96, 3, 2, 1, 0},
	{"mobilenet", AXK_CONV_U8, 1, 56, 96, 24, 1, 1, 0, 0},
	{"mobilenet", AXK_CONV_U8, 2, 56, 24, 144, 1, 1, 0, 0},
	{"mobilenet", AXK_DWCONV_U8, 1, 56, 144, 144, 3, 1, 1, 0},
	{"mobilenet", AXK_CONV_U8, 1, 56, 144, 24, 1, 1, 0, 0},
	{"mobilenet", AXK_DWCONV_U8, 1, 56, 144, 144, 3, 2, 1, 0},
	{"mobilenet", AXK_CONV_U8, 1, 28, 144, 32, 1, 1, 0, 0},
	{"mobilenet", AXK_CONV_U8, 3, 28, 32, 192, 1, 1, 0, 0},
	{"mobilenet", AXK_DWCONV_U8, 2, 28, 192, 192, 3, 1, 1, 0},
	{"mobilenet", AXK_CONV_U8, 2, 28, 192, 32, 1, 1, 0, 0},
	{"mobilenet", AXK_DWCONV_U8, 1, 28, 192, 192, 3, 2, 1, 0},
	{"mobilenet", AXK_CONV_U8, 1, 14, 192, 64, 1, 1, 0, 0},
	{"mobilenet", AXK_CONV_U8, 4, 14, 64, 384, 1, 1, 0, 0},
	{"mobilenet", AXK_DWCONV_U8, 4, 14, 384, 384, 3, 1, 1, 0},
	{"mobilenet", AXK_CONV_U8, 3, 14, 384, 64, 1, 1, 0, 0},
	{"mobilenet", AXK_CONV_U8, 1, 14, 384, 96, 1, 1, 0, 0},
	{"mobilenet", AXK_CONV_U8, 3, 14, 96, 576, 1, 1, 0, 0},
	{"mobilenet", AXK_DWCONV_U8, 2, 14, 576, 576, 3, 1, 1, 0},
	{"mobilenet", AXK_CONV_U8, 2, 14, 576, 96, 1, 1, 0, 0},
	{"mobilenet", AXK_DWCONV_U8, 1, 14, 576, 576, 3, 2, 1, 0},
	{"mobilenet", AXK_CONV_U8, 1, 7, 576, 160, 1, 1, 0, 0},
	{"mobilenet", AXK_CONV_U8, 3, 7, 160, 960, 1, 1, 0, 0},
	{"mobilenet", AXK_DWCONV_U8, 3, 7, 960, 960, 3, 1, 1, 0},
	{"mobilenet", AXK_CONV_U8, 2, 7, 960, 160, 1, 1, 0, 0},
	{"mobilenet", AXK_CONV_U8, 1, 7, 960, 320, 1, 1, 0, 0},
	{"mobilenet", AXK_CONV_U8, 1, 7, 320, 1280, 1, 1, 0, 0},
	{"mobilenet", AXK_MEAN_U8, 1, 7, 1280, 1280, 0, 0, 0, 0},
	{"mobilenet", AXK_CONV_U8, 1, 1, 1280, 1000, 1, 1, 0, 0},
	{"others", AXK_CONV_U8, 1, 56, 64, 64, 3, 1, 1, 0},
	{"others", AXK_CONV_U8, 1, 14, 256, 256, 3, 1, 1, 0},
	{"others", AXK_CONV_U8, 1, 7, 512, 512, 3, 1, 1, 0},
	{"others", AXK_CONV_U8, 1, 224, 3, 64, 7, 2, 3, 0},
	{"others", AXK_DWCONV_U8, 1, 28, 128, 128, 5, 1, 2, 0},
	{"others", AXK_CONVT_U8, 1, 28, 64, 64, 2, 2, 0, 0},
	{"others", AXK_MAXPOOL_U8, 1, 20, 128, 128, 5, 1, 2, 0},
	{"others", AXK_AVGPOOL_U8, 1, 13, 128, 128, 3, 1, 1, 0},
	{"others", AXK_ADD_U8, 1, 28, 192, 192, 0, 0, 0, 0},
	{"others", AXK_MUL_U8, 1, 28, 192, 192, 0, 0, 0, 0},
	{"others", AXK_LUT_U8, 1, 28, 192, 192, 0, 0, 0, 0},
	{"float", AXK_CONV_F32, 1, 224, 3, 64, 3, 2, 0, 0},
	{"float", AXK_CONV_F32, 1, 55, 64, 16, 1, 1, 0, 0},
	{"float", AXK_CONV_F32, 1, 55, 16, 64, 3, 1, 1, 0},
	{"float", AXK_CONV_F32, 1, 13, 64, 256, 3, 1, 1, 0},
	{"float", AXK_CONV_F32, 1, 13, 512, 1000, 1, 1, 0, 0},
	{"float", AXK_CONV_F32, 1, 112, 32, 16, 1, 1, 0, 0},
	{"float", AXK_CONV_F32, 1, 112, 16, 96, 1, 1, 0, 0},
	{"float", AXK_CONV_F32, 1, 28, 32, 192, 1, 1, 0, 0},
	{"float", AXK_CONV_F32, 1, 14, 576, 96, 1, 1, 0, 0},
	{"float", AXK_CONV_F32, 1, 7, 960, 160, 1, 1, 0, 0},
	{"float", AXK_CONV_F32, 1, 7, 320, 1280, 1, 1, 0, 0},
	{"float", AXK_CONV_F32, 1, 56, 64, 64, 3, 1, 1, 0},
	{"float", AXK_CONV_F32, 1, 14, 256, 256, 3, 1, 1, 0},
	{"float", AXK_CONV_F32, 1, 7, 512, 512, 3, 1, 1, 0},
	{"float", AXK_CONV_F32, 1, 112, 32, 32, 3, 1, 1, 32},
	{"float", AXK_CONV_F32, 1, 112, 96, 96, 3, 2, 1, 96},
	{"float", AXK_CONV_F32, 1, 56, 32, 32, 3, 1, 1, 32},
	{"float", AXK_CONV_F32, 1, 56, 144, 144, 3, 1, 1, 144},
	{"float", AXK_CONV_F32, 1, 56, 48, 48, 3, 2, 1, 48},
	{"float", AXK_CONV_F32, 1, 56, 144, 144, 3, 2, 1, 144},
	{"float", AXK_CONV_F32, 1, 28, 96, 96, 3, 1, 1, 96},
	{"float", AXK_CONV_F32, 1, 28, 192, 192, 3, 1, 1, 192},
	{"float", AXK_CONV_F32, 1, 28, 240, 240, 5, 1, 2, 240},
	{"float", AXK_CONV_F32, 1, 28, 240, 240, 5, 2, 2, 240},
	{"float", AXK_CONV_F32, 1, 14, 576, 576, 3, 1, 1, 576},
	{"float", AXK_CONV_F32, 1, 7, 960, 960, 3, 1, 1, 960},
	{"float", AXK_MATMUL_F32, 1, 1, 1280, 1000, 1, 1, 0, 0},
	{"float", AXK_MATMUL_F32, 1, 14, 192, 768, 1, 1, 0, 0},
};

const int n_bench_layers = (int)(sizeof bench_layers / sizeof *bench_layers);

static void conv_case(Case *c, const Layer *l)
{
	struct axk_conv *p = &c->p.conv;
	int out =
		l->kind == AXK_CONVT_U8 ? l->size * l->s : (l->size + 2 * l->pad - l->k) / l->s + 1;
	*p = (struct axk_conv){.n = 1,
			       .ih = l->size,
			       .iw = l->size,
			       .ic = l->ic,
			       .in_ld = l->ic,
			       .oh = out,
			       .ow = out,
			       .oc = l->oc,
			       .out_ld = l->oc,
			       .res_ld = l->oc,
			       .kh = l->k,
			       .kw = l->k,
			       .sh = l->s,
			       .sw = l->s,
			       .dh = 1,
			       .dw = 1,
			       .pt = l->pad,
			       .pl = l->pad,
			       .groups = l->kind == AXK_DWCONV_U8 ? l->ic : 1,
			       .zp_in = 3};
	fill_conv(c, true);
}

static void float_case(Case *c, const Layer *l)
{
	int out = (l->size + 2 * l->pad - l->k) / l->s + 1;
	if (l->kind == AXK_MATMUL_F32) {
		int m = l->size * l->size;
		c->p.matmul_f32 = (struct axk_matmul_f32){.batch = {1, 1, 1, 1, 1, 1},
							  .m = m,
							  .k = l->ic,
							  .n = l->oc,
							  .sam = l->ic,
							  .sak = 1,
							  .sbk = l->oc,
							  .sbn = 1,
							  .packed = 1,
							  .alpha = 1.0f,
							  .beta = 1.0f};
		c->pack.weights = case_own(c, (size_t)l->ic * (size_t)l->oc * sizeof(float));
		c->buf[0] = (Buffer){ROLE_OUT, (size_t)m * (size_t)l->oc * sizeof(float), NULL};
		c->buf[1] = (Buffer){ROLE_IN, (size_t)m * (size_t)l->ic * sizeof(float), NULL};
		c->buf[1].data = case_own(c, c->buf[1].bytes);
		c->buf[2] = (Buffer){ROLE_PACKED, 0, NULL};
		c->macs = (double)m * l->ic * l->oc;
		return;
	}
	c->p.conv_f32 = (struct axk_conv_f32){.n = 1,
					      .ic = l->ic,
					      .ih = l->size,
					      .iw = l->size,
					      .oc = l->oc,
					      .oh = out,
					      .ow = out,
					      .kh = l->k,
					      .kw = l->k,
					      .sh = l->s,
					      .sw = l->s,
					      .dh = 1,
					      .dw = 1,
					      .pt = l->pad,
					      .pl = l->pad,
					      .groups = l->groups ? l->groups : 1,
					      .lo = -1e30f,
					      .hi = 1e30f};
	fill_conv_f32(c);
}

void bench_case(Case *c, const Layer *l)
{
	c->kind = l->kind;
	if (l->kind == AXK_CONV_F32 || l->kind == AXK_MATMUL_F32) {
		float_case(c, l);
		return;
	}
	size_t bytes = (size_t)l->size * l->size * l->ic;
	if (l->kind <= AXK_CONVT_U8) {
		conv_case(c, l);
		return;
	}
	c->macs = (double)bytes;
	c->buf[0] = (Buffer){ROLE_OUT, bytes, NULL};
	c->buf[1] = (Buffer){ROLE_IN, bytes, NULL};
	c->buf[2] = (Buffer){ROLE_IN, bytes, NULL};
	if (l->kind == AXK_MAXPOOL_U8 || l->kind == AXK_AVGPOOL_U8) {
		int out = (l->size + 2 * l->pad - l->k) / l->s + 1;
		c->p.pool = (struct axk_pool){.n = 1,
					      .ih = l->size,
					      .iw = l->size,
					      .c = l->ic,
					      .in_ld = l->ic,
					      .oh = out,
					      .ow = out,
					      .out_ld = l->ic,
					      .kh = l->k,
					      .kw = l->k,
					      .sh = l->s,
					      .sw = l->s,
					      .dh = 1,
					      .dw = 1,
					      .pt = l->pad,
					      .pl = l->pad,
					      .pb = l->pad,
					      .pr = l->pad};
		fill_pool(c);
	} else if (l->kind == AXK_MEAN_U8) {
		c->p.mean = (struct axk_mean){.n = 1,
					      .rows = l->size * l->size,
					      .c = l->ic,
					      .in_ld = l->ic,
					      .out_ld = l->ic,
					      .m = 0.01f,
					      .hi = 255.0f};
	} else if (l->kind == AXK_ADD_U8 || l->kind == AXK_MUL_U8) {
		c->p.binary = (struct axk_binary_u8){.dims = {1, 1, 1, 1, 1, 1, 1, (int)bytes},
						     .sy = {[7] = 1},
						     .sa = {[7] = 1},
						     .sb = {[7] = 1},
						     .ra = 0.01f,
						     .rb = 0.4f,
						     .fx = 3.0f,
						     .hi = 255.0f};
	} else if (l->kind == AXK_LUT_U8) {
		c->p.lut = (struct axk_lut){.dims = {1, 1, 1, 1, 1, 1, 1, (int)bytes},
					    .sy = {[7] = 1},
					    .sx = {[7] = 1}};
		c->buf[2].bytes = 256;
	}
}
