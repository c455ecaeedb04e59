// SPDX-License-Identifier: Apache-2.0
#include "library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define NAME "libvaccel.so.0"

/* A limit that lets nothing be loaded looks like a broken library. */
static void explain(const char *error, char *why, size_t size)
{
	struct rlimit limit;

	if (strstr(error, "No such file"))
		snprintf(why, size, "%s: install the package libvaccel0; after an installation from source run "
			 "ldconfig, or put the library's directory into LD_LIBRARY_PATH", error);
	else if (!getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY)
		snprintf(why, size, "%s: the process may have %llu KiB of address space: raise the limit "
			 "(ulimit -v)", error, (unsigned long long)limit.rlim_cur / 1024);
	else
		snprintf(why, size, "%s: install the library for this machine, and what it needs", error);
}

static void *function(void *handle, const char *name, const char *path, char *why, size_t size)
{
	void *address = dlsym(handle, name);

	if (!address)
		snprintf(why, size, "%s has no function %s: it is not the library of this vaccel-info (%s): "
			 "install the same release of both", path, name, VACCEL_PROJECT_VERSION);
	return address;
}

bool library_open(struct library *lib, char *why, size_t size)
{
	void *handle = dlopen(NAME, RTLD_NOW | RTLD_GLOBAL), *address;
	Dl_info info;

	if (!handle) {
		explain(dlerror(), why, size);
		return false;
	}
	address = dlsym(handle, "vaccel_bootstrap");
	snprintf(lib->path, sizeof(lib->path), "%s",
		 address && dladdr(address, &info) && info.dli_fname ? info.dli_fname : NAME);
#define X(name)                                                                           \
	address = function(handle, #name, lib->path, why, size);                          \
	if (!address)                                                                     \
		return false;                                                             \
	lib->name = (__typeof__(lib->name))address;
	LIBRARY_FUNCTIONS(X)
#undef X
	return true;
}
