/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids of sessions and resources: 1 and up; 0 is an unused object, negative a failed one.
 *
 * Threads: an id is a number, which any thread may use. The object that it names may be released by
 * another one meanwhile: see session.h and resource.h.
 */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int64_t vaccel_id_t;

#ifdef __cplusplus
}
#endif
