/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the integration tests share: a directory of their own, and the vhost-user-accel of the build
 * tree on a socket in it. All waiting is bounded; what fails ends the program with a message.
 */
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** test_die() - says what went wrong and ends the program with status 1 */
void test_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/** test_skip() - says why and ends the program with status 77 */
void test_skip(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/**
 * test_main_begin() - first thing in main()
 * @limit_seconds: after this time the program dies by SIGALRM
 *
 * Takes care that what the program starts and makes is gone when it ends.
 */
void test_main_begin(unsigned int limit_seconds);

/** test_dir() - a directory that is removed when the program ends normally */
const char *test_dir(void);

/**
 * test_logged() - in how many lines of a log a text occurs
 * @log_file: what vaccel_config.log_file was: the library adds the date to the name
 */
unsigned int test_logged(const char *log_file, const char *text);

/** test_wait() - calls @condition with @arg until it holds. Return: false if it did not in time */
bool test_wait(bool (*condition)(void *arg), void *arg, int timeout_ms);

/** struct daemon - a running vhost-user-accel */
struct daemon {
	pid_t pid;		/* of the supervisor; 0 when it was stopped */
	char socket[108];
	char log[128];		/* file with its standard output and error */
	bool many;		/* it serves many clients, each of which has statistics of its own */
};

/**
 * start_daemon() - starts vhost-user-accel and waits until it listens
 * @plugins: VACCEL_PLUGINS of the daemon
 * @args:    further arguments, NULL-terminated; may be NULL. Without --max-clients among them it serves
 *           one client at a time: the process is the supervisor
 *
 * The program is the one that the environment variable VHOST_USER_ACCEL names. Skips the test when
 * there is none.
 */
void start_daemon(struct daemon *d, const char *plugins, const char *const *args);

/**
 * stop_daemon() - ends the daemon as an operator would (SIGTERM)
 *
 * Return: its wait status. One that does not end in time is killed, and the test fails.
 */
int stop_daemon(struct daemon *d);

/** daemon_alive() - whether the supervisor runs */
bool daemon_alive(const struct daemon *d);

/** daemon_worker() - the process id of the worker, waiting for one to be there; 0 if none comes */
pid_t daemon_worker(const struct daemon *d);

/** daemon_dir() - the directory that workers have for files, to be freed by the caller */
char *daemon_dir(const struct daemon *d);

/**
 * daemon_stats() - asks for the statistics (SIGUSR1)
 *
 * Return: the line of JSON, to be freed by the caller.
 */
char *daemon_stats(const struct daemon *d);

/** stats_number() - the number under the first "key" in a line of JSON; -1 if there is none */
long long stats_number(const char *json, const char *key);

/** daemon_stat() - daemon_stats() and stats_number() */
long long daemon_stat(const struct daemon *d, const char *key);

/** daemon_log() - all that the daemon has printed, to be freed by the caller */
char *daemon_log(const struct daemon *d);

#endif
