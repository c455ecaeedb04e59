/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of vaccel/infer.h, from the members of struct engine: for its member infer. Models are those of
 * held.h, so the plugin's hooks are held_unregister() and, before engine_fini(), held_clear().
 */
#ifndef PLUGINS_COMMON_INFER_OPS_H
#define PLUGINS_COMMON_INFER_OPS_H

#include "vaccel.h"

extern const struct vaccel_infer_ops engine_infer;

#endif
