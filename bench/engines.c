// SPDX-License-Identifier: Apache-2.0
/*
 * What engines cost behind a device, for bench/run: prints a line of JSON for each measurement.
 *
 *   engines LABEL rate OPERATION MODEL [PICTURE]   calls with the plugin in this process and with the same one behind
 *                                                  vhost-user-accel, in turns: classify, tflite, torch or tf
 *   engines LABEL joined MODEL                     calls of 8 sessions of each of the two, in turns; the host behind the
 *                                                  device is to have VACCEL_BATCH_US, and this process is not
 *   engines LABEL second MODEL PICTURE             what the first answer of a session takes more than others, when
 *                                                  another session has the model already, in milliseconds
 *   engines LABEL memory MODEL PICTURE SMALL       what the host's memory grows by, at its peak, while a model is loaded,
 *                                                  above what the engine takes, in sizes of the model. SMALL is loaded
 *                                                  before. The engine takes what this process grows by with the engine
 *                                                  in it, but for the model itself, which its plugin has read
 *   engines LABEL sessions MODEL PICTURE           the host's memory with 16 sessions, in that with one
 *
 * VACCEL_PLUGINS has both plugins; BENCH_HOST is the process id of vhost-user-accel. Models: bench/models.py.
 */
#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <vaccel.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define SIDE	  32 /* of the pictures that the models take */
#define ROUNDS	  11
#define ROUND_NS  150000000.0
#define MAX_CALLS 400
#define SESSIONS  16
#define CALLERS	  8
#define WIDTH	  2048 /* of the inputs and outputs of the model whose calls are joined */
#define PAUSE_US  200 /* between two looks at the memory */

enum { LOCAL, REMOTE, NR_PLACES };

struct user {
	struct vaccel_session sess;
	struct vaccel_resource model;
	int (*call)(struct user *u);
};

static const char *label;
static unsigned char *picture;
static size_t picture_size;

static void check(int code, const char *what)
{
	if (code)
		errx(1, "%s: %s: %s (%d)", label, what, strerror(code), code);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t nr)
{
	qsort(values, nr, sizeof(*values), by_value);
	return nr % 2 ? values[nr / 2] : (values[nr / 2 - 1] + values[nr / 2]) / 2;
}

