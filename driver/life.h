/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether the device lives. */
#ifndef ACCEL_LIFE_H
#define ACCEL_LIFE_H

#include "device.h"

void accel_life_start(struct accel_device *dev);
void accel_life_stop(struct accel_device *dev);

#endif
