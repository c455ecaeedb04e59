// SPDX-License-Identifier: Apache-2.0
/*
 * Threads of an engine in the worker: there are no more of them after 10,000 calls than after some, none is made for
 * a call, none is left at the priority of operations in the background, and --max-cpus holds for all of them. A
 * machine that is too slow for so many calls makes fewer.
 */
#include "engines.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vaccel/ops/opencv_functions.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define CALLS	    10000
#define MAX_S	    20 /* for all calls */
#define CALLERS	    4
#define WARM	    10 /* calls of each, after which an engine has what it wants */
#define MAX_THREADS 4096
/* Threads of the worker's own for calls that took long: see docs/decisions/0015-long-operations-give-way.md */
#define OWN  16
#define SIDE 1024 /* of a product that takes more than 50 ms */

static struct daemon host;
static struct vaccel_session sess;

/* ---- A call of the engine -------------------------------------------------------------------- */

#if defined(IS_BLAS) || defined(IS_OPENCL) || defined(IS_OPENCV)
static void begin_calls(void)
{
}

static void end_calls(void)
{
}
#endif

#if defined(IS_OPENCV)
#define PICTURE 128 /* pixels of a side, enough for OpenCV to share them out to threads */

/* A blurred picture of one colour is the same picture. */
static int call(void)
{
	static uint8_t picture[PICTURE * PICTURE * 3];
	uint8_t code = VACCEL_OPENCV_BLUR, blurred[sizeof(picture)];
	int32_t shape[4] = {PICTURE, PICTURE, 3, VACCEL_OPENCV_UINT8}, got[4], rows = 5;
	double sigma = 0;
	struct vaccel_arg read[] = {
		{.buf = &code, .size = sizeof(code), .type = VACCEL_ARG_UINT8},
		{.buf = &rows, .size = sizeof(rows), .type = VACCEL_ARG_INT32},
		{.buf = &sigma, .size = sizeof(sigma), .type = VACCEL_ARG_FLOAT64},
		{.buf = shape, .size = sizeof(shape), .type = VACCEL_ARG_INT32_ARRAY},
		{.buf = picture, .size = sizeof(picture), .type = VACCEL_ARG_RAW},
	};
	struct vaccel_arg write[] = {
		{.buf = got, .size = sizeof(got), .type = VACCEL_ARG_INT32_ARRAY},
		{.buf = blurred, .size = sizeof(blurred), .type = VACCEL_ARG_BUFFER},
	};
	int ret;

	memset(blurred, 1, sizeof(blurred));
	ret = vaccel_opencv_unpack(&sess, read, sizeof(read) / sizeof(read[0]), write, sizeof(write) / sizeof(write[0]));
	return ret ? ret : memcmp(blurred, picture, sizeof(picture));
}
#elif defined(IS_BLAS) || defined(IS_OPENCL)
static int call(void)
{
	float a[16] = {1}, b[16] = {2}, c[16] = {0};

	return vaccel_sgemm(&sess, 4, 4, 4, 1, a, 4, b, 4, 0, c, 4);
}
#elif defined(IS_TF)
static struct vaccel_resource model;
static float picture[SHAPES_PIXELS], expected[SHAPES_CLASSES];

static void begin_calls(void)
{
	struct vaccel_tf_status status = {0, NULL};

	shapes_read(picture, expected);
	assert_int_equal(vaccel_resource_init(&model, EXAMPLES_DIR "/models/tf/frozen_graph.pb", VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&model, &sess), 0);
	assert_int_equal(vaccel_tf_model_load(&sess, &model, &status), 0);
	vaccel_tf_status_release(&status);
}

static void end_calls(void)
{
	struct vaccel_tf_status status = {0, NULL};

	assert_int_equal(vaccel_tf_model_unload(&sess, &model, &status), 0);
	vaccel_tf_status_release(&status);
	assert_int_equal(vaccel_resource_unregister(&model, &sess), 0);
	assert_int_equal(vaccel_resource_release(&model), 0);
}

