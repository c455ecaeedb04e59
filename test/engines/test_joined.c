// SPDX-License-Identifier: Apache-2.0
/*
 * Calls of several sessions that an engine runs as one (VACCEL_BATCH_US): each gets what it would get alone; with
 * ONNX Runtime also its own error, across the programs that share a worker, and when one of them dies while it waits.
 */
#include "engines.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "infer_models.h"

#define SESSIONS   8
#define ROUNDS	   20
#define MAX_ROWS   4
#define BATCH_US   "2000000" /* for a slow machine; who is there does not wait so long */
#define RAN_AS_ONE "ran as one"

#ifdef IS_TORCH
#define NAME	  "m.pt"
#define IN_WIDTH  4
#define OUT_WIDTH 3
#else
#define NAME	  "m.onnx"
#define IN_WIDTH  LAYER_WIDTH
#define OUT_WIDTH LAYER_WIDTH
#endif
/* Of values up to 50; OpenVINO adds up in another order for one row than for several. */
#ifdef IS_OPENVINO
#define TOLERANCE 1e-4f
#else
#define TOLERANCE 0.0f
#endif

static uint8_t *rows_model(size_t *size)
{
#ifdef IS_TORCH
	return read_whole(MODELS_DIR "/torch_linear.pt", size);
#else
	return layer_model(size);
#endif
}

static struct daemon host;

static void start(const char *const *args)
{
	start_daemon(&host, ENGINE_PLUGIN, args);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
}

