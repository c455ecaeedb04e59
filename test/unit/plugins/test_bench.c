// SPDX-License-Identifier: Apache-2.0
/* The bench plugin: what its functions do, and what it refuses. */
#include "bench.h"
#include "plugin_util.h"

static struct vaccel_session sess;
static struct capture c;

static int run(const char *library, const char *symbol, void *in, size_t in_size, void *out,
	       size_t out_size)
{
	struct vaccel_arg read = {.buf = in, .size = in_size}, write = {.buf = out, .size = out_size};
	int ret;

	capture_start(&c, STDOUT_FILENO);
	ret = vaccel_exec(&sess, library, symbol, &read, 1, &write, 1);
	capture_end(&c);
	return ret;
}

static void moves_data(void **state)
{
	unsigned char in[1001], out[1001], clean[1001];
	uint64_t seed = 7, sum = 0;

	(void)state;
	bench_fill(in, sizeof(in), 3);
	memset(out, 9, sizeof(out));
	memset(clean, 9, sizeof(clean));
	assert_int_equal(run("bench", "touch", in, sizeof(in), out, sizeof(out)), 0);
	assert_memory_equal(out, clean, sizeof(out));
	assert_int_equal(run("bench", "echo", in, sizeof(in), out, sizeof(out)), 0);
	assert_memory_equal(out, in, sizeof(out));
	assert_int_equal(run("bench", "echo", NULL, 0, NULL, 0), 0);

	assert_int_equal(run("bench", "fill", &seed, sizeof(seed), out, sizeof(out)), 0);
	assert_int_equal(bench_check(out, sizeof(out), 7), sizeof(out));
	assert_int_equal(run("bench", "sum", out, sizeof(out), &sum, sizeof(sum)), 0);
	assert_int_equal(sum, bench_sum(out, sizeof(out)));

	seed = 1000;
	assert_int_equal(run("bench", "compute", &seed, sizeof(seed), &sum, sizeof(sum)), 0);
	assert_int_equal(sum, bench_compute(1000));
	assert_int_equal(vaccel_noop(&sess), 0);
}

/* Each byte and its place count; else the benchmark would not notice damage. */
static void notices_damage(void **state)
{
	unsigned char buf[64], other[64];

	(void)state;
	for (size_t len = 1; len <= sizeof(buf); len++) {
		bench_fill(buf, len, 5);
		assert_int_equal(bench_check(buf, len, 5), len);
		for (size_t i = 0; i < len; i++) {
			memcpy(other, buf, len);
			other[i] ^= 0x80;
			assert_int_equal(bench_check(other, len, 5), i);
			assert_true(bench_sum(other, len) != bench_sum(buf, len));
		}
	}
	bench_fill(buf, sizeof(buf), 6);
	bench_fill(other, sizeof(other), 5);
	assert_true(memcmp(buf, other, 8) != 0);
	memcpy(other, buf + 8, 8);
	memcpy(other + 8, buf, 8);
	assert_true(bench_sum(other, 16) != bench_sum(buf, 16));
	assert_true(bench_compute(1000) != bench_compute(1001));
}

static void refuses(void **state)
{
	struct vaccel_arg arg = {.buf = (void *)"x", .size = 1};
	char in[8] = {0}, out[8];

	(void)state;
	assert_int_equal(run("other", "touch", in, 8, out, 8), VACCEL_EINVAL);
	assert_contains(c.text, "The library has to be \"bench\"");
	assert_int_equal(run(NULL, "touch", in, 8, out, 8), VACCEL_EINVAL);
	assert_int_equal(run("bench", NULL, in, 8, out, 8), VACCEL_EINVAL);
	assert_int_equal(run("bench", "other", in, 8, out, 8), VACCEL_ENOSYS);
	assert_contains(c.text, "There is no function \"other\"");
	assert_int_equal(run("bench", "echo", in, 8, out, 7), VACCEL_EINVAL);
	assert_contains(c.text, "echo: the sizes 8 and 7 do not fit");
	assert_int_equal(run("bench", "sum", in, 8, out, 4), VACCEL_EINVAL);
	assert_int_equal(run("bench", "fill", in, 4, out, 8), VACCEL_EINVAL);
	assert_int_equal(run("bench", "compute", in, 7, out, 8), VACCEL_EINVAL);
	assert_int_equal(run("bench", "compute", in, 8, out, 7), VACCEL_EINVAL);
	assert_int_equal(vaccel_exec(&sess, "bench", "touch", NULL, 0, &arg, 1), VACCEL_EINVAL);
	assert_int_equal(vaccel_exec(&sess, "bench", "touch", &arg, 1, NULL, 0), VACCEL_EINVAL);
}

static int start(void **state)
{
	(void)state;
	lib_start(PLUGIN_BENCH, VACCEL_LOG_ERROR);
	return vaccel_session_init(&sess, 0);
}

static int stop(void **state)
{
	(void)state;
	vaccel_session_release(&sess);
	lib_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_data),
		cmocka_unit_test(notices_damage),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
