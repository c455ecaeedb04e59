// SPDX-License-Identifier: Apache-2.0
/*
 * Many clients of one service that share a directory of models: each model is in memory once, whoever sent it,
 * whoever comes and goes, and whatever dies. What counts is the kernel's word: which files of memory the service's
 * processes have.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"
#include "vaccel.h"

#define CLIENTS	   16
#define SIZE	   ((size_t)3 << 20)
#define TIMEOUT_MS 60000

static struct daemon host;
static char models[2][160]; /* files */
static uint8_t *bytes[2];   /* what is in them */

/* ---- What the service has in memory --------------------------------------------------------- */

/* Calls @function for each process that this one, or one of those, has started. */
static void for_processes(pid_t pid, void (*function)(pid_t pid, const char *name, void *arg), void *arg)
{
	char path[64], name[32] = "";
	int child;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%31s", name) == 1)
		function(pid, name, arg);
	if (f)
		fclose(f);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &child) == 1)
		for_processes(child, function, arg);
	if (f)
		fclose(f);
}

/* Memory that is a model, of all processes */
struct found {
	ino_t inodes[64];
	unsigned int nr;    /* memories */
	unsigned int users; /* processes that have one, and are workers */
	uint64_t bytes;
	int model;    /* that each of them must be; -1: any */
	bool is_wrong; /* one was not */
};

static bool has_bytes(const char *path, int model)
{
	uint8_t *is = malloc(SIZE);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool same = fd >= 0 && is && pread(fd, is, SIZE, 0) == (ssize_t)SIZE && !memcmp(is, bytes[model], SIZE);

	if (fd >= 0)
		close(fd);
	free(is);
	return same;
}

static void look_at(struct found *f, const char *path, const char *name)
{
	char target[128] = "";
	unsigned int i = 0;
	struct stat st;

	/* That of a worker, as it was sent, or that of all; a guest's memory is neither. */
	if (readlink(path, target, sizeof(target) - 1) <= 0 ||
	    (strncmp(target, "/memfd:vaccel-model", 19) && strncmp(target, "/memfd:vaccel-resource", 22)) ||
	    stat(path, &st))
		return;
	f->users += !strncmp(name, "vhost-user-acce", 15);
	while (i < f->nr && f->inodes[i] != st.st_ino)
		i++;
	if (i < f->nr || i == 64)
		return;
	f->inodes[f->nr++] = st.st_ino;
	f->bytes += (uint64_t)st.st_blocks * 512;
	f->is_wrong |= f->model >= 0 && !has_bytes(path, f->model);
}

static void look(pid_t pid, const char *name, void *arg)
{
	char path[320];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, d->d_name);
		look_at(arg, path, name);
	}
	if (dir)
		closedir(dir);
}

/* A worker that has a model */
static void find_user(pid_t pid, const char *name, void *arg)
{
	struct found f = { .model = -1 };

	look(pid, name, &f);
	if (f.users)
		*(pid_t *)arg = pid;
}

static struct found look_all(int model)
{
	struct found f = { .model = model };

	for_processes(getpid(), look, &f);
	return f;
}

static bool has_nothing(void *arg)
{
	(void)arg;
	return look_all(-1).nr == 0;
}

static bool has_users(void *arg)
{
	struct found f = look_all(-1);

	return f.users == *(unsigned int *)arg && f.nr == 1;
}

/* One memory of one model, of so many clients: those who end or die take a moment to be gone */
static void expect_once(unsigned int users, int model)
{
	struct found f;

	assert_true(test_wait(has_users, &users, TIMEOUT_MS));
	f = look_all(model);
	assert_int_equal(f.users, users);
	assert_int_equal(f.nr, 1);
	assert_false(f.is_wrong);
	assert_true(f.bytes >= SIZE && f.bytes < SIZE + SIZE / 2);
}

struct named {
	const char *name;
	pid_t pid;
	unsigned int nr;
};

