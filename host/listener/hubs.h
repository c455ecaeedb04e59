/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hubs (hub.h) as the listener sees them: one for the clients of each section whose policy says that they share
 * a worker, started when the first of them is to be served, and again when it dies. Nothing here waits.
 *
 * Both ends of the pair by which a hub is asked are the listener's, so a hub's end cuts nobody off: who asks
 * meanwhile is answered by the next one.
 */
#ifndef HOST_HUBS_H
#define HOST_HUBS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** At a time: those of different sections, and those that go when their last client does */
#define HUBS_MAX 128

struct hub_place {
	bool used;
	bool retired;	   /* for clients of a policy that is not in force any more */
	uint64_t sections; /* of the policy, as bits */
	pid_t pid;	   /* 0: it does not run */
	int ask, answer;   /* ends of the pair; -1 for one that is retired */
	unsigned int failures; /* ends in a row that came soon */
	uint64_t started_ms;
	uint64_t start_ms; /* no start before */
};

struct hubs {
	struct hub_place of[HUBS_MAX];
	/*
	 * The hub's program, in a new process, with nothing open but the standard streams and @sock, its end
	 * of the pair. Does not return.
	 */
	void (*run)(void *arg, int sock, uint64_t sections);
	void *arg;
};

/** hubs_init() - none yet; @run and @arg as in struct hubs */
void hubs_init(struct hubs *h, void (*run)(void *arg, int sock, uint64_t sections), void *arg);

/**
 * hubs_ask() - the hub for clients with these sections, which is started if there is none
 *
 * Return: where to ask it, which stays the hub's, or -errno.
 */
int hubs_ask(struct hubs *h, uint64_t sections, uint64_t now);

/** hubs_start() - starts those that have ended. Return: milliseconds until one is to be started; -1: none */
int hubs_start(struct hubs *h, uint64_t now);

/**
 * hubs_reap() - takes in those that have ended
 * @status: receives the wait status of one
 *
 * Return: whether there was one.
 */
bool hubs_reap(struct hubs *h, uint64_t now, int *status);

/** hubs_retire() - the policy has changed: those that there are end with the last of their clients */
void hubs_retire(struct hubs *h);

/** hubs_running() - how many run */
unsigned int hubs_running(const struct hubs *h);

/** hubs_signal() - sends a signal to all */
void hubs_signal(const struct hubs *h, int sig);

#endif
