// SPDX-License-Identifier: Apache-2.0
/*
 * The worker as the supervisor sees it, where it does not do what a worker does: it does not start,
 * says something else, answers too little or not at all, does not leave. The forker is played here.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "child.h"
#include "fdpass.h"
#include "forker.h"
#include "util.h"

#define WAIT_MS 20000

/* As for a process that a driver holds in the kernel: it does not end when it is killed. */
static bool is_immortal;

int __real_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig);

int __wrap_kill(pid_t pid, int sig)
{
	return is_immortal ? 0 : __real_kill(pid, sig);
}

static int refusal;		    /* of the forker */
static void (*body)(int sock);	    /* of the next worker */

int forker_spawn(struct forker *f, int fd, pid_t *pid, uint32_t *nr)
{
	(void)f;
	*nr = 7;
	if (refusal)
		return refusal;
	fflush(NULL);
	*pid = fork();
	if (*pid)
		return *pid < 0 ? -errno : 0;
	alarm(60);
	body(fd);
	_exit(0);
}

/* ---- Workers -------------------------------------------------------------------------------- */

static void next_message(int sock, struct control_msg *msg)
{
	int fds[CONTROL_MAX_FDS];

	if (control_recv(sock, msg, fds, WAIT_MS))
		_exit(99);
}

static void say_with(int sock, uint32_t type, int status, bool with_fds)
{
	static struct control_msg msg;
	const int fds[CONTROL_MAX_FDS] = { 0, 1, 2 };

	memset(&msg, 0, sizeof(msg));
	msg.type = type;
	msg.status = status;
	if (type == CONTROL_READY)
		memset(msg.ready.rundir, '/', sizeof(msg.ready.rundir)); /* and no end */
	if (control_send(sock, &msg, fds, with_fds ? CONTROL_MAX_FDS : 0))
		_exit(98);
}

static void get_ready(int sock)
{
	static struct control_msg msg;

	next_message(sock, &msg);
	if (msg.type != CONTROL_SETUP || msg.setup.generation != 7)
		_exit(97);
	say_with(sock, CONTROL_READY, 0, true);
}

static void good(int sock)
{
	static struct control_msg msg;

	get_ready(sock);
	for (;;) {
		next_message(sock, &msg);
		if (msg.type == CONTROL_QUIT)
			_exit(0);
		say_with(sock, msg.type, -EBUSY, true);
	}
}

static void no_program(int sock)
{
	(void)sock;
	_exit(FORKER_CANNOT_EXEC);
}

/* As the dynamic linker ends a program */
static void no_library(int sock)
{
	(void)sock;
	_exit(127);
}