static void match(pid_t pid, const char *name, void *arg)
{
	struct named *n = arg;

	if (strcmp(n->name, name))
		return;
	n->pid = pid;
	n->nr++;
}

static struct named find_named(const char *name)
{
	struct named n = { .name = name };

	for_processes(getpid(), match, &n);
	return n;
}

/* ---- Clients -------------------------------------------------------------------------------- */

struct client {
	pid_t pid;
	int orders, answers;
};

static int boot(struct vaccel_session *sess)
{
	struct vaccel_config config;
	int ret;

	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	if (vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false, false))
		return 1;
	ret = vaccel_bootstrap_with_config(&config);
	vaccel_config_release(&config);
	return ret ? ret : vaccel_session_init(sess, VACCEL_PLUGIN_REMOTE);
}

static int load(struct vaccel_session *sess, struct vaccel_resource *res, int model)
{
	int ret = vaccel_resource_init(res, models[model], VACCEL_RESOURCE_MODEL);

	if (!ret)
		ret = vaccel_resource_register(res, sess);
	return ret ? ret : vaccel_torch_model_load(sess, res);
}

/* Its worker has died: the session is lost, and another one is opened as soon as that is possible. */
static int renew(struct vaccel_session *sess, struct vaccel_resource *res)
{
	int ret = vaccel_noop(sess) == VACCEL_ESESS ? VACCEL_OK : 1;

	(void)vaccel_resource_release(res);
	if (vaccel_session_release(sess))
		ret = 2;
	for (int i = 0; i < 200 && !ret; i++) {
		ret = vaccel_session_init(sess, VACCEL_PLUGIN_REMOTE);
		if (ret != VACCEL_EAGAIN)
			break;
		ret = VACCEL_OK;
		usleep(50000);
	}
	return ret;
}

/* Does what it is told, a byte at a time, and answers with a byte: 0 is success. Return: its exit status */
static int obey(int orders, int answers)
{
	struct vaccel_resource res;
	struct vaccel_session sess;
	char order;
	int ret = boot(&sess);

	while (!ret && read(orders, &order, 1) == 1 && order != 'q') {
		char answer;

		if (order == 'f')
			ret = vaccel_resource_release(&res);
		else if (order == 's')
			ret = renew(&sess, &res);
		else
			ret = load(&sess, &res, order - '0');
		answer = (char)ret;
		if (write(answers, &answer, 1) != 1)
			break;
	}
	return ret;
}

static void start_client(struct client *c)
{
	int orders[2], answers[2];

	assert_int_equal(pipe2(orders, O_CLOEXEC), 0);
	assert_int_equal(pipe2(answers, O_CLOEXEC), 0);
	fflush(NULL);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (!c->pid) {
		alarm(100);
		close(orders[1]);
		close(answers[0]);
		_exit(obey(orders[0], answers[1]));
	}
	close(orders[0]);
	close(answers[1]);
	c->orders = orders[1];
	c->answers = answers[0];
}

static void order(const struct client *c, char what)
{
	assert_int_equal(write(c->orders, &what, 1), 1);
}

static void expect_done(const struct client *c)
{
	char answer = 1;

	assert_int_equal(read(c->answers, &answer, 1), 1);
	assert_int_equal(answer, 0);
}

static void tell(const struct client *c, char what)
{
	order(c, what);
	expect_done(c);
}

static void end_client(struct client *c, int signal)
{
	int status;

	/* Later ones have this pipe, too: its end would tell nothing. */
	if (signal)
		kill(c->pid, signal);
	else
		order(c, 'q');
	close(c->orders);
	close(c->answers);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	assert_int_equal(signal ? WTERMSIG(status) : status, signal);
}

/* ---- The tests ------------------------------------------------------------------------------ */

static struct client clients[CLIENTS];

