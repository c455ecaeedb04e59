// SPDX-License-Identifier: Apache-2.0
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "fdpass.h"
#include "handoff.h"
#include "hubs.h"
#include "keeper.h"
#include "log.h"
#include "socket.h"
#include "start.h"
#include "store.h"
#include "transport/clock.h"
#include "transport/refusal.h"
#include "waiting.h"
#include "watcher.h"

/* Connections that may wait to be accepted */
#define BACKLOG 128
/* Accepted in one turn of the loop */
#define ACCEPTS 16
/* Supervisors that start at once, and that may be about to end: a start takes processor time */
#define MAX_STARTING 4
#define MAX_ENDING 32
/* How long a place may take to become free for one who waits: a program that is started again is faster
 * than we hear of its end */
#define FULL_MS 1000
/* How long a supervisor may take to start before those who wait are told */
#define START_MS 8000
#define MAX_DELAY_MS 2000
/* A supervisor that nobody needs is kept for so long */
#define SPARE_MS 5000
/* How often the observer is tried when it does not run, or does not listen */
#define OBSERVER_MS 100
/* Supervisors end within ten seconds; who does not is killed. */
#define STOP_MS 12000

enum state {
	FREE,
	STARTING, /* not ready yet */
	READY,	  /* for the next client */
	SERVING,
	ENDING, /* its client has gone */
};

/* A supervisor */
struct place {
	enum state state;
	pid_t pid;
	int sock; /* handoff; -1: it has closed its end */
	int counters; /* -1: nobody wants them */
	time_t since; /* that it serves its client */
	bool told;    /* the observer knows of the client; also while FREE: not yet that it has gone */
	uint64_t sections; /* of the policy, that it was started with */
	struct peer peer;
	char name[HANDOFF_CLIENT_SIZE];
	struct handoff_ready ready; /* what it has said when it was */
};

struct listener {
	const struct listener_options *opts;
	int signals, sock;
	int store; /* its door; -1: there is none yet */
	bool bound, stop, has_started;
	bool draining; /* no new clients */
	uint64_t reloads;
	int status; /* to exit with */
	struct waiting_list waiting;
	struct watcher watcher;
	struct hubs hubs;
	struct place *places;
	unsigned int nr_places;
	unsigned int failures; /* starts in a row that failed, and since when */
	uint64_t failing_ms;
	uint64_t start_ms;     /* no start before */
	uint64_t accept_ms;    /* no accept() before */
	uint64_t spare_ms;     /* since when there has been more than one ready */
	uint64_t next_sections; /* of the policy, that the next client probably has */
	int hubs_ms; /* when one is to be started, from the last turn on; -1: none */
	uint64_t exhausted, refused, served;
	sigset_t old_signals;
	struct rlimit old_limit;
};

static unsigned int count(const struct listener *l, enum state state)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < l->nr_places; i++)
		nr += l->places[i].state == state;
	return nr;
}

/* ---- Supervisors ---------------------------------------------------------------------------- */

/* In a new process: of what the listener has open only these are left, as other numbers. -1: there is none */
static void leave_listener(const struct listener *l, int *fds, unsigned int nr, const char *name)
{
	int at = STDERR_FILENO + 1, first_free = at + (int)nr;

	/* Out of the way of the others' new numbers */
	for (unsigned int i = 0; i < nr; i++)
		if (fds[i] >= 0 && fds[i] < first_free)
			fds[i] = fcntl(fds[i], F_DUPFD, first_free);
	for (unsigned int i = 0; i < nr; i++)
		if (fds[i] >= 0)
			fds[i] = dup3(fds[i], at++, O_CLOEXEC);
	syscall(SYS_close_range, at, ~0u, 0);
	sigprocmask(SIG_SETMASK, &l->old_signals, NULL);
	setrlimit(RLIMIT_NOFILE, &l->old_limit);
	prctl(PR_SET_NAME, name);
}