static void read_picture(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat st;

	if (!file || fstat(fileno(file), &st))
		err(1, "%s", path);
	picture_size = (size_t)st.st_size;
	picture = malloc(picture_size);
	if (!picture || fread(picture, 1, picture_size, file) != picture_size)
		errx(1, "%s cannot be read", path);
	fclose(file);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static int classify(struct user *u)
{
	char text[256];

	return vaccel_image_classification(&u->sess, picture, (unsigned char *)text, NULL, picture_size, sizeof(text), 0);
}

/* A picture of grain, of which nobody cares where the channels are */
static float *grain(void)
{
	static float values[3 * SIDE * SIDE];

	for (size_t i = 0; i < 3 * SIDE * SIDE; i++)
		values[i] = (float)(37 * i % 101) / 100;
	return values;
}

static int tflite(struct user *u)
{
	static struct vaccel_tflite_tensor *in;
	struct vaccel_tflite_tensor *out = NULL;
	uint8_t status;
	int ret;

	if (!in) {
		check(vaccel_tflite_tensor_new(&in, 4, (int32_t[]){1, SIDE, SIDE, 3}, VACCEL_TFLITE_FLOAT32), "tensor");
		check(vaccel_tflite_tensor_set_data(in, grain(), 3 * SIDE * SIDE * sizeof(float)), "tensor");
	}
	ret = vaccel_tflite_model_run(&u->sess, &u->model, &in, 1, &out, 1, &status);
	if (out)
		vaccel_tflite_tensor_delete(out);
	return ret;
}

static int torch(struct user *u)
{
	static struct vaccel_torch_tensor *in;
	struct vaccel_torch_tensor *out = NULL;
	int ret;

	if (!in) {
		check(vaccel_torch_tensor_new(&in, 4, (int64_t[]){1, 3, SIDE, SIDE}, VACCEL_TORCH_FLOAT), "tensor");
		check(vaccel_torch_tensor_set_data(in, grain(), 3 * SIDE * SIDE * sizeof(float)), "tensor");
	}
	ret = vaccel_torch_model_run(&u->sess, &u->model, NULL, &in, 1, &out, 1);
	if (out)
		vaccel_torch_tensor_delete(out);
	return ret;
}

static int tf(struct user *u)
{
	static const struct vaccel_tf_node from = {"image", 0}, to = {"scores", 0};
	static struct vaccel_tf_tensor *in;
	struct vaccel_tf_status status = {0, NULL};
	struct vaccel_tf_tensor *out = NULL;
	int ret;

	if (!in) {
		check(vaccel_tf_tensor_new(&in, 4, (int64_t[]){1, SIDE, SIDE, 3}, VACCEL_TF_FLOAT), "tensor");
		check(vaccel_tf_tensor_set_data(in, grain(), 3 * SIDE * SIDE * sizeof(float)), "tensor");
	}
	ret = vaccel_tf_model_run(&u->sess, &u->model, NULL, &from, &in, 1, &to, &out, 1, &status);
	vaccel_tf_status_release(&status);
	if (out)
		vaccel_tf_tensor_delete(out);
	return ret;
}

static int infer(struct user *u)
{
	static float row[WIDTH];
	float result[WIDTH];
	struct vaccel_infer_tensor in = {.datatype = VACCEL_INFER_FP32, .nr_dims = 2, .shape = {1, WIDTH},
					 .data = row, .size = sizeof(row)};
	struct vaccel_infer_tensor out = {.data = result, .room = sizeof(result)};

	return vaccel_infer_run(&u->sess, &u->model, &in, 1, &out, 1);
}

static int load(struct user *u)
{
	struct vaccel_tf_status status = {0, NULL};

	if (u->call == infer)
		return vaccel_infer_load(&u->sess, &u->model);
	if (u->call == tflite)
		return vaccel_tflite_model_load(&u->sess, &u->model);
	if (u->call == torch)
		return vaccel_torch_model_load(&u->sess, &u->model);
	return u->call == tf ? vaccel_tf_model_load(&u->sess, &u->model, &status) : VACCEL_OK;
}

/* A session with the model, which is not used yet */
static void begin(struct user *u, int place, const char *model, int (*call)(struct user *u))
{
	u->call = call;
	check(vaccel_session_init(&u->sess, place == REMOTE ? VACCEL_PLUGIN_REMOTE : 0), "session");
	check(vaccel_resource_init(&u->model, model, VACCEL_RESOURCE_MODEL), model);
	check(vaccel_resource_register(&u->model, &u->sess), model);
	check(load(u), "load");
}

static void end(struct user *u)
{
	check(vaccel_resource_unregister(&u->model, &u->sess), "unregister");
	check(vaccel_resource_release(&u->model), "release");
	check(vaccel_session_release(&u->sess), "session");
}

/* Return: how long each took, in the median, in nanoseconds */
static double call_often(struct user *u, size_t nr)
{
	double ns[MAX_CALLS];

	for (size_t i = 0; i < nr; i++) {
		double start = now_ns();

		check(u->call(u), "call");
		ns[i] = now_ns() - start;
	}
	return median(ns, nr);
}

/* ---- What is measured ------------------------------------------------------------------------ */

static void rate(const char *operation, const char *model)
{
	static const struct {
		const char *name;
		int (*call)(struct user *u);
	} calls[] = {{"classify", classify}, {"tflite", tflite}, {"torch", torch}, {"tf", tf}};
	double ns[NR_PLACES][ROUNDS], ratio[ROUNDS];
	struct user users[NR_PLACES];
	int (*call)(struct user *u) = NULL;
	size_t nr;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!strcmp(operation, calls[i].name))
			call = calls[i].call;
	if (!call)
		errx(2, "what is %s?", operation);
	for (int place = 0; place < NR_PLACES; place++) {
		begin(&users[place], place, model, call);
		call_often(&users[place], 3);
	}
	nr = (size_t)(ROUND_NS / call_often(&users[LOCAL], 3));
	nr = nr < 3 ? 3 : nr > MAX_CALLS ? MAX_CALLS : nr;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < NR_PLACES; i++) {
			int place = round % 2 ? NR_PLACES - 1 - i : i;

			ns[place][round] = call_often(&users[place], nr);
		}
		ratio[round] = ns[LOCAL][round] / ns[REMOTE][round];
	}
	for (int place = 0; place < NR_PLACES; place++)
		end(&users[place]);
	printf("{\"label\":\"%s\",\"comparator\":\"local\",\"median_us\":%.2f,\"comparator_median_us\":%.2f,"
	       "\"faster\":%.4f}\n", label, median(ns[REMOTE], ROUNDS) / 1e3, median(ns[LOCAL], ROUNDS) / 1e3, median(ratio, ROUNDS));
}

