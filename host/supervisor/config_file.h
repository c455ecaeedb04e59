/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's file of policies: INI, one section for all VMs and one for each VM. */
#ifndef HOST_CONFIG_FILE_H
#define HOST_CONFIG_FILE_H

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

/** Which sections a file has */
struct config_sections {
	bool vm;     /* that of the VM in question; it may be empty */
	bool others; /* of other VMs */
};

/**
 * config_file_load() - applies the sections of a file to a policy: that for all VMs, then the VM's
 * @vm:    NULL, or a VM without a section: only the one for all
 * @found: receives which sections are there
 *
 * The whole file is checked, other VMs' sections included. Return: 0; EX_CONFIG when something is
 * wrong in it, EX_NOINPUT when it cannot be read; then the reason was logged.
 */
int config_file_load(const char *path, const char *vm, struct policy *p,
		     struct config_sections *found);

#endif