/* In the new process */
static void become_supervisor(struct listener *l, const struct listener_start *start)
{
	int fds[] = { start->handoff, start->counters, start->store, start->hub };
	struct listener_start here = { .sections = start->sections };

	leave_listener(l, fds, 4, "accel-client");
	here.handoff = fds[0];
	here.counters = fds[1];
	here.store = fds[2];
	here.hub = fds[3];
	exit(l->opts->serve(l->opts->arg, &here));
}

/* In the new process */
static void become_hub(void *arg, int sock, uint64_t sections)
{
	struct listener *l = arg;

	leave_listener(l, &sock, 1, "accel-hub");
	exit(l->opts->share(l->opts->arg, sock, sections));
}

static void clear_place(struct place *p)
{
	if (p->sock >= 0)
		close(p->sock);
	if (p->counters >= 0)
		close(p->counters);
	*p = (struct place){ .sock = -1, .counters = -1, .told = p->told };
}

/* Of a place that nobody has, and of which the observer knows that. NULL: there is none */
static struct place *find_place(const struct listener *l)
{
	for (unsigned int i = 0; i < l->nr_places; i++)
		if (l->places[i].state == FREE && !l->places[i].told)
			return &l->places[i];
	return NULL;
}

/* Has a store if clients may share memory; one that has died is started again, for later ones. */
static void update_store(struct listener *l)
{
	if (l->store >= 0 && store_is_gone(l->store)) {
		log_warn("the store has ended: those who are connected now share no more models in memory");
		close(l->store);
		l->store = -1;
	}
	if (l->store >= 0 || !*l->opts->has_store)
		return;
	keeper_prepare();
	l->store = store_start();
	if (l->store < 0)
		log_warn("clients do not share models in memory: %s", strerror(-l->store));
}

/* Return: 0 or -errno, with nothing started */
static int fork_supervisor(struct listener *l, struct place *p, uint64_t sections)
{
	int socks[2], hub = -1, ret;

	if (l->opts->is_shared(l->opts->arg, sections)) {
		hub = hubs_ask(&l->hubs, sections, now_ms());
		if (hub < 0)
			return hub;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, socks))
		return -errno;
	p->sock = socks[0];
	update_store(l);
	p->counters = watcher_is_wanted(&l->watcher) ? counters_create(sizeof(struct counters)) : -1;
	ret = watcher_is_wanted(&l->watcher) && p->counters < 0 ? p->counters : 0;
	if (!ret) {
		fflush(NULL);
		p->pid = fork();
		if (p->pid == 0)
			become_supervisor(l, &(struct listener_start){ socks[1], p->counters, l->store, hub, sections });
		ret = p->pid < 0 ? -errno : 0;
	}
	close(socks[1]);
	if (ret)
		clear_place(p);
	return ret;
}

/* Return: whether one starts */
static bool start_supervisor(struct listener *l, uint64_t sections)
{
	struct place *p = find_place(l);
	int ret = p ? fork_supervisor(l, p, sections) : 0;

	if (!p || ret) {
		if (ret)
			log_error("cannot start a process: %s", strerror(-ret));
		l->start_ms = now_ms() + SOCKET_PAUSE_MS;
		return false;
	}
	p->state = STARTING;
	p->sections = sections;
	*p->name = '\0';
	return true;
}

static void dismiss(struct place *p)
{
	close(p->sock);
	p->sock = -1;
	p->state = ENDING;
}

/* It is ready, has nothing more to say, or has ended: waitpid() will tell. */
static void on_supervisor(struct listener *l, struct place *p)
{
	struct handoff_ready msg;
	ssize_t n = recv(p->sock, &msg, sizeof(msg), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == sizeof(msg) && p->state == STARTING) {
		msg.plugins[sizeof(msg.plugins) - 1] = '\0';
		p->ready = msg;
		p->state = READY;
		l->failures = 0;
		l->has_started = true;
		return;
	}
	close(p->sock);
	p->sock = -1;
	if (p->state == SERVING || p->state == READY)
		p->state = ENDING;
}

