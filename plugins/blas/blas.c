// SPDX-License-Identifier: Apache-2.0
/*
 * The blas plugin: matrix products by OpenBLAS. Matrices are row-major, as in vaccel/ops/blas.h:
 * element (i, j) of a is a[i * lda + j].
 */
#include <cblas.h>
#include <inttypes.h>
#include <limits.h>

#include "../common/introduce.h"
#include "vaccel.h"

#define blas_debug(format, ...) vaccel_debug("[blas] " format, ##__VA_ARGS__)
#define blas_error(format, ...) vaccel_error("[blas] " format, ##__VA_ARGS__)

/* OpenBLAS counts in blasint, which usually has 32 bits. */
#define BLAS_MAX (sizeof(blasint) == sizeof(int) ? (int64_t)INT_MAX : INT64_MAX)

static bool bad_size(const char *name, int64_t value)
{
	if (value >= 0 && value <= BLAS_MAX)
		return false;
	blas_error("sgemm: %s is %" PRId64 ", it can be 0 to %" PRId64, name, value, BLAS_MAX);
	return true;
}

static bool bad_stride(const char *name, int64_t stride, int64_t columns)
{
	if (stride >= 1 && stride >= columns && stride <= BLAS_MAX)
		return false;
	blas_error("sgemm: %s is %" PRId64 ", it can be %" PRId64 " (elements in a row) to %" PRId64,
		   name, stride, columns, BLAS_MAX);
	return true;
}

static bool missing(const char *name, const float *matrix, int64_t rows, int64_t columns)
{
	if (matrix || !rows || !columns)
		return false;
	blas_error("sgemm: matrix %s is missing", name);
	return true;
}

/*
 * c = beta * c: what is left of the sum without a product. The standard says that a and b are not read
 * then, and c neither where beta is 0, so that what is not a number there does not spread; OpenBLAS
 * does otherwise for small matrices.
 */
static void scale(int64_t m, int64_t n, float beta, float *c, int64_t ldc)
{
	if (beta == 1)
		return;
	for (int64_t i = 0; i < m; i++)
		for (int64_t j = 0; j < n; j++)
			c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
}

static int op_sgemm(struct vaccel_session *sess, int64_t m, int64_t n, int64_t k, float alpha,
		    float *a, int64_t lda, float *b, int64_t ldb, float beta, float *c,
		    int64_t ldc)
{
	if (!sess)
		return VACCEL_EINVAL;
	blas_debug("Calling sgemm for session %" PRId64 ": m %" PRId64 ", n %" PRId64 ", k %" PRId64,
		   sess->id, m, n, k);

	if (bad_size("m", m) || bad_size("n", n) || bad_size("k", k))
		return VACCEL_EINVAL;
	if (bad_stride("lda", lda, k) || bad_stride("ldb", ldb, n) || bad_stride("ldc", ldc, n))
		return VACCEL_EINVAL;
	if (missing("a", a, m, k) || missing("b", b, k, n) || missing("c", c, m, n))
		return VACCEL_EINVAL;
	if (!m || !n)
		return VACCEL_OK;
	if (alpha == 0 || !k) {
		scale(m, n, beta, c, ldc);
		return VACCEL_OK;
	}

	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)m, (blasint)n, (blasint)k,
		    alpha, a, (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
	return VACCEL_OK;
}

static struct vaccel_op ops[] = {VACCEL_OP_INIT(blas_sgemm, VACCEL_OP_BLAS_SGEMM, op_sgemm)};

static int init(void)
{
	int ret = introduce("%s", openblas_get_config());

	return ret ? ret : vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}

static int fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "blas", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_CPU, .init = init, .fini = fini)
