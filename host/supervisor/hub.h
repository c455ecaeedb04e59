/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hub: a supervisor without a client. It has the worker that several clients share (isolation = shared),
 * starts the next one when that has died, and gives it the clients' channels.
 *
 * The clients' supervisors ask over one end of a SOCK_SEQPACKET pair, which all of them have: with a byte, and
 * the worker's end of a channel, where their CONTROL_SETUP waits already. The hub puts CONTROL_WORKER in and
 * hands the channel to the worker; from there on it has no part in what they say to each other. It ends when
 * nobody has that end of the pair any more.
 */
#ifndef HOST_HUB_H
#define HOST_HUB_H

#include "control.h"

struct hub_options {
	int sock; /* the other end of the pair */
	const char *worker_path;
	int connector; /* for the forkers, and closed; -1: none */
	const struct control_setup *setup; /* verbose and policy */
};

/**
 * hub_run() - starts a worker and gives it clients until told to stop. The caller has one thread.
 *
 * Return: the program's exit status, after logging what went wrong: that of a first worker that does not start,
 * too.
 */
int hub_run(const struct hub_options *opts);

#endif