/* It has said why. At the start that is our end, too. */
static void end_at_start(struct listener *l, int status)
{
	l->stop = true;
	l->status = WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EX_OSERR;
}

static void report_end(struct listener *l, const struct place *p, int status)
{
	const char *whose = *p->name ? p->name : "nobody yet";
	unsigned int delay = 100u << (l->failures < 5 ? l->failures : 5);

	if (WIFSIGNALED(status))
		log_error("the supervisor of %s was killed by signal %d (%s)", whose, WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	if (p->state != STARTING || l->stop)
		return;
	if (!l->has_started) {
		end_at_start(l, status);
		return;
	}
	if (!l->failures++)
		l->failing_ms = now_ms();
	l->start_ms = now_ms() + (delay < MAX_DELAY_MS ? delay : MAX_DELAY_MS);
}

/* One that is stopped serves nobody. Who has a client is the operator's to stop. */
static void on_stopped(struct place *p)
{
	if (p->state != STARTING && p->state != READY)
		return;
	log_warn("a supervisor was stopped before it had a client; another one takes its place");
	kill(p->pid, SIGKILL);
	dismiss(p);
}

static void reap_hubs(struct listener *l)
{
	int status;

	while (hubs_reap(&l->hubs, now_ms(), &status)) {
		if (!l->has_started && !l->stop)
			end_at_start(l, status);
		else if (WIFSIGNALED(status))
			log_error("the process that has a shared worker was killed by signal %d (%s)",
				  WTERMSIG(status), strsignal(WTERMSIG(status)));
	}
}

static void reap(struct listener *l)
{
	reap_hubs(l);
	for (unsigned int i = 0; i < l->nr_places; i++) {
		struct place *p = &l->places[i];
		int status;

		if (p->state == FREE || waitpid(p->pid, &status, WNOHANG | WUNTRACED) != p->pid)
			continue;
		if (WIFSTOPPED(status)) {
			on_stopped(p);
			continue;
		}
		report_end(l, p, status);
		clear_place(p);
	}
	if (watcher_reap(&l->watcher, now_ms()))
		for (unsigned int i = 0; i < l->nr_places; i++)
			l->places[i].told = false;
}

_Static_assert(LISTENER_MAX_CLIENTS + 1 + MAX_ENDING <= OBSERVE_MAX_PLACES, "the observer has a row for each place");
_Static_assert(HANDOFF_CLIENT_SIZE == OBSERVE_NAME_SIZE, "names are not cut");

/* ---- The observer --------------------------------------------------------------------------- */

/* Return: whether there is something that the observer does not know yet */
static bool is_news(const struct place *p)
{
	return p->state == FREE ? p->told : *p->name && !p->told;
}

static bool tell_of(struct listener *l, unsigned int place, uint64_t now)
{
	struct place *p = &l->places[place];
	struct observe_msg msg = { .type = p->state == FREE ? OBSERVE_GONE : OBSERVE_CLIENT,
				   .client.place = place };

	msg.client.uid = p->peer.uid;
	msg.client.pid = p->peer.pid;
	msg.client.since = p->since;
	snprintf(msg.client.name, sizeof(msg.client.name), "%s", p->name);
	memcpy(msg.client.plugins, p->ready.plugins, sizeof(msg.client.plugins));
	if (!watcher_tell(&l->watcher, &msg, p->state == FREE ? -1 : p->counters, now))
		return false;
	p->told = !p->told;
	return true;
}

/* Tells the observer what has changed, as far as it listens. */
static void update_observer(struct listener *l, uint64_t now)
{
	struct counters_service *s = l->watcher.service;

	if (!watcher_start(&l->watcher, now))
		return;
	counters_set(&s->clients, count(l, SERVING));
	counters_set(&s->waiting, l->waiting.nr);
	counters_set(&s->ready, count(l, READY));
	counters_set(&s->served, l->served);
	counters_set(&s->turned_away, l->refused);
	counters_set(&s->dropped, l->waiting.turned_away);
	counters_set(&s->max_clients, l->opts->max_clients);
	counters_set(&s->draining, l->draining);
	counters_set(&s->reloads, l->reloads);
	for (unsigned int i = 0; i < l->nr_places; i++)
		if (is_news(&l->places[i]) && !tell_of(l, i, now))
			return;
}

/* ---- What the operator wants ---------------------------------------------------------------- */

/* Nobody can connect any more, and who has not been served yet never is. */
static void drain(struct listener *l)
{
	if (l->draining)
		return;
	log_info("no new clients are served; the end comes when the last one has gone");
	l->draining = true;
	if (l->sock >= 0)
		close(l->sock);
	l->sock = -1;
	if (l->bound)
		unlink(l->opts->socket_path);
	l->bound = false;
	waiting_clear(&l->waiting);
	for (unsigned int i = 0; i < l->nr_places; i++)
		if (l->places[i].state == STARTING || l->places[i].state == READY)
			dismiss(&l->places[i]);
}

/* Return: whether it is in force; who is served keeps what he has */
static bool reload(struct listener *l, char *why, size_t size)
{
	if (!l->opts->reload) {
		snprintf(why, size, "there is no file of --config to be read again");
		return false;
	}
	if (!l->opts->reload(l->opts->arg, why, size))
		return false;
	log_info("the policy was read again, for new clients");
	l->reloads++;
	l->next_sections = 0;
	l->failures = 0;
	hubs_retire(&l->hubs);
	for (unsigned int i = 0; i < l->waiting.nr; i++)
		(void)peer_of(l->waiting.of[i].fd, l->opts->clients, &l->waiting.of[i].peer);
	for (unsigned int i = 0; i < l->nr_places; i++)
		if (l->places[i].state == STARTING || l->places[i].state == READY)
			dismiss(&l->places[i]);
	return true;
}

/* Passes it on. Return: whether the client's supervisor will hear of it */
static bool change_limit(struct listener *l, const struct observe_msg *ask, char *why, size_t size)
{
	struct handoff_limit msg = { .rule = ask->ask.limit.rule, .value = ask->ask.limit.value };
	struct place *p = ask->ask.limit.place < l->nr_places ? &l->places[ask->ask.limit.place] : NULL;

	if (!p || p->state != SERVING || p->peer.pid != ask->ask.limit.pid) {
		snprintf(why, size, "that client has gone");
		return false;
	}
	if (send(p->sock, &msg, sizeof(msg), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(msg))
		return true;
	snprintf(why, size, "the supervisor of that client takes nothing in now; try again");
	return false;
}

/* The observer passes on what the operator wants. */
static void on_observer(struct listener *l)
{
	struct observe_msg ask;

	while (watcher_hear(&l->watcher, &ask)) {
		struct observe_msg answer = { .type = OBSERVE_ANSWER, .answer.serial = ask.ask.serial };
		char *why = answer.answer.text;

		if (ask.ask.wish == OBSERVE_DRAIN) {
			drain(l);
			answer.answer.done = true;
		} else if (ask.ask.wish == OBSERVE_LIMIT) {
			answer.answer.done = change_limit(l, &ask, why, sizeof(answer.answer.text));
		} else {
			answer.answer.done = reload(l, why, sizeof(answer.answer.text));
		}
		(void)watcher_tell(&l->watcher, &answer, -1, now_ms());
	}
}

/* Milliseconds until update_observer() has something to do without an event; -1: never */
static int observer_timeout(const struct listener *l)
{
	if (!watcher_is_wanted(&l->watcher))
		return -1;
	if (!l->watcher.pid)
		return OBSERVER_MS;
	for (unsigned int i = 0; i < l->nr_places; i++)
		if (is_news(&l->places[i]))
			return OBSERVER_MS;
	return -1;
}

/* ---- Clients -------------------------------------------------------------------------------- */

/* Return: false when the supervisor has just ended; the client is the next one's. */
static bool serve_client(struct listener *l, struct place *p, const struct waiting *w)
{
	struct handoff msg = { 0 };
	const struct iovec iov = { &msg, sizeof(msg) };

	peer_name(&w->peer, msg.client, sizeof(msg.client));
	/* The service's is the one that is cut. */
	snprintf(msg.log_name, sizeof(msg.log_name), "%.14s%s%s", l->opts->name,
		 *l->opts->name ? "/" : "", msg.client);
	if (fdpass_send(p->sock, &iov, 1, &w->fd, 1, MSG_DONTWAIT) != sizeof(msg)) {
		dismiss(p);
		return false;
	}
	p->state = SERVING;
	p->since = time(NULL);
	p->peer = w->peer;
	memcpy(p->name, msg.client, sizeof(p->name));
	l->served++;
	return true;
}

static unsigned int clients_of(const struct listener *l, uid_t uid)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < l->nr_places; i++)
		nr += l->places[i].state == SERVING && l->places[i].peer.uid == uid;
	return nr;
}