static void connect_library(void)
{
	struct vaccel_config config;

	assert_int_equal(vaccel_config_init(&config, ENGINE_PLUGIN ":" VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false,
					    false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
}

static bool has_joined(void *unused)
{
	char *log = daemon_log(&host);
	bool found = strstr(log, RAN_AS_ONE);

	(void)unused;
	free(log);
	return found;
}

/* The log may come later than the answer. */
static void expect_joined(void)
{
	assert_true(test_wait(has_joined, NULL, 10000));
}

/* ---- Sessions with a model ------------------------------------------------------------------- */

struct user {
	struct vaccel_session sess;
	struct vaccel_resource *model;
	int nr;
	pthread_t thread;
	int failed;
};

static void begin(struct user *u, uint32_t flags, uint8_t *bytes, size_t size)
{
	assert_int_equal(vaccel_session_init(&u->sess, flags), 0);
	assert_int_equal(vaccel_resource_from_buf(&u->model, bytes, size, VACCEL_RESOURCE_MODEL, NAME, true), 0);
	assert_int_equal(vaccel_resource_register(u->model, &u->sess), 0);
	assert_int_equal(vaccel_infer_load(&u->sess, u->model), 0);
}

static void end(struct user *u)
{
	assert_int_equal(vaccel_infer_unload(&u->sess, u->model), 0);
	assert_int_equal(vaccel_resource_delete(u->model), 0);
	assert_int_equal(vaccel_session_release(&u->sess), 0);
}

/* ---- Sessions of a program ------------------------------------------------------------------- */

static float inputs[SESSIONS][MAX_ROWS * IN_WIDTH], expected[SESSIONS][MAX_ROWS * OUT_WIDTH];

static size_t rows_of(int nr)
{
	return 1 + (size_t)nr % MAX_ROWS;
}

static int run_rows(struct user *u, int nr, float *result)
{
	const size_t rows = rows_of(nr), size = rows * OUT_WIDTH * sizeof(float);
	struct vaccel_infer_tensor x = {.datatype = VACCEL_INFER_FP32, .nr_dims = 2, .shape = {(int64_t)rows, IN_WIDTH},
					.data = inputs[nr], .size = rows * IN_WIDTH * sizeof(float)};
	struct vaccel_infer_tensor y = {.data = result, .room = size};
	int ret = vaccel_infer_run(&u->sess, u->model, &x, 1, &y, 1);

	return ret ? ret : y.size != size || y.shape[0] != (int64_t)rows;
}

static void *run_often(void *arg)
{
	struct user *u = arg;
	float result[MAX_ROWS * OUT_WIDTH];

	for (int i = 0; i < ROUNDS; i++) {
		int nr = (u->nr + i) % SESSIONS;

		memset(result, 0xff, sizeof(result)); /* no numbers */
		u->failed += run_rows(u, nr, result);
		for (size_t k = 0; k < rows_of(nr) * OUT_WIDTH; k++)
			u->failed += !(fabsf(result[k] - expected[nr][k]) <= TOLERANCE);
	}
	return NULL;
}

static void all_at_once(struct user *users, void *(*function)(void *arg))
{
	for (int i = 0; i < SESSIONS; i++)
		assert_int_equal(pthread_create(&users[i].thread, NULL, function, &users[i]), 0);
	for (int i = 0; i < SESSIONS; i++)
		pthread_join(users[i].thread, NULL);
}

/* What each input gives alone. */
static void expect_alone(uint8_t *bytes, size_t size)
{
	struct user alone;

	begin(&alone, 0, bytes, size);
	assert_false(alone.sess.is_virtio);
	for (int i = 0; i < SESSIONS; i++) {
		for (int k = 0; k < MAX_ROWS * IN_WIDTH; k++)
			inputs[i][k] = (float)((i + 3) * (k + 7) % 113) / 50 - 1.1f;
		assert_int_equal(run_rows(&alone, i, expected[i]), 0);
	}
	end(&alone);
}

static void equal(void **state)
{
	struct user users[SESSIONS] = {{.nr = 0}};
	size_t size;
	uint8_t *bytes = rows_model(&size);

	(void)state;
	expect_alone(bytes, size);
	for (int i = 0; i < SESSIONS; i++) {
		users[i].nr = i;
		begin(&users[i], VACCEL_PLUGIN_REMOTE, bytes, size);
	}
	all_at_once(users, run_often);
	for (int i = 0; i < SESSIONS; i++) {
		assert_int_equal(users[i].failed, 0);
		end(&users[i]);
	}
	expect_joined();
	free(bytes);
}

#ifdef IS_ONNX
/* The first session asks for what is not there, and an output that is too small is its own fault, too. */
static void *look_up(void *arg)
{
	struct user *u = arg;

	for (int i = 0; i < ROUNDS; i++) {
		int64_t in[3] = {u->nr % LOOKUP_ROOM, i % LOOKUP_ROOM, u->nr ? 1 : LOOKUP_ROOM};
		float out[3] = {0};
		struct vaccel_infer_tensor x = {.datatype = VACCEL_INFER_INT64, .nr_dims = 2, .shape = {1, 3},
						.data = in, .size = sizeof(in)};
		struct vaccel_infer_tensor y = {.data = out, .room = u->nr == 1 ? 5 : sizeof(out)};
		int ret = vaccel_infer_run(&u->sess, u->model, &x, 1, &y, 1);

		if (u->nr < 2)
			u->failed += ret != (u->nr ? VACCEL_ERANGE : VACCEL_EINVAL);
		else
			u->failed += ret || out[0] != 10 * (float)in[0] || out[1] != 10 * (float)in[1] || out[2] != 10;
	}
	return NULL;
}

static void errors_apart(void **state)
{
	struct user users[SESSIONS] = {{.nr = 0}};
	size_t size;
	uint8_t *bytes = lookup_model(&size);

	(void)state;
	for (int i = 0; i < SESSIONS; i++) {
		users[i].nr = i;
		begin(&users[i], VACCEL_PLUGIN_REMOTE, bytes, size);
	}
	all_at_once(users, look_up);
	for (int i = 0; i < SESSIONS; i++) {
		assert_int_equal(users[i].failed, 0);
		end(&users[i]);
	}
	free(bytes);
}

/* ---- Programs that share a worker ------------------------------------------------------------ */

#define END '.'

struct program {
	pid_t pid;
	int ask, answer;
};

/* It loads the model, says so, and runs it when asked; a result that is wrong is another answer. */
static void be_program(int ask, int answer, uint8_t *bytes, size_t size)
{
	struct user u = {.nr = 0};
	char c = 'l';

	connect_library();
	begin(&u, VACCEL_PLUGIN_REMOTE, bytes, size);
	while (write(answer, &c, 1) == 1 && read(ask, &c, 1) == 1 && c != END) {
		int64_t in[3] = {c % LOOKUP_ROOM, 2, 3};
		float out[3] = {0};
		struct vaccel_infer_tensor x = {.datatype = VACCEL_INFER_INT64, .nr_dims = 2, .shape = {1, 3},
						.data = in, .size = sizeof(in)};
		struct vaccel_infer_tensor y = {.data = out, .room = sizeof(out)};

		if (vaccel_infer_run(&u.sess, u.model, &x, 1, &y, 1) || out[0] != 10 * (float)in[0] || out[2] != 30)
			c = '!';
	}
	end(&u);
	_exit(vaccel_cleanup());
}

static void expect_answer(const struct program *p, char wanted)
{
	char c = '?';

	assert_int_equal(read(p->answer, &c, 1), 1);
	assert_int_equal(c, wanted);
}

static struct program start_program(uint8_t *bytes, size_t size)
{
	int ask[2], answer[2];
	struct program p;

	assert_int_equal(pipe(ask), 0);
	assert_int_equal(pipe(answer), 0);
	fflush(NULL);
	p.pid = fork();
	assert_true(p.pid >= 0);
	if (!p.pid) {
		close(ask[1]);
		close(answer[0]);
		be_program(ask[0], answer[1], bytes, size);
	}
	close(ask[0]);
	close(answer[1]);
	p.ask = ask[1];
	p.answer = answer[0];
	expect_answer(&p, 'l');
	return p;
}

static void have_run(const struct program *p, char what)
{
	assert_int_equal(write(p->ask, &what, 1), 1);
}

static int end_program(struct program *p, bool killed)
{
	const char end = END;
	int status;

	if (!killed)
		assert_int_equal(write(p->ask, &end, 1), 1);
	close(p->ask);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	close(p->answer);
	return status;
}

static void programs(void **state)
{
	struct program all[3];
	size_t size;
	uint8_t *bytes = lookup_model(&size);

	(void)state;
	start((const char *const[]){"--max-clients=8", "--isolation=shared", "--sandbox=strict", NULL});
	for (int i = 0; i < 3; i++)
		all[i] = start_program(bytes, size);
	assert_false(has_joined(NULL));
	for (int i = 0; i < 3; i++)
		have_run(&all[i], (char)('a' + i));
	for (int i = 0; i < 3; i++)
		expect_answer(&all[i], (char)('a' + i));
	expect_joined();

	/* One that dies while it waits, or before: the others get theirs. */
	have_run(&all[0], 'd');
	usleep(50000);
	assert_int_equal(kill(all[0].pid, SIGKILL), 0);
	have_run(&all[1], 'e');
	have_run(&all[2], 'f');
	expect_answer(&all[1], 'e');
	expect_answer(&all[2], 'f');
	assert_true(WIFSIGNALED(end_program(&all[0], true)));
	have_run(&all[2], 'g');
	expect_answer(&all[2], 'g');
	for (int i = 1; i < 3; i++)
		assert_int_equal(end_program(&all[i], false), 0);
	assert_int_equal(stop_daemon(&host), 0);
	free(bytes);
}
#endif

/* ---------------------------------------------------------------------------------------------- */

static int start_sessions(void **state)
{
	(void)state;
	start((const char *const[]){"--sandbox=strict", NULL});
	connect_library();
	return 0;
}

static int stop_sessions(void **state)
{
	(void)state;
	assert_int_equal(daemon_stat(&host, "restarts"), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	return stop_daemon(&host);
}

int main(void)
{
#ifdef IS_ONNX
	const struct CMUnitTest apart[] = {cmocka_unit_test(programs)};
#endif
	const struct CMUnitTest together[] = {
		cmocka_unit_test(equal),
#ifdef IS_ONNX
		cmocka_unit_test(errors_apart),
#endif
	};
	int failed = 0;

	test_main_begin(240);
	if (plugin_starts(ENGINE_PLUGIN))
		test_skip("the engine does not start, see above");
	setenv("VACCEL_BATCH_US", BATCH_US, 1);
	setenv("VACCEL_LOG_LEVEL", "4", 1); /* of the host, which says there what ran as one */
#ifdef IS_ONNX
	failed = cmocka_run_group_tests(apart, NULL, NULL);
#endif
	return cmocka_run_group_tests(together, start_sessions, stop_sessions) + failed;
}
