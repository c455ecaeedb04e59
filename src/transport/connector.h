/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What plugins in a worker and the connector (host/connector/) say to each other: the worker has no network,
 * and gets connections to the servers that the operator has named.
 */
#ifndef TRANSPORT_CONNECTOR_H
#define TRANSPORT_CONNECTOR_H

#include <stdint.h>

#include "server_url.h"

/* Environment variable of a worker: the descriptor of a SOCK_SEQPACKET socket to the connector */
#define CONNECTOR_VARIABLE "ACCEL_CONNECTOR_FD"

/* Sent with one descriptor, a socket for the answer. The answer has, where status is 0, a connected TCP socket. */
struct connector_msg {
	int32_t status; /* of the answer: 0 or a positive errno value; EACCES: the operator has not named the server */
	char host[SERVER_HOST_SIZE];
	char port[SERVER_PORT_SIZE];
};

/* How long an answer may take: looking the name up, and trying each of its addresses */
#define CONNECTOR_MS 10000

#endif