static struct place *find_ready(const struct listener *l, uint64_t sections)
{
	for (unsigned int i = 0; i < l->nr_places; i++)
		if (l->places[i].state == READY && l->places[i].sections == sections)
			return &l->places[i];
	return NULL;
}

/*
 * Who is next, of those for whom a supervisor is ready: the first one of the user with the fewest clients.
 * Return: its index, or waiting.nr
 */
static unsigned int find_next(const struct listener *l)
{
	unsigned int next = l->waiting.nr, fewest = 0;

	for (unsigned int i = 0; i < l->waiting.nr; i++) {
		const struct waiting *w = &l->waiting.of[i];
		unsigned int nr;

		if (!w->has_spoken || !find_ready(l, w->peer.sections))
			continue;
		nr = clients_of(l, w->peer.uid);
		if (next == l->waiting.nr || nr < fewest) {
			next = i;
			fewest = nr;
		}
	}
	return next;
}

static void refuse(struct listener *l, unsigned int index, enum refusal_reason reason)
{
	char name[HANDOFF_CLIENT_SIZE];

	peer_name(&l->waiting.of[index].peer, name, sizeof(name));
	if (!log_is_due(++l->refused))
		;
	else if (reason == REFUSAL_FULL)
		log_warn("%s was turned away: %u clients are served, and no more at a time "
			 "(--max-clients)", name, l->opts->max_clients);
	else
		log_warn("%s was turned away: no worker starts for it", name);
	socket_refuse(waiting_take(&l->waiting, index), reason,
		      reason == REFUSAL_FULL ? l->opts->max_clients : 0);
}

