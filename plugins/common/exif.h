/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PLUGINS_COMMON_EXIF_H
#define PLUGINS_COMMON_EXIF_H

#include <stddef.h>

/**
 * exif_orientation() - how a JPEG file in memory says that its picture is to be turned
 *
 * The bytes may be hostile: at most all of them are read, once.
 *
 * Return: 1 to 8, as the EXIF standard numbers them; 1, which leaves the picture as it is, when the
 * file says nothing that can be understood.
 */
int exif_orientation(const void *data, size_t size);

#endif
