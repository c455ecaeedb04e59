/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's file of policies: INI, one section for all VMs, one for each VM, and for users and groups. */
#ifndef HOST_CONFIG_FILE_H
#define HOST_CONFIG_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "policy.h"

/** The section that applies to all VMs */
#define CONFIG_DEFAULTS "defaults"

/** Longest name of a VM */
#define CONFIG_NAME_MAX 48

/**
 * config_file_name_ok() - whether a VM may have this name
 *
 * Letters, digits, '.', '_' and '-', at most CONFIG_NAME_MAX, and not the section for all VMs.
 */
bool config_file_name_ok(const char *name);

/** The text of a file as it was when it was read: later changes of the file are none of this. */
struct config_file {
	const char *path; /* for what is said about it */
	char *text;
	size_t len;
};

/**
 * config_file_read() - reads a file
 * @path: stays the caller's, and is used until config_file_free()
 *
 * Return: 0; EX_NOINPUT when it cannot be read, EX_CONFIG when it is far too large, after logging it.
 */
int config_file_read(const char *path, struct config_file *file);

/** config_file_free() - all zero is fine */
void config_file_free(struct config_file *file);

/** Which sections a file has */
struct config_sections {
	bool vm;     /* that of the VM in question; it may be empty */
	bool others; /* of other VMs */
	bool cache_dir; /* one, whosever it is, names a directory to share models in */
};

/**
 * config_file_load() - applies the sections of a file to a policy: that for all VMs, then the VM's
 * @vm:    NULL, or a VM without a section: only the one for all
 * @found: receives which sections are there
 *
 * The whole file is checked, other VMs' sections included. Return: 0; EX_CONFIG when something is
 * wrong in it; then the reason was logged.
 */
int config_file_load(const struct config_file *file, const char *vm, struct policy *p,
		     struct config_sections *found);

/** Sections for clients, at most: a set of them is a number's bits */
#define CONFIG_MAX_CLIENTS 64

/** The sections [group:NAME] and [user:NAME], groups first: later ones win */
struct config_clients {
	unsigned int nr, nr_groups;
	struct config_client {
		id_t id; /* of the user or the group */
		char section[CONFIG_NAME_MAX + 8];
	} of[CONFIG_MAX_CLIENTS];
};

/**
 * config_file_clients() - which sections for clients there are; looks the names up
 *
 * Return: as config_file_load(); EX_CONFIG also for a user or a group that is not there.
 */
int config_file_clients(const struct config_file *file, struct config_clients *clients);

/** config_file_apply() - applies one more section. Return: as config_file_load() */
int config_file_apply(const struct config_file *file, const char *section, struct policy *p);

#endif
