// SPDX-License-Identifier: Apache-2.0
/*
 * A parent with a session, a resource and registered memory, and children of fork() that let go of what
 * they inherited, or get a connection of their own; for test/vm/ends.test. One line for each, "ok NAME"
 * or "wrong NAME ...".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vaccel.h"

#define SIZE ((size_t)3 << 20)

static struct vaccel_session sess;
static struct vaccel_resource res;
static void *memory;

static int multiply(struct vaccel_session *s)
{
	float a[4] = { 1, 2, 3, 4 }, b[4] = { 5, 6, 7, 8 }, c[4] = { 0 };

	return vaccel_sgemm(s, 2, 2, 2, 1, a, 2, b, 2, 0, c, 2);
}

static int own_session(void)
{
	struct vaccel_session mine;
	int ret = vaccel_session_init(&mine, 0);

	if (!ret)
		ret = multiply(&mine);
	return ret ? ret : vaccel_session_release(&mine);
}

static int release(void)
{
	int ret = vaccel_session_release(&sess);

	return ret ? ret : vaccel_resource_release(&res);
}

static int boot(void)
{
	int ret = vaccel_bootstrap();

	return ret ? ret : own_session();
}

static int use(void)
{
	return multiply(&sess);
}

static int submit(void)
{
	struct vaccel_async *queue;
	int ret = vaccel_async_new(&queue, 1);

	return ret ? ret : VACCEL_ASYNC(queue, NULL, vaccel_noop(&sess));
}

static int free_memory(void)
{
	return vaccel_mem_free(memory) ? 0 : 99;
}

static int nothing(void)
{
	return 0;
}

static const struct {
	const char *name;
	int (*function)(void);
	int result;
} children[] = {
	{ "exit", nothing, 0 },
	{ "use", use, 0 },
	{ "new session", own_session, VACCEL_ENODEV },
	{ "submit", submit, VACCEL_ENODEV },
	{ "free memory", free_memory, 0 },
	{ "release", release, 0 },
	{ "cleanup", vaccel_cleanup, 0 },
	{ "bootstrap", boot, 0 },
};

static int boot_and_stay(void)
{
	int ret = vaccel_bootstrap();

	for (int i = 0; i < 20 && !ret; i++)
		ret = own_session();
	return ret;
}

/* Children with connections of their own, while their parent goes on in its one */
static int together(void)
{
	int status, left = 4, ret = 0;

	fflush(NULL);
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();

		if (!pid) {
			alarm(60);
			exit(boot_and_stay());
		}
	}
	while (left && !ret) {
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid)
			left--;
		if (pid < 0 || (pid && status))
			ret = 97;
		else
			ret = multiply(&sess);
	}
	return ret;
}

int main(void)
{
	char *text = calloc(1, SIZE);
	int ret, status;

	if (!text || vaccel_session_init(&sess, 0) ||
	    vaccel_resource_init_from_buf(&res, text, SIZE, VACCEL_RESOURCE_DATA, "data", false) ||
	    vaccel_resource_register(&res, &sess) || vaccel_mem_alloc(&sess, SIZE, &memory)) {
		puts("wrong start");
		return 1;
	}
	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		pid_t pid;

		fflush(NULL);
		pid = fork();
		if (!pid) {
			alarm(60);
			exit(children[i].function());
		}
		waitpid(pid, &status, 0);
		memset(memory, 1, SIZE);
		ret = multiply(&sess);
		if (!ret)
			ret = vaccel_resource_unregister(&res, &sess);
		if (!ret)
			ret = vaccel_resource_register(&res, &sess);
		if (!ret && access(res.blobs[0]->path, R_OK))
			ret = 98;
		if (ret || !WIFEXITED(status) || WEXITSTATUS(status) != children[i].result)
			printf("wrong %s: child %#x, then %d\n", children[i].name,
			       (unsigned int)status, ret);
		else
			printf("ok %s\n", children[i].name);
	}
	ret = together();
	printf("%s together: %d\n", ret ? "wrong" : "ok", ret);
	ret = vaccel_mem_free(memory);
	printf("end: %d %d %d\n", ret, vaccel_session_release(&sess), vaccel_resource_release(&res));
	free(text);
	return 0;
}
