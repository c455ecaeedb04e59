/* SPDX-License-Identifier: Apache-2.0 */
/* Any operation through one call. */
#pragma once

#include "vaccel/arg.h"
#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * vaccel_genop - run the operation whose code is in the first argument
 * @read: nr_read arguments: one VACCEL_ARG_UINT8 with the VACCEL_OP_* code, then the inputs
 * @write: nr_write arguments whose buffers receive the outputs
 *
 * EINVAL: sess NULL or not live, no or unknown code, NOOP, arguments that do not fit the
 * operation. ENOENT: unknown resource. ENOTSUP: operation that has no generic form (TF, TFLite,
 * Torch), infer_run and text_begin where they are to be submitted, or an operation that the session's plugin does not
 * implement. Otherwise the result of the operation.
 * Threads: any; calls on one session may run at the same time.
 */
int vaccel_genop(struct vaccel_session *sess, struct vaccel_arg *read, int nr_read,
		 struct vaccel_arg *write, int nr_write);

#ifdef __cplusplus
}
#endif
