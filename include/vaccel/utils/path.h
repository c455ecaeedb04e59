/* SPDX-License-Identifier: Apache-2.0 */
/* What a path names. Threads: its functions may be called from any thread. */
#pragma once

#include "vaccel/utils/enum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define _ENUM_PREFIX VACCEL_PATH
#define VACCEL_PATH_TYPE_ENUM_LIST(ITEM)       \
	ITEM(LOCAL_FILE, 0, _ENUM_PREFIX)      \
	ITEM(LOCAL_DIR, _ENUM_PREFIX)          \
	ITEM(REMOTE_FILE, _ENUM_PREFIX)

VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_path_type, _ENUM_PREFIX, VACCEL_PATH_TYPE_ENUM_LIST)

#undef _ENUM_PREFIX
/* clang-format on */

#ifdef __cplusplus
}
#endif