/* Those who have waited for too long, now that nobody else can be served. Workers that only start slowly are
 * waited for. */
static void refuse_late(struct listener *l, bool full, uint64_t now)
{
	bool failing = l->failures && now - l->failing_ms >= START_MS;

	if (!full && !failing)
		return;
	for (unsigned int i = l->waiting.nr; i-- > 0;) {
		const struct waiting *w = &l->waiting.of[i];

		if (w->has_spoken && now - w->since_ms >= (full ? FULL_MS : START_MS))
			refuse(l, i, full ? REFUSAL_FULL : REFUSAL_START);
	}
}

/* Gives those who wait to the supervisors that are ready. */
static void serve_clients(struct listener *l, uint64_t now)
{
	unsigned int serving = count(l, SERVING), next;

	while (serving < l->opts->max_clients && (next = find_next(l)) < l->waiting.nr) {
		const struct waiting *w = &l->waiting.of[next];

		if (!serve_client(l, find_ready(l, w->peer.sections), w))
			continue;
		l->next_sections = w->peer.sections;
		close(waiting_take(&l->waiting, next));
		serving++;
	}
	refuse_late(l, serving == l->opts->max_clients, now);
}

/* Supervisors with these sections that have no client, and those who wait for one */
static unsigned int count_free(const struct listener *l, uint64_t sections)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < l->nr_places; i++)
		nr += (l->places[i].state == STARTING || l->places[i].state == READY) &&
		      l->places[i].sections == sections;
	return nr;
}

