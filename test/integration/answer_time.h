/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the supervisor lets a front end wait: the time from each message to the first byte that comes
 * back, measured where the test's own front end sends and receives. For programs that are linked with
 * --wrap=sendmsg and --wrap=recv, of one thread that talks to the supervisor.
 */
#ifndef TEST_ANSWER_TIME_H
#define TEST_ANSWER_TIME_H

/** What the design promises, in milliseconds. A test fails at ANSWER_TIME_FAIL times that. */
#define ANSWER_TIME_MS	 1500
#define ANSWER_TIME_FAIL 5

/** answer_time_longest() - milliseconds, since the start or answer_time_reset() */
unsigned int answer_time_longest(void);
void answer_time_reset(void);

/** answer_time_report() - prints the longest of all, and ends the program with 1 if it is far too long */
void answer_time_report(void);

#endif