static size_t calls_of_each;

static void *call_as_often(void *arg)
{
	call_often(arg, calls_of_each);
	return NULL;
}

/* Return: what a call takes of the time of all, in nanoseconds */
static double call_at_once(struct user users[CALLERS], size_t nr)
{
	pthread_t threads[CALLERS];
	double start = now_ns();

	calls_of_each = nr;
	for (int i = 0; i < CALLERS; i++)
		if (pthread_create(&threads[i], NULL, call_as_often, &users[i]))
			errx(1, "no thread");
	for (int i = 0; i < CALLERS; i++)
		pthread_join(threads[i], NULL);
	return (now_ns() - start) / (double)(nr * CALLERS);
}

static void joined(const char *model)
{
	double ns[NR_PLACES][ROUNDS], ratio[ROUNDS];
	struct user users[NR_PLACES][CALLERS];
	size_t nr;

	for (int place = 0; place < NR_PLACES; place++) {
		for (int i = 0; i < CALLERS; i++)
			begin(&users[place][i], place, model, infer);
		call_at_once(users[place], 2);
	}
	nr = 1 + (size_t)(ROUND_NS / CALLERS / call_at_once(users[LOCAL], 2));
	nr = nr > MAX_CALLS ? MAX_CALLS : nr;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < NR_PLACES; i++) {
			int place = round % 2 ? NR_PLACES - 1 - i : i;

			ns[place][round] = call_at_once(users[place], nr);
		}
		ratio[round] = ns[LOCAL][round] / ns[REMOTE][round];
	}
	for (int i = 0; i < NR_PLACES * CALLERS; i++)
		end(&users[i / CALLERS][i % CALLERS]);
	printf("{\"label\":\"%s\",\"comparator\":\"alone\",\"median_us\":%.2f,\"comparator_median_us\":%.2f,"
	       "\"faster\":%.4f}\n", label, median(ns[REMOTE], ROUNDS) / 1e3, median(ns[LOCAL], ROUNDS) / 1e3, median(ratio, ROUNDS));
}

static void second(const char *model)
{
	double more[ROUNDS], registered[ROUNDS], warm;
	struct user first, other;

	begin(&first, REMOTE, model, classify);
	call_often(&first, 5);
	for (int round = 0; round < ROUNDS; round++) {
		double start = now_ns();

		begin(&other, REMOTE, model, classify);
		registered[round] = (now_ns() - start) / 1e6;
		more[round] = call_often(&other, 1);
		warm = call_often(&first, 9);
		more[round] = (more[round] - warm) / 1e6;
		end(&other);
	}
	end(&first);
	printf("{\"label\":\"%s\",\"comparator\":\"warm\",\"says\":\"%.1f ms\",\"beside\":\"warm %.1f ms\","
	       "\"registered_ms\":%.1f,\"ratio\":%.3f}\n", label, median(more, ROUNDS) + warm / 1e6, warm / 1e6,
	       median(registered, ROUNDS), median(more, ROUNDS));
}

/* ---- The host's memory ----------------------------------------------------------------------- */

/* Bytes of a line of /proc/PID/status */
static double status_bytes(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtod(at + strlen(key), NULL) * 1024 : 0;
}

static double memory_of(pid_t pid, bool children);