static unsigned int count_waiting(const struct listener *l, uint64_t sections)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < l->waiting.nr; i++)
		nr += l->waiting.of[i].has_spoken && l->waiting.of[i].peer.sections == sections;
	return nr;
}

/* What a supervisor is to be started for. Return: whether there is anything */
static bool find_wanted(const struct listener *l, uint64_t *sections)
{
	for (unsigned int i = 0; i < l->waiting.nr; i++) {
		*sections = l->waiting.of[i].peer.sections;
		if (l->waiting.of[i].has_spoken && count_free(l, *sections) < count_waiting(l, *sections))
			return true;
	}
	/* And one ahead */
	*sections = l->next_sections;
	return count_free(l, *sections) <= count_waiting(l, *sections);
}

/* One that is ready for a client with other sections than the next one. Return: NULL: none */
static struct place *find_unwanted(const struct listener *l)
{
	for (unsigned int i = 0; i < l->nr_places; i++) {
		struct place *p = &l->places[i];

		if (p->state == READY && (p->sections != l->next_sections ||
					  count_free(l, p->sections) > count_waiting(l, p->sections) + 1))
			return p;
	}
	return NULL;
}

/* Has as many supervisors as are needed, and one ahead; none when there is no place for a client. */
static void start_supervisors(struct listener *l, uint64_t now)
{
	unsigned int taken = count(l, SERVING) + count(l, STARTING) + count(l, READY);
	struct place *unwanted = find_unwanted(l);
	uint64_t sections;

	while (now >= l->start_ms && count(l, STARTING) < MAX_STARTING &&
	       count(l, ENDING) < MAX_ENDING && find_wanted(l, &sections)) {
		/* Those that are ready for others make room. */
		if (taken >= l->opts->max_clients) {
			unwanted = find_unwanted(l);
			if (unwanted && count_waiting(l, sections))
				dismiss(unwanted);
			break;
		}
		if (!start_supervisor(l, sections))
			break;
		taken++;
	}
	/* After a rush one is enough. */
	if (!unwanted) {
		l->spare_ms = now;
	} else if (unwanted->state == READY && now - l->spare_ms >= SPARE_MS) {
		dismiss(unwanted);
		l->spare_ms = now;
	}
}

static void accept_some(struct listener *l, uint64_t now)
{
	struct peer peer;

	for (int i = 0; i < ACCEPTS && waiting_has_room(&l->waiting); i++) {
		int fd = accept4(l->sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			/* It stays in the socket's queue: looking again at once would be a loop. */
			if (socket_is_exhausted(errno)) {
				if (log_is_due(++l->exhausted))
					log_warn("a front end has to wait: %s", strerror(errno));
				l->accept_ms = now + SOCKET_PAUSE_MS;
			}
			return;
		}
		if (peer_of(fd, l->opts->clients, &peer))
			close(fd);
		else
			waiting_add(&l->waiting, fd, &peer, now);
	}
}

/* ---- The loop ------------------------------------------------------------------------------- */

static void print_stats(struct listener *l)
{
	fprintf(stderr,
		"{\"clients\":%u,\"waiting\":%u,\"ready\":%u,\"served\":%" PRIu64 ",\"turned_away\":%" PRIu64
		",\"dropped\":%" PRIu64 "}\n",
		count(l, SERVING), l->waiting.nr, count(l, READY), l->served, l->refused,
		l->waiting.turned_away);
	for (unsigned int i = 0; i < l->nr_places; i++)
		if (l->places[i].state == SERVING)
			kill(l->places[i].pid, SIGUSR1);
}

static void on_signals(struct listener *l)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof(info)) == sizeof(info)) {
		char why[512] = "";

		if (info.ssi_signo == SIGUSR1)
			print_stats(l);
		else if (info.ssi_signo == SIGHUP && l->opts->reload)
			(void)reload(l, why, sizeof(why));
		else if (info.ssi_signo != SIGCHLD)
			l->stop = true;
	}
	/* Several ends may come as one signal. */
	reap(l);
}

