/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text inside the library: whether the parameters of a call are as text.h of the interface says. What is wrong is
 * logged. EINVAL, ERANGE.
 */
#pragma once

union vop_val;

int text_check_begin(const union vop_val *vals);
int text_check_next(const union vop_val *vals);
int text_check_embed(const union vop_val *vals);
