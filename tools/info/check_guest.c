// SPDX-License-Identifier: Apache-2.0
/* Why the plugin virtio finds no device in a VM, which only the kernel's files tell. */
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"
#include "system.h"
#include "transport/target.h"
#include "uapi/linux/virtio_accel.h"

#define MODULES "/lib/modules"

static bool found_module;

static int look_for_module(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	found_module = type != FTW_D && !strncmp(path + ftw->base, SYSTEM_MODULE ".ko", sizeof(SYSTEM_MODULE ".ko") - 1);
	return found_module;
}

static bool has_module(const char *release)
{
	char dir[PATH_MAX];

	found_module = false;
	snprintf(dir, sizeof(dir), MODULES "/%s", release);
	nftw(dir, look_for_module, 16, FTW_PHYS);
	return found_module;
}

/* The kernels that have the module, but are not this one. Return: how many. */
static int other_kernels(const char *own, char *list, size_t size)
{
	DIR *dir = opendir(MODULES);
	struct dirent *e;
	size_t at = 0;
	int nr = 0;

	list[0] = '\0';
	while (dir && (e = readdir(dir))) {
		if (*e->d_name == '.' || !strcmp(e->d_name, own) || !has_module(e->d_name))
			continue;
		if (at < size)
			at += (size_t)snprintf(list + at, size - at, "%s%s", nr ? ", " : "", e->d_name);
		nr++;
	}
	if (dir)
		closedir(dir);
	return nr;
}

static void check_module(struct checks *c)
{
	struct utsname own;
	char others[256];

	uname(&own);
	if (has_module(own.release))
		check_add(c, CHECK_FAILED, "driver", "the module virtio_accel is not loaded: modprobe "
			  "virtio_accel; if that fails, dmesg says why");
	else if (other_kernels(own.release, others, sizeof(others)))
		check_add(c, CHECK_FAILED, "driver", "the module virtio_accel was built for Linux %s, and "
			  "this is Linux %s: install the headers of this kernel and build it again (dkms "
			  "autoinstall, or make in driver/), or boot the other kernel", others, own.release);
	else
		check_add(c, CHECK_FAILED, "driver", "there is no module virtio_accel for Linux %s: "
			  "install the package virtio-accel-dkms, or build driver/", own.release);
}

/* There is a driver, and no node. */
static void check_binding(struct checks *c, const struct system_device *d)
{
	const char *path = target_path();

	if (*d->bus && !*d->driver)
		check_add(c, CHECK_FAILED, "driver", "the driver virtio_accel does not serve the device "
			  "%s: dmesg says why; mostly driver and vhost-user-accel are of different releases",
			  d->bus);
	else if (*d->name)
		check_add(c, CHECK_FAILED, "driver", "there is no %s, but the driver has /dev/%s: a container "
			  "has to be given it (--device), and VACCEL_VIRTIO_DEVICE names another node than "
			  TARGET_DEFAULT_DEVICE, path, d->name);
	else
		check_add(c, CHECK_FAILED, "driver", "the driver virtio_accel has made no node: "
			  "load it again (modprobe -r, modprobe), and see dmesg");
}

static void check_there(struct checks *c, const struct system_device *d)
{
	if (*d->version && strcmp(d->version, VACCEL_PROJECT_VERSION))
		check_add(c, CHECK_WARNING, "driver", "the module virtio_accel is %s, this vaccel-info %s: "
			  "install the same release of both", d->version, VACCEL_PROJECT_VERSION);
	else
		check_add(c, CHECK_OK, "driver", "virtio_accel %s, device %s", d->version, target_path());
}

void check_device(struct checks *c)
{
	struct system_device d;

	/* The plugin itself says all that can be wrong with a socket. */
	if (target_is_native())
		return;
	system_device(&d);
	if (!access(target_path(), F_OK))
		check_there(c, &d);
	else if (!*d.bus && !d.loaded)
		check_add(c, CHECK_FAILED, "device", "this machine has no virtio accelerator (virtio device %d): "
			  "start the VM with one, see vhost-user-accel(8) and qemu-vaccel(1); without a VM "
			  "VACCEL_VIRTIO_SOCKET names the socket of vhost-user-accel", VIRTIO_ACCEL_DEVICE_ID);
	else if (!d.loaded)
		check_module(c);
	else if (!*d.bus)
		check_add(c, CHECK_FAILED, "device", "the driver virtio_accel is loaded, and this machine has "
			  "no virtio accelerator (virtio device %d): start the VM with one, see "
			  "vhost-user-accel(8) and qemu-vaccel(1)", VIRTIO_ACCEL_DEVICE_ID);
	else
		check_binding(c, &d);
}
