/* SPDX-License-Identifier: GPL-2.0-only */
/* The device node. */
#ifndef ACCEL_FILE_H
#define ACCEL_FILE_H

#include <linux/fs.h>

extern const struct file_operations accel_fops;

#endif
