// SPDX-License-Identifier: Apache-2.0
/* See answer_time.h. */
#include "answer_time.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "support.h"

static uint64_t sent_ns, longest_ns, longest_of_all_ns;

ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_recv(int fd, void *to, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *to, size_t len, int flags);

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	sent_ns = now();
	return __real_sendmsg(fd, msg, flags);
}

ssize_t __wrap_recv(int fd, void *to, size_t len, int flags)
{
	ssize_t n = __real_recv(fd, to, len, flags);

	if (n > 0 && sent_ns) {
		uint64_t took = now() - sent_ns;

		longest_ns = took > longest_ns ? took : longest_ns;
		longest_of_all_ns = took > longest_of_all_ns ? took : longest_of_all_ns;
		sent_ns = 0;
	}
	return n;
}

unsigned int answer_time_longest(void)
{
	return (unsigned int)(longest_ns / 1000000);
}

void answer_time_reset(void)
{
	longest_ns = 0;
}

void answer_time_report(void)
{
	unsigned int ms = (unsigned int)(longest_of_all_ns / 1000000);

	printf("longest time from a message of the front end to its answer: %u ms\n", ms);
	if (ms > ANSWER_TIME_MS * ANSWER_TIME_FAIL)
		test_die("a message was answered after %u ms, %d times of what is promised", ms,
			 ANSWER_TIME_FAIL);
}
