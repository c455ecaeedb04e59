// SPDX-License-Identifier: Apache-2.0
#include "hub.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "child.h"
#include "cleaner.h"
#include "fdpass.h"
#include "forker.h"
#include "log.h"
#include "log_outlet.h"
#include "log_relay.h"
#include "restarts.h"
#include "start.h"
#include "transport/clock.h"

/* How long a worker may take to load its plugins, and then to take in a client, before it is killed */
#define START_MS 60000
#define FIRST_STARTS 10
/* How long its end may take, and how long the end waits until all that workers have left is removed */
#define QUIT_MS 3000
#define CLEAN_MS 2000
/* How long a worker is not started since others have left too much */
#define MAX_CLEAN_MS 30000
/* Clients that the worker may be taking in at once: their channels lie in a buffer of the kernel. */
#define MAX_TOLD 8
/* Clients that wait for the worker; more wait in the socket. */
#define MAX_WAITING 256
/* How often killed workers are looked for that have not ended yet */
#define CHECK_MS 1000

struct hub {
	const struct hub_options *opts;
	int signals;
	bool stop;
	bool has_started; /* one worker was ready */
	struct forker forker;
	struct cleaner cleaner;
	struct child worker;
	struct restarts restarts;
	uint64_t start_ms;   /* when the worker was started */
	uint64_t leftover_ms; /* when the last one left something */
	int waiting[MAX_WAITING]; /* channels of clients, in order */
	unsigned int nr_waiting;
	unsigned int nr_told; /* that the worker has not answered for */
	uint64_t told_ms;     /* since when it has not answered for any */
};

/* ---- The worker ----------------------------------------------------------------------------- */

static int start_worker(struct hub *h)
{
	const struct control_msg msg = { .type = CONTROL_SHARED, .setup = *h->opts->setup };
	int ret = child_start(&h->worker, &h->forker, &msg, NULL, 0);

	/* On a slow machine what starts workers may miss its time; then the next one has taken its place. */
	for (int i = 1; ret == -EAGAIN && !h->has_started && i < FIRST_STARTS; i++)
		ret = child_start(&h->worker, &h->forker, &msg, NULL, 0);
	/* Nothing else is there for those to kill it who are not its parent. */
	if (!ret && h->worker.pidfd < 0) {
		log_error("a worker cannot be shared: the kernel has no pidfd_open()");
		h->stop = true;
	}
	h->start_ms = now_ms();
	return ret;
}

static void clean_up(struct hub *h)
{
	if (h->worker.nr)
		cleaner_remove(&h->cleaner, h->worker.nr, h->worker.rundir);
	h->worker.nr = 0;
	h->leftover_ms = now_ms();
}

/* They hear of it, as their channels are closed. */
static void turn_away(struct hub *h)
{
	while (h->nr_waiting)
		close(h->waiting[--h->nr_waiting]);
}

/* Kills the worker, if it is not dead. @why: what we hold against it, NULL when it died by itself */
static void lose_worker(struct hub *h, const char *why)
{
	bool was_ready = h->restarts.ready_ms;
	char how[96], before[64];
	int delay;

	child_kill(&h->worker, how, sizeof(how));
	/* Its last words come first. */
	log_relay_finish();
	clean_up(h);
	h->nr_told = 0;
	/* There may be none for long: they answer their clients, and ask again. */
	if (!was_ready)
		turn_away(h);
	delay = restarts_lost(&h->restarts, before, sizeof(before));
	if (!h->has_started)
		log_error("the worker cannot start (%s): %s", how,
			  why ? why : restarts_hint(&h->opts->setup->policy, how));
	else if (delay >= 0 && was_ready)
		log_error("the shared worker is gone (%s%s%s), with all that its clients had, restart in %d ms%s", how,
			  why ? ": " : "", why ? why : "", delay, before);
	else if (delay >= 0)
		log_error("the shared worker cannot start again (%s): %s; next try in %d ms%s", how,
			  why ? why : restarts_hint(&h->opts->setup->policy, how), delay, before);
}

static void on_ready(struct hub *h)
{
	restarts_ready(&h->restarts);
	/* Where the first worker's run directory is, the others' will be. */
	if (!h->has_started)
		cleaner_confine(&h->cleaner, h->worker.rundir);
	h->has_started = true;
	log_info("shared worker %d is ready", (int)h->worker.pid);
}