static void crashes(int sock)
{
	get_ready(sock);
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

static void says_nonsense(int sock)
{
	say_with(sock, CONTROL_STATS, 0, true);
	pause();
}

static void ready_twice(int sock)
{
	get_ready(sock);
	say_with(sock, CONTROL_READY, 0, false);
	pause();
}

static void says_too_little(int sock)
{
	(void)!send(sock, "short", 5, 0);
	pause();
}

static void answers_another(int sock)
{
	static struct control_msg msg;

	get_ready(sock);
	next_message(sock, &msg);
	say_with(sock, CONTROL_VQ_STOP, 0, false);
	pause();
}

static void answers_nothing(int sock)
{
	get_ready(sock);
	for (;;)
		pause();
}

/* ---- Tests ---------------------------------------------------------------------------------- */

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void start(struct child *c, void (*worker)(int sock))
{
	static const struct control_msg setup = { .type = CONTROL_SETUP, .setup.generation = 7 };

	body = worker;
	child_init(c);
	assert_int_equal(child_start(c, NULL, &setup, NULL, 0), 0);
	assert_true(c->pid > 0 && !c->ready);
}

static void end(struct child *c, const char *how)
{
	char said[96];

	child_kill(c, said, sizeof(said));
	assert_string_equal(said, how);
	assert_int_equal(c->pid, 0);
	assert_int_equal(c->sock, -1);
}

static void does_its_work(void **state)
{
	struct control_msg msg = { .type = CONTROL_RESET };
	int before = count_fds();
	struct child c;
	char how[96];

	(void)state;
	start(&c, good);
	assert_int_equal(child_read(&c, WAIT_MS), 0);
	assert_true(c.ready && strlen(c.rundir) == sizeof(c.rundir) - 1);
	assert_int_equal(child_ask(&c, &msg, NULL, 0, WAIT_MS), -EBUSY);
	child_quit(&c, WAIT_MS, how, sizeof(how));
	assert_string_equal(how, "exited with status 0");
	/* Who cleans up has to know. */
	assert_int_equal(c.nr, 7);
	assert_int_equal(strlen(c.rundir), sizeof(c.rundir) - 1);
	child_kill(&c, how, sizeof(how));
	assert_string_equal(how, "not running");
	child_quit(&c, WAIT_MS, how, sizeof(how));
	assert_string_equal(how, "not running");
	/* Nor what came with its messages */
	assert_int_equal(count_fds(), before);
}

static void does_not_start(void **state)
{
	static const struct control_msg setup = { .type = CONTROL_SETUP, .setup.generation = 7 };
	int before = count_fds();
	struct child c;

	(void)state;
	child_init(&c);
	refusal = -EAGAIN;
	assert_int_equal(child_start(&c, NULL, &setup, NULL, 0), -EAGAIN);
	assert_int_equal(c.pid, 0);
	refusal = 0;
	assert_int_equal(count_fds(), before);

	start(&c, no_program);
	assert_int_equal(child_read(&c, WAIT_MS), -EPIPE);
	end(&c, "its executable could not be run");
	start(&c, no_library);
	assert_int_equal(child_read(&c, WAIT_MS), -EPIPE);
	end(&c, "a library that it needs was not found");
	assert_int_equal(count_fds(), before);
}

static void dies(void **state)
{
	struct control_msg msg = { .type = CONTROL_RESET };
	struct child c;

	(void)state;
	start(&c, crashes);
	assert_int_equal(child_read(&c, WAIT_MS), 0);
	assert_int_equal(child_read(&c, WAIT_MS), -EPIPE);
	assert_int_equal(child_ask(&c, &msg, NULL, 0, WAIT_MS), -EPIPE);
	end(&c, "killed by signal 11 (Segmentation fault)");
}

static void talks_nonsense(void **state)
{
	static void (*const workers[])(int sock) = { says_nonsense, says_too_little };
	struct control_msg msg = { .type = CONTROL_RESET };
	int before = count_fds();
	struct child c;

	(void)state;
	for (int i = 0; i < 2; i++) {
		start(&c, workers[i]);
		assert_int_equal(child_read(&c, WAIT_MS), -EPROTO);
		assert_false(c.ready);
		end(&c, "killed by signal 9 (Killed)");
	}
	start(&c, ready_twice);
	assert_int_equal(child_read(&c, WAIT_MS), 0);
	assert_int_equal(child_read(&c, WAIT_MS), -EPROTO);
	end(&c, "killed by signal 9 (Killed)");
	start(&c, answers_another);
	assert_int_equal(child_read(&c, WAIT_MS), 0);
	assert_int_equal(child_ask(&c, &msg, NULL, 0, WAIT_MS), -EPIPE);
	end(&c, "killed by signal 9 (Killed)");
	assert_int_equal(count_fds(), before);
}

/* Each wait has an end. */
static void says_nothing(void **state)
{
	struct control_msg msg = { .type = CONTROL_RESET };
	struct child c;
	char how[96];

	(void)state;
	start(&c, answers_nothing);
	assert_int_equal(child_read(&c, WAIT_MS), 0);
	assert_int_equal(child_read(&c, 0), -ETIMEDOUT);
	assert_int_equal(child_ask(&c, &msg, NULL, 0, 50), -EPIPE);
	/* Nor is it asked when there is no time for an answer. */
	assert_int_equal(child_ask(&c, &msg, NULL, 0, 0), -EPIPE);
	child_quit(&c, 50, how, sizeof(how));
	assert_string_equal(how, "killed by signal 9 (Killed)");
}

/* The front end does not wait for it; the operator is told, once, and it is waited for at last. */
static void does_not_end(void **state)
{
	enum { NR = 18 };
	static struct capture log;
	struct child c;
	const char *said;
	pid_t pids[NR];
	int before = count_fds();

	(void)state;
	capture_start(&log, STDERR_FILENO);
	is_immortal = true;
	for (unsigned int i = 0; i < NR; i++) {
		start(&c, answers_nothing);
		pids[i] = c.pid;
		end(&c, "killed, and not gone yet");
		assert_int_equal(child_nr_ending(), i < NR - 2 ? i + 1 : NR - 2);
	}
	for (int i = 0; i < 120; i++) {
		usleep(50000);
		child_reap();
	}
	said = capture_end(&log);
	is_immortal = false;
	for (unsigned int i = 0; i < NR; i++) {
		char line[64];

		__real_kill(pids[i], SIGKILL);
		snprintf(line, sizeof(line), "worker %d does not end: a driver", (int)pids[i]);
		/* More than can be remembered are told of at once. */
		assert_true(!strstr(said, line) == (i >= NR - 2));
		if (i < NR - 2)
			assert_null(strstr(strstr(said, line) + 1, line));
	}
	assert_non_null(strstr(said, "17 workers do not end: a driver"));
	for (int waited = 0; child_nr_ending() && waited < WAIT_MS; waited += 10) {
		usleep(10000);
		child_reap();
	}
	assert_int_equal(child_nr_ending(), 0);
	for (unsigned int i = NR - 2; i < NR; i++)
		assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(count_fds(), before);
}

/* ---- One that is shared --------------------------------------------------------------------- */

/* The hub, and the worker, played here: what of them is needed */
struct shared {
	int hub[2];
	pid_t worker;
	int pidfd;
	int channel; /* the worker's end */
};

static void open_shared(struct shared *s)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s->hub), 0);
	fflush(NULL);
	s->worker = fork();
	assert_true(s->worker >= 0);
	if (!s->worker) {
		alarm(60);
		pause();
		_exit(0);
	}
	s->pidfd = (int)syscall(SYS_pidfd_open, s->worker, 0);
	assert_true(s->pidfd >= 0);
}

