// SPDX-License-Identifier: Apache-2.0
/* A plugin for tests, right or wrong as the macros say. It tells of its end in the environment. */
#include <stdlib.h>

#include "vaccel.h"

#ifndef BUILT_FOR
#define BUILT_FOR VACCEL_VERSION
#endif
#ifndef INIT_RESULT
#define INIT_RESULT VACCEL_OK
#endif

static int noop(struct vaccel_session *sess)
{
	return sess ? VACCEL_OK : VACCEL_EINVAL;
}

static struct vaccel_op ops[] = { VACCEL_OP_INIT(noop, VACCEL_OP_NOOP, noop) };

static int init(void)
{
	int ret = vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));

	return ret ? ret : INIT_RESULT;
}

static int fini(void)
{
	setenv("UNIT_PLUGIN_ENDED", FIXTURE_NAME, 1);
	return VACCEL_OK;
}

#ifdef NO_NAME
#define NAME NULL
#else
#define NAME FIXTURE_NAME
#endif
#ifdef NO_INIT
#define INIT NULL
/* Used by nobody in this variant. */
__attribute__((unused)) static int (*const unused)(void) = init;
#else
#define INIT init
#endif

VACCEL_PLUGIN(.name = NAME, .version = "1.2.3", .vaccel_version = BUILT_FOR, .init = INIT,
	      .fini = fini, .type = VACCEL_PLUGIN_SOFTWARE)