/* It is ready, or has taken in a client. Return: 0 or -errno: it is dead, or out of its mind */
static int hear_worker(struct hub *h)
{
	struct control_msg msg;
	int fds[CONTROL_MAX_FDS], ret;

	if (!h->worker.ready) {
		ret = child_read(&h->worker, 0);
		if (!ret)
			on_ready(h);
		return ret;
	}
	ret = control_recv(h->worker.sock, &msg, fds, 0);
	if (ret)
		return ret;
	control_close(fds);
	if (msg.type != CONTROL_CLIENT || !h->nr_told)
		return -EPROTO;
	h->nr_told--;
	h->told_ms = now_ms();
	return 0;
}

/* Whether so much is still to be removed that no worker should start and leave more */
static bool has_too_much_left(const struct hub *h, uint64_t now)
{
	return h->cleaner.nr_pending >= CLEANER_MAX_PENDING && now - h->leftover_ms < MAX_CLEAN_MS;
}

/* When the worker that there is will have taken too long; 0: nothing is waited for */
static uint64_t worker_deadline(const struct hub *h)
{
	if (!child_is_there(&h->worker))
		return 0;
	if (!h->worker.ready)
		return h->start_ms + START_MS;
	return h->nr_told ? h->told_ms + CONTROL_ANSWER_MS : 0;
}

static void tick(struct hub *h)
{
	uint64_t now = now_ms(), deadline = worker_deadline(h);
	int ret;

	child_reap();
	(void)cleaner_done(&h->cleaner);
	if (deadline && now >= deadline)
		lose_worker(h, h->worker.ready ? "it does not answer" : "not ready within 60 s");
	if (child_is_there(&h->worker) || now < h->restarts.next_ms || has_too_much_left(h, now))
		return;
	if (h->restarts.nr && !h->has_started)
		return;
	ret = start_worker(h);
	if (ret)
		lose_worker(h, strerror(-ret));
}

/* ---- Clients -------------------------------------------------------------------------------- */

/* The supervisor's end of a channel is closed: it is gone, or wants this place no more. */
static bool is_abandoned(int sock)
{
	struct pollfd pfd = { .fd = sock };

	return poll(&pfd, 1, 0) > 0 && pfd.revents & POLLHUP;
}

/* A client asks for a place in the worker, or there is nobody any more who could. */
static void on_clients(struct hub *h)
{
	unsigned int nr;
	char byte;
	int fd;

	while (h->nr_waiting < MAX_WAITING) {
		ssize_t n = fdpass_recv(h->opts->sock, (struct iovec){ &byte, 1 }, &fd, 1, &nr, MSG_DONTWAIT);

		h->stop |= n == 0;
		if (n <= 0)
			return;
		if (nr)
			h->waiting[h->nr_waiting++] = fd;
	}
}

/* Return: false: the worker takes nothing in. */
static bool give(struct hub *h, int channel)
{
	const struct control_msg client = { .type = CONTROL_CLIENT };
	const struct control_msg worker = { .type = CONTROL_WORKER, .forked.pid = h->worker.pid };

	if (is_abandoned(channel) || control_send(channel, &worker, &h->worker.pidfd, 1))
		return true;
	if (control_send(h->worker.sock, &client, &channel, 1))
		return false;
	if (!h->nr_told++)
		h->told_ms = now_ms();
	return true;
}

/* Gives the worker those who wait. Whom it cannot have hears of it, as the channel is closed. */
static void give_clients(struct hub *h)
{
	unsigned int nr = 0;
	bool takes = true;

	while (h->worker.ready && takes && nr < h->nr_waiting && h->nr_told < MAX_TOLD) {
		takes = give(h, h->waiting[nr]);
		close(h->waiting[nr++]);
	}
	h->nr_waiting -= nr;
	memmove(h->waiting, h->waiting + nr, h->nr_waiting * sizeof(h->waiting[0]));
	if (!takes)
		lose_worker(h, "it takes in no clients");
}

/* ---- The loop ------------------------------------------------------------------------------- */