static double children_memory(pid_t pid)
{
	char path[64], text[4096];
	double sum = 0;
	char *at, *next;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	for (at = text;; at = next) {
		long child = strtol(at, &next, 10);

		if (next == at)
			return sum;
		sum += memory_of((pid_t)child, true);
	}
}

/* What a process has of its own, or shares in memory: not of files */
static double memory_of(pid_t pid, bool children)
{
	char path[64], text[8192];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return status_bytes(text, "RssAnon:") + status_bytes(text, "RssShmem:") +
	       (children ? children_memory(pid) : 0);
}

/* Of this process, or of the host's processes, of which one forks the others */
static double memory_at(int place)
{
	const char *pid = getenv("BENCH_HOST");
	double bytes = place == LOCAL ? memory_of(getpid(), false) : pid ? memory_of((pid_t)atoi(pid), true) : 0;

	if (bytes < 1)
		errx(1, "BENCH_HOST is not the process id of vhost-user-accel");
	return bytes;
}

struct watch {
	pthread_t thread;
	atomic_bool over;
	int place;
	double peak;
};

static void *look(void *arg)
{
	struct watch *w = arg;

	while (!w->over) {
		double bytes = memory_at(w->place);

		if (bytes > w->peak)
			w->peak = bytes;
		usleep(PAUSE_US);
	}
	return NULL;
}

/* Return: by how much memory grows at most while a session loads the model. */
static double growth(int place, const char *model, const char *small)
{
	struct watch watch = {.place = place};
	struct user few, many;
	double before;

	begin(&few, place, small, classify);
	call_often(&few, 3);
	before = memory_at(place);
	if (pthread_create(&watch.thread, NULL, look, &watch))
		errx(1, "no thread");
	begin(&many, place, model, classify);
	call_often(&many, 3);
	watch.over = true;
	pthread_join(watch.thread, NULL);
	end(&many);
	end(&few);
	return watch.peak - before;
}

static void memory(const char *model, const char *small)
{
	double own, all, size;
	char path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/model.onnx", model);
	if (stat(path, &st))
		err(1, "%s", path);
	size = (double)st.st_size;
	own = growth(LOCAL, model, small) - size;
	all = growth(REMOTE, model, small);
	printf("{\"label\":\"%s\",\"comparator\":\"engine\",\"says\":\"%.0f MB\",\"beside\":\"engine %.0f MB, "
	       "model %.0f MB\",\"ratio\":%.3f}\n", label, all / 1e6, own / 1e6, size / 1e6, (all - own) / size);
}

static void sessions(const char *model)
{
	struct user users[SESSIONS];
	double one = 0, all;

	for (int i = 0; i < SESSIONS; i++) {
		begin(&users[i], REMOTE, model, classify);
		call_often(&users[i], 3);
		if (!i)
			one = memory_at(REMOTE);
	}
	all = memory_at(REMOTE);
	for (int i = 0; i < SESSIONS; i++)
		end(&users[i]);
	printf("{\"label\":\"%s\",\"comparator\":\"one\",\"says\":\"%.0f MB\",\"beside\":\"one %.0f MB\",\"ratio\":%.3f}\n",
	       label, all / 1e6, one / 1e6, all / one);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";

	if (argc > 1)
		label = argv[1];
	if (!strcmp(what, "rate") && (argc == 5 || argc == 6)) {
		if (argc == 6)
			read_picture(argv[5]);
		rate(argv[3], argv[4]);
	} else if (!strcmp(what, "joined") && argc == 4) {
		joined(argv[3]);
	} else if (!strcmp(what, "second") && argc == 5) {
		read_picture(argv[4]);
		second(argv[3]);
	} else if (!strcmp(what, "memory") && argc == 6) {
		read_picture(argv[4]);
		memory(argv[3], argv[5]);
	} else if (!strcmp(what, "sessions") && argc == 5) {
		read_picture(argv[4]);
		sessions(argv[3]);
	} else {
		errx(2, "Usage: %s LABEL rate|joined|second|memory|sessions ...", argv[0]);
	}
	return 0;
}