static int call(void)
{
	static char in_name[] = "serving_default_input_1", out_name[] = "StatefulPartitionedCall";
	const struct vaccel_tf_node from = {in_name, 0}, to = {out_name, 0};
	struct vaccel_tf_status status = {0, NULL};
	struct vaccel_tf_tensor *in = NULL, *out = NULL;
	int ret = vaccel_tf_tensor_new(&in, 4, (int64_t[]){1, SHAPES_SIDE, SHAPES_SIDE, 3}, VACCEL_TF_FLOAT);

	if (!ret)
		ret = vaccel_tf_tensor_set_data(in, picture, sizeof(picture));
	if (!ret)
		ret = vaccel_tf_model_run(&sess, &model, NULL, &from, &in, 1, &to, &out, 1, &status);
	for (int i = 0; i < SHAPES_CLASSES && !ret; i++)
		ret = fabsf(((float *)out->data)[i] - expected[i]) > 1e-5f;
	vaccel_tf_status_release(&status);
	vaccel_tf_tensor_delete(in);
	vaccel_tf_tensor_delete(out);
	return ret;
}
#else
static struct vaccel_resource model;
static uint8_t *picture;
static size_t picture_size;

#if defined(IS_TFLITE)
#define MODEL "/models/tf/lstm2.tflite"
#elif defined(IS_TORCH)
#define MODEL "/models/torch/cnn_trace.pt"
#else
#define MODEL "/models/shapes/shapes.onnx"
#endif

static void begin_calls(void)
{
	const char *paths[] = {EXAMPLES_DIR MODEL, EXAMPLES_DIR "/models/shapes/labels.txt"};

	picture = read_whole(EXAMPLES_DIR "/images/star.jpg", &picture_size);
	assert_int_equal(vaccel_resource_init_multi(&model, paths, 2, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(&model, &sess), 0);
}

static void end_calls(void)
{
	assert_int_equal(vaccel_resource_unregister(&model, &sess), 0);
	assert_int_equal(vaccel_resource_release(&model), 0);
	free(picture);
}

static int call(void)
{
	char text[64];
	int ret = vaccel_image_classification(&sess, picture, (unsigned char *)text, NULL, picture_size,
					      sizeof(text), 0);

	return ret ? ret : strncmp(text, "star ", 5);
}
#endif

static atomic_int made;

static void *call_often(void *nr)
{
	time_t start = time(NULL);
	long failed = 0;

	for (int i = 0; i < *(int *)nr && time(NULL) < start + MAX_S; i++, made++)
		failed += call() != 0;
	return (void *)failed;
}

static void call_from_threads(int nr)
{
	pthread_t callers[CALLERS];

	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&callers[i], NULL, call_often, &nr), 0);
	for (int i = 0; i < CALLERS; i++) {
		void *failed;

		pthread_join(callers[i], &failed);
		assert_null(failed);
	}
}

/* ---- The worker's threads -------------------------------------------------------------------- */

struct threads {
	pid_t ids[MAX_THREADS];
	size_t nr;
};

static bool has(const struct threads *t, pid_t id)
{
	for (size_t i = 0; i < t->nr; i++)
		if (t->ids[i] == id)
			return true;
	return false;
}

/* Adds those that there are now and that it has not. */
static void add_threads(struct threads *t, pid_t worker)
{
	struct dirent *d;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)worker);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		pid_t id = atoi(d->d_name);

		if (id > 0 && !has(t, id) && t->nr < MAX_THREADS)
			t->ids[t->nr++] = id;
	}
	if (dir)
		closedir(dir);
}

static struct threads all;
static atomic_bool over;

static void *watch(void *worker)
{
	while (!over) {
		add_threads(&all, *(pid_t *)worker);
		usleep(500);
	}
	return NULL;
}

