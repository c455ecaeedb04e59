// SPDX-License-Identifier: Apache-2.0
/*
 * The opencl plugin: the FPGA operations, minmax and matrix products on an OpenCL device. Results do
 * not depend on the device: see kernels.c.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "../common/introduce.h"
#include "opencl.h"

/* Work items that minmax divides its numbers among */
#define MINMAX_ITEMS 1024

static bool bytes_of(size_t count, size_t each, size_t *bytes)
{
	if (!__builtin_mul_overflow(count, each, bytes))
		return true;
	opencl_error("%zu elements are too many", count);
	return false;
}

static bool missing(const char *op, const void *p, size_t count)
{
	if (p || !count)
		return false;
	opencl_error("%s: an array is missing", op);
	return true;
}

static void add_count(struct job *job, uint64_t count)
{
	const cl_ulong value = count;

	job_value(job, &value, sizeof(value));
}

/* ---- Element by element ---------------------------------------------------------------------- */

static int op_arraycopy(struct vaccel_session *sess, int a[], int out_a[], size_t len_a)
{
	struct job job;
	size_t size;

	if (!sess)
		return VACCEL_EINVAL;
	opencl_debug("Calling fpga_arraycopy for session %" PRId64 ": %zu", sess->id, len_a);
	if (missing("fpga_arraycopy", a, len_a) || missing("fpga_arraycopy", out_a, len_a) ||
	    !bytes_of(len_a, sizeof(int), &size))
		return VACCEL_EINVAL;
	job_begin(&job, KERNEL_COPY);
	job_buffer(&job, len_a ? a : NULL, size);
	job_buffer(&job, NULL, size);
	add_count(&job, len_a);
	job_run(&job, len_a);
	job_fetch(&job, 1, out_a, size);
	return job_end(&job);
}

/* out[1] is NULL where the kernel has one result. */
static int two_arrays(enum kernel_id kernel, const float *a, const float *b, float *const out[2],
		      size_t count, size_t size)
{
	struct job job;

	job_begin(&job, kernel);
	job_buffer(&job, count ? a : NULL, size);
	job_buffer(&job, count ? b : NULL, size);
	job_buffer(&job, NULL, size);
	if (out[1])
		job_buffer(&job, NULL, size);
	add_count(&job, count);
	job_run(&job, count);
	job_fetch(&job, 2, out[0], size);
	if (out[1])
		job_fetch(&job, 3, out[1], size);
	return job_end(&job);
}

static int op_parallel(struct vaccel_session *sess, float a[], float b[], float add_output[],
		       float mult_output[], size_t len_a)
{
	static const char op[] = "fpga_parallel";
	size_t size;

	if (!sess)
		return VACCEL_EINVAL;
	opencl_debug("Calling fpga_parallel for session %" PRId64 ": %zu", sess->id, len_a);
	if (missing(op, a, len_a) || missing(op, b, len_a) || missing(op, add_output, len_a) ||
	    missing(op, mult_output, len_a) || !bytes_of(len_a, sizeof(float), &size))
		return VACCEL_EINVAL;
	if (!len_a)
		return VACCEL_OK;
	return two_arrays(KERNEL_PARALLEL, a, b, (float *[]){add_output, mult_output}, len_a, size);
}

static int op_vadd(struct vaccel_session *sess, float a[], float b[], float c[], size_t len_a,
		   size_t len_b)
{
	static const char op[] = "fpga_vectoradd";
	size_t size;

	if (!sess)
		return VACCEL_EINVAL;
	opencl_debug("Calling fpga_vectoradd for session %" PRId64 ": %zu", sess->id, len_a);
	if (len_b < len_a) {
		opencl_error("%s: b is shorter than a: %zu elements and %zu", op, len_b, len_a);
		return VACCEL_EINVAL;
	}
	if (missing(op, a, len_a) || missing(op, b, len_a) || missing(op, c, len_a) ||
	    !bytes_of(len_a, sizeof(float), &size))
		return VACCEL_EINVAL;
	return two_arrays(KERNEL_ADD, a, b, (float *[]){c, NULL}, len_a, size);
}

/* ---- Matrices -------------------------------------------------------------------------------- */

struct product {
	size_t m, n, k;
	float alpha, beta;
	struct rows a, b, c;
};

