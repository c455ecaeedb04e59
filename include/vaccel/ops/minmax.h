/* SPDX-License-Identifier: Apache-2.0 */
/* Minimum and maximum (deprecated: use vaccel_exec). */
#pragma once

#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * vaccel_minmax - find the smallest and largest of ndata numbers
 * @low_threshold, @high_threshold: limits that the plugin applies
 * @outdata: ndata numbers, the processed input
 * @min, @max: one number each
 *
 * EINVAL: sess NULL or not live. ENOTSUP: not implemented by the session's plugin. Otherwise the
 * result of the plugin. Threads: any; calls on one session may run at the same time.
 */
__attribute__((deprecated)) int vaccel_minmax(struct vaccel_session *sess, const double *indata,
					      int ndata, int low_threshold, int high_threshold,
					      double *outdata, double *min, double *max);

#ifdef __cplusplus
}
#endif
