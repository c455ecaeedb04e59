// SPDX-License-Identifier: Apache-2.0
/*
 * The bench plugin: operations whose own cost is known, for vaccel-bench. They are the functions of
 * the library "bench" of an exec op, see bench.h; noop does nothing, and an array copy copies.
 */
#include "bench.h"

#include "vaccel.h"

#define bench_error(format, ...) vaccel_error("[bench] " format, ##__VA_ARGS__)

typedef int (*bench_function)(const struct vaccel_arg *read, struct vaccel_arg *write);

static int touch(const struct vaccel_arg *read, struct vaccel_arg *write)
{
	(void)read;
	(void)write;
	return VACCEL_OK;
}

static int echo(const struct vaccel_arg *read, struct vaccel_arg *write)
{
	if (read->size != write->size)
		return VACCEL_EINVAL;
	if (read->size)
		memcpy(write->buf, read->buf, read->size);
	return VACCEL_OK;
}

static int give(struct vaccel_arg *write, uint64_t value)
{
	if (write->size != sizeof(value))
		return VACCEL_EINVAL;
	memcpy(write->buf, &value, sizeof(value));
	return VACCEL_OK;
}

static int take(const struct vaccel_arg *read, uint64_t *value)
{
	if (read->size != sizeof(*value))
		return VACCEL_EINVAL;
	memcpy(value, read->buf, sizeof(*value));
	return VACCEL_OK;
}

static int sum(const struct vaccel_arg *read, struct vaccel_arg *write)
{
	return give(write, bench_sum(read->buf, read->size));
}

static int fill(const struct vaccel_arg *read, struct vaccel_arg *write)
{
	uint64_t seed;
	int ret = take(read, &seed);

	if (!ret)
		bench_fill(write->buf, write->size, seed);
	return ret;
}

static int compute(const struct vaccel_arg *read, struct vaccel_arg *write)
{
	uint64_t rounds;
	int ret = take(read, &rounds);

	return ret ? ret : give(write, bench_compute(rounds));
}

static const struct {
	const char *name;
	bench_function function;
} functions[] = {
	{"touch", touch}, {"echo", echo}, {"sum", sum}, {"fill", fill}, {"compute", compute},
};

static int op_exec(struct vaccel_session *sess, const char *library, const char *symbol,
		   struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
		   size_t nr_write)
{
	int ret;

	if (!sess || !library || !symbol || strcmp(library, BENCH_LIBRARY)) {
		bench_error("The library has to be \"" BENCH_LIBRARY "\"");
		return VACCEL_EINVAL;
	}
	if (!read || !write || nr_read != 1 || nr_write != 1) {
		bench_error("One argument to read and one to write are needed");
		return VACCEL_EINVAL;
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (strcmp(symbol, functions[i].name))
			continue;
		ret = functions[i].function(read, write);
		if (ret)
			bench_error("%s: the sizes %zu and %zu do not fit", symbol, read->size,
				    write->size);
		return ret;
	}
	bench_error("There is no function \"%s\"", symbol);
	return VACCEL_ENOSYS;
}

static int op_noop(struct vaccel_session *sess)
{
	return sess ? VACCEL_OK : VACCEL_EINVAL;
}

static int op_arraycopy(struct vaccel_session *sess, int a[], int out_a[], size_t len_a)
{
	if (!sess || (len_a && (!a || !out_a)))
		return VACCEL_EINVAL;
	if (len_a)
		memcpy(out_a, a, len_a * sizeof(*a));
	return VACCEL_OK;
}

static struct vaccel_op ops[] = {
	VACCEL_OP_INIT(noop, VACCEL_OP_NOOP, op_noop),
	VACCEL_OP_INIT(exec, VACCEL_OP_EXEC, op_exec),
	VACCEL_OP_INIT(arraycopy, VACCEL_OP_FPGA_ARRAYCOPY, op_arraycopy),
};

static int init(void)
{
	return vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}

static int fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "bench", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_GENERIC | VACCEL_PLUGIN_CPU,
	      .init = init, .fini = fini)