/* Return: what it has been killed by; 0: nobody has killed it */
static int close_shared(struct shared *s)
{
	int status, sig = 0;

	if (waitpid(s->worker, &status, WNOHANG) == s->worker) {
		sig = WTERMSIG(status);
	} else {
		__real_kill(s->worker, SIGKILL);
		assert_int_equal(waitpid(s->worker, NULL, 0), s->worker);
	}
	close(s->pidfd);
	close(s->hub[0]);
	close(s->hub[1]);
	return sig;
}

static void join(struct child *c, struct shared *s)
{
	static const struct control_msg setup = { .type = CONTROL_SETUP, .setup.generation = 7 };
	int fds[CONTROL_MAX_FDS];
	struct control_msg msg;
	unsigned int nr;
	char byte;

	child_init(c);
	assert_int_equal(child_join(c, s->hub[0], &setup, NULL, 0), 0);
	assert_true(child_is_there(c) && !c->ready);
	assert_int_equal(fdpass_recv(s->hub[1], (struct iovec){ &byte, 1 }, &s->channel, 1, &nr, MSG_DONTWAIT), 1);
	assert_int_equal(nr, 1);
	/* It is there before the worker is. */
	assert_int_equal(control_recv(s->channel, &msg, fds, 0), 0);
	assert_int_equal(msg.type, CONTROL_SETUP);
	assert_int_equal(msg.setup.generation, 7);
}

static void introduce(struct shared *s)
{
	struct control_msg msg = { .type = CONTROL_WORKER, .forked.pid = s->worker };

	assert_int_equal(control_send(s->channel, &msg, &s->pidfd, 1), 0);
}

static void expect_lost(struct child *c, struct shared *s, const char *how)
{
	end(c, how);
	assert_false(child_is_there(c));
	close(s->channel);
}

static void is_shared(void **state)
{
	int before = count_fds();
	struct shared s;
	struct child c;

	(void)state;
	open_shared(&s);
	/* A worker that nobody has vouched for */
	join(&c, &s);
	say_with(s.channel, CONTROL_READY, 0, false);
	assert_int_equal(child_read(&c, 0), -EPROTO);
	expect_lost(&c, &s, "it has no place for this client");
	join(&c, &s);
	close(s.channel);
	assert_int_equal(child_read(&c, 0), -EPIPE);
	s.channel = -1;
	expect_lost(&c, &s, "it has no place for this client");

	/* Nothing is done for us yet: others need not suffer. */
	join(&c, &s);
	introduce(&s);
	assert_int_equal(child_read(&c, 0), 0);
	assert_true(!c.ready && c.pid == s.worker);
	introduce(&s);
	assert_int_equal(child_read(&c, 0), -EPROTO);
	expect_lost(&c, &s, "it could not set up this client");

	/* The client goes. */
	join(&c, &s);
	introduce(&s);
	say_with(s.channel, CONTROL_READY, 0, false);
	assert_int_equal(child_read(&c, 0), 0);
	assert_int_equal(child_read(&c, 0), 0);
	assert_true(c.ready);
	child_leave(&c);
	assert_false(child_is_there(&c));
	close(s.channel);
	assert_int_equal(close_shared(&s), 0);
	assert_int_equal(count_fds(), before);
}

static void is_killed_though_shared(void **state)
{
	int before = count_fds();
	struct shared s;
	struct child c[2];
	int channel;

	(void)state;
	open_shared(&s);
	for (int i = 0; i < 2; i++) {
		channel = s.channel;
		join(&c[i], &s);
		introduce(&s);
		say_with(s.channel, CONTROL_READY, 0, false);
		assert_int_equal(child_read(&c[i], 0), 0);
		assert_int_equal(child_read(&c[i], 0), 0);
	}
	expect_lost(&c[0], &s, "killed");
	s.channel = channel;
	expect_lost(&c[1], &s, "it has ended");
	assert_int_equal(close_shared(&s), SIGKILL);
	assert_int_equal(count_fds(), before);
}

/* More ask than the socket holds. */
static void has_to_ask_again(void **state)
{
	static const struct control_msg setup = { .type = CONTROL_SETUP };
	int before = count_fds(), ret = 0;
	struct shared s;
	struct child c;

	(void)state;
	open_shared(&s);
	for (int i = 0; i < 100000 && !ret; i++) {
		child_init(&c);
		ret = child_join(&c, s.hub[0], &setup, NULL, 0);
		if (!ret)
			child_leave(&c);
	}
	assert_int_equal(ret, -EAGAIN);
	assert_false(child_is_there(&c));
	close_shared(&s);
	assert_int_equal(count_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_shared),	 cmocka_unit_test(is_killed_though_shared),
		cmocka_unit_test(has_to_ask_again),
		cmocka_unit_test(does_its_work), cmocka_unit_test(does_not_start),
		cmocka_unit_test(dies),		 cmocka_unit_test(talks_nonsense),
		cmocka_unit_test(says_nothing),	 cmocka_unit_test(does_not_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
