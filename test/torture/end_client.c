// SPDX-License-Identifier: Apache-2.0
/*
 * A program that ends while its threads are in calls, for test/torture/ends.
 *
 *   end-client WAY USEC [registered]
 *
 * Its first line of output is its run directory. After USEC microseconds it ends by WAY:
 *   return   main returns
 *   thread   a thread calls exit()
 *   quick    quick_exit()
 *   again    main returns, and destructors of the program call, and open a session
 *   late     main returns; the plugin of END_PLUGIN was loaded when threads had begun to run
 *   cleanup  main returns, and what was registered with atexit() calls vaccel_cleanup()
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vaccel.h"

#define THREADS 16
#define SIDE	48

static bool registered;
static const char *way = "";
static struct vaccel_session late;
static pthread_barrier_t begun;

static int multiply(struct vaccel_session *sess, float *m[3])
{
	return vaccel_sgemm(sess, SIDE, SIDE, SIDE, 1, m[0], SIDE, m[1], SIDE, 0, m[2], SIDE);
}

static bool get_memory(struct vaccel_session *sess, float *m[3])
{
	const size_t size = SIDE * SIDE * sizeof(float);

	for (int i = 0; i < 3; i++) {
		void *p = NULL;

		if (!registered)
			p = calloc(1, size);
		else if (vaccel_mem_alloc(sess, size, &p))
			return false;
		m[i] = p;
	}
	return m[0] && m[1] && m[2];
}

/* Every fourth thread makes and releases sessions, too, which are directories. */
static void *work(void *arg)
{
	const bool opens = (size_t)arg % 4 == 0;
	struct vaccel_session *sess = calloc(1, sizeof(*sess));
	float *m[3];

	pthread_barrier_wait(&begun);
	if (!sess || vaccel_session_init(sess, 0) || !get_memory(sess, m))
		pause();
	while (!multiply(sess, m))
		if (opens && (vaccel_session_release(sess) || vaccel_session_init(sess, 0)))
			break;
	pause();
	return NULL;
}

/* What a destructor of a static object of C++ may do: the call works, or is refused. */
__attribute__((destructor)) static void at_end(void)
{
	struct vaccel_session sess;
	float *m[3];

	if (strcmp(way, "again"))
		return;
	if (!vaccel_session_init(&sess, 0)) {
		if (get_memory(&sess, m))
			(void)multiply(&sess, m);
		vaccel_session_release(&sess);
	}
	if (get_memory(&late, m))
		(void)multiply(&late, m);
}

static void clean_up(void)
{
	if (!strcmp(way, "cleanup"))
		vaccel_cleanup();
}

static void *end(void *arg)
{
	(void)arg;
	exit(0);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 3)
		return 2;
	registered = argc > 3;
	printf("%s\n", vaccel_rundir());
	fflush(stdout);
	atexit(clean_up);
	pthread_barrier_init(&begun, NULL, THREADS + 1);
	for (size_t i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, work, (void *)i))
			return 3;
	if (!strcmp(argv[1], "late") && vaccel_plugin_load(getenv("END_PLUGIN")))
		return 4;
	if (!strcmp(argv[1], "again") && vaccel_session_init(&late, 0))
		return 5;
	way = argv[1];
	pthread_barrier_wait(&begun);
	usleep((useconds_t)atoi(argv[2]));
	if (!strcmp(way, "quick"))
		quick_exit(0);
	if (!strcmp(way, "thread") && !pthread_create(&thread, NULL, end, NULL))
		pause();
	return 0;
}
