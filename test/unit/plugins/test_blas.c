// SPDX-License-Identifier: Apache-2.0
/* Matrix products of the blas plugin, compared with our own. */
#include <math.h>

#include "plugin_util.h"

static struct vaccel_session sess;
static struct capture c;

static int start(void **state)
{
	(void)state;
	lib_start(PLUGIN_BLAS, VACCEL_LOG_ERROR);
	return vaccel_session_init(&sess, 0);
}

static int stop(void **state)
{
	(void)state;
	vaccel_session_release(&sess);
	lib_stop();
	return 0;
}

static float *matrix(int64_t rows, int64_t stride, uint32_t seed)
{
	float *m = malloc((size_t)(rows * stride) * sizeof(*m));

	assert_non_null(m);
	for (int64_t i = 0; i < rows * stride; i++) {
		seed = seed * 1664525 + 1013904223;
		m[i] = (float)(int32_t)seed / 2147483648.0f;
	}
	return m;
}

static void product(int64_t m, int64_t n, int64_t k, float alpha, float beta, int64_t pad)
{
	int64_t lda = k + pad, ldb = n + 2 * pad, ldc = n + 3 * pad;
	float *a = matrix(m, lda, 1), *b = matrix(k, ldb, 2);
	float *c = matrix(m, ldc, 3), *before = matrix(m, ldc, 3);

	assert_int_equal(vaccel_sgemm(&sess, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc), 0);
	for (int64_t i = 0; i < m; i++) {
		for (int64_t j = 0; j < ldc; j++) {
			double sum = 0;

			if (j >= n) { /* between the rows */
				assert_true(c[i * ldc + j] == before[i * ldc + j]);
				continue;
			}
			for (int64_t l = 0; l < k; l++)
				sum += (double)a[i * lda + l] * b[l * ldb + j];
			sum = alpha * sum + beta * (double)before[i * ldc + j];
			assert_true(fabs(sum - c[i * ldc + j]) < 1e-4);
		}
	}
	free(a);
	free(b);
	free(c);
	free(before);
}

static void products(void **state)
{
	(void)state;
	product(1, 1, 1, 1, 0, 0);
	product(3, 5, 7, 1, 0, 0);
	product(7, 5, 3, 2.5f, -1, 2);
	product(64, 48, 33, 1, 1, 1);
	product(130, 70, 90, -0.5f, 0.25f, 0);
}

static void empty(void **state)
{
	float c[] = {1, 2, 3, 4};

	(void)state;
	assert_int_equal(vaccel_sgemm(&sess, 0, 2, 2, 1, NULL, 2, c, 2, 0, NULL, 2), 0);
	assert_int_equal(vaccel_sgemm(&sess, 2, 0, 2, 1, c, 2, NULL, 1, 0, NULL, 1), 0);
	assert_int_equal(vaccel_sgemm(&sess, 2, 2, 0, 1, NULL, 1, NULL, 2, 2, c, 2), 0);
	assert_true(c[0] == 2 && c[3] == 8); /* beta * c is left of the sum */
}

/* A matrix of one value. */
static float *filled(int64_t elements, float value)
{
	float *m = malloc((size_t)elements * sizeof(*m));

	assert_non_null(m);
	for (int64_t i = 0; i < elements; i++)
		m[i] = value;
	return m;
}

static void expect_all(const float *m, int64_t elements, float value)
{
	for (int64_t i = 0; i < elements; i++)
		assert_true(m[i] == value);
}

/*
 * Where a factor is 0 its matrix is not read: what is not a number there stays there. OpenBLAS has
 * code of its own for small matrices, so all sizes count.
 */
