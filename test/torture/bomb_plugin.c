// SPDX-License-Identifier: Apache-2.0
/*
 * A plugin that adds vectors and multiplies matrices well, and that takes its process down in every way when it is told to:
 * fpga_arraycopy of BOMB_MAGIC and one of enum bomb (load.h).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

static int add(struct vaccel_session *sess, float a[], float b[], float c[], size_t len_a,
	       size_t len_b)
{
	(void)sess;
	for (size_t i = 0; i < len_a && i < len_b; i++)
		c[i] = a[i] + b[i];
	return VACCEL_OK;
}

/* Square matrices, slowly */
static int multiply(struct vaccel_session *sess, float a[], float b[], float c[], size_t len)
{
	size_t n = 0;

	(void)sess;
	while ((n + 1) * (n + 1) <= len)
		n++;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++) {
			float sum = 0;

			for (size_t j = 0; j < n; j++)
				sum += a[i * n + j] * b[j * n + k];
			c[i * n + k] = sum;
		}
	}
	return VACCEL_OK;
}

/* As a program that does not expect to get no memory. */
static void eat_memory(void)
{
	const size_t piece = (size_t)64 << 20;

	for (;;) {
		char *p = malloc(piece);

		memset(p, 1, piece);
		__asm__ __volatile__("" : : "r"(p) : "memory");
	}
}

static int explode(struct vaccel_session *sess, int a[], int out[], size_t len)
{
	(void)sess;
	memset(out, 0, len * sizeof(*out));
	if (len < 2 || a[0] != BOMB_MAGIC)
		return VACCEL_EINVAL;
	switch (a[1]) {
	case BOMB_SEGV:
		*(volatile int *)NULL = 0;
		break;
	case BOMB_ABORT:
		abort();
	case BOMB_MEMORY:
		eat_memory();
		break;
	case BOMB_TIME:
		for (;;)
			__asm__ __volatile__("" : : : "memory");
	case BOMB_PAUSE:
		sleep(BOMB_PAUSE_S);
		return VACCEL_OK;
	}
	return VACCEL_EINVAL;
}

static struct vaccel_op ops[] = {
	VACCEL_OP_INIT(add, VACCEL_OP_FPGA_VECTORADD, add),
	VACCEL_OP_INIT(multiply, VACCEL_OP_FPGA_MMULT, multiply),
	VACCEL_OP_INIT(explode, VACCEL_OP_FPGA_ARRAYCOPY, explode),
};

/* BOMB_INIT_S: how many seconds loading takes */
static int init(void)
{
	const char *seconds = getenv("BOMB_INIT_S");

	if (seconds)
		sleep((unsigned int)atoi(seconds));
	return vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}

static int fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "bomb", .version = "1", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE, .init = init, .fini = fini)
