// SPDX-License-Identifier: Apache-2.0
/* A plugin that fails as the variable FAULT says; FOR_VERSION is the vAccel that it says to be built for. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vaccel.h"

static bool fault(const char *name)
{
	const char *wanted = getenv("FAULT");

	return wanted && !strcmp(wanted, name);
}

static int op_noop(struct vaccel_session *sess)
{
	(void)sess;
	if (fault("call hangs"))
		pause();
	return fault("call fails") ? VACCEL_EIO : VACCEL_OK;
}

static struct vaccel_op ops[] = { VACCEL_OP_INIT(noop, VACCEL_OP_NOOP, op_noop) };

static int init(void)
{
	if (fault("crash"))
		abort();
	if (fault("hang"))
		pause();
	if (fault("exit"))
		_exit(3);
	if (fault("refuse"))
		return VACCEL_EACCES;
	return vaccel_plugin_register_ops(ops, 1);
}

static int fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "faulty", .version = "1", .vaccel_version = FOR_VERSION,
	      .type = VACCEL_PLUGIN_DEBUG, .init = init, .fini = fini)
