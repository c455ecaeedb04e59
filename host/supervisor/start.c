// SPDX-License-Identifier: Apache-2.0
#include "start.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "log_outlet.h"

int start_signals(int *fd, bool children, sigset_t *before)
{
	struct sigaction hup;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	if (children)
		sigaddset(&set, SIGCHLD);
	/* Under nohup it goes on; what is held back is not ignored, though. */
	if (sigaction(SIGHUP, NULL, &hup) || hup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, before);
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (*fd >= 0)
		return 0;
	log_error("signalfd: %s", strerror(errno));
	return EX_OSERR;
}

/* Says once what is missing. Return: 0, or an exit status when that is not accepted. */
static int report(const char *who, const struct policy *policy, const struct sandbox_report *r)
{
	bool required = policy->sandbox == SANDBOX_STRICT;

	if (*r->limits) {
		log_error("limits that the policy asks for cannot be set: %s; correct the policy, or "
			  "let this process write there", r->limits);
		return EX_CONFIG;
	}
	if (!*r->missing)
		return 0;
	if (r->weak && required) {
		log_error("the %s's sandbox lacks: %s; with --sandbox=auto the rest is used", who,
			  r->missing);
		return EX_UNAVAILABLE;
	}
	if (r->weak)
		log_warn("the %s's sandbox lacks: %s", who, r->missing);
	else
		log_info("the %s's sandbox lacks: %s", who, r->missing);
	return 0;
}

int start_helpers(struct forker *forker, struct cleaner *cleaner, const struct policy *policy,
		  const char *worker, int connector)
{
	struct sandbox_report missing = { 0 };
	int ret;

	forker->connector = connector;
	ret = forker_start(forker, policy, worker, &missing);
	if (connector >= 0)
		close(connector);
	if (!ret)
		ret = report("worker", policy, &missing);
	if (ret)
		return ret;
	ret = -cleaner_start(cleaner, policy, forker->dir);
	if (!ret)
		return 0;
	log_error("cannot start a process: %s", strerror(ret));
	return EX_OSERR;
}

static int start_outlet(void)
{
	int ret = log_outlet_start();

	if (!ret)
		return 0;
	log_error("cannot start the thread that writes the log: %s", strerror(-ret));
	return EX_OSERR;
}

int start_confined(const struct policy *policy, const char *socket)
{
	struct sandbox_report missing = { 0 };
	int ret;

	tzset();
	sandbox_supervisor(policy, socket, &missing);
	ret = report("supervisor", policy, &missing);
	/* Not before: threads inherit what was given up, and some of it only one alone can. */
	return ret ? ret : start_outlet();
}
