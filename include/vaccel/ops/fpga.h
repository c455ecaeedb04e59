/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FPGA examples (deprecated: use vaccel_exec).
 *
 * EINVAL: sess NULL or not live. ENOTSUP: not implemented by the session's plugin. Otherwise the
 * result of the plugin. Threads: any; calls on one session may run at the same time.
 */
#pragma once

#include <stddef.h>

#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Copies the len_a elements of a to out_a. */
__attribute__((deprecated)) int vaccel_fpga_arraycopy(struct vaccel_session *sess, int a[],
						      int out_a[], size_t len_a);

/* Multiplies the matrices a and b of len_a elements each into c. */
__attribute__((deprecated)) int vaccel_fpga_mmult(struct vaccel_session *sess, float a[], float b[],
						  float c[], size_t len_a);

/* Adds and multiplies the len_a elements of a and b one by one. */
__attribute__((deprecated)) int vaccel_fpga_parallel(struct vaccel_session *sess, float a[],
						     float b[], float add_output[],
						     float mult_output[], size_t len_a);

/* Adds the len_a elements of a and len_b elements of b into c. */
__attribute__((deprecated)) int vaccel_fpga_vadd(struct vaccel_session *sess, float a[], float b[],
						 float c[], size_t len_a, size_t len_b);

#ifdef __cplusplus
}
#endif
