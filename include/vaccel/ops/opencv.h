/* SPDX-License-Identifier: Apache-2.0 */
/* OpenCV functions, chosen by the first argument. */
#pragma once

#include "vaccel/arg.h"
#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * vaccel_opencv_unpack - run an OpenCV function of the plugin
 * @read: nr_read arguments; by convention the first is a uint8 function code
 * @write: nr_write arguments whose buffers the function fills
 *
 * EINVAL: sess NULL or not live. ENOTSUP: not implemented by the session's plugin. Otherwise the
 * result of the plugin. Threads: any; calls on one session may run at the same time.
 */
int vaccel_opencv_unpack(struct vaccel_session *sess, struct vaccel_arg *read, int nr_read,
			 struct vaccel_arg *write, int nr_write);

#ifdef __cplusplus
}
#endif
