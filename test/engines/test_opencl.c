// SPDX-License-Identifier: Apache-2.0
/*
 * The opencl plugin on the device that is there, PoCL's in the build root: results as they are
 * computed here, bit for bit, in this process and behind the strict sandbox.
 */
#include "engines.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
/* The sums below are to be what they say. */
#pragma GCC optimize("fp-contract=off")

static struct engines e;

/* Around the size of a group, and the longest range that was tried when the plugin started */
static const size_t counts[] = {1, 2, 63, 64, 65, 1000, 65536, 65537, (1u << 20) + 3};
#define NR_COUNTS (sizeof(counts) / sizeof(counts[0]))

static void arraycopy(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNTS; i++) {
		size_t size = counts[i] * sizeof(float);
		int *a = (int *)random_floats(counts[i], 1), *out = calloc(1, size);

		for (int place = 0; place < NR_PLACES; place++) {
			memset(out, 0, size);
			assert_int_equal(vaccel_fpga_arraycopy(&e.sess[place], a, out, counts[i]), 0);
			assert_memory_equal(a, out, size);
		}
		free(a);
		free(out);
	}
	for (int place = 0; place < NR_PLACES; place++)
		assert_int_equal(vaccel_fpga_arraycopy(&e.sess[place], (int[1]){0}, (int[1]){0}, 0), 0);
}

static void element_by_element(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNTS; i++) {
		size_t n = counts[i];
		float *a = random_floats(n, 1), *b = random_floats(n, 2);
		float *sum = random_floats(n, 3), *product = random_floats(n, 4);

		for (int place = 0; place < NR_PLACES; place++) {
			assert_int_equal(vaccel_fpga_vadd(&e.sess[place], a, b, sum, n, n), 0);
			for (size_t j = 0; j < n; j++)
				assert_true(sum[j] == a[j] + b[j]);
			memset(sum, 0, n * sizeof(float));
			assert_int_equal(vaccel_fpga_parallel(&e.sess[place], a, b, sum, product, n), 0);
			for (size_t j = 0; j < n; j++)
				assert_true(sum[j] == a[j] + b[j] && product[j] == a[j] * b[j]);
		}
		free(a);
		free(b);
		free(sum);
		free(product);
	}
}

/* A result in the place of an argument */
static void in_place(void **state)
{
	float a[] = {1, 2, 3}, b[] = {10, 20, 30};

	(void)state;
	assert_int_equal(vaccel_fpga_vadd(&e.sess[LOCAL], a, b, a, 3, 3), 0);
	assert_true(a[0] == 11 && a[1] == 22 && a[2] == 33);
}

/* c = alpha * a * b + beta * c as it is written, one after the other */
static void multiply(size_t m, size_t n, size_t k, const float factors[2], const float *a, size_t lda,
		     const float *b, size_t ldb, float *c, size_t ldc)
{
	for (size_t i = 0; i < m; i++) {
		for (size_t j = 0; j < n; j++) {
			float sum = 0;

			for (size_t l = 0; l < k; l++)
				sum = sum + a[i * lda + l] * b[l * ldb + j];
			sum = factors[0] * sum;
			if (factors[1] != 0)
				sum = sum + factors[1] * c[i * ldc + j];
			c[i * ldc + j] = sum;
		}
	}
}

static void product(size_t m, size_t n, size_t k, float alpha, float beta, size_t pad)
{
	size_t lda = k + pad, ldb = n + 2 * pad, ldc = n + 3 * pad;
	float *a = random_floats(m * lda, 1), *b = random_floats(k * ldb, 2);
	float *right = random_floats(m * ldc, 3);

	multiply(m, n, k, (float[]){alpha, beta}, a, lda, b, ldb, right, ldc);
	for (int place = 0; place < NR_PLACES; place++) {
		float *c = random_floats(m * ldc, 3);

		assert_int_equal(vaccel_sgemm(&e.sess[place], (int64_t)m, (int64_t)n, (int64_t)k, alpha,
					      a, (int64_t)lda, b, (int64_t)ldb, beta, c, (int64_t)ldc), 0);
		assert_memory_equal(c, right, m * ldc * sizeof(float));
		free(c);
	}
	free(a);
	free(b);
	free(right);
}

static void products(void **state)
{
	(void)state;
	product(1, 1, 1, 1, 0, 0);
	product(3, 5, 7, 1, 0, 0);
	product(4, 16, 1, 1, 0, 0);
	product(7, 5, 3, 2.5f, -1, 2);
	product(64, 48, 33, 1, 1, 1);
	product(130, 70, 90, -0.5f, 0.25f, 0);
}