static void not_read(void **state)
{
	(void)state;
	for (int64_t n = 1; n <= 256; n += n < 70 ? 1 : 62) {
		float *nans = filled(n * n, NAN), *ones = filled(n * n, 1), *out;

		for (int beta = 0; beta <= 2; beta++) {
			out = filled(n * n, beta ? 7 : NAN);
			assert_int_equal(vaccel_sgemm(&sess, n, n, n, 0, nans, n, nans, n, (float)beta,
						      out, n), 0);
			expect_all(out, n * n, (float)(7 * beta));
			free(out);
		}
		out = filled(n * n, NAN);
		assert_int_equal(vaccel_sgemm(&sess, n, n, n, 1, ones, n, ones, n, 0, out, n), 0);
		expect_all(out, n * n, (float)n);
		free(out);
		out = filled(n * n, NAN);
		assert_int_equal(vaccel_sgemm(&sess, n, n, 0, 1, nans, 1, nans, n, 0, out, n), 0);
		expect_all(out, n * n, 0);
		free(out);
		free(nans);
		free(ones);
	}
}

/* Such numbers in what is read are in the result. */
static void not_hidden(void **state)
{
	float a[] = {NAN, 1, 1, 1}, b[] = {1, 1, 1, 1}, out[4] = {0};

	(void)state;
	assert_int_equal(vaccel_sgemm(&sess, 2, 2, 2, 1, a, 2, b, 2, 0, out, 2), 0);
	assert_true(isnan(out[0]) && isnan(out[1]) && out[2] == 2 && out[3] == 2);
	assert_int_equal(vaccel_sgemm(&sess, 2, 2, 2, 0, a, 2, b, 2, NAN, out, 2), 0);
	assert_true(isnan(out[2]) && isnan(out[3]));
}

static int bad(int64_t m, int64_t n, int64_t k, float *a, int64_t lda, float *b, int64_t ldb,
	       float *out, int64_t ldc)
{
	int ret;

	capture_start(&c, STDOUT_FILENO);
	ret = vaccel_sgemm(&sess, m, n, k, 1, a, lda, b, ldb, 0, out, ldc);
	capture_end(&c);
	assert_contains(c.text, "[blas] sgemm: ");
	assert_int_equal(count(c.text, "\n"), 1);
	return ret;
}

static void refused(void **state)
{
	static const int64_t sizes[] = {-1, INT64_MIN, INT64_C(1) << 31, INT64_MAX};
	float x[4] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int64_t s = sizes[i];

		assert_int_equal(bad(s, 2, 2, x, 2, x, 2, x, 2), VACCEL_EINVAL);
		assert_int_equal(bad(2, s, 2, x, 2, x, 2, x, 2), VACCEL_EINVAL);
		assert_int_equal(bad(2, 2, s, x, 2, x, 2, x, 2), VACCEL_EINVAL);
		assert_int_equal(bad(2, 2, 2, x, s, x, 2, x, 2), VACCEL_EINVAL);
		assert_int_equal(bad(2, 2, 2, x, 2, x, s, x, 2), VACCEL_EINVAL);
		assert_int_equal(bad(2, 2, 2, x, 2, x, 2, x, s), VACCEL_EINVAL);
	}
	assert_int_equal(bad(2, 2, 2, x, 1, x, 2, x, 2), VACCEL_EINVAL);
	assert_int_equal(bad(2, 2, 2, x, 2, x, 1, x, 2), VACCEL_EINVAL);
	assert_int_equal(bad(2, 2, 2, x, 2, x, 2, x, 1), VACCEL_EINVAL);
	assert_int_equal(bad(2, 2, 0, x, 0, x, 2, x, 2), VACCEL_EINVAL);
	assert_int_equal(bad(2, 2, 2, NULL, 2, x, 2, x, 2), VACCEL_EINVAL);
	assert_int_equal(bad(2, 2, 2, x, 2, NULL, 2, x, 2), VACCEL_EINVAL);
	assert_int_equal(bad(2, 2, 2, x, 2, x, 2, NULL, 2), VACCEL_EINVAL);
}

static void introduces_itself(void **state)
{
	struct vaccel_plugin_desc d;
	size_t nr = 1;

	(void)state;
	assert_int_equal(vaccel_plugin_list(&d, &nr), VACCEL_OK);
	assert_string_equal(d.name, "blas");
	assert_ptr_equal(strstr(d.engine, "OpenBLAS 0"), d.engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(products),
		cmocka_unit_test(empty),
		cmocka_unit_test(not_read),
		cmocka_unit_test(not_hidden),
		cmocka_unit_test(refused),
		cmocka_unit_test(introduces_itself),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
