// SPDX-License-Identifier: Apache-2.0
/*
 * What a call of the plugin oip costs beside libcurl alone, which sends the same bytes to the same server:
 *
 *   compare URL SIZE THREADS ROUNDS
 *
 * SIZE bytes in and out, of the model echo. The two take turns, in rounds of 0.3 s. Prints, for each, the median over the rounds
 * of calls in a second, of the time of a call in microseconds, and of the processor's time that a call takes of the thread that
 * makes it, which hardly depends on what else the machine does, as "curl CALLS MICROSECONDS MICROSECONDS" and "oip CALLS
 * MICROSECONDS MICROSECONDS". VACCEL_PLUGINS says how the library gets there.
 */
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/clock.h"
#include "vaccel.h"

#define ROUND_MS    300
#define MAX_THREADS 64
#define MAX_ROUNDS  200

struct client {
	pthread_t thread;
	bool plain;
	/* plain */
	CURL *curl;
	struct curl_slist *headers;
	char *body, *answer;
	size_t body_size, got;
	/* by the library */
	struct vaccel_session sess;
	struct vaccel_resource *model;
	struct vaccel_infer_tensor x, y;

	uint64_t calls, took_ns, busy_ns;
};

/* A round, or the median of them */
struct figures {
	double rate, busy_us;
};

static size_t size;
static uint64_t end_ms;

static void die(const char *what, int code)
{
	fprintf(stderr, "%s: %d\n", what, code);
	exit(1);
}

static size_t on_body(char *data, size_t one, size_t nr, void *arg)
{
	struct client *c = arg;

	(void)one;
	if (nr > size + 4096 - c->got)
		return 0;
	memcpy(c->answer + c->got, data, nr);
	c->got += nr;
	return nr;
}

static void make_plain(struct client *c, const char *url)
{
	char text[512], line[128];
	int len = snprintf(text, sizeof(text), "{\"inputs\":[{\"name\":\"x\",\"shape\":[%zu],\"datatype\":\"UINT8\",\"parameters\":"
			   "{\"binary_data_size\":%zu}}],\"outputs\":[{\"name\":\"y\",\"parameters\":{\"binary_data\":true}}]}",
			   size, size);

	c->plain = true;
	c->body_size = (size_t)len + size;
	c->body = calloc(1, c->body_size + 1);
	c->answer = malloc(size + 4096);
	memcpy(c->body, text, (size_t)len);
	c->curl = curl_easy_init();
	snprintf(line, sizeof(line), "Inference-Header-Content-Length: %d", len);
	c->headers = curl_slist_append(c->headers, line);
	c->headers = curl_slist_append(c->headers, "Content-Type: application/octet-stream");
	c->headers = curl_slist_append(c->headers, "Expect:");
	snprintf(text, sizeof(text), "%s/v2/models/echo/infer", url);
	curl_easy_setopt(c->curl, CURLOPT_URL, text);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, c->headers);
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body_size);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, c->body);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c);
}

static void make_session(struct client *c)
{
	int ret = vaccel_session_init(&c->sess, 0);

	if (!ret)
		ret = vaccel_resource_new(&c->model, "model://echo", VACCEL_RESOURCE_MODEL);
	if (!ret)
		ret = vaccel_resource_register(c->model, &c->sess);
	if (!ret)
		ret = vaccel_infer_load(&c->sess, c->model);
	if (ret)
		die("session", ret);
	c->x = (struct vaccel_infer_tensor){.name = "x", .datatype = VACCEL_INFER_UINT8, .nr_dims = 1,
					    .shape = {(int64_t)size}, .data = calloc(1, size + 1), .size = size};
	c->y = (struct vaccel_infer_tensor){.name = "y", .data = malloc(size + 1), .room = size + 1};
}

static void call(struct client *c)
{
	long status = 0;
	int ret;

	if (!c->plain) {
		ret = vaccel_infer_run(&c->sess, c->model, &c->x, 1, &c->y, 1);
		if (ret || c->y.size != size)
			die("infer_run", ret);
		return;
	}
	c->got = 0;
	ret = curl_easy_perform(c->curl);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	if (ret || status != 200 || c->got <= size)
		die("curl", ret ? ret : (int)status);
}

static uint64_t busy_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void *run(void *arg)
{
	struct client *c = arg;
	uint64_t begin = now_ns(), busy = busy_ns();

	c->calls = 0;
	do {
		call(c);
		c->calls++;
	} while (now_ms() < end_ms);
	c->took_ns = now_ns() - begin;
	c->busy_ns = busy_ns() - busy;
	return NULL;
}

/* One round of clients: calls in a second of all. */
static struct figures take_round(struct client *clients, int nr)
{
	uint64_t calls = 0, busy = 0;
	double rate = 0;

	end_ms = now_ms() + ROUND_MS;
	for (int i = 0; i < nr; i++)
		if (pthread_create(&clients[i].thread, NULL, run, &clients[i]))
			die("pthread_create", 0);
	for (int i = 0; i < nr; i++) {
		pthread_join(clients[i].thread, NULL);
		rate += (double)clients[i].calls * 1e9 / (double)clients[i].took_ns;
		calls += clients[i].calls;
		busy += clients[i].busy_ns;
	}
	return (struct figures){rate, (double)busy / 1e3 / (double)calls};
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const char *name, const struct figures *rounds, int nr, int threads)
{
	double rates[MAX_ROUNDS], busy[MAX_ROUNDS];

	for (int i = 0; i < nr; i++) {
		rates[i] = rounds[i].rate;
		busy[i] = rounds[i].busy_us;
	}
	qsort(rates, (size_t)nr, sizeof(*rates), by_value);
	qsort(busy, (size_t)nr, sizeof(*busy), by_value);
	printf("%s %.0f %.1f %.1f\n", name, rates[nr / 2], threads * 1e6 / rates[nr / 2], busy[nr / 2]);
}

int main(int argc, char **argv)
{
	static struct client clients[2][MAX_THREADS];
	static struct figures figures[2][MAX_ROUNDS];
	int threads = argc == 5 ? atoi(argv[3]) : 0, rounds = argc == 5 ? atoi(argv[4]) : 0;

	if (threads < 1 || threads > MAX_THREADS || rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: %s URL SIZE THREADS ROUNDS\n", argv[0]);
		return 2;
	}
	size = strtoull(argv[2], NULL, 10);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	for (int i = 0; i < threads; i++) {
		make_plain(&clients[0][i], argv[1]);
		make_session(&clients[1][i]);
	}
	for (int round = -1; round < rounds; round++)
		for (int k = 0; k < 2; k++) {
			struct figures f = take_round(clients[k], threads);

			if (round >= 0)
				figures[k][round] = f;
		}
	report("curl", figures[0], rounds, threads);
	report("oip", figures[1], rounds, threads);
	return 0;
}
