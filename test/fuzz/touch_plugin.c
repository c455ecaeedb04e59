// SPDX-License-Identifier: Apache-2.0
/*
 * A plugin that reads all that its operations may read and writes all that they may write, so
 * that a sanitizer sees when they were given less than they were told.
 */
#include <string.h>

#include "vaccel.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static volatile unsigned char sink;

static void get(const void *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sink ^= ((const unsigned char *)p)[i];
}

static void put(void *p, size_t size)
{
	if (size)
		memset(p, 0x5a, size);
}

static void get_args(const struct vaccel_arg *args, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		get(args[i].buf, args[i].buf ? args[i].size : 0);
}

static void put_args(struct vaccel_arg *args, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		put(args[i].buf, args[i].buf ? args[i].size : 0);
}

static int touch_exec(struct vaccel_session *sess, const char *library, const char *fn_symbol,
		      struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
		      size_t nr_write)
{
	(void)sess;
	get(library, strlen(library));
	get(fn_symbol, strlen(fn_symbol));
	get_args(read, nr_read);
	put_args(write, nr_write);
	return VACCEL_OK;
}

static int touch_exec_with_resource(struct vaccel_session *sess, struct vaccel_resource *resource,
				    const char *fn_symbol, struct vaccel_arg *read, size_t nr_read,
				    struct vaccel_arg *write, size_t nr_write)
{
	(void)sess;
	get(resource, sizeof(*resource));
	get(fn_symbol, strlen(fn_symbol));
	get_args(read, nr_read);
	put_args(write, nr_write);
	return VACCEL_OK;
}

/* Arguments of vaccel_genop always come with a text buffer: the long form. */
static int touch_classify(struct vaccel_session *sess, const void *img, unsigned char *out_text,
			  unsigned char *out_imgname, size_t len_img, size_t len_out_text,
			  size_t len_out_imgname)
{
	(void)sess;
	get(img, len_img);
	put(out_text, len_out_text);
	put(out_imgname, len_out_imgname);
	return VACCEL_OK;
}

static int touch_image(struct vaccel_session *sess, const void *img, unsigned char *out_imgname,
		       size_t len_img, size_t len_out_imgname)
{
	(void)sess;
	get(img, len_img);
	put(out_imgname, len_out_imgname);
	return VACCEL_OK;
}

/* The rows' beginnings and ends are enough to see how far a matrix goes. */
static void get_matrix(const float *p, int64_t rows, int64_t columns, int64_t stride)
{
	for (int64_t i = 0; columns && i < rows; i++) {
		get(&p[i * stride], sizeof(*p));
		get(&p[i * stride + columns - 1], sizeof(*p));
	}
}

static int touch_sgemm(struct vaccel_session *sess, int64_t m, int64_t n, int64_t k, float alpha,
		       float *a, int64_t lda, float *b, int64_t ldb, float beta, float *c,
		       int64_t ldc)
{
	(void)sess;
	(void)alpha;
	(void)beta;
	get_matrix(a, m, k, lda);
	get_matrix(b, k, n, ldb);
	get_matrix(c, m, n, ldc);
	for (int64_t i = 0; n && i < m; i++)
		c[i * ldc] = c[i * ldc + n - 1] = 1;
	return VACCEL_OK;
}

static int touch_arraycopy(struct vaccel_session *sess, int a[], int out_a[], size_t len_a)
{
	(void)sess;
	get(a, len_a * sizeof(*a));
	put(out_a, len_a * sizeof(*out_a));
	return VACCEL_OK;
}

static int touch_mmult(struct vaccel_session *sess, float a[], float b[], float c[], size_t len_a)
{
	(void)sess;
	get(a, len_a * sizeof(*a));
	get(b, len_a * sizeof(*b));
	put(c, len_a * sizeof(*c));
	return VACCEL_OK;
}

static int touch_parallel(struct vaccel_session *sess, float a[], float b[], float add_output[],
			  float mult_output[], size_t len_a)
{
	(void)sess;
	get(a, len_a * sizeof(*a));
	get(b, len_a * sizeof(*b));
	put(add_output, len_a * sizeof(*add_output));
	put(mult_output, len_a * sizeof(*mult_output));
	return VACCEL_OK;
}

static int touch_vadd(struct vaccel_session *sess, float a[], float b[], float c[], size_t len_a,
		      size_t len_b)
{
	(void)sess;
	get(a, len_a * sizeof(*a));
	get(b, len_b * sizeof(*b));
	put(c, len_a * sizeof(*c));
	return VACCEL_OK;
}

static int touch_minmax(struct vaccel_session *sess, const double *indata, int ndata,
			int low_threshold, int high_threshold, double *outdata, double *min,
			double *max)
{
	(void)sess;
	(void)low_threshold;
	(void)high_threshold;
	get(indata, (size_t)ndata * sizeof(*indata));
	put(outdata, (size_t)ndata * sizeof(*outdata));
	put(min, sizeof(*min));
	put(max, sizeof(*max));
	return VACCEL_OK;
}

static int touch_opencv(struct vaccel_session *sess, struct vaccel_arg *read, int nr_read,
			struct vaccel_arg *write, int nr_write)
{
	(void)sess;
	get_args(read, (size_t)nr_read);
	put_args(write, (size_t)nr_write);
	return VACCEL_OK;
}

static struct vaccel_op ops[] = {
	VACCEL_OP_INIT(op, VACCEL_OP_EXEC, touch_exec),
	VACCEL_OP_INIT(op, VACCEL_OP_EXEC_WITH_RESOURCE, touch_exec_with_resource),
	VACCEL_OP_INIT(op, VACCEL_OP_IMAGE_CLASSIFY, touch_classify),
	VACCEL_OP_INIT(op, VACCEL_OP_IMAGE_DETECT, touch_image),
	VACCEL_OP_INIT(op, VACCEL_OP_IMAGE_SEGMENT, touch_image),
	VACCEL_OP_INIT(op, VACCEL_OP_IMAGE_POSE, touch_image),
	VACCEL_OP_INIT(op, VACCEL_OP_IMAGE_DEPTH, touch_image),
	VACCEL_OP_INIT(op, VACCEL_OP_BLAS_SGEMM, touch_sgemm),
	VACCEL_OP_INIT(op, VACCEL_OP_FPGA_ARRAYCOPY, touch_arraycopy),
	VACCEL_OP_INIT(op, VACCEL_OP_FPGA_MMULT, touch_mmult),
	VACCEL_OP_INIT(op, VACCEL_OP_FPGA_PARALLEL, touch_parallel),
	VACCEL_OP_INIT(op, VACCEL_OP_FPGA_VECTORADD, touch_vadd),
	VACCEL_OP_INIT(op, VACCEL_OP_MINMAX, touch_minmax),
	VACCEL_OP_INIT(op, VACCEL_OP_OPENCV, touch_opencv),
};

static int init(void)
{
	return vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}

static int fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "touch", .version = "1.0", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE, .init = init, .fini = fini)
