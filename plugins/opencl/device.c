// SPDX-License-Identifier: Apache-2.0
/*
 * Which device the plugin uses: the operator names it. All that an implementation may do only once, or
 * only before the worker's sandbox is complete, is done here when the plugin is loaded.
 */
#include <ctype.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "opencl.h"

#define MAX_PLATFORMS 16
#define MAX_DEVICES   64
/* Without it PoCL's look at the processors ends the process. */
#define TOPOLOGY "/sys/devices/system/cpu/cpu0/topology"

struct found {
	cl_device_id id;
	char name[256]; /* "platform: device" */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct device device;
static pid_t owner; /* the process that started it; 0: nobody has */
static char own_cache[PATH_MAX];

int opencl_failed(const char *what, cl_int error)
{
	opencl_error("Could not %s: OpenCL says %d%s", what, error,
		     error == CL_MEM_OBJECT_ALLOCATION_FAILURE || error == CL_OUT_OF_RESOURCES ||
				     error == CL_OUT_OF_HOST_MEMORY ?
			     " (no memory)" :
			     "");
	switch (error) {
	case CL_MEM_OBJECT_ALLOCATION_FAILURE:
	case CL_OUT_OF_RESOURCES:
	case CL_OUT_OF_HOST_MEMORY:
		return VACCEL_ENOMEM;
	case CL_INVALID_BUFFER_SIZE:
		return VACCEL_EINVAL;
	default:
		return VACCEL_EBACKEND;
	}
}

/* ---- What implementations need --------------------------------------------------------------- */

/* A sandbox may forbid what access(2) allows, so it is tried. */
static bool can_write(const char *dir)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/vaccel-XXXXXX", dir) >= (int)sizeof(path))
		return false;
	return mkdtemp(path) && rmdir(path) == 0;
}

/* Makes a directory and those above it that are missing. */
static bool make_dir(const char *dir)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
		return false;
	for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	mkdir(path, 0700);
	return can_write(path);
}

/* Where PoCL keeps compiled kernels when nobody says where. Return: whether there is such a place. */
static bool usual_cache(char *dir, size_t size)
{
	const char *top = getenv("XDG_CACHE_HOME"), *below = "";

	if (!top || *top != '/') {
		top = getenv("HOME");
		below = "/.cache";
	}
	if (!top || *top != '/')
		return false;
	return snprintf(dir, size, "%s%s/pocl/kcache", top, below) < (int)size && make_dir(dir);
}

static int set_cache(void)
{
	const char *chosen = getenv("POCL_CACHE_DIR");
	char dir[PATH_MAX];

	if (chosen) {
		if (make_dir(chosen))
			return VACCEL_OK;
		opencl_error("POCL_CACHE_DIR=%s is no directory that can be written to. Name one that "
			     "can, and allow it in the sandbox (--allow-path=DIRECTORY:rw), or leave the "
			     "variable out", chosen);
		return VACCEL_EACCES;
	}
	if (!usual_cache(dir, sizeof(dir))) {
		snprintf(dir, sizeof(dir), "%s/opencl", vaccel_rundir());
		if (!make_dir(dir)) {
			opencl_error("Cannot write to %s, a directory for compiled kernels", dir);
			return VACCEL_EACCES;
		}
		memcpy(own_cache, dir, sizeof(own_cache));
	}
	setenv("POCL_CACHE_DIR", dir, 1);
	return VACCEL_OK;
}

/* PoCL starts a thread for each processor of the machine, if it is not told otherwise. */
static void set_threads(void)
{
	char number[16];
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return;
	snprintf(number, sizeof(number), "%d", CPU_COUNT(&cpus));
	setenv("POCL_CPU_MAX_CU_COUNT", number, 0);
}

static int prepare(void)
{
	if (access(TOPOLOGY, R_OK | X_OK)) {
		opencl_error("Cannot read %s: %s. Implementations of OpenCL end the process without "
			     "it; mount /sys", TOPOLOGY, strerror(errno));
		return VACCEL_ENOTSUP;
	}
	set_threads();
	return set_cache();
}

/* ---- Choosing -------------------------------------------------------------------------------- */

static unsigned int find_devices(struct found *found)
{
	cl_platform_id platforms[MAX_PLATFORMS];
	cl_device_id ids[MAX_DEVICES];
	cl_uint nr_platforms = 0, nr_ids;
	unsigned int nr = 0;

	if (clGetPlatformIDs(MAX_PLATFORMS, platforms, &nr_platforms))
		return 0;
	for (cl_uint p = 0; p < nr_platforms && p < MAX_PLATFORMS; p++) {
		char platform[96] = "?", name[128] = "?";

		if (clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, MAX_DEVICES, ids, &nr_ids))
			continue;
		clGetPlatformInfo(platforms[p], CL_PLATFORM_NAME, sizeof(platform), platform, NULL);
		for (cl_uint i = 0; i < nr_ids && i < MAX_DEVICES && nr < MAX_DEVICES; i++) {
			clGetDeviceInfo(ids[i], CL_DEVICE_NAME, sizeof(name), name, NULL);
			found[nr].id = ids[i];
			snprintf(found[nr].name, sizeof(found[nr].name), "%s: %s", platform, name);
			opencl_debug("Device %u is %s", nr, found[nr].name);
			nr++;
		}
	}
	return nr;
}