static void shorten(int *timeout, uint64_t until, uint64_t now)
{
	int ms = until > now ? (int)(until - now) : 0;

	if (*timeout < 0 || ms < *timeout)
		*timeout = ms;
}

static int loop_timeout(const struct listener *l, uint64_t now)
{
	int timeout = waiting_timeout(&l->waiting, now), observer = observer_timeout(l);

	if (observer >= 0)
		shorten(&timeout, now + (uint64_t)observer, now);
	if (l->hubs_ms >= 0)
		shorten(&timeout, now + (uint64_t)l->hubs_ms, now);
	if (l->accept_ms > now)
		shorten(&timeout, l->accept_ms, now);
	if (l->start_ms > now)
		shorten(&timeout, l->start_ms, now);
	if (find_unwanted(l))
		shorten(&timeout, l->spare_ms + SPARE_MS, now);
	for (unsigned int i = 0; i < l->waiting.nr; i++)
		if (l->waiting.of[i].has_spoken)
			shorten(&timeout, l->waiting.of[i].since_ms + FULL_MS, now);
	/* Those who wait for a start for longer than that need no exact time. */
	return timeout == 0 ? 10 : timeout;
}

/* Those supervisors that may say something. Return: how many */
static unsigned int place_pollfds(const struct listener *l, struct pollfd *fds)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < l->nr_places; i++)
		if (l->places[i].sock >= 0)
			fds[nr++] = (struct pollfd){ .fd = l->places[i].sock, .events = POLLIN };
	return nr;
}

/* @fds: as place_pollfds() has made them; no place has changed since */
static void update_places(struct listener *l, const struct pollfd *fds)
{
	for (unsigned int i = 0; i < l->nr_places; i++)
		if (l->places[i].sock >= 0 && (fds++)->revents)
			on_supervisor(l, &l->places[i]);
}

/*
 * One turn: waits, and handles what has come. @fds: room for all; poll() takes no more than this process may
 * have open. Return: 0 or an exit status
 */
static int turn(struct listener *l, struct pollfd *fds)
{
	enum { SIGNALS, LISTENER, OBSERVER, PLACES };
	uint64_t now = now_ms();
	bool may_accept = l->sock >= 0 && l->accept_ms <= now && waiting_has_room(&l->waiting);
	struct pollfd *waiting;
	unsigned int nr;

	fds[SIGNALS] = (struct pollfd){ .fd = l->signals, .events = POLLIN };
	fds[LISTENER] = (struct pollfd){ .fd = may_accept ? l->sock : -1, .events = POLLIN };
	fds[OBSERVER] = (struct pollfd){ .fd = l->watcher.sock, .events = POLLIN };
	waiting = &fds[PLACES + place_pollfds(l, &fds[PLACES])];
	nr = waiting_pollfds(&l->waiting, waiting);
	if (poll(fds, (nfds_t)(waiting - fds) + nr, loop_timeout(l, now)) < 0) {
		if (errno == EINTR)
			return 0;
		log_error("poll: %s", strerror(errno));
		return EX_OSERR;
	}
	now = now_ms();
	waiting_update(&l->waiting, waiting, now);
	update_places(l, &fds[PLACES]);
	if (fds[SIGNALS].revents)
		on_signals(l);
	if (fds[LISTENER].revents && l->sock >= 0)
		accept_some(l, now);
	if (fds[OBSERVER].revents)
		on_observer(l);
	if (l->draining && !count(l, SERVING) && !count(l, ENDING))
		l->stop = true;
	if (l->stop)
		return 0;
	l->hubs_ms = hubs_start(&l->hubs, now);
	if (!l->draining) {
		serve_clients(l, now);
		start_supervisors(l, now);
	}
	update_observer(l, now);
	return 0;
}

