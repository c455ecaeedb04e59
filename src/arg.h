/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments inside the library. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vaccel/arg.h"

/*
 * Whether the size bytes at buf are what type says: a scalar has the size of its C type, an array
 * a positive multiple of it, a bool is 0 or 1, a string ends with a NUL, a
 * buffer or custom object is not empty. Raw data may be anything, also nothing.
 */
bool arg_content_valid(vaccel_arg_type_t type, const void *buf, size_t size);
