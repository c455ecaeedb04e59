/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One socket for many clients: a process that accepts connections and has a supervisor started for each,
 * which is forked from it and runs as if there were no others. It reads nothing that clients say, and
 * nothing that it does takes time.
 *
 * A supervisor, with its worker, is made ready ahead, so that nobody waits for one to start.
 */
#ifndef HOST_LISTENER_H
#define HOST_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "config_file.h"

/** Clients at a time, at most */
#define LISTENER_MAX_CLIENTS 1024

/** What a supervisor starts with; the descriptors are -1 where there is nothing */
struct listener_start {
	int handoff;
	int counters;	   /* counters.h */
	int store;	   /* its door */
	int hub;	   /* where to ask for a place in a worker that is shared (hub.h) */
	uint64_t sections; /* the policy's sections that are for the client, as bits */
};

struct listener_options {
	const char *socket_path; /* to listen on; NULL: fd is used */
	int fd;			 /* a listening unix socket */
	unsigned int max_clients;
	const struct config_clients *clients; /* the policy's sections for users and groups */
	const bool *has_store; /* whether clients may share memory, see store.h; may change */
	const char *name;	 /* of the service, in the log; "" */
	const char *metrics, *control; /* as watcher_open() has them; NULL: none */
	const char *observer;	 /* its executable, for those */
	/*
	 * Reads the policy again, with @clients, for supervisors that are started from then on. NULL: there
	 * is nothing to read. Return: whether it is in force; else all is as before, and @why says why.
	 */
	bool (*reload)(void *arg, char *why, size_t size);
	/*
	 * The supervisor's program, in a new process that has nothing open but the standard streams,
	 * @start->handoff (handoff.h), and those of @start that are not -1. Return: its exit status.
	 */
	int (*serve)(void *arg, const struct listener_start *start);
	/* Whether clients with these sections share a worker */
	bool (*is_shared)(void *arg, uint64_t sections);
	/* The program of the hub that has it, in such a process; @sock: see struct hub_options */
	int (*share)(void *arg, int sock, uint64_t sections);
	void *arg;
};

/**
 * listener_run() - serves clients until told to stop. The caller has one thread.
 *
 * Return: the program's exit status, after logging what went wrong.
 */
int listener_run(const struct listener_options *opts);

#endif