static void start_as(const char *isolation)
{
	char option[256], dir[200];

	snprintf(dir, sizeof(dir), "%s/cache", test_dir());
	mkdir(dir, 0700);
	snprintf(option, sizeof(option), "--cache-dir=%s", dir);
	start_daemon(&host, NOOP_PLUGIN, (const char *[]){ "--max-clients=40", option, "-v", isolation, NULL });
}

static void start(void)
{
	start_as(NULL);
}

/* They end by themselves; somebody has to take note, and here it is us. */
static bool all_gone(void *arg)
{
	(void)arg;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return find_named("accel-store").nr == 0 && find_named("accel-keeper").nr == 0;
}

static int stop(void **state)
{
	int ret = host.pid ? stop_daemon(&host) : 0;

	(void)state;
	if (!test_wait(all_gone, NULL, TIMEOUT_MS))
		test_die("a keeper or the store does not end");
	return ret;
}

static void empty_directory(void)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -f %s/cache/*", test_dir());
	assert_int_equal(system(command), 0);
}

static void start_all(char what)
{
	for (int i = 0; i < CLIENTS; i++)
		start_client(&clients[i]);
	for (int i = 0; i < CLIENTS; i++)
		order(&clients[i], what);
	for (int i = 0; i < CLIENTS; i++)
		expect_done(&clients[i]);
}

static void end_all(int from)
{
	for (int i = from; i < CLIENTS; i++)
		end_client(&clients[i], 0);
	assert_true(test_wait(has_nothing, NULL, TIMEOUT_MS));
}

/* They prove to hold what the first one has sent. */
static void one_sends_to(const char *isolation)
{
	struct client first;

	start_as(isolation);
	start_client(&first);
	tell(&first, '0');
	empty_directory();
	start_all('0');
	expect_once(CLIENTS + 1, 0);
	/* The one who has sent it ends, and another one dies: the others have what they had. */
	end_client(&first, 0);
	end_client(&clients[0], SIGKILL);
	for (int i = 1; i < CLIENTS; i++) {
		tell(&clients[i], 'f');
		tell(&clients[i], '0');
	}
	expect_once(CLIENTS - 1, 0);
	/* Of two models there are two. */
	for (int i = 1; i < CLIENTS / 2; i++) {
		tell(&clients[i], 'f');
		tell(&clients[i], '1');
	}
	assert_int_equal(look_all(-1).nr, 2);
	/* Who uses none any more has none, though he stays. */
	for (int i = 1; i < CLIENTS; i++)
		tell(&clients[i], 'f');
	assert_true(test_wait(has_nothing, NULL, TIMEOUT_MS));
	end_all(1);
	assert_int_equal(stop(NULL), 0);
}

static void one_sends(void **state)
{
	(void)state;
	one_sends_to(NULL);
}

/* Clients of one worker have keepers of their own: each has to prove it, and has the same memory then. */
static void one_sends_to_a_worker_for_all(void **state)
{
	(void)state;
	empty_directory();
	one_sends_to("--isolation=shared");
}

/* All come at once, and none finds it there; or none of them asks. */
static void all_send_to(const char *isolation)
{
	empty_directory();
	start_as(isolation);
	start_all('0');
	expect_once(CLIENTS, 0);
	end_all(0);
	setenv("VACCEL_VIRTIO_CACHE", "0", 1);
	start_all('1');
	unsetenv("VACCEL_VIRTIO_CACHE");
	expect_once(CLIENTS, 1);
	end_all(0);
	assert_int_equal(stop(NULL), 0);
}

static void all_send(void **state)
{
	(void)state;
	all_send_to(NULL);
}

static void all_send_to_a_worker_for_all(void **state)
{
	(void)state;
	all_send_to("--isolation=shared");
}

