// SPDX-License-Identifier: Apache-2.0
/* The opened libraries of resources: kept in plugin_priv, counted, closed after the last use. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "exec.h"

struct exec_libs {
	unsigned int users; /* running calls, and 1 while plugin_priv points here */
	bool close;
	size_t nr_handles;
	void *handles[]; /* dependencies first, the main library last */
};

/* Protects plugin_priv of resources and the users; not held while a library is opened or closed. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void close_libs(struct exec_libs *libs)
{
	while (libs->close && libs->nr_handles)
		dlclose(libs->handles[--libs->nr_handles]);
	free(libs);
}

/* Dependencies may need symbols of each other, in any order: try the other mode as well. */
static void *open_dependency(const char *path, int mode)
{
	int other = mode == RTLD_NOW ? RTLD_LAZY : RTLD_NOW;
	void *handle = dlopen(path, mode | RTLD_GLOBAL);

	return handle ? handle : dlopen(path, other | RTLD_GLOBAL);
}

static int open_libs(const struct vaccel_resource *res, const struct exec_settings *settings,
		     struct exec_libs **out)
{
	struct exec_libs *libs;

	if (!res->blobs || !res->nr_blobs) {
		exec_error("Resource %lld has no library", (long long)res->id);
		return VACCEL_EINVAL;
	}
	libs = malloc(sizeof(*libs) + res->nr_blobs * sizeof(libs->handles[0]));
	if (!libs)
		return VACCEL_ENOMEM;
	libs->users = 0;
	libs->close = true;
	libs->nr_handles = 0;

	for (size_t i = 0; i < res->nr_blobs; i++) {
		const char *path = vaccel_blob_path(res->blobs[i]);
		void *handle;

		if (!path) {
			exec_error("Library %zu of resource %lld is not in a file", i,
				   (long long)res->id);
			goto fail;
		}
		if (i + 1 < res->nr_blobs)
			handle = open_dependency(path, settings->dlopen_mode);
		else
			handle = dlopen(path, settings->dlopen_mode);
		if (!handle) {
			exec_error("Could not open library: %s", dlerror());
			goto fail;
		}
		exec_debug("library: %s", path);
		libs->handles[libs->nr_handles++] = handle;
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
	return libs->handles[libs->nr_handles - 1];
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
