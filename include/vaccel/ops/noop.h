/* SPDX-License-Identifier: Apache-2.0 */
/* An operation that does nothing: checks or measures the way to a plugin and back. */
#pragma once

#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * vaccel_noop - run the no-op
 *
 * EINVAL: sess NULL or not live. ENOTSUP: not implemented by the session's plugin. Otherwise the
 * result of the plugin. Threads: any; calls on one session may run at the same time.
 */
int vaccel_noop(struct vaccel_session *sess);

#ifdef __cplusplus
}
#endif
