// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Nothing tells when a child has ended but left its output to others: it is looked for so often. */
#define LOOK_MS 20

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

void *probe_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void child(int out, int (*what)(void *), void *arg)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(126);
	/* Not exit(): what libraries do then is no part of the question. */
	_exit(what(arg));
}

bool probe_start(struct probe *p, int (*what)(void *arg), void *arg)
{
	int fds[2];

	memset(p, 0, offsetof(struct probe, log));
	p->log[0] = '\0';
	if (pipe2(fds, O_CLOEXEC))
		return false;
	fflush(NULL);
	p->pid = fork();
	if (!p->pid)
		child(fds[1], what, arg);
	close(fds[1]);
	p->out = fds[0];
	fcntl(p->out, F_SETFL, O_NONBLOCK);
	if (p->pid < 0)
		close(p->out);
	return p->pid > 0;
}

/* Takes what there is. Return: whether there may be more some time. */
static bool take(struct probe *p)
{
	char rest[4096];
	ssize_t n;

	do {
		size_t room = sizeof(p->log) - 1 - p->len;

		n = room ? read(p->out, p->log + p->len, room) : read(p->out, rest, sizeof(rest));
		if (n > 0 && room)
			p->len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	p->log[p->len] = '\0';
	return n < 0;
}

/* Whether it has ended; then it is no more. */
static bool gone(struct probe *p, int flags)
{
	if (p->pid > 0 && waitpid(p->pid, &p->status, flags) == 0)
		return false;
	take(p);
	close(p->out);
	p->pid = 0;
	return true;
}

bool probe_wait(struct probe *p, const char *until, unsigned int timeout_s)
{
	long long end = now_ms() + timeout_s * 1000ll;

	while (!gone(p, WNOHANG)) {
		struct pollfd fd = { .fd = p->out, .events = POLLIN };

		if (until && strstr(p->log, until))
			return true;
		if (now_ms() >= end) {
			p->timed_out = true;
			kill(p->pid, SIGKILL);
			gone(p, 0);
			return false;
		}
		poll(&fd, 1, LOOK_MS);
		if (!take(p))
			poll(NULL, 0, LOOK_MS);
	}
	return false;
}

bool probe_run(struct probe *p, int (*what)(void *arg), void *arg, unsigned int timeout_s)
{
	if (!probe_start(p, what, arg))
		return false;
	probe_wait(p, NULL, timeout_s);
	return true;
}

void probe_end(struct probe *p, unsigned int timeout_s)
{
	if (p->pid <= 0)
		return;
	kill(p->pid, SIGTERM);
	probe_wait(p, NULL, timeout_s);
}

/* The text of a line "DATE - <level> text" of one of the levels, or NULL; '-': of "DATE - text", too. */
static const char *text_of(const char *line, size_t len, const char *levels)
{
	const char *text = memmem(line, len, " - ", 3), *end;

	if (!text)
		return NULL;
	text += 3;
	len -= (size_t)(text - line);
	if (!len || *text != '<')
		return len && strchr(levels, '-') ? text : NULL;
	end = memchr(text, '>', len);
	return end && end[1] == ' ' && strchr(levels, text[1]) ? end + 2 : NULL;
}

size_t probe_lines(const struct probe *p, const char *levels, char *text, size_t size)
{
	size_t nr = 0, at = 0;

	text[0] = '\0';
	for (const char *line = p->log; *line;) {
		size_t len = strcspn(line, "\n");
		const char *from = text_of(line, len, levels);

		if (from && at < size) {
			at += (size_t)snprintf(text + at, size - at, "%s%.*s", nr ? "\n" : "",
					       (int)(line + len - from), from);
			nr++;
		}
		line += len + (line[len] == '\n');
	}
	return nr;
}