/* Where a factor is 0 its matrix is not read; and what is not a number spreads no further than it should. */
static void not_numbers(void **state)
{
	float nans[] = {NAN, NAN, NAN, NAN}, a[] = {NAN, 1, 1, 1}, ones[] = {1, 1, 1, 1};

	(void)state;
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_session *s = &e.sess[place];
		float c[] = {NAN, NAN, NAN, NAN};

		assert_int_equal(vaccel_sgemm(s, 2, 2, 2, 0, nans, 2, nans, 2, 0, c, 2), 0);
		assert_true(c[0] == 0 && c[3] == 0);
		c[0] = NAN;
		assert_int_equal(vaccel_sgemm(s, 2, 2, 2, 1, ones, 2, ones, 2, 0, c, 2), 0);
		assert_true(c[0] == 2 && c[3] == 2);
		assert_int_equal(vaccel_sgemm(s, 2, 2, 2, 1, a, 2, ones, 2, 0, c, 2), 0);
		assert_true(isnan(c[0]) && isnan(c[1]) && c[2] == 2 && c[3] == 2);
		c[0] = 3;
		assert_int_equal(vaccel_sgemm(s, 1, 1, 0, 1, NULL, 1, NULL, 1, 2, c, 1), 0);
		assert_true(c[0] == 6);
	}
}

static void squares(void **state)
{
	static const float factors[2] = {1, 0};

	(void)state;
	for (size_t n = 1; n <= 100; n += 33) {
		float *a = random_floats(n * n, 5), *b = random_floats(n * n, 6);
		float *right = random_floats(n * n, 7), *c = random_floats(n * n, 8);

		multiply(n, n, n, factors, a, n, b, n, right, n);
		for (int place = 0; place < NR_PLACES; place++) {
			memset(c, 0, n * n * sizeof(float));
			assert_int_equal(vaccel_fpga_mmult(&e.sess[place], a, b, c, n * n), 0);
			assert_memory_equal(c, right, n * n * sizeof(float));
		}
		free(a);
		free(b);
		free(c);
		free(right);
	}
}

static void ends(void **state)
{
	static const int sizes[] = {1, 2, 1023, 1024, 1025, 5000, 300001};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int n = sizes[i];
		double *in = malloc((size_t)n * sizeof(*in)), *out = calloc((size_t)n, sizeof(*out));
		double low = INFINITY, high = -INFINITY, min, max;
		uint32_t seed = (uint32_t)n;

		for (int j = 0; j < n; j++) {
			seed = seed * 1664525 + 1013904223;
			in[j] = (double)(int32_t)seed / 100000;
			low = fmin(low, in[j]);
			high = fmax(high, in[j]);
		}
		for (int place = 0; place < NR_PLACES; place++) {
			min = max = 0;
			assert_int_equal(vaccel_minmax(&e.sess[place], in, n, -10000, 5000, out, &min,
						       &max), 0);
			assert_true(min == low && max == high);
			for (int j = 0; j < n; j++)
				assert_true(out[j] == fmin(fmax(in[j], -10000), 5000));
		}
		free(in);
		free(out);
	}
}

static void refused(void **state)
{
	float f[16] = {0};
	double d[4] = {0, NAN, 0, 0};

	(void)state;
	for (int place = 0; place < NR_PLACES; place++) {
		struct vaccel_session *s = &e.sess[place];

		assert_int_equal(vaccel_fpga_mmult(s, f, f, f, 5), VACCEL_EINVAL);
		assert_int_equal(vaccel_fpga_mmult(s, f, f, f, 8), VACCEL_EINVAL);
		assert_int_equal(vaccel_fpga_vadd(s, f, f, f, 4, 3), VACCEL_EINVAL);
		assert_int_equal(vaccel_minmax(s, d, 4, 0, 1, d, d, d + 1), VACCEL_EINVAL);
		assert_int_equal(vaccel_minmax(s, d, 1, 1, 0, d, d, d + 1), VACCEL_EINVAL);
		assert_int_equal(vaccel_minmax(s, d, 0, 0, 1, d, d, d + 1), VACCEL_EINVAL);
		assert_int_equal(vaccel_sgemm(s, 2, 2, 2, 1, f, 1, f, 2, 0, f, 2), VACCEL_EINVAL);
		assert_int_equal(vaccel_sgemm(s, -1, 2, 2, 1, f, 2, f, 2, 0, f, 2), VACCEL_EINVAL);
	}
	assert_int_equal(vaccel_fpga_arraycopy(&e.sess[LOCAL], NULL, (int *)f, 4), VACCEL_EINVAL);
	assert_int_equal(vaccel_fpga_arraycopy(&e.sess[LOCAL], (int *)f, (int *)f, SIZE_MAX),
			 VACCEL_EINVAL);
	/* A buffer that no device has */
	assert_int_equal(vaccel_fpga_arraycopy(&e.sess[LOCAL], (int *)f, (int *)f, SIZE_MAX / 8),
			 VACCEL_ENOMEM);
	assert_int_equal(vaccel_fpga_vadd(&e.sess[LOCAL], f, NULL, f, 4, 4), VACCEL_EINVAL);
	assert_int_equal(vaccel_fpga_parallel(&e.sess[LOCAL], f, f, NULL, f, 4), VACCEL_EINVAL);
	assert_int_equal(vaccel_sgemm(&e.sess[LOCAL], 2, 2, 2, 1, f, 2, NULL, 2, 0, f, 2), VACCEL_EINVAL);
}

