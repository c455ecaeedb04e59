// SPDX-License-Identifier: Apache-2.0
/*
 * A program for scripts/kill-matrix: opens a session, does something long, and says how that ended,
 * how the same session goes on, and whether it gets a new one.
 *
 *   kill-client idle|call|upload|put
 *
 * "under way" on standard output says that it is time to kill somebody. What does not return within
 * GIVE_UP_S is said so, and the program ends. With put it sends one resource, and waits for nobody.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* Time to kill somebody; so is BOMB_PAUSE_S. */
#define IDLE_S	  4
#define UPLOAD_S  4
#define GIVE_UP_S 20
#define UPLOAD	  ((size_t)32 << 20)

static const char *const steps[] = { "call", "its session", "a new session" };
static const char *when;
static int step = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;

static const char *name_of(int err)
{
	switch (err) {
	case VACCEL_OK: return "works";
	case VACCEL_ESESS: return "VACCEL_ESESS";
	case ENODEV: return "ENODEV";
	case EAGAIN: return "EAGAIN";
	default: return strerror(err);
	}
}

/* The step that was begun has ended; the next one begins. */
static void ended(const char *how)
{
	pthread_mutex_lock(&lock);
	if (step >= 0)
		printf("%s: %s\n", steps[step], how);
	fflush(stdout);
	step++;
	pthread_cond_signal(&moved);
	pthread_mutex_unlock(&lock);
}

static int add(struct vaccel_session *sess)
{
	float a[4] = { 1, 2, 3, 4 }, b[4] = { 4, 3, 2, 1 }, c[4] = { 0 };
	int ret = vaccel_fpga_vadd(sess, a, b, c, 4, 4);

	return ret ? ret : c[0] == 5 && c[3] == 5 ? 0 : EIO;
}

/* Sends resources until that fails, or the time is over. */
static int upload(struct vaccel_session *sess, time_t seconds)
{
	char *data = calloc(1, UPLOAD);
	time_t end = time(NULL) + seconds;
	struct vaccel_resource res;
	int ret = data ? 0 : ENOMEM;

	while (!ret) {
		ret = vaccel_resource_init_from_buf(&res, data, UPLOAD, VACCEL_RESOURCE_DATA, "data",
						    false);
		if (ret)
			break;
		ret = vaccel_resource_register(&res, sess);
		if (!ret)
			ret = vaccel_resource_unregister(&res, sess);
		vaccel_resource_release(&res);
		if (time(NULL) >= end)
			break;
	}
	free(data);
	return ret;
}

static int busy(struct vaccel_session *sess)
{
	int in[2] = { BOMB_MAGIC, BOMB_PAUSE }, out[2];

	if (!strcmp(when, "call"))
		return vaccel_fpga_arraycopy(sess, in, out, 2);
	if (!strcmp(when, "upload"))
		return upload(sess, UPLOAD_S);
	if (!strcmp(when, "put"))
		return upload(sess, 0);
	sleep(IDLE_S);
	return 0;
}

static void *run(void *arg)
{
	struct vaccel_session sess, fresh;
	int ret;

	(void)arg;
	ret = vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE);
	if (ret) {
		step = 2;
		ended(name_of(ret));
		return NULL;
	}
	printf("under way\n");
	ended(NULL);
	ret = busy(&sess);
	ended(!strcmp(when, "idle") ? "-" : name_of(ret));
	ended(name_of(add(&sess)));
	vaccel_session_release(&sess);
	do {
		usleep(1000);
		ret = vaccel_session_init(&fresh, VACCEL_PLUGIN_REMOTE);
	} while (ret == EAGAIN);
	if (!ret) {
		ret = add(&fresh);
		vaccel_session_release(&fresh);
	}
	ended(name_of(ret));
	return NULL;
}

int main(int argc, char **argv)
{
	struct timespec until;
	pthread_t thread;
	int seen = -2;

	if (argc != 2)
		return 2;
	when = argv[1];
	if (pthread_create(&thread, NULL, run, NULL))
		return 2;
	pthread_mutex_lock(&lock);
	while (step < 3) {
		if (seen != step) {
			clock_gettime(CLOCK_REALTIME, &until);
			until.tv_sec += GIVE_UP_S;
		}
		seen = step;
		if (pthread_cond_timedwait(&moved, &lock, &until) == ETIMEDOUT && seen == step) {
			printf("%s: does not return\n", step < 0 ? steps[2] : steps[step]);
			fflush(stdout);
			_exit(1);
		}
	}
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	return 0;
}