static struct rows matrix(float *data, size_t rows, size_t columns, size_t stride)
{
	return (struct rows){data, rows, columns * sizeof(float), stride * sizeof(float)};
}

static size_t tiles(size_t count, size_t each)
{
	return count / each + (count % each != 0);
}

static int multiply(const struct product *p)
{
	size_t down = tiles(p->m, TILE_ROWS), across = tiles(p->n, TILE_COLS);
	size_t pitch = across * TILE_COLS * sizeof(float), all;
	struct job job;

	if (__builtin_mul_overflow(down, across, &all))
		return VACCEL_EINVAL;
	job_begin(&job, KERNEL_PRODUCT);
	job_matrix(&job, down * TILE_ROWS, p->k * sizeof(float), &p->a);
	job_matrix(&job, p->k, pitch, &p->b);
	job_matrix(&job, down * TILE_ROWS, pitch, p->beta == 0 ? NULL : &p->c);
	add_count(&job, all);
	add_count(&job, across);
	add_count(&job, p->k);
	job_value(&job, &p->alpha, sizeof(p->alpha));
	job_value(&job, &p->beta, sizeof(p->beta));
	job_run(&job, all);
	job_fetch_matrix(&job, 2, pitch, &p->c);
	return job_end(&job);
}

/* n of an n x n matrix; 0 if there is none. */
static size_t side_of(size_t elements)
{
	size_t n = (size_t)sqrt((double)elements);

	for (n = n ? n - 1 : 0; n < UINT32_MAX && n * n < elements; n++)
		;
	return n * n == elements ? n : 0;
}

static int op_mmult(struct vaccel_session *sess, float a[], float b[], float c[], size_t len_a)
{
	static const char op[] = "fpga_mmult";
	struct product p;
	size_t n = side_of(len_a);

	if (!sess)
		return VACCEL_EINVAL;
	opencl_debug("Calling fpga_mmult for session %" PRId64 ": %zu", sess->id, len_a);
	if (missing(op, a, len_a) || missing(op, b, len_a) || missing(op, c, len_a))
		return VACCEL_EINVAL;
	if (!len_a)
		return VACCEL_OK;
	if (!n || n > UINT32_MAX / 2) {
		opencl_error("%s: %zu elements are no square matrix", op, len_a);
		return VACCEL_EINVAL;
	}
	p = (struct product){n, n, n, 1, 0, matrix(a, n, n, n), matrix(b, n, n, n),
			     matrix(c, n, n, n)};
	return multiply(&p);
}

static bool bad_size(const char *name, int64_t value)
{
	if (value >= 0 && value <= INT32_MAX)
		return false;
	opencl_error("sgemm: %s is %" PRId64 ", it can be 0 to %d", name, value, INT32_MAX);
	return true;
}

static bool bad_stride(const char *name, int64_t stride, int64_t columns)
{
	if (stride >= 1 && stride >= columns && stride <= INT32_MAX)
		return false;
	opencl_error("sgemm: %s is %" PRId64 ", it can be %" PRId64 " (elements in a row) to %d", name,
		     stride, columns, INT32_MAX);
	return true;
}

/* What is left of the sum without a product: a and b are not read, and c not where beta is 0. */
static void scale(int64_t m, int64_t n, float beta, float *c, int64_t ldc)
{
	for (int64_t i = 0; i < m && beta != 1; i++)
		for (int64_t j = 0; j < n; j++)
			c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
}

static int op_sgemm(struct vaccel_session *sess, int64_t m, int64_t n, int64_t k, float alpha,
		    float *a, int64_t lda, float *b, int64_t ldb, float beta, float *c,
		    int64_t ldc)
{
	struct product p;

	if (!sess)
		return VACCEL_EINVAL;
	opencl_debug("Calling sgemm for session %" PRId64 ": m %" PRId64 ", n %" PRId64 ", k %" PRId64,
		     sess->id, m, n, k);
	if (bad_size("m", m) || bad_size("n", n) || bad_size("k", k))
		return VACCEL_EINVAL;
	if (bad_stride("lda", lda, k) || bad_stride("ldb", ldb, n) || bad_stride("ldc", ldc, n))
		return VACCEL_EINVAL;
	if (missing("sgemm", a, (size_t)(m && k)) || missing("sgemm", b, (size_t)(k && n)) ||
	    missing("sgemm", c, (size_t)(m && n)))
		return VACCEL_EINVAL;
	if (!m || !n)
		return VACCEL_OK;
	if (alpha == 0 || !k) {
		scale(m, n, beta, c, ldc);
		return VACCEL_OK;
	}
	p = (struct product){(size_t)m, (size_t)n, (size_t)k, alpha, beta,
			     matrix(a, (size_t)m, (size_t)k, (size_t)lda),
			     matrix(b, (size_t)k, (size_t)n, (size_t)ldb),
			     matrix(c, (size_t)m, (size_t)n, (size_t)ldc)};
	return multiply(&p);
}

