// SPDX-License-Identifier: Apache-2.0
#include "hubs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

/* A hub that ends sooner than this has failed; then the next one waits for a while. */
#define YOUNG_MS 2000
#define MAX_DELAY_MS 2000

void hubs_init(struct hubs *h, void (*run)(void *arg, int sock, uint64_t sections), void *arg)
{
	memset(h, 0, sizeof(*h));
	h->run = run;
	h->arg = arg;
}

static void clear(struct hub_place *p)
{
	if (p->ask >= 0)
		close(p->ask);
	if (p->answer >= 0)
		close(p->answer);
	*p = (struct hub_place){ .ask = -1, .answer = -1 };
}

/* Return: 0 or -errno */
static int start(struct hubs *h, struct hub_place *p, uint64_t now)
{
	fflush(NULL);
	p->pid = fork();
	if (p->pid == 0)
		h->run(h->arg, p->answer, p->sections);
	if (p->pid < 0) {
		p->pid = 0;
		p->start_ms = now + MAX_DELAY_MS;
		return -errno;
	}
	p->started_ms = now;
	return 0;
}

static int open_place(struct hubs *h, struct hub_place *p, uint64_t sections, uint64_t now)
{
	int socks[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, socks))
		return -errno;
	*p = (struct hub_place){ .used = true, .sections = sections, .ask = socks[0], .answer = socks[1] };
	ret = start(h, p, now);
	if (!ret)
		return p->ask;
	clear(p);
	return ret;
}

int hubs_ask(struct hubs *h, uint64_t sections, uint64_t now)
{
	struct hub_place *free = NULL;

	for (unsigned int i = 0; i < HUBS_MAX; i++) {
		struct hub_place *p = &h->of[i];

		if (p->used && !p->retired && p->sections == sections)
			return p->ask;
		if (!p->used)
			free = p;
	}
	return free ? open_place(h, free, sections, now) : -EUSERS;
}

int hubs_start(struct hubs *h, uint64_t now)
{
	int timeout = -1;

	for (unsigned int i = 0; i < HUBS_MAX; i++) {
		struct hub_place *p = &h->of[i];

		if (!p->used || p->pid)
			continue;
		if (p->start_ms > now) {
			int left = (int)(p->start_ms - now);

			timeout = timeout < 0 || left < timeout ? left : timeout;
		} else if (start(h, p, now)) {
			log_error("cannot start a process: %s", strerror(errno));
			timeout = MAX_DELAY_MS;
		}
	}
	return timeout;
}

bool hubs_reap(struct hubs *h, uint64_t now, int *status)
{
	for (unsigned int i = 0; i < HUBS_MAX; i++) {
		struct hub_place *p = &h->of[i];
		unsigned int delay;

		if (!p->used || !p->pid || waitpid(p->pid, status, WNOHANG) != p->pid)
			continue;
		p->pid = 0;
		if (p->retired) {
			clear(p);
			return true;
		}
		p->failures = now - p->started_ms < YOUNG_MS ? p->failures + 1 : 0;
		delay = p->failures ? 100u << (p->failures < 5 ? p->failures : 5) : 0;
		p->start_ms = now + (delay < MAX_DELAY_MS ? delay : MAX_DELAY_MS);
		return true;
	}
	return false;
}

void hubs_retire(struct hubs *h)
{
	for (unsigned int i = 0; i < HUBS_MAX; i++) {
		struct hub_place *p = &h->of[i];
		pid_t pid = p->pid;

		if (!p->used || p->retired)
			continue;
		clear(p);
		/* Its number is known until it has ended. */
		if (pid)
			*p = (struct hub_place){ .used = true, .retired = true, .pid = pid, .ask = -1, .answer = -1 };
	}
}

unsigned int hubs_running(const struct hubs *h)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < HUBS_MAX; i++)
		nr += h->of[i].used && h->of[i].pid;
	return nr;
}

void hubs_signal(const struct hubs *h, int sig)
{
	for (unsigned int i = 0; i < HUBS_MAX; i++)
		if (h->of[i].used && h->of[i].pid)
			kill(h->of[i].pid, sig);
}
