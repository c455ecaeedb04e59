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
 *		uint64_t start = op_prof_start();
 *		ret = ((foo_fn)func)(sess, ...);
 *		op_prof_stop(VACCEL_OP_FOO, start);
 *		return ret;
 *	}
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

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

union vop_val;

/* The public call of an op, with one value for each parameter after the session. In genop.c. */
int op_call(struct vaccel_session *sess, vaccel_op_type_t type, const union vop_val *vals);

/* Start of an op's profiling sample; 0 when profiling is off. */
uint64_t op_prof_start(void);

/* Adds the sample that began at start (op_prof_start) to the op's region. 0 is ignored. */
void op_prof_stop(vaccel_op_type_t type, uint64_t start);

/* Logs and empties the regions of all ops. Bootstrap and cleanup call it. */
void op_prof_flush(void);

/* For pthread_atfork: samples must not be changing. A child starts without any. */
void op_prof_before_fork(void);
void op_prof_after_fork(bool child);
