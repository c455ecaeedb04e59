/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's event loop: socket, connection, worker, signals. */
#ifndef HOST_SUPERVISOR_H
#define HOST_SUPERVISOR_H

#include <stdbool.h>

#include "device.h"

struct supervisor_options {
	const char *socket_path; /* to listen on; NULL: fd is used */
	int fd;			 /* a listening or connected unix socket; -1: see handoff */
	int handoff;		 /* -1, or where the one client comes from (handoff.h) */
	const char *worker_path;
	bool once;		 /* exit when the first front end disconnects */
	struct device_options device;
};

/**
 * supervisor_run() - starts a worker, then serves front ends until told to stop
 *
 * Return: the program's exit status, after logging what went wrong.
 */
int supervisor_run(const struct supervisor_options *opts);

#endif
