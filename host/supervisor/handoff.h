/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the listener and the supervisors that it has started, one for each client, over a SOCK_SEQPACKET
 * pair. The supervisor sends a message when it is ready to serve; the listener sends one, with the
 * connection, and later, one in a message, limits that the operator has changed for it. Whoever closes its end first
 * has nothing more to say: the supervisor does when the client has gone.
 */
#ifndef HOST_HANDOFF_H
#define HOST_HANDOFF_H

#include <stdint.h>

#include "log.h"
#include "observe.h"

/** Longest name of a client, with its end */
#define HANDOFF_CLIENT_SIZE 48

/** struct handoff_ready - the supervisor is ready to serve */
struct handoff_ready {
	char plugins[OBSERVE_PLUGINS_SIZE]; /* of its workers, in the form of VACCEL_PLUGINS */
};

struct handoff {
	char log_name[LOG_NAME_SIZE];	  /* for the log: the service's and the client's */
	char client[HANDOFF_CLIENT_SIZE]; /* for the statistics: nothing to be escaped in JSON */
};

/** struct handoff_limit - a limit (policy_is_limit()) is another one from here on */
struct handoff_limit {
	uint32_t rule;
	uint64_t value;
};

#endif
