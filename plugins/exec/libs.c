// SPDX-License-Identifier: Apache-2.0
/* The opened libraries of resources: kept in plugin_priv, counted, closed after the last use. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "exec.h"

struct lib {
	void *handle;
	int copy; /* file descriptor that is its name, or -1; see exec_copy() */
};

struct exec_libs {
	unsigned int users; /* running calls, and 1 while plugin_priv points here */
	bool close;
	size_t nr_libs;
	struct lib libs[]; /* dependencies first, the main library last */
};

/* Protects plugin_priv of resources and the users; not held while a library is opened or closed. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void close_libs(struct exec_libs *libs)
{
	while (libs->close && libs->nr_libs) {
		struct lib *lib = &libs->libs[--libs->nr_libs];

		dlclose(lib->handle);
		if (lib->copy >= 0)
			close(lib->copy);
	}
	free(libs);
}

/* Dependencies may need symbols of each other, in any order: try the other mode as well. */
static void *open_dependency(const char *path, int mode)
{
	int other = mode == RTLD_NOW ? RTLD_LAZY : RTLD_NOW;
	void *handle = dlopen(path, mode | RTLD_GLOBAL);

	return handle ? handle : dlopen(path, other | RTLD_GLOBAL);
}

static void *open_path(const char *path, int mode, bool main)
{
	return main ? dlopen(path, mode) : open_dependency(path, mode);
}

/* Return: whether the library was opened; what was wrong has been logged. */
static bool open_lib(const char *path, int mode, bool main, struct lib *lib)
{
	char name[32];

	lib->copy = exec_copy(path);
	if (lib->copy >= 0) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", lib->copy);
		lib->handle = open_path(name, mode, main);
	} else {
		lib->handle = open_path(path, mode, main);
	}
	if (lib->handle) {
		exec_debug("library: %s", path);
		return true;
	}
	exec_error("Could not open library %s: %s%s", path, dlerror(), exec_hint(path));
	if (lib->copy >= 0)
		close(lib->copy);
	return false;
}

static int open_libs(const struct vaccel_resource *res, const struct exec_settings *settings,
		     struct exec_libs **out)
{
	struct exec_libs *libs;

	if (!res->blobs || !res->nr_blobs) {
		exec_error("Resource %lld has no library", (long long)res->id);
		return VACCEL_EINVAL;
	}
	libs = malloc(sizeof(*libs) + res->nr_blobs * sizeof(libs->libs[0]));
	if (!libs)
		return VACCEL_ENOMEM;
	libs->users = 0;
	libs->close = true;
	libs->nr_libs = 0;

	for (size_t i = 0; i < res->nr_blobs; i++) {
		const char *path = vaccel_blob_path(res->blobs[i]);

		if (!path) {
			exec_error("Library %zu of resource %lld is not in a file", i,
				   (long long)res->id);
			goto fail;
		}
		if (!open_lib(path, settings->dlopen_mode, i + 1 == res->nr_blobs,
			      &libs->libs[libs->nr_libs]))
			goto fail;
		libs->nr_libs++;
	}
	libs->close = settings->close_at_unregister;
	*out = libs;
	return VACCEL_OK;

fail:
	close_libs(libs);
	return VACCEL_EINVAL;
}

int exec_libs_get(struct vaccel_resource *res, const struct exec_settings *settings,
		  struct exec_libs **libs)
{
	struct exec_libs *cached, *opened = NULL;
	int ret;

	pthread_mutex_lock(&lock);
	cached = res->plugin_priv;
	if (!cached) {
		pthread_mutex_unlock(&lock);
		ret = open_libs(res, settings, &opened);
		if (ret)
			return ret;
		pthread_mutex_lock(&lock);
		cached = res->plugin_priv;
		if (!cached) {
			opened->users = 1;
			res->plugin_priv = cached = opened;
			opened = NULL;
		}
	}
	cached->users++;
	pthread_mutex_unlock(&lock);

	if (opened) { /* another thread was faster; its handles are the same libraries */
		opened->close = true;
		close_libs(opened);
	}
	*libs = cached;
	return VACCEL_OK;
}

void *exec_libs_main(const struct exec_libs *libs)
{
	return libs->libs[libs->nr_libs - 1].handle;
}

void exec_libs_put(struct exec_libs *libs)
{
	bool last;

	pthread_mutex_lock(&lock);
	last = --libs->users == 0;
	pthread_mutex_unlock(&lock);
	if (last)
		close_libs(libs);
}

void exec_libs_forget(struct vaccel_resource *res)
{
	struct exec_libs *libs;

	pthread_mutex_lock(&lock);
	libs = res->plugin_priv;
	res->plugin_priv = NULL;
	pthread_mutex_unlock(&lock);
	if (libs)
		exec_libs_put(libs);
}
