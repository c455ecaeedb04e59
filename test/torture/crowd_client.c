// SPDX-License-Identifier: Apache-2.0
/*
 * Programs that come and go, for test/torture/crowd:
 *
 *   crowd-client SECONDS SEED
 *
 * One program after the other, for a second each: it connects, adds vectors all the time and looks at the sums, and
 * ends in one of three ways: well, without a word, by SIGKILL. The last line is "N programs, N calls". Ends with
 * 1 as soon as one does not get what it asks for.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transport/clock.h"
#include "vaccel.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define LEN	  64
#define STAY_MS	  1000
#define PAUSE_US  10000
#define CONNECT_S 60

enum end { END_WELL, END_SUDDENLY, END_KILLED, NR_ENDS };

/* Return: false when a call fails or its sums are wrong. */
static bool add(struct vaccel_session *sess, unsigned int nr)
{
	float a[LEN], b[LEN], c[LEN];

	for (unsigned int i = 0; i < LEN; i++) {
		a[i] = (float)(nr % 1000);
		b[i] = (float)i;
		c[i] = -1;
	}
	if (vaccel_fpga_vadd(sess, a, b, c, LEN, LEN))
		return false;
	for (unsigned int i = 0; i < LEN; i++)
		if (c[i] != a[i] + b[i])
			return false;
	return true;
}

/* One program */
static int come_and_go(unsigned int seed, enum end end, unsigned long *calls)
{
	uint64_t until = now_ms() + STAY_MS / 2 + seed % STAY_MS;
	struct vaccel_session sess;
	unsigned int nr = seed;
	int ret;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(CONNECT_S);
	ret = vaccel_bootstrap();
	if (!ret)
		ret = vaccel_session_init(&sess, 0);
	if (ret) {
		fprintf(stderr, "no session: %s\n", strerror(ret));
		return 1;
	}
	do {
		if (!add(&sess, nr++)) {
			fprintf(stderr, "a call fails, or its result is wrong\n");
			return 1;
		}
		++*calls;
		usleep(PAUSE_US);
	} while (now_ms() < until);
	if (end == END_KILLED)
		raise(SIGKILL);
	if (end == END_SUDDENLY)
		_exit(0);
	return vaccel_session_release(&sess) || vaccel_cleanup();
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? (unsigned int)atoi(argv[1]) : 10;
	unsigned int seed = argc > 2 ? (unsigned int)atoi(argv[2]) : 0, programs = 0;
	unsigned long *calls = mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t until = now_ms() + seconds * UINT64_C(1000);

	if (calls == MAP_FAILED)
		return 1;
	srand(seed);
	while (now_ms() < until) {
		enum end end = (enum end)(rand() % NR_ENDS);
		unsigned int next = (unsigned int)rand();
		int status;
		pid_t pid;

		fflush(NULL);
		pid = fork();
		if (pid == 0)
			exit(come_and_go(next, end, calls));
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return 1;
		if (end == END_KILLED ? !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL : status != 0) {
			fprintf(stderr, "program %u of %u ends with %#x\n", programs, seed, (unsigned int)status);
			return 1;
		}
		programs++;
	}
	printf("%u programs, %lu calls\n", programs, *calls);
	return 0;
}
