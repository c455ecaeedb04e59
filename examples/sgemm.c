// SPDX-License-Identifier: Apache-2.0
/*
 * A matrix product; with GENERIC through vaccel_genop. With --check the program multiplies the
 * matrices itself, too, and fails when the results differ: then a plugin has really done it. With
 * --registered the matrices are in memory of the library, which is not copied on its way to a host.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vaccel.h>

#include "util.h"

#define SIDE 512
#define ALL  (SIDE * SIDE)

/* Sums of 512 products of numbers up to 1: floats are off by far less, and wrong results by more. */
#define TOLERANCE 1e-3

/* Not a result that any plugin could leave by chance. */
#define UNSET -1e30f

struct matrices {
	float *a, *b, *c;
	void *memory; /* with all three */
	bool registered;
};

static int allocate(struct vaccel_session *sess, struct matrices *m)
{
	static const char *const kinds[] = {"ordinary", "pinned", "registered"};
	const size_t size = 3 * ALL * sizeof(float);
	struct vaccel_mem_info info;
	int ret = VACCEL_OK;

	if (m->registered) {
		ret = vaccel_mem_alloc(sess, size, &m->memory);
		if (!ret && !vaccel_mem_info(m->memory, &info))
			printf("sgemm memory: %s\n", kinds[info.kind]);
	} else {
		m->memory = malloc(size);
		ret = m->memory ? VACCEL_OK : VACCEL_ENOMEM;
	}
	if (ret)
		return ret;
	m->a = m->memory;
	m->b = m->a + ALL;
	m->c = m->b + ALL;
	return VACCEL_OK;
}

static void release(struct matrices *m)
{
	if (m->registered)
		vaccel_mem_free(m->memory);
	else
		free(m->memory);
}

/* Numbers from -1 to 1, the same in each run. */
static void fill(struct matrices *m)
{
	uint32_t state = 1;

	for (size_t i = 0; i < ALL; i++) {
		state = state * 1664525 + 1013904223;
		m->a[i] = (float)(int32_t)state / 2147483648.0f;
		state = state * 1664525 + 1013904223;
		m->b[i] = (float)(int32_t)state / 2147483648.0f;
		m->c[i] = UNSET;
	}
}

#ifdef GENERIC
static int run(struct vaccel_session *sess, struct matrices *m)
{
	uint8_t op = VACCEL_OP_BLAS_SGEMM;
	int64_t side = SIDE;
	float alpha = 1, beta = 0;
	struct vaccel_arg_array read, write;
	int ret;

	ret = vaccel_arg_array_init(&read, 11);
	if (ret)
		return ret;
	ret = vaccel_arg_array_init(&write, 1);
	if (ret)
		goto release_read;

	ret = vaccel_arg_array_add_uint8(&read, &op);
	for (int i = 0; i < 3 && !ret; i++) /* m, n, k */
		ret = vaccel_arg_array_add_int64(&read, &side);
	if (!ret)
		ret = vaccel_arg_array_add_float(&read, &alpha);
	if (!ret)
		ret = vaccel_arg_array_add_float_array(&read, m->a, ALL);
	if (!ret)
		ret = vaccel_arg_array_add_int64(&read, &side); /* lda */
	if (!ret)
		ret = vaccel_arg_array_add_float_array(&read, m->b, ALL);
	if (!ret)
		ret = vaccel_arg_array_add_int64(&read, &side); /* ldb */
	if (!ret)
		ret = vaccel_arg_array_add_float(&read, &beta);
	if (!ret)
		ret = vaccel_arg_array_add_int64(&read, &side); /* ldc */
	if (!ret)
		ret = vaccel_arg_array_add_float_array(&write, m->c, ALL);
	if (!ret)
		ret = vaccel_genop(sess, read.args, (int)read.count, write.args, (int)write.count);

	vaccel_arg_array_release(&write);
release_read:
	vaccel_arg_array_release(&read);
	return ret;
}
#else
static int run(struct vaccel_session *sess, struct matrices *m)
{
	return vaccel_sgemm(sess, SIDE, SIDE, SIDE, 1, m->a, SIDE, m->b, SIDE, 0, m->c, SIDE);
}
#endif

/* Compares the result with a product of our own. */
static int check(const struct matrices *m)
{
	double row[SIDE], error, largest = 0;

	for (size_t i = 0; i < SIDE; i++) {
		memset(row, 0, sizeof(row));
		for (size_t l = 0; l < SIDE; l++)
			for (size_t j = 0; j < SIDE; j++)
				row[j] += (double)m->a[i * SIDE + l] * m->b[l * SIDE + j];
		for (size_t j = 0; j < SIDE; j++) {
			error = fabs(row[j] - m->c[i * SIDE + j]);
			if (!(error <= largest)) /* also when it is not a number */
				largest = error;
		}
	}

	if (!(largest <= TOLERANCE)) {
		printf("sgemm check: FAILED (max error %g, at most %g is right)\n", largest,
		       TOLERANCE);
		return VACCEL_EBACKEND;
	}
	printf("sgemm check: OK (max error %g)\n", largest);
	return VACCEL_OK;
}

/* Writes the result as text, a row per line. */
static int write_result(const char *path, const float *c)
{
	FILE *file = fopen(path, "w");
	bool failed;

	if (!file)
		goto fail;
	for (size_t i = 0; i < ALL; i++)
		fprintf(file, "%g%c", (double)c[i], i % SIDE == SIDE - 1 ? '\n' : ',');
	failed = ferror(file);
	if (!fclose(file) && !failed)
		return VACCEL_OK;
fail:
	fprintf(stderr, "Could not write %s: %s\n", path, strerror(errno));
	return VACCEL_EIO;
}

int main(int argc, char **argv)
{
	struct matrices m = {0};
	struct vaccel_session sess;
	bool checked = false;
	long iterations;
	int ret;

	for (; argc > 1; argv++, argc--) {
		if (!strcmp(argv[1], "--check"))
			checked = true;
		else if (!strcmp(argv[1], "--registered"))
			m.registered = true;
		else
			break;
		argv[1] = argv[0];
	}
	if (!check_args(argc, argv, 0, 2, "[--check] [--registered] [iterations] [out_file]", 1,
			&iterations))
		return VACCEL_EINVAL;

	ret = vaccel_session_init(&sess, 0);
	if (ret) {
		report_error(ret, "Could not initialize session");
		return ret;
	}
	printf("Initialized session with id: %lld\n", (long long)sess.id);
	ret = allocate(&sess, &m);
	if (ret) {
		fprintf(stderr, "Out of memory\n");
		goto release_session;
	}
	fill(&m);

	for (long i = 0; i < iterations && !ret; i++) {
		ret = run(&sess, &m);
		if (ret)
			report_error(ret, "Could not run op");
	}
	if (!ret && checked)
		ret = check(&m);
	if (!ret && argc > 2)
		ret = write_result(argv[2], m.c);

	release(&m);
release_session:
	if (vaccel_session_release(&sess))
		fprintf(stderr, "Could not release session\n");
	return ret;
}