/* What a worker had is given back, the others' stays, and the next one gets it again. */
static void worker_dies(void **state)
{
	unsigned int one = 1;
	pid_t first = 0;

	(void)state;
	start();
	start_client(&clients[0]);
	tell(&clients[0], '0');
	for_processes(getpid(), find_user, &first);
	assert_true(first > 0);
	start_client(&clients[1]);
	tell(&clients[1], '0');
	expect_once(2, 0);
	assert_int_equal(kill(first, SIGKILL), 0);
	assert_true(test_wait(has_users, &one, TIMEOUT_MS));
	tell(&clients[1], 'f');
	assert_true(test_wait(has_nothing, NULL, TIMEOUT_MS));
	tell(&clients[1], '0');
	expect_once(1, 0);
	tell(&clients[0], 's');
	tell(&clients[0], '0');
	expect_once(2, 0);
	end_client(&clients[0], 0);
	end_client(&clients[1], SIGKILL);
	assert_true(test_wait(has_nothing, NULL, TIMEOUT_MS));
	assert_int_equal(stop(NULL), 0);
}

static bool has_store(void *arg)
{
	return find_named("accel-store").pid != *(pid_t *)arg && find_named("accel-store").nr == 1;
}

/* Those who are there go on with what they have; those who come later share again. */
static void store_dies(void **state)
{
	pid_t store;

	(void)state;
	start();
	store = find_named("accel-store").pid;
	assert_true(store > 0);
	start_client(&clients[0]);
	tell(&clients[0], '0');
	assert_int_equal(kill(store, SIGKILL), 0);
	assert_int_equal(waitpid(store, NULL, 0), store);
	start_client(&clients[1]);
	tell(&clients[1], '0');
	tell(&clients[0], 'f');
	tell(&clients[0], '0');
	assert_true(test_wait(has_store, &store, TIMEOUT_MS));
	/* The supervisor that was ready had the old one; and the next one, too, if the end had not been seen by then. */
	start_client(&clients[2]);
	tell(&clients[2], '0');
	end_client(&clients[2], 0);
	end_client(&clients[1], 0);
	end_client(&clients[0], 0);
	assert_true(test_wait(has_nothing, NULL, TIMEOUT_MS));
	start_all('0');
	expect_once(CLIENTS, 0);
	end_all(0);
	assert_int_equal(stop(NULL), 0);
}

/* Without a directory to share there is nothing to be shared, and no store. */
static void not_asked_for(void **state)
{
	(void)state;
	start();
	assert_int_equal(find_named("accel-store").nr, 1);
	assert_int_equal(stop(NULL), 0);
	start_daemon(&host, NOOP_PLUGIN, (const char *[]){ "--max-clients=4", "-v", NULL });
	for (int i = 0; i < 2; i++) {
		start_client(&clients[i]);
		tell(&clients[i], '0');
	}
	assert_int_equal(find_named("accel-store").nr, 0);
	assert_int_equal(look_all(0).nr, 2);
	for (int i = 0; i < 2; i++)
		end_client(&clients[i], 0);
	assert_int_equal(stop(NULL), 0);
}

static void make_model(int model)
{
	int fd;

	snprintf(models[model], sizeof(models[model]), "%s/model%d.pt", test_dir(), model);
	bytes[model] = malloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		bytes[model][i] = (uint8_t)((i + (size_t)model * 7) * 2654435761u >> 13);
	fd = open(models[model], O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, bytes[model], SIZE) != (ssize_t)SIZE)
		test_die("no model can be made");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(one_sends, stop),
		cmocka_unit_test_teardown(one_sends_to_a_worker_for_all, stop),
		cmocka_unit_test_teardown(all_send, stop),
		cmocka_unit_test_teardown(all_send_to_a_worker_for_all, stop),
		cmocka_unit_test_teardown(worker_dies, stop),
		cmocka_unit_test_teardown(store_dies, stop),
		cmocka_unit_test_teardown(not_asked_for, stop),
	};

	test_main_begin(280);
	/* Keepers and store are nobody's children, and so ours: we see all processes of the service. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	for (int i = 0; i < 2; i++)
		make_model(i);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
