/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The observer as the listener sees it: a process that is told who comes and goes (observe.h), and started
 * again when it dies. Nothing here waits.
 */
#ifndef HOST_WATCHER_H
#define HOST_WATCHER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "counters.h"
#include "observe.h"

struct watcher {
	const char *program;
	const char *metrics_path, *control_path; /* of the sockets, if they are ours to remove */
	int metrics, control;	  /* listening sockets, or -1 */
	int page;		  /* -1: there is no observer, and none is wanted */
	struct counters_service *service;
	pid_t pid; /* 0: it does not run */
	int sock;
	uint64_t start_ms; /* no start before */
	uint64_t full_ms;  /* since when it takes nothing in; 0: it does */
	uint64_t deaths;
};

/** watcher_init() - nobody is to be told anything */
void watcher_init(struct watcher *w);

/**
 * watcher_open() - makes the sockets, and the page for the service's numbers
 * @program: the observer's executable
 * @metrics: "unix:PATH" or "ADDRESS:PORT"; NULL: none
 * @control: path of a socket for the operator alone; NULL: none
 *
 * Return: 0, or an exit status after logging what is wrong; watcher_close() is to be called either way.
 */
int watcher_open(struct watcher *w, const char *program, const char *metrics, const char *control);

/** watcher_close() - ends the observer and removes the sockets */
void watcher_close(struct watcher *w);

/** watcher_is_wanted() - whether there is anybody to be told */
static inline bool watcher_is_wanted(const struct watcher *w)
{
	return w->page >= 0;
}

/** watcher_start() - starts the observer, which knows of nobody yet. Return: whether it runs */
bool watcher_start(struct watcher *w, uint64_t now);

/** watcher_reap() - Return: whether the observer has just ended: the next one is to be told all */
bool watcher_reap(struct watcher *w, uint64_t now);

/**
 * watcher_tell() - sends a message; one that takes nothing in for some seconds is killed
 * @fd: -1: none; stays the caller's
 *
 * Return: false: not now.
 */
bool watcher_tell(struct watcher *w, const struct observe_msg *msg, int fd, uint64_t now);

/** watcher_hear() - takes in what the observer asks. Return: false when there is nothing */
bool watcher_hear(struct watcher *w, struct observe_msg *msg);

#endif
