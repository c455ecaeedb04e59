/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every op call does before and after it calls the plugin. May be called from any thread.
 *
 *	int vaccel_foo(struct vaccel_session *sess, ...)
 *	{
 *		void *func;
 *		int ret = op_begin(sess, VACCEL_OP_FOO, &func);
 *		if (ret)
 *			return ret;
 *
 *		struct op_prof prof;
 *
 *		op_prof_start_op(&prof, sess, VACCEL_OP_FOO);
 *		ret = ((foo_fn)func)(sess, ...);
 *		op_prof_stop(&prof);
 *		return ret;
 *	}
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ops/vop.h"
#include "prof.h"
#include "vaccel/op.h"
#include "vaccel/resource.h"
#include "vaccel/session.h"

/* The name of an operation in messages. */
const char *op_text(vaccel_op_type_t type);

/*
 * op_begin - find the plugin function for an op of a session
 *
 * EINVAL: sess NULL or not live. ENOTSUP: not implemented by the session's plugin (logged).
 */
int op_begin(struct vaccel_session *sess, vaccel_op_type_t type, void **func);

/*
 * op_begin_resource - the same for an op on a resource of type res_type
 *
 * EINVAL: also res NULL or of another type. EPERM: res not registered with sess.
 */
int op_begin_resource(struct vaccel_session *sess, vaccel_op_type_t type,
		      struct vaccel_resource *res, vaccel_resource_type_t res_type, void **func);

/* The public call of an op, with one value for each parameter after the session. In genop.c. */
int op_call(struct vaccel_session *sess, vaccel_op_type_t type, const union vop_val *vals);

/* What is measured: an operation, by vop_slot(), or one of these */
enum {
	PROF_SESSION_INIT = VOP_NR_OPS,
	PROF_SESSION_RELEASE,
	PROF_RESOURCE_REGISTER,
	PROF_RESOURCE_UNREGISTER,
	PROF_NR,
};

/* A measurement, of whoever has it; a region of its own, as a region is timed by one thread at a time */
struct op_prof {
	const struct vaccel_prof_backend *backend; /* NULL: profiling is off */
	uint64_t start;				   /* of the backend "base" */
	struct vaccel_prof_region region;	   /* of another one */
	const char *op_plugin;			   /* that serves the operation */
	unsigned int slot;
};

/* The same with profiling on */
void op_prof_begin(struct op_prof *p, unsigned int slot);
void op_prof_begin_op(struct op_prof *p, const struct vaccel_session *sess, vaccel_op_type_t type);
void op_prof_finish(struct op_prof *p);

/*
 * op_prof_start, op_prof_start_op - begin a measurement of PROF_*, or of an operation
 * op_prof_stop - ends one that was begun
 */
static inline void op_prof_start(struct op_prof *p, unsigned int slot)
{
	p->backend = NULL;
	if (__builtin_expect(vaccel_prof_enabled(), 0))
		op_prof_begin(p, slot);
}

static inline void op_prof_start_op(struct op_prof *p, const struct vaccel_session *sess, vaccel_op_type_t type)
{
	p->backend = NULL;
	if (__builtin_expect(vaccel_prof_enabled(), 0))
		op_prof_begin_op(p, sess, type);
}

static inline void op_prof_stop(struct op_prof *p)
{
	if (__builtin_expect(p->backend != NULL, 0))
		op_prof_finish(p);
}

/* Logs and empties what the backend "base" has measured. Cleanup calls it. */
void op_prof_flush(void);

/* For pthread_atfork: samples must not be changing. A child starts without any. */
void op_prof_before_fork(void);
void op_prof_after_fork(bool child);
