/* SPDX-License-Identifier: Apache-2.0 */
/* What vaccel-info finds out, and how it prints it. */
#ifndef INFO_H
#define INFO_H

#include <stdbool.h>
#include <stddef.h>

#include "library.h"
#include "system.h"

#define MAX_PLUGINS 64

struct plugins {
	struct vaccel_plugin_desc list[MAX_PLUGINS];
	size_t nr;
};

/**
 * struct info - what there is
 * @lib:    the library; it has started
 * @local:  plugins of this process
 * @remote: the host's behind the first virtio plugin of them; valid if @host_asked and no @host_error
 * @host_error: VACCEL_E* when the host could not be asked
 * @native: the host is reached by a socket, and not by the driver; this and what follows with @host_asked
 * @target: the socket, or the driver's node
 * @device: and its driver
 * @limits: of the device, if @limits_known
 */
struct info {
	struct library lib;
	struct plugins local;
	struct plugins remote;
	bool host_asked;
	int host_error;
	bool native;
	const char *target;
	struct system_device device;
	struct virtio_accel_info limits;
	bool limits_known;
};

/** print_text(), print_json() - to standard output, for people and for programs */
void print_text(const struct info *info);
void print_json(const struct info *info);

#endif
