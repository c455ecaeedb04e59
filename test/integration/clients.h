/* SPDX-License-Identifier: Apache-2.0 */
/* A service of many clients, and programs that are its clients: each in a process of its own. */
#ifndef TEST_CLIENTS_H
#define TEST_CLIENTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "support.h"
#include "vaccel.h"

#define TIMEOUT_MS 30000
/* What a program ends with when the service has turned it away */
#define TURNED_AWAY 42
/* And when it has lost its session */
#define LOST 3

/** The service, whose clients all of these are */
extern struct daemon host;
/** Leads to its socket where a service comes after another; "" elsewhere */
extern char link_path[128];

/** worker_of() - the worker of a supervisor or a hub, once there is one */
pid_t worker_of(pid_t supervisor);

/** children() - the children of a process. Return: how many; the first @max are stored. */
unsigned int children(pid_t pid, pid_t *to, unsigned int max);

/** count_fds() - descriptors of a process, and two more */
unsigned int count_fds(pid_t pid);

/** count_threads() - its threads, and two more */
unsigned int count_threads(pid_t pid);

/** memory_pages() - pages that a process has in memory */
long memory_pages(pid_t pid);

/** has_logged() - waits for a line of the log */
bool has_logged(const char *text);

/** boot() - in a program: opens the service. Return: the error */
int boot(const char *log_file);

/** use() - calls of several kinds in a session. Return: 0 or the first error */
int use(struct vaccel_session *sess, struct vaccel_blob *blob);

/** open_blob() - for use(). Return: 0 or the error */
int open_blob(struct vaccel_blob *blob, unsigned int seed);

/** come_and_go() - a program that makes some calls and ends. Return: what it ends with */
int come_and_go(unsigned int seed);

/** spawn() - as fork(), for a program that cannot hang for ever */
pid_t spawn(void);

/** await() - what a program has ended with, or the number of the signal that has killed it, less than 0 */
int await(pid_t pid);

/** hub_pid() - the process that has the worker that all share, if the service was told so */
pid_t hub_pid(void);

/** struct lasting - a program whose one session has to last until the test closes its pipe */
struct lasting {
	pid_t pid;
	int pipe; /* closed: end */
};

/** start_lasting() - returns when it has made calls */
void start_lasting(struct lasting *l);

/** end_lasting() - Return: as await() */
int end_lasting(struct lasting *l);

/** connect_silently() - a connection that says nothing */
int connect_silently(void);

#endif
