/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What processes that run plugins print: they have one pipe for it, whose other end the supervisor
 * has. It passes their lines on, marked as theirs, cleaned and cut (log.h), and within the limits of
 * log_outlet.h. Nothing of the operator's is in their hands.
 */
#ifndef HOST_LOG_RELAY_H
#define HOST_LOG_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * log_relay_open() - makes the pipe, once in a process, for those that are started from now on, see
 * streams_detach(). Return: 0 or -errno
 */
int log_relay_open(void);

/**
 * log_relay_fd() - what to wait for; -1 while nothing is read, since there is too much
 * @timeout_ms: how long to wait at most, made shorter if need be; -1: for ever
 */
int log_relay_fd(int *timeout_ms);

/** log_relay_read() - passes on what there is, but so much that it takes no time that counts */
void log_relay_read(void);

/**
 * log_relay_finish() - passes on what there is, a line without its end included: a process has ended,
 * or this one will
 */
void log_relay_finish(void);

/**
 * log_relay_line() - passes on one line, without its line feed
 *
 * Recognises date and level of libvaccel's lines: the level is kept, and the date is replaced by the
 * time. Return: whether it was not left out.
 */
bool log_relay_line(const char *line, size_t len);

#endif