/* ---- Smallest and largest -------------------------------------------------------------------- */

static bool all_numbers(const double *data, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (isnan(data[i])) {
			opencl_error("minmax: element %zu is no number (NaN)", i);
			return false;
		}
	}
	return true;
}

static int find_ends(const double *in, double *out, size_t count, double low, double high,
		     double *min, double *max)
{
	size_t each = tiles(count, MINMAX_ITEMS), items = tiles(count, each), size;
	double ends[2 * MINMAX_ITEMS];
	struct job job;
	int ret;

	if (!bytes_of(count, sizeof(double), &size))
		return VACCEL_EINVAL;
	job_begin(&job, KERNEL_MINMAX);
	job_buffer(&job, in, size);
	job_buffer(&job, NULL, size);
	job_buffer(&job, NULL, 2 * items * sizeof(double));
	add_count(&job, count);
	add_count(&job, each);
	add_count(&job, items);
	job_value(&job, &low, sizeof(low));
	job_value(&job, &high, sizeof(high));
	job_run(&job, items);
	job_fetch(&job, 2, ends, 2 * items * sizeof(double));
	job_fetch(&job, 1, out, size);
	ret = job_end(&job);
	if (ret)
		return ret;
	*min = ends[0];
	*max = ends[items];
	for (size_t i = 1; i < items; i++) {
		*min = ends[i] < *min ? ends[i] : *min;
		*max = ends[items + i] > *max ? ends[items + i] : *max;
	}
	return VACCEL_OK;
}

static int op_minmax(struct vaccel_session *sess, const double *indata, int ndata, int low_threshold,
		     int high_threshold, double *outdata, double *min, double *max)
{
	if (!sess)
		return VACCEL_EINVAL;
	opencl_debug("Calling minmax for session %" PRId64 ": %d", sess->id, ndata);
	if (ndata < 1 || low_threshold > high_threshold) {
		opencl_error("minmax: %s", ndata < 1 ? "there are no numbers" :
						       "the low threshold is above the high one");
		return VACCEL_EINVAL;
	}
	if (missing("minmax", indata, 1) || missing("minmax", outdata, 1) || missing("minmax", min, 1) ||
	    missing("minmax", max, 1) || !all_numbers(indata, (size_t)ndata))
		return VACCEL_EINVAL;
	return find_ends(indata, outdata, (size_t)ndata, low_threshold, high_threshold, min, max);
}

static struct vaccel_op ops[] = {
	VACCEL_OP_INIT(blas_sgemm, VACCEL_OP_BLAS_SGEMM, op_sgemm),
	VACCEL_OP_INIT(fpga_arraycopy, VACCEL_OP_FPGA_ARRAYCOPY, op_arraycopy),
	VACCEL_OP_INIT(fpga_mmult, VACCEL_OP_FPGA_MMULT, op_mmult),
	VACCEL_OP_INIT(fpga_parallel, VACCEL_OP_FPGA_PARALLEL, op_parallel),
	VACCEL_OP_INIT(fpga_vectoradd, VACCEL_OP_FPGA_VECTORADD, op_vadd),
	VACCEL_OP_INIT(minmax, VACCEL_OP_MINMAX, op_minmax),
};

static int init(void)
{
	int ret = device_start();

	if (!ret)
		ret = introduce("OpenCL; device: %s", device_get()->name);
	return ret ? ret : vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}

static int fini(void)
{
	device_stop();
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "opencl", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_GPU | VACCEL_PLUGIN_FPGA, .init = init, .fini = fini)
