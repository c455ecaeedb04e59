// SPDX-License-Identifier: Apache-2.0
/* The table of profiling backends, and which one is wanted. */
#include "prof.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "vaccel/core.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

#define BASE "base"
/* Beside it */
#define BACKENDS_MAX 3

struct entry {
	const char *name; /* NULL: free */
	const struct vaccel_prof_backend *backend;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all that follows */
static struct entry entries[BACKENDS_MAX];
static char *wanted; /* NULL: base */
static bool ready, warned;

/* The entry of a name, NULL: of none; the lock is held. */
static struct entry *find(const char *name)
{
	for (size_t i = 0; i < BACKENDS_MAX; i++) {
		struct entry *e = &entries[i];

		if (name ? e->name && !strcmp(e->name, name) : !e->name)
			return e;
	}
	return NULL;
}

const struct vaccel_prof_backend *prof_backend(void)
{
	const struct vaccel_prof_backend *found = &prof_base;
	char name[64] = "";

	pthread_mutex_lock(&lock);
	if (wanted) {
		struct entry *e = find(wanted);

		if (e) {
			found = e->backend;
		} else if (!warned && vaccel_is_initialized()) {
			/* Not before all plugins have been loaded, one of which may bring it */
			warned = true;
			strncpy(name, wanted, sizeof(name) - 1);
		}
	}
	pthread_mutex_unlock(&lock);
	if (*name)
		vaccel_warn("No plugin has brought the profiling backend VACCEL_PROFILING_BACKEND=%s: " BASE
			    " is used; name its plugin in VACCEL_PLUGINS", name);
	return found;
}

static bool is_complete(const struct vaccel_prof_backend *b)
{
	return b->region_start && b->region_stop && b->region_init && b->region_release && b->region_print &&
	       b->regions_start_by_name && b->regions_stop_by_name && b->regions_init && b->regions_release &&
	       b->regions_print_all && b->regions_print_all_to_buf;
}

static int add(const char *name, const struct vaccel_prof_backend *backend)
{
	struct entry *e;

	if (!ready)
		return VACCEL_EBACKEND;
	if (find(name))
		return VACCEL_EEXIST;
	e = find(NULL);
	if (!e)
		return VACCEL_ENOMEM;
	*e = (struct entry){ name, backend };
	return VACCEL_OK;
}

int vaccel_plugin_register_prof_backend(const char *name, const struct vaccel_prof_backend *backend)
{
	int ret;

	if (!name || !backend || !strcmp(name, BASE) || !is_complete(backend)) {
		vaccel_error("Cannot register profiling backend %s: it has to have a name other than " BASE
			     ", and all its functions", name ? name : "(null)");
		return VACCEL_EINVAL;
	}
	pthread_mutex_lock(&lock);
	ret = add(name, backend);
	pthread_mutex_unlock(&lock);
	if (ret)
		vaccel_error("Cannot register profiling backend %s: %s", name,
			     ret == VACCEL_EEXIST ? "there is one of this name" :
			     ret == VACCEL_ENOMEM ? "there are four already" : "vAccel is not initialized");
	else
		vaccel_debug("Registered profiling backend %s", name);
	return ret;
}

int vaccel_plugin_unregister_prof_backend(const char *name)
{
	int ret = VACCEL_OK;
	struct entry *e;

	if (!name || !strcmp(name, BASE))
		return VACCEL_EINVAL;
	pthread_mutex_lock(&lock);
	e = find(name);
	if (!ready)
		ret = VACCEL_EBACKEND;
	else if (!e)
		ret = VACCEL_ENOENT;
	else
		*e = (struct entry){ 0 };
	pthread_mutex_unlock(&lock);
	return ret;
}

int prof_bootstrap(void)
{
	const char *name = getenv("VACCEL_PROFILING_BACKEND");
	char *copy = NULL;

	if (name && *name && strcmp(name, BASE)) {
		copy = strdup(name);
		if (!copy)
			return VACCEL_ENOMEM;
	}
	pthread_mutex_lock(&lock);
	free(wanted);
	wanted = copy;
	warned = false;
	ready = true;
	pthread_mutex_unlock(&lock);
	return VACCEL_OK;
}

void prof_cleanup(void)
{
	pthread_mutex_lock(&lock);
	/* Plugins that a fork has brought are not ended, but forgotten. */
	memset(entries, 0, sizeof(entries));
	ready = false;
	free(wanted);
	wanted = NULL;
	pthread_mutex_unlock(&lock);
}

void prof_before_fork(void)
{
	pthread_mutex_lock(&lock);
}

void prof_after_fork(void)
{
	pthread_mutex_unlock(&lock);
}
