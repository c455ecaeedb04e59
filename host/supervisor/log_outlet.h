/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to the operator's log, standard error, for all that the processes of a VM have to say.
 *
 * What can be brought about by a guest or a front end is limited (loglines/limit.h): the supervisor's
 * own lines, and those it passes on, which leave some room for the former. Once a second the log
 * says how many lines were left out.
 *
 * Whatever reads the log, or does not, the supervisor goes on: a thread writes the lines, from a buffer
 * that does not grow. What is lost that way is told when somebody reads again.
 */
#ifndef HOST_LOG_OUTLET_H
#define HOST_LOG_OUTLET_H

#include <stddef.h>
#include <stdint.h>

/** log_outlet_open() - limits the lines from now on. @lines: a second; 0: without limit */
void log_outlet_open(uint64_t lines);

/**
 * log_outlet_start() - starts the thread; lines are written at once until then
 *
 * The process forks no more after this. Return: 0 or -errno.
 */
int log_outlet_start(void);

/** log_outlet_print() - a line that the operator has asked for: not limited. @len: with its line feed */
void log_outlet_print(const char *line, size_t len);

/** log_outlet_leave_out() - counts a line that is not worth being looked at, as left out */
void log_outlet_leave_out(void);

/**
 * log_outlet_tick() - says how many lines were left out, when it is time
 * @timeout_ms: how long the caller will wait at most, made shorter if need be; -1: for ever
 */
void log_outlet_tick(int *timeout_ms);

/** log_outlet_stop() - writes what is left, if somebody reads it within a second; ends the thread */
void log_outlet_stop(void);

#endif