/* Return: its index, or -1. */
static int match(const struct found *found, unsigned int nr, const char *wanted)
{
	char *end;
	unsigned long index;

	if (!wanted || !*wanted)
		return 0;
	index = strtoul(wanted, &end, 10);
	if (isdigit((unsigned char)*wanted) && !*end)
		return index < nr ? (int)index : -1;
	for (unsigned int i = 0; i < nr; i++)
		if (strcasestr(found[i].name, wanted))
			return (int)i;
	return -1;
}

static int choose(struct device *d)
{
	const char *wanted = getenv(ENV_DEVICE);
	struct found *found = calloc(MAX_DEVICES, sizeof(*found));
	unsigned int nr = found ? find_devices(found) : 0;
	int index;

	if (!nr) {
		opencl_error("There is no OpenCL device: install an implementation, such as the package "
			     "pocl-opencl-icd, and let it reach its device (--allow-path)");
		free(found);
		return VACCEL_ENODEV;
	}
	index = match(found, nr, wanted);
	if (index >= 0) {
		d->id = found[index].id;
		memcpy(d->name, found[index].name, sizeof(d->name));
	} else {
		opencl_error(ENV_DEVICE "=%s: there is no such device. It can be 0 to %u, or part of a "
			     "name; these are there:", wanted, nr - 1);
		for (unsigned int i = 0; i < nr; i++)
			opencl_error("device %u: %s", i, found[i].name);
	}
	free(found);
	return index >= 0 ? VACCEL_OK : VACCEL_ENODEV;
}

/* ---- Preparing it ---------------------------------------------------------------------------- */

/* "OpenCL MAJOR.MINOR ..." */
static bool is_new_enough(const char *version)
{
	static const char prefix[] = "OpenCL ";
	unsigned long major, minor;
	char *end;

	if (strncmp(version, prefix, sizeof(prefix) - 1))
		return false;
	major = strtoul(version + sizeof(prefix) - 1, &end, 10);
	minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	return major > 1 || (major == 1 && minor >= 2);
}

static int ask(struct device *d)
{
	cl_device_fp_config doubles = 0;
	char version[64] = "";
	cl_int error;

	clGetDeviceInfo(d->id, CL_DEVICE_VERSION, sizeof(version), version, NULL);
	if (!is_new_enough(version)) {
		opencl_error("%s has %s; OpenCL 1.2 is needed. " ENV_DEVICE " chooses another device",
			     d->name, *version ? version : "an unknown version");
		return VACCEL_ENOTSUP;
	}
	clGetDeviceInfo(d->id, CL_DEVICE_DOUBLE_FP_CONFIG, sizeof(doubles), &doubles, NULL);
	d->has_double = doubles != 0;
	error = clGetDeviceInfo(d->id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(d->group), &d->group, NULL);
	if (!error)
		error = clGetDeviceInfo(d->id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(d->max_buffer),
					&d->max_buffer, NULL);
	if (error)
		return opencl_failed("ask the device", error);
	if (d->group > GROUP)
		d->group = GROUP;
	return VACCEL_OK;
}

static int build(struct device *d)
{
	const char *source = kernel_source;
	char log[1024] = "";
	cl_int error;

	d->context = clCreateContext(NULL, 1, &d->id, NULL, NULL, &error);
	if (error)
		return opencl_failed("use the device", error);
	d->program = clCreateProgramWithSource(d->context, 1, &source, NULL, &error);
	if (error)
		return opencl_failed("make a program", error);
	error = clBuildProgram(d->program, 1, &d->id, "-cl-std=CL1.2", NULL, NULL);
	if (!error)
		return VACCEL_OK;
	clGetProgramBuildInfo(d->program, d->id, CL_PROGRAM_BUILD_LOG, sizeof(log), log, NULL);
	log[sizeof(log) - 1] = '\0';
	for (char *c = log; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = ' ';
	opencl_error("%s: %s", d->name, *log ? log : "the compiler says nothing");
	return opencl_failed("compile the kernels", error);
}

static void forget(struct device *d)
{
	if (d->program)
		clReleaseProgram(d->program);
	if (d->context)
		clReleaseContext(d->context);
	*d = (struct device){0};
}

static int start(void)
{
	int ret = prepare();

	if (!ret)
		ret = choose(&device);
	if (!ret)
		ret = ask(&device);
	if (!ret)
		ret = build(&device);
	if (ret) {
		forget(&device);
		return ret;
	}
	owner = getpid();
	return VACCEL_OK;
}

const struct device *device_get(void)
{
	if (owner == getpid())
		return &device;
	opencl_error("OpenCL cannot be used in a child of the process that started it: load the plugin "
		     "in the child alone");
	return NULL;
}

int device_start(void)
{
	bool fresh;
	int ret = VACCEL_OK;

	pthread_mutex_lock(&lock);
	fresh = !owner;
	if (fresh)
		ret = start();
	else if (!device_get())
		ret = VACCEL_ENOTSUP;
	if (!ret && fresh)
		ret = lanes_start(&device);
	if (!ret)
		opencl_debug("Using %s", device.name);
	pthread_mutex_unlock(&lock);
	return ret;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* What was compiled is loaded, its files are not needed any more. */
void device_stop(void)
{
	if (*own_cache && owner == getpid())
		nftw(own_cache, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
