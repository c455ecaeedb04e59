// SPDX-License-Identifier: Apache-2.0
#include "system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BUS "/sys/bus/virtio"

/* The first line of a file. Return: whether it could be read. */
static bool first_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(line, (int)size, f);

	if (f)
		fclose(f);
	if (!ok)
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return ok;
}

/* The last part of where a symbolic link leads. */
static void link_name(const char *path, char *name, size_t size)
{
	char to[PATH_MAX];
	ssize_t n = readlink(path, to, sizeof(to) - 1);

	name[0] = '\0';
	if (n <= 0)
		return;
	to[n] = '\0';
	snprintf(name, size, "%.255s", strrchr(to, '/') ? strrchr(to, '/') + 1 : to);
}

/* The first entry of a directory for which @is holds, or none */
static void find(const char *dir, bool (*is)(const char *name), char *name, size_t size)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	name[0] = '\0';
	while (d && !*name && (e = readdir(d)))
		if (*e->d_name != '.' && is(e->d_name))
			snprintf(name, size, "%s", e->d_name);
	if (d)
		closedir(d);
}

static bool is_accelerator(const char *name)
{
	char path[PATH_MAX], id[32];

	snprintf(path, sizeof(path), BUS "/devices/%s/device", name);
	return first_line(path, id, sizeof(id)) && strtoul(id, NULL, 16) == VIRTIO_ACCEL_DEVICE_ID;
}

static bool is_any(const char *name)
{
	(void)name;
	return true;
}

void system_device(struct system_device *d)
{
	char path[PATH_MAX];

	memset(d, 0, sizeof(*d));
	d->loaded = !access("/sys/module/" SYSTEM_MODULE, F_OK) || !access(BUS "/drivers/" SYSTEM_MODULE, F_OK);
	first_line("/sys/module/" SYSTEM_MODULE "/version", d->version, sizeof(d->version));
	find(BUS "/devices", is_accelerator, d->bus, sizeof(d->bus));
	if (*d->bus) {
		snprintf(path, sizeof(path), BUS "/devices/%s/driver", d->bus);
		link_name(path, d->driver, sizeof(d->driver));
	}
	find("/sys/class/virtio-accel", is_any, d->name, sizeof(d->name));
}

int system_limits(const char *node, struct virtio_accel_info *info)
{
	int fd = open(node, O_RDWR | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	memset(info, 0, sizeof(*info));
	if (ioctl(fd, VIRTIO_ACCEL_IOC_INFO, info))
		err = errno;
	close(fd);
	return err;
}