static void start(const char *const *args)
{
	struct vaccel_config config;

	start_daemon(&host, ENGINE_PLUGIN, args);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	assert_int_equal(vaccel_config_init(&config, VIRTIO_PLUGIN, VACCEL_LOG_ERROR, NULL, false, false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_REMOTE), 0);
	begin_calls();
}

static void stop(void)
{
	end_calls();
	assert_int_equal(daemon_stat(&host, "restarts"), 0);
	assert_int_equal(vaccel_session_release(&sess), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(stop_daemon(&host), 0);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void no_more_threads(void **state)
{
	static struct threads before, after;
	size_t stayed = 0;
	pthread_t thread;
	pid_t worker;

	(void)state;
	start((const char *const[]){"--sandbox=strict", NULL});
	call_from_threads(WARM);
	worker = daemon_worker(&host);
	add_threads(&before, worker);
	all = before;
	assert_int_equal(pthread_create(&thread, NULL, watch, &worker), 0);
	made = 0;
	call_from_threads(CALLS / CALLERS);
	over = true;
	pthread_join(thread, NULL);
	add_threads(&after, worker);
	for (size_t i = 0; i < before.nr; i++)
		stayed += has(&after, before.ids[i]);
	print_message("# threads: %zu before %d calls, %zu after, %zu seen, %zu stayed\n", before.nr, made, after.nr,
		      all.nr, stayed);
	assert_true(after.nr <= before.nr + OWN);
	/* Where calls take long, the worker's own threads come and go. */
	if (made == CALLS)
		assert_true(all.nr <= before.nr + CALLS / 50);
	assert_true(stayed + OWN >= before.nr);
	stop();
}

#if defined(IS_BLAS) || defined(IS_OPENCL)
static size_t nr_in_background(void)
{
	struct threads now = {.nr = 0};
	size_t nr = 0;

	add_threads(&now, daemon_worker(&host));
	for (size_t i = 0; i < now.nr; i++)
		nr += sched_getscheduler(now.ids[i]) == SCHED_IDLE;
	return nr;
}

/*
 * Where an engine starts threads in an operation that is in the background, they are not. One of the worker's own is
 * there after such operations, and now and then, on a busy machine, another one: not in every worker.
 */
static void foreground(void **state)
{
	float *a = random_floats((size_t)SIDE * SIDE, 1), *b = random_floats((size_t)SIDE * SIDE, 2);
	float *c = random_floats((size_t)SIDE * SIDE, 3);
	size_t nr = 2;

	(void)state;
	for (int worker = 0; worker < 5 && nr > 1; worker++) {
		start((const char *const[]){"--sandbox=strict", NULL});
		for (int i = 0; i < 3; i++)
			assert_int_equal(vaccel_sgemm(&sess, SIDE, SIDE, SIDE, 1, a, SIDE, b, SIDE, 0, c, SIDE), 0);
		nr = nr_in_background();
		stop();
	}
	assert_true(nr <= 1);
	free(a);
	free(b);
	free(c);
}
#endif

static void max_cpus(void **state)
{
	static struct threads bounded;

	(void)state;
	start((const char *const[]){"--sandbox=strict", "--max-cpus=1", NULL});
	call_from_threads(WARM);
	add_threads(&bounded, daemon_worker(&host));
	print_message("# threads: %zu with --max-cpus=1\n", bounded.nr);
	for (size_t i = 0; i < bounded.nr; i++) {
		cpu_set_t set;

		if (sched_getaffinity(bounded.ids[i], sizeof(set), &set) == 0)
			assert_int_equal(CPU_COUNT(&set), 1);
	}
	stop();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_more_threads),
#if defined(IS_BLAS) || defined(IS_OPENCL)
		cmocka_unit_test(foreground),
#endif
		cmocka_unit_test(max_cpus),
	};
	int ret;

	test_main_begin(280);
	ret = plugin_starts(ENGINE_PLUGIN);
	if (ret == VACCEL_ENOENT || ret == VACCEL_ENODEV)
		test_skip("the engine is not there, see above");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
