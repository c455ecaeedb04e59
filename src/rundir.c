// SPDX-License-Identifier: Apache-2.0
#include "rundir.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "path.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

/* Another process may remove a parent that it made between our making sure of it and its use. */
#define ATTEMPTS 8

static char path[PATH_MAX];
static pid_t owner;
static unsigned int made_parents;

/*
 * Makes a private directory, or accepts one that nobody else can change. Counts what it makes.
 */
static bool private_dir(const char *dir, unsigned int *made)
{
	struct stat st;

	if (!mkdir(dir, 0700)) {
		(*made)++;
		return true;
	}
	if (errno != EEXIST || lstat(dir, &st))
		return false;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH))) {
		errno = EACCES;
		return false;
	}
	return true;
}

/* Removes nr directories from the deepest on: dir and its parents. */
static void remove_parents(const char *dir, unsigned int nr)
{
	char buf[PATH_MAX];
	char *slash;

	snprintf(buf, sizeof(buf), "%s", dir);
	for (; nr && !rmdir(buf); nr--) {
		slash = strrchr(buf, '/');
		if (!slash)
			return;
		*slash = '\0';
	}
}

/* mkdtemp of the template "dir/name"; keeps the path. */
static bool make_in(const char *dir, const char *name)
{
	char buf[PATH_MAX];
	int len = snprintf(buf, sizeof(buf), "%s/%s", dir, name);

	/* Paths of files in there must fit too. */
	if (len < 0 || len >= PATH_MAX - NAME_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	if (!mkdtemp(buf))
		return false;
	strcpy(path, buf);
	return true;
}

/* In a directory "vaccel" of base that is ours alone; base itself is made when make_base. */
static bool create_below(const char *base, bool make_base)
{
	char dir[PATH_MAX];
	unsigned int made;
	int err;

	if ((size_t)snprintf(dir, sizeof(dir), "%s/vaccel", base) >= sizeof(dir)) {
		errno = ENAMETOOLONG;
		return false;
	}
	for (int i = 0; i < ATTEMPTS; i++) {
		made = 0;
		if (make_base && !private_dir(base, &made))
			return false;
		if (!private_dir(dir, &made)) {
			err = errno;
			remove_parents(base, made);
		} else if (make_in(dir, "XXXXXX")) {
			made_parents = made;
			return true;
		} else {
			err = errno;
			remove_parents(dir, made);
		}
		errno = err;
		if (errno != ENOENT)
			return false;
	}
	return false;
}

static bool create_any(void)
{
	char base[64];
	const char *env;

	made_parents = 0;
	snprintf(base, sizeof(base), "/run/user/%u", (unsigned int)getuid());
	if (create_below(base, true))
		return true;
	/* The parent itself belongs to the system; only root can be without it and able to help. */
	if (errno == ENOENT && !mkdir("/run/user", 0755) && create_below(base, true))
		return true;
	env = secure_getenv("XDG_RUNTIME_DIR");
	if (env && *env == '/' && create_below(env, false))
		return true;

	/* Shared with others, where a fixed name could be somebody else's. */
	env = secure_getenv("TMPDIR");
	if (env && *env == '/' && make_in(env, "vaccel.XXXXXX"))
		return true;
	if (make_in("/tmp", "vaccel.XXXXXX"))
		return true;
	vaccel_error("Cannot make a run directory in %s, XDG_RUNTIME_DIR, TMPDIR or /tmp: %s; "
		     "make one of them writable",
		     base, strerror(errno));
	return false;
}

int rundir_create(void)
{
	if (!create_any())
		return VACCEL_EACCES;
	owner = getpid();
	vaccel_debug("Created top-level rundir: %s", path);
	return VACCEL_OK;
}

/* Removes the parents that were made for the directory, which is gone. */
static void remove_own_parents(void)
{
	char parent[PATH_MAX];

	snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = '\0';
	remove_parents(parent, made_parents);
}

void rundir_remove(void)
{
	if (owner != getpid())
		return;
	owner = 0;
	path_remove_dir(path, "top-level rundir");
	remove_own_parents();
}

void rundir_end(void)
{
	char gone[PATH_MAX + sizeof(".end")];

	if (owner != getpid())
		return;
	/* Where it was, nobody makes anything more; only what is being made may still come. */
	snprintf(gone, sizeof(gone), "%s.end", path);
	if (rename(path, gone))
		strcpy(gone, path);
	owner = 0;
	for (int i = 0; path_remove_tree(gone) == ENOTEMPTY && i < ATTEMPTS; i++)
		;
	remove_own_parents();
}

int rundir_ensure(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	int ret = VACCEL_OK;

	/* 0: removed, or never made */
	if (owner == getpid() || !owner)
		return VACCEL_OK;
	pthread_mutex_lock(&lock);
	if (owner != getpid())
		ret = rundir_create();
	pthread_mutex_unlock(&lock);
	return ret;
}

bool rundir_owns(const char *file)
{
	size_t len = strlen(path);

	return owner == getpid() && len && !strncmp(file, path, len) && file[len] == '/';
}

const char *rundir_path(void)
{
	return path;
}
