/* SPDX-License-Identifier: Apache-2.0 */
/* Linear algebra. */
#pragma once

#include <stdint.h>

#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * vaccel_sgemm - c = alpha * a * b + beta * c, single precision, row-major
 * @m: rows of a and c
 * @n: columns of b and c
 * @k: columns of a and rows of b
 * @lda: elements from one row of a to the next (>= k); ldb (>= n) and ldc (>= n) likewise
 *
 * Where alpha is 0 the elements of a and b do not count, where beta is 0 those of c do not, whatever
 * they are: NaN * 0 is 0 there.
 *
 * EINVAL: sess NULL or not live. ENOTSUP: not implemented by the session's plugin. Otherwise the
 * result of the plugin. Threads: any; calls on one session may run at the same time.
 */
int vaccel_sgemm(struct vaccel_session *sess, int64_t m, int64_t n, int64_t k, float alpha,
		 float *a, int64_t lda, float *b, int64_t ldb, float beta, float *c, int64_t ldc);

#ifdef __cplusplus
}
#endif
