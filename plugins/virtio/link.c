// SPDX-License-Identifier: Apache-2.0
#include "link.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "transport/clock.h"
#include "transport/fd.h"
#include "transport/target.h"
#include "vaccel.h"

/* After an attempt in vain, those who do not wait make none for this long. */
#define RETRY_MS 100

/* What was opened, since the environment may have changed when it is opened again. */
static struct {
	char *path;
	bool native;
} target;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows; never held for long */
static struct remote_link *links;
static struct remote_link *current;
static int sources = -1; /* epoll set with the present connection's descriptors, if anyone watches */

/* Held while a connection takes the place of another one; outside of lock. */
static pthread_mutex_t renewing = PTHREAD_MUTEX_INITIALIZER;
static uint64_t failed_ms; /* when that was last tried in vain; under renewing */

/* ---- Holding -------------------------------------------------------------------------------- */

struct remote_link *link_hold(void)
{
	struct remote_link *l;

	pthread_mutex_lock(&lock);
	l = current;
	if (l)
		l->users++;
	pthread_mutex_unlock(&lock);
	return l;
}

static void close_link(struct remote_link *l)
{
	l->transport->ops->close(l->transport);
	free(l);
}

void link_put(struct remote_link *l)
{
	struct remote_link **at = &links;
	bool last;

	if (!l)
		return;
	pthread_mutex_lock(&lock);
	last = !--l->users;
	while (last && *at != l)
		at = &(*at)->next;
	if (last)
		*at = l->next;
	pthread_mutex_unlock(&lock);
	if (last)
		close_link(l);
}

bool link_lost(const struct remote_link *l)
{
	return l->transport->ops->lost && l->transport->ops->lost(l->transport);
}

/* ---- Opening -------------------------------------------------------------------------------- */

const char *link_path(void)
{
	return target_path();
}

static int set_target(void)
{
	target.native = target_is_native();
	target.path = strdup(link_path());
	return target.path ? VACCEL_OK : VACCEL_ENOMEM;
}

/* A connection with one user, not in the list yet. Return: it or NULL; *ret: 0 or VACCEL_E*. */
static struct remote_link *new_link(int (*open)(const char *, struct transport **), int *ret)
{
	struct remote_link *l = calloc(1, sizeof(*l));

	*ret = l ? open(target.path, &l->transport) : VACCEL_ENOMEM;
	if (*ret) {
		free(l);
		return NULL;
	}
	l->users = 1;
	return l;
}

/* Has whoever watches look at @l in place of the present connection. The lock is held. */
static int switch_sources(struct remote_link *l)
{
	int err;

	if (sources < 0)
		return 0;
	err = l->transport->ops->watch(l->transport, sources);
	if (err)
		return err;
	if (current->transport->ops->unwatch)
		current->transport->ops->unwatch(current->transport, sources);
	return 0;
}

/* Makes @l the present connection. Return: 0 or VACCEL_E*. */
static int use(struct remote_link *l)
{
	int ret;

	pthread_mutex_lock(&lock);
	ret = switch_sources(l);
	if (!ret) {
		l->next = links;
		links = l;
		current = l;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

int link_open(void)
{
	struct remote_link *l;
	int ret;

	/* What a child has inherited is of no use any more: neither sessions nor memory in it are. */
	link_close();
	ret = set_target();
	if (ret)
		return ret;
	l = new_link(target.native ? transport_open_native : transport_open_device, &ret);
	return l ? use(l) : ret;
}

void link_close(void)
{
	struct remote_link *l;

	current = NULL;
	while ((l = links)) {
		links = l->next;
		close_link(l);
	}
	if (sources >= 0)
		close(sources);
	sources = -1;
	free(target.path);
	target.path = NULL;
}

/* ---- Opening again -------------------------------------------------------------------------- */

static bool is_current(const struct remote_link *l)
{
	bool same;

	pthread_mutex_lock(&lock);
	same = current == l;
	pthread_mutex_unlock(&lock);
	return same;
}

/* Under renewing. */
static int renew(struct remote_link *lost, bool wait)
{
	struct remote_link *l;
	int ret;

	/* Only devices in VMs are never lost for their programs. */
	if (!target.native || (!wait && now_ms() - failed_ms < RETRY_MS))
		return VACCEL_ENODEV;
	l = new_link(wait ? transport_open_native : transport_reopen_native, &ret);
	if (l) {
		ret = use(l);
		if (ret)
			close_link(l);
	}
	if (ret) {
		failed_ms = now_ms();
		return ret == ENOENT || ret == ECONNREFUSED ? VACCEL_ENODEV : ret;
	}
	vaccel_warn("virtio: connected to %s again; sessions and memory of the lost connection are of no "
		    "more use: calls in these sessions give ESESS, new sessions work", target.path);
	link_put(lost);
	return VACCEL_OK;
}

int link_renew(struct remote_link *lost, bool wait)
{
	int ret;

	if (lost->inherited)
		return VACCEL_ENODEV;
	if (!is_current(lost))
		return VACCEL_OK;
	if (wait)
		pthread_mutex_lock(&renewing);
	else if (pthread_mutex_trylock(&renewing))
		return VACCEL_ENODEV;
	ret = is_current(lost) ? renew(lost, wait) : VACCEL_OK;
	pthread_mutex_unlock(&renewing);
	return ret;
}

int link_ready(bool wait)
{
	struct remote_link *l = link_hold();
	int ret = VACCEL_OK;

	if (!l)
		return VACCEL_ENODEV;
	if (!l->inherited && link_lost(l))
		ret = link_renew(l, wait);
	link_put(l);
	return ret;
}

/* ---- Waiting -------------------------------------------------------------------------------- */

/* The set in the set: what is in it changes with the connection, the program's queues do not. */
static int make_sources(void)
{
	int ret;

	if (sources >= 0)
		return 0;
	sources = fd_above_stdio(epoll_create1(EPOLL_CLOEXEC));
	if (sources < 0)
		return errno;
	ret = current->transport->ops->watch(current->transport, sources);
	if (ret) {
		close(sources);
		sources = -1;
	}
	return ret;
}

int link_watch(int epoll_fd)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ret = ENODEV;

	pthread_mutex_lock(&lock);
	if (current && current->inherited)
		vaccel_error("[virtio] The connection to the device is the parent process's and cannot be used "
			     "after fork(); call vaccel_bootstrap() in the child to get another one");
	else if (current)
		ret = make_sources();
	if (!ret && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, sources, &event) && errno != EEXIST)
		ret = errno;
	pthread_mutex_unlock(&lock);
	return ret;
}

/* ---- fork ----------------------------------------------------------------------------------- */

void link_before_fork(void)
{
	pthread_mutex_lock(&lock);
}

void link_after_fork(bool child)
{
	for (struct remote_link *l = child ? links : NULL; l; l = l->next)
		l->inherited = true;
	if (child) {
		/* Only this descriptor is the child's: what it adds to the set its parent would see. */
		if (sources >= 0)
			close(sources);
		sources = -1;
		pthread_mutex_init(&renewing, NULL);
	}
	pthread_mutex_unlock(&lock);
}