/* Return: 0 when one is ready, so that plugins that do not work are found before anyone can connect. */
static int start_first(struct listener *l, struct pollfd *fds)
{
	int ret = 0;

	start_supervisors(l, now_ms());
	while (!ret && !l->stop && !l->has_started)
		ret = turn(l, fds);
	return ret;
}

static int start_listening(struct listener *l)
{
	bool listening;
	int ret;

	if (!l->opts->socket_path) {
		l->sock = l->opts->fd;
		return socket_use(l->sock, &listening);
	}
	ret = socket_listen("socket-path", l->opts->socket_path, BACKLOG, &l->sock);
	l->bound = !ret;
	return ret;
}

/* All supervisors end, at the same time. */
static void stop_supervisors(struct listener *l)
{
	struct pollfd pfd = { .fd = l->signals, .events = POLLIN };
	uint64_t end = now_ms() + STOP_MS;

	for (unsigned int i = 0; i < l->nr_places; i++)
		if (l->places[i].state != FREE)
			kill(l->places[i].pid, SIGTERM);
	while (count(l, FREE) < l->nr_places && now_ms() < end) {
		poll(&pfd, 1, 100);
		on_signals(l);
	}
	for (unsigned int i = 0; i < l->nr_places; i++) {
		if (l->places[i].state == FREE)
			continue;
		log_error("the supervisor of %s does not end, and is killed", l->places[i].name);
		kill(l->places[i].pid, SIGKILL);
	}
	/* After their clients */
	hubs_signal(&l->hubs, SIGTERM);
	while (hubs_running(&l->hubs) && now_ms() < end) {
		poll(&pfd, 1, 100);
		on_signals(l);
	}
	hubs_signal(&l->hubs, SIGKILL);
}

/* As many descriptors as there may be clients, if that is allowed. Supervisors have what they had. */
static void raise_limit(struct listener *l)
{
	struct rlimit limit;
	/* A connection and a page of counters for each place, a pair for each hub */
	rlim_t wanted = STDERR_FILENO + 16 + 2 * l->nr_places + WAITING_MAX + 2 * HUBS_MAX;

	if (getrlimit(RLIMIT_NOFILE, &l->old_limit))
		return;
	limit = l->old_limit;
	if (limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int listener_run(const struct listener_options *opts)
{
	struct listener *l = calloc(1, sizeof(*l));
	struct pollfd *fds = NULL;
	int ret = EX_OSERR;

	if (l) {
		l->nr_places = opts->max_clients + 1 + MAX_ENDING;
		l->places = calloc(l->nr_places, sizeof(*l->places));
		fds = calloc(3 + l->nr_places + WAITING_MAX, sizeof(*fds));
	}
	if (!l || !l->places || !fds) {
		log_error("out of memory");
		goto out;
	}
	l->opts = opts;
	l->sock = -1;
	l->store = -1;
	watcher_init(&l->watcher);
	hubs_init(&l->hubs, become_hub, l);
	l->hubs_ms = -1;
	for (unsigned int i = 0; i < l->nr_places; i++)
		l->places[i] = (struct place){ .sock = -1, .counters = -1 };
	raise_limit(l);
	ret = start_signals(&l->signals, true, &l->old_signals);
	if (!ret)
		ret = watcher_open(&l->watcher, opts->observer, opts->metrics, opts->control);
	if (!ret)
		ret = start_first(l, fds);
	if (!ret && !l->stop)
		ret = start_listening(l);
	while (!ret && !l->stop)
		ret = turn(l, fds);
	if (l->sock >= 0)
		close(l->sock);
	if (l->bound)
		unlink(opts->socket_path);
	waiting_clear(&l->waiting);
	stop_supervisors(l);
	watcher_close(&l->watcher);
	if (l->store >= 0)
		close(l->store);
	ret = ret ? ret : l->status;
	close(l->signals);
out:
	free(fds);
	if (l)
		free(l->places);
	free(l);
	return ret;
}