static void *many_calls(void *arg)
{
	struct vaccel_session *s = arg;

	for (uint32_t i = 0; i < 50; i++) {
		size_t n = 1 + i * 17 % 200;
		float *a = random_floats(n, i), *b = random_floats(n, i + 1), *c = random_floats(n, i + 2);

		assert_int_equal(vaccel_fpga_vadd(s, a, b, c, n, n), 0);
		for (size_t j = 0; j < n; j++)
			assert_true(c[j] == a[j] + b[j]);
		free(a);
		free(b);
		free(c);
	}
	return NULL;
}

static void threads(void **state)
{
	pthread_t all[16];

	(void)state;
	for (int i = 0; i < 16; i++)
		assert_int_equal(pthread_create(&all[i], NULL, many_calls, &e.sess[i % NR_PLACES]), 0);
	for (int i = 0; i < 16; i++)
		pthread_join(all[i], NULL);
}

/* ---- What the operator sets ------------------------------------------------------------------ */

static void devices(void **state)
{
	(void)state;
	setenv("VACCEL_OPENCL_DEVICE", "0", 1);
	expect_start(ENGINE_PLUGIN, 0, NULL);
	setenv("VACCEL_OPENCL_DEVICE", "portable computing", 1);
	expect_start(ENGINE_PLUGIN, 0, NULL);
	setenv("VACCEL_OPENCL_DEVICE", "999", 1);
	expect_start(ENGINE_PLUGIN, VACCEL_ENODEV, "VACCEL_OPENCL_DEVICE=999: there is no such device");
	setenv("VACCEL_OPENCL_DEVICE", "no such name", 1);
	expect_start(ENGINE_PLUGIN, VACCEL_ENODEV, "device 0: ");
	unsetenv("VACCEL_OPENCL_DEVICE");
	setenv("OCL_ICD_VENDORS", "/nonexistent", 1);
	expect_start(ENGINE_PLUGIN, VACCEL_ENODEV, "There is no OpenCL device");
	unsetenv("OCL_ICD_VENDORS");
}

/* Compiled kernels go somewhere, also for a user without a home; and nothing is left behind. */
static void caches(void **state)
{
	const char *home = getenv("HOME");
	char *before = home ? strdup(home) : NULL;

	(void)state;
	setenv("POCL_CACHE_DIR", "/proc/nothing", 1);
	expect_start(ENGINE_PLUGIN, VACCEL_EACCES, "POCL_CACHE_DIR=/proc/nothing");
	unsetenv("POCL_CACHE_DIR");
	setenv("HOME", "/nonexistent", 1);
	expect_start(ENGINE_PLUGIN, 0, NULL);
	if (before)
		setenv("HOME", before, 1);
	free(before);
}

/* A program that forks without exec has none of the threads of its parent's device. */
static void children(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		float f[4] = {0};

		_exit(vaccel_fpga_vadd(&e.sess[LOCAL], f, f, f, 4, 4));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), VACCEL_ENOTSUP);
}

static int stop(void **state)
{
	(void)state;
	engines_stop(&e);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(arraycopy), cmocka_unit_test(element_by_element),
		cmocka_unit_test(in_place), cmocka_unit_test(products), cmocka_unit_test(not_numbers),
		cmocka_unit_test(squares), cmocka_unit_test(ends), cmocka_unit_test(refused),
		cmocka_unit_test(threads), cmocka_unit_test(children),
	};
	static const struct CMUnitTest settings[] = {
		cmocka_unit_test(devices), cmocka_unit_test(caches),
	};
	int ret, failed;

	test_main_begin(280);
	ret = plugin_starts(ENGINE_PLUGIN);
	if (ret == VACCEL_ENODEV)
		test_skip("there is no OpenCL device");
	/* Before this process has a device, as a child cannot have one afterwards */
	failed = cmocka_run_group_tests(settings, NULL, NULL);
	ret = engines_start(&e, ENGINE_PLUGIN);
	if (ret)
		test_die("the plugin does not start: %d", ret);
	return cmocka_run_group_tests(tests, NULL, stop) + failed;
}
