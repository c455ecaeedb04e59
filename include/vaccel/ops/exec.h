/* SPDX-License-Identifier: Apache-2.0 */
/* Run a function of a library on the side of the plugin. */
#pragma once

#include <stddef.h>

#include "vaccel/arg.h"
#include "vaccel/resource.h"
#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * vaccel_exec - call fn_symbol of library
 * @library: path of a shared library where the plugin runs
 * @fn_symbol: its function, int f(struct vaccel_arg *, size_t, struct vaccel_arg *, size_t)
 * @read: nr_read arguments for the function to read
 * @write: nr_write arguments whose buffers the function fills
 *
 * EINVAL: sess NULL or not live. ENOTSUP: not implemented by the session's plugin. Otherwise the
 * result of the plugin. Threads: any; calls on one session may run at the same time.
 */
int vaccel_exec(struct vaccel_session *sess, const char *library, const char *fn_symbol,
		struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write, size_t nr_write);

/*
 * vaccel_exec_with_resource - the same with the library in a resource
 * @resource: resource of type LIB that is registered with sess; the last of several libraries
 *	has the function, the others are its dependencies
 *
 * EINVAL: also resource NULL or of another type. EPERM: resource not registered with sess.
 */
int vaccel_exec_with_resource(struct vaccel_session *sess, struct vaccel_resource *resource,
			      const char *fn_symbol, struct vaccel_arg *read, size_t nr_read,
			      struct vaccel_arg *write, size_t nr_write);

#ifdef __cplusplus
}
#endif
