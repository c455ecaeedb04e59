/* SPDX-License-Identifier: Apache-2.0 */
/* The socket that front ends connect to. */
#ifndef HOST_SOCKET_H
#define HOST_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

/** How long nobody is let in when there are no descriptors left */
#define SOCKET_PAUSE_MS 500

/**
 * socket_listen() - makes a socket that listens, in the place of one that nobody listens at
 * @option:   whose value the path is, for what is said when it is wrong
 * @backlog:  connections that may wait to be accepted
 * @listener: receives it, non-blocking; the caller's, as is the file at @path
 *
 * Return: 0, or an exit status after logging what is wrong.
 */
int socket_listen(const char *option, const char *path, int backlog, int *listener);

/**
 * socket_use() - makes a socket that somebody else made fit for use here: non-blocking, and not inherited
 * @listening: receives whether it listens; else it is connected
 *
 * Return: 0, or an exit status after logging what is wrong.
 */
int socket_use(int fd, bool *listening);

/** socket_is_exhausted() - whether accept() failed for want of something that others may give back */
bool socket_is_exhausted(int error);

/**
 * socket_refuse() - tells a front end why it is turned away, and closes the connection. Does not wait.
 * @reason, @number: see transport/refusal.h
 */
void socket_refuse(int fd, uint64_t reason, uint64_t number);

#endif