static void on_signal(struct hub *h)
{
	struct signalfd_siginfo info;

	if (read(h->signals, &info, sizeof(info)) == sizeof(info) && info.ssi_signo != SIGUSR1)
		h->stop = true;
}

static void shorten(int *timeout, uint64_t until)
{
	uint64_t now = now_ms();
	int ms = until > now ? (int)(until - now) : 0;

	if (*timeout < 0 || ms < *timeout)
		*timeout = ms;
}

/* Milliseconds until tick() has something to do; -1: never */
static int loop_timeout(const struct hub *h)
{
	uint64_t now = now_ms(), deadline = worker_deadline(h);
	int timeout = child_nr_ending() ? CHECK_MS : -1;

	if (deadline)
		shorten(&timeout, deadline);
	if (!child_is_there(&h->worker))
		shorten(&timeout, has_too_much_left(h, now) ? now + CHECK_MS : h->restarts.next_ms);
	return timeout;
}

static void on_worker(struct hub *h)
{
	int ret = hear_worker(h);

	/* Where nothing was said it is its pidfd. */
	if (ret)
		lose_worker(h, NULL);
}

/* Return: 0 when told to stop, or an exit status. */
static int loop(struct hub *h)
{
	enum { SIGNALS, CLIENTS, WORKER_SOCK, WORKER_PID, CLEANER, FORKER, SPARE, LOG, NR };

	while (!h->stop && (h->has_started || !h->restarts.nr)) {
		struct pollfd fds[NR] = {
			[SIGNALS] = { .fd = h->signals, .events = POLLIN },
			[CLIENTS] = { .fd = h->opts->sock, .events = h->nr_waiting < MAX_WAITING ? POLLIN : 0 },
			[WORKER_SOCK] = { .fd = h->worker.sock, .events = POLLIN },
			[WORKER_PID] = { .fd = h->worker.pidfd, .events = POLLIN },
			[CLEANER] = { .fd = h->cleaner.sock, .events = POLLIN },
		};
		int forker_socks[2], timeout = loop_timeout(h);

		log_outlet_tick(&timeout);
		fds[LOG] = (struct pollfd){ log_relay_fd(&timeout), POLLIN, 0 };
		forker_fds(&h->forker, forker_socks);
		for (int i = 0; i < 2; i++)
			fds[FORKER + i] = (struct pollfd){ .fd = forker_socks[i] };
		if (poll(fds, NR, timeout) < 0 && errno != EINTR) {
			log_error("poll: %s", strerror(errno));
			return EX_OSERR;
		}
		log_relay_read();
		if (fds[SIGNALS].revents)
			on_signal(h);
		if (fds[FORKER].revents || fds[SPARE].revents)
			forker_mend(&h->forker);
		/* Before its clients: who asks knows already that the last one is dead. */
		if (fds[WORKER_SOCK].revents || fds[WORKER_PID].revents)
			on_worker(h);
		if (fds[CLIENTS].revents)
			on_clients(h);
		tick(h);
		give_clients(h);
	}
	return h->has_started || h->stop ? 0 : EX_UNAVAILABLE;
}

/* Many may wait at once. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void end_worker(struct hub *h)
{
	char how[96];

	if (!h->worker.pid)
		return;
	child_quit(&h->worker, QUIT_MS, how, sizeof(how));
	log_relay_finish();
	log_info("shared worker: %s", how);
	clean_up(h);
}

int hub_run(const struct hub_options *opts)
{
	static struct hub hub;
	struct hub *h = &hub;
	int ret;

	h->opts = opts;
	h->cleaner.sock = -1;
	child_init(&h->worker);
	raise_limit();
	ret = start_signals(&h->signals, false, NULL);
	if (!ret)
		ret = start_helpers(&h->forker, &h->cleaner, &opts->setup->policy, opts->worker_path,
				    opts->connector);
	if (!ret)
		ret = start_confined(&opts->setup->policy, NULL);
	if (!ret)
		ret = loop(h);
	end_worker(h);
	turn_away(h);
	forker_stop(&h->forker);
	if (h->cleaner.sock >= 0)
		cleaner_stop(&h->cleaner, CLEAN_MS);
	else if (*h->forker.dir)
		rmdir(h->forker.dir);
	log_relay_finish();
	log_outlet_stop();
	return ret;
}
