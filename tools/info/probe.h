/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Something that may hang, crash or end the process, done in a process of its own whose output is kept.
 * One at a time; the caller has one thread.
 */
#ifndef INFO_PROBE_H
#define INFO_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** What is kept of the output; more is read and left out */
#define PROBE_LOG_MAX 65536

/** struct probe - what came of it */
struct probe {
	pid_t pid;
	int out;	/* its standard output and error */
	bool timed_out;	/* it was killed */
	int status;	/* of waitpid(), if it has ended */
	size_t len;
	char log[PROBE_LOG_MAX];
};

/**
 * probe_run() - calls a function in a child and waits for the end of it
 * @what: its result is the exit status; @arg is memory that both share, see probe_memory()
 * @timeout_s: after so many seconds it is killed
 *
 * Return: whether a child could be made.
 */
bool probe_run(struct probe *p, int (*what)(void *arg), void *arg, unsigned int timeout_s);

/** probe_start() - the same without waiting; pair with probe_wait() */
bool probe_start(struct probe *p, int (*what)(void *arg), void *arg);

/**
 * probe_wait() - reads what it prints until it ends
 * @until: or until it has printed this; may be NULL. Then it goes on
 *
 * Return: whether it runs still.
 */
bool probe_wait(struct probe *p, const char *until, unsigned int timeout_s);

/** probe_end() - asks it to end (SIGTERM) and waits, see probe_wait() */
void probe_end(struct probe *p, unsigned int timeout_s);

/** probe_memory() - zeroed memory that children share, or NULL; it is never freed */
void *probe_memory(size_t size);

/**
 * probe_lines() - the texts of the lines that libvaccel and the host's processes log at a level
 * @levels: such as "ew" for errors and warnings; '-' for lines of others that have none
 * @text:   receives them, one a line without the last line feed, cut at @size
 *
 * Return: how many there are.
 */
size_t probe_lines(const struct probe *p, const char *levels, char *text, size_t size);

#endif
