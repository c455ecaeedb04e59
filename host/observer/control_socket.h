/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's socket: one request a line, an object of JSON with "do", and one line in answer, with "ok".
 * What is wrong is answered with "error". Who connects is the operator or root (the socket's mode is 0600), but
 * may be a program gone mad: lines, connections, and the time of both are bounded.
 */
#ifndef HOST_CONTROL_SOCKET_H
#define HOST_CONTROL_SOCKET_H

#include <poll.h>

#include "clients.h"

/** Connections at a time; one more takes the place of who has said nothing for longest */
#define CONTROL_SOCKET_CLIENTS 8
#define CONTROL_SOCKET_FDS     (1 + CONTROL_SOCKET_CLIENTS)

/**
 * control_socket_init() - begins to serve
 * @sock: listens; stays open as long as this process
 * @ask:  passes on an OBSERVE_ASK, to be answered by control_socket_answer(). Return: whether it could
 */
void control_socket_init(int sock, const struct clients *clients,
			 bool (*ask)(const struct observe_msg *msg));

/** control_socket_pollfds() - what to poll, CONTROL_SOCKET_FDS entries. Return: milliseconds to wait; -1: for ever */
int control_socket_pollfds(struct pollfd *fds);

/** control_socket_run() - @fds: after poll() */
void control_socket_run(const struct pollfd *fds);

/** control_socket_answer() - what became of a wish; who had it may have gone */
void control_socket_answer(const struct observe_msg *msg);

#endif
