/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vaccel-info --check: goes from the library to the first call, one step after the other, and stops at
 * the first thing that is wrong. What the library, its plugins and the host's processes log is what it
 * says; only what none of them can know has a text here.
 */
#ifndef INFO_CHECK_H
#define INFO_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "probe.h"

#define CHECK_MAX  64
#define CHECK_NAME 96
#define CHECK_TEXT 2048

enum check_state { CHECK_OK, CHECK_WARNING, CHECK_FAILED, CHECK_NOT_REACHED };

struct check {
	enum check_state state;
	char name[CHECK_NAME];
	char text[CHECK_TEXT]; /* what is wrong and what to do, in one line or several */
};

/**
 * struct checks - what was found, and what later steps need of it
 * @timeout_s:    how long a step may take
 * @host_options: for vhost-user-accel; NULL ends them
 * @remote:       a plugin of VACCEL_PLUGINS forwards to a host
 */
struct checks {
	struct check list[CHECK_MAX];
	size_t nr;
	unsigned int timeout_s;
	char **host_options;
	bool failed;
	bool remote;
	struct probe probe;
};

/** check_add() - a result; of later ones than the last place only a failure is kept */
void check_add(struct checks *c, enum check_state state, const char *name, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** check_explain() - adds to the text of the last result */
void check_explain(struct checks *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** check_run() - does all steps. Return: 0, or 1 when something is wrong. */
int check_run(struct checks *c);

/** check_print_text(), check_print_json() - to standard output */
void check_print_text(const struct checks *c);
void check_print_json(const struct checks *c);

/** check_no_process() - adds the failure of a step for which none could be started, as errno says */
void check_no_process(struct checks *c, const char *name);

/**
 * check_probe() - runs a part of a step in a child, as probe_run()
 * @name: of the step
 *
 * Return: whether it ended with status 0. Else what went wrong has been added as a failure.
 */
bool check_probe(struct checks *c, const char *name, int (*what)(void *arg), void *arg);

/* The steps, in their order. Each adds its results. */
void check_library(struct checks *c);
void check_settings(struct checks *c);
void check_rundir(struct checks *c);
void check_plugins(struct checks *c);
void check_call(struct checks *c);
void check_kvm(struct checks *c);
void check_host(struct checks *c);

/** check_host_program() - the vhost-user-accel of this machine, or NULL */
const char *check_host_program(void);

/** check_device() - how the plugin virtio gets to its device, before it is loaded */
void check_device(struct checks *c);

#endif
