/* SPDX-License-Identifier: Apache-2.0 */
/* Inference inside the library. */
#pragma once

union vop_val;

/* Whether the tensors of vaccel_infer_run are as infer.h of the interface says. EINVAL, logged. */
int infer_check(const union vop_val *vals);

/* Frees what a call of vaccel_infer_run that failed has allocated. */
void infer_drop_outputs(const union vop_val *vals);
