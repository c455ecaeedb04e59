// SPDX-License-Identifier: Apache-2.0
/*
 * A small server of the Open Inference Protocol for tests: it gives right answers, as text and as bytes.
 *
 *   server [--port=N] [--text] [--token=TEXT] [--tls=KEY,CERTIFICATE] [--not-ready]
 *
 * Prints "port N" when it listens on 127.0.0.1. --text: no tensors as bytes. SIGUSR1: it is ready from now on if it was not,
 * and the other way round. /count says how many runs there were. Models:
 *
 *   echo    output y is input x, of any datatype; says nothing of itself
 *   sums    sum = a + b, product = a * b, all FP32 [any, 3]
 *   slow    as echo, after 20 seconds
 *   busy, broken, wrong
 *           as echo, but answer with status 503, 500 and 400
 *
 * It has models of text, too: see server_text.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server_text.h"

#define MAX_TENSORS 8
#define LENGTH	    "Inference-Header-Content-Length"

static bool text_only, has_tls;
static const char *token;
static volatile sig_atomic_t ready = 1;
static atomic_uint runs;

/* A tensor of a request, or of its answer */
struct tensor {
	const char *name, *datatype;
	struct json_object *shape, *list; /* list: as text */
	const char *bytes;		  /* else */
	size_t size;
	float *own;
};

enum MHD_Result answer(struct MHD_Connection *c, unsigned int status, const char *text)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
								 MHD_RESPMEM_MUST_COPY);
	enum MHD_Result ret;

	MHD_add_response_header(r, "Content-Type", "application/json");
	ret = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ret;
}

/* ---- Tensors --------------------------------------------------------------------------------- */

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(o, key, &value) ? json_object_get_string(value) : "";
}

/* The inputs of a question, of which those that are bytes lie behind the text. Return: how many, -1: it is none. */
static int read_inputs(struct json_object *question, const char *bytes, size_t left, struct tensor *in)
{
	struct json_object *list, *parameters, *size;
	size_t nr = 0;

	if (!json_object_object_get_ex(question, "inputs", &list) ||
	    json_object_array_length(list) > MAX_TENSORS)
		return -1;
	for (; nr < json_object_array_length(list); nr++) {
		struct json_object *from = json_object_array_get_idx(list, nr);
		struct tensor *t = &in[nr];

		*t = (struct tensor){.name = text_of(from, "name"), .datatype = text_of(from, "datatype")};
		json_object_object_get_ex(from, "shape", &t->shape);
		if (json_object_object_get_ex(from, "parameters", &parameters) &&
		    json_object_object_get_ex(parameters, "binary_data_size", &size)) {
			t->bytes = bytes;
			t->size = (size_t)json_object_get_int64(size);
			if (t->size > left)
				return -1;
			bytes += t->size;
			left -= t->size;
		} else if (!json_object_object_get_ex(from, "data", &t->list)) {
			return -1;
		}
	}
	return (int)nr;
}

static float value_of(const struct tensor *t, size_t i)
{
	float value;

	if (t->list)
		return (float)json_object_get_double(json_object_array_get_idx(t->list, i));
	memcpy(&value, t->bytes + i * sizeof(value), sizeof(value));
	return value;
}

static size_t count_of(const struct tensor *t)
{
	return t->list ? json_object_array_length(t->list) : t->size / sizeof(float);
}

/* out[0] = in[0] + in[1] and out[1] = in[0] * in[1], whichever way round they came */
static bool make_sums(const struct tensor *in, int nr, struct tensor *out)
{
	size_t count = nr == 2 ? count_of(&in[0]) : 0;

	if (nr != 2 || count != count_of(&in[1]) || strcmp(in[0].datatype, "FP32"))
		return false;
	for (int k = 0; k < 2; k++) {
		out[k] = (struct tensor){.name = k ? "product" : "sum", .datatype = "FP32", .shape = in[0].shape,
					 .own = malloc(count * sizeof(float) + 1), .size = count * sizeof(float)};
		for (size_t i = 0; i < count; i++)
			out[k].own[i] = k ? value_of(&in[0], i) * value_of(&in[1], i) :
					    value_of(&in[0], i) + value_of(&in[1], i);
		out[k].bytes = (const char *)out[k].own;
	}
	return true;
}

/* Whether an output is asked for: all are where none is named. */
static bool is_wanted(struct json_object *question, const char *name)
{
	struct json_object *list;

	if (!json_object_object_get_ex(question, "outputs", &list))
		return true;
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (!strcmp(text_of(json_object_array_get_idx(list, i), "name"), name))
			return true;
	return false;
}

static struct json_object *describe(const struct tensor *t, bool binary)
{
	struct json_object *o = json_object_new_object(), *parameters, *list;

	json_object_object_add(o, "name", json_object_new_string(t->name));
	json_object_object_add(o, "datatype", json_object_new_string(t->datatype));
	json_object_object_add(o, "shape", json_object_get(t->shape));
	if (binary) {
		parameters = json_object_new_object();
		json_object_object_add(parameters, "binary_data_size", json_object_new_int64((int64_t)t->size));
		json_object_object_add(o, "parameters", parameters);
	} else if (t->list) {
		json_object_object_add(o, "data", json_object_get(t->list));
	} else {
		list = json_object_new_array();
		for (size_t i = 0; i < t->size / sizeof(float); i++)
			json_object_array_add(list, json_object_new_double((double)t->own[i]));
		json_object_object_add(o, "data", list);
	}
	return o;
}

static enum MHD_Result send_outputs(struct MHD_Connection *c, struct json_object *question, const char *model,
				    const struct tensor *out, int nr, bool binary)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct MHD_Response *r;
	enum MHD_Result ret;
	size_t text_size, size;
	const char *text;
	char *all, number[24];

	json_object_object_add(o, "model_name", json_object_new_string(model));
	json_object_object_add(o, "outputs", list);
	for (int i = 0; i < nr; i++)
		if (is_wanted(question, out[i].name))
			json_object_array_add(list, describe(&out[i], binary));
	text = json_object_to_json_string_length(o, JSON_C_TO_STRING_PLAIN, &text_size);
	size = text_size;
	for (int i = 0; i < nr; i++)
		size += out[i].size;
	all = malloc(size);
	memcpy(all, text, text_size);
	size = text_size;
	for (int i = 0; i < nr && binary; i++) {
		if (!is_wanted(question, out[i].name) || !out[i].size)
			continue;
		memcpy(all + size, out[i].bytes, out[i].size);
		size += out[i].size;
	}
	r = MHD_create_response_from_buffer(size, all, MHD_RESPMEM_MUST_FREE);
	snprintf(number, sizeof(number), "%zu", text_size);
	if (binary)
		MHD_add_response_header(r, LENGTH, number);
	MHD_add_response_header(r, "Content-Type", binary ? "application/octet-stream" : "application/json");
	ret = MHD_queue_response(c, 200, r);
	MHD_destroy_response(r);
	json_object_put(o);
	return ret;
}

static enum MHD_Result run(struct MHD_Connection *c, const char *model, struct json_object *question,
			   const char *bytes, size_t size, bool binary)
{
	struct tensor in[MAX_TENSORS], out[2] = {{.name = "y"}};
	int nr = read_inputs(question, bytes, size, in), nr_out = 1;
	enum MHD_Result ret;

	if (nr < 1)
		return answer(c, 400, "{\"error\":\"the inputs are none\"}");
	if (!strcmp(model, "sums")) {
		if (!make_sums(in, nr, out))
			return answer(c, 400, "{\"error\":\"a and b of FP32 and one size are needed\"}");
		nr_out = 2;
	} else {
		out[0] = in[0];
		out[0].name = "y";
	}
	ret = send_outputs(c, question, model, out, nr_out, binary);
	for (int i = 0; i < nr_out; i++)
		free(out[i].own);
	return ret;
}

/* ---- Requests -------------------------------------------------------------------------------- */

static enum MHD_Result infer(struct MHD_Connection *c, const char *model, const struct body *b)
{
	const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, LENGTH);
	size_t text_size = length ? (size_t)strtoull(length, NULL, 10) : b->size;
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *question = NULL;
	enum MHD_Result ret;

	atomic_fetch_add(&runs, 1);
	if (!strcmp(model, "slow"))
		sleep(20);
	if (!strcmp(model, "busy"))
		return answer(c, 503, "{\"error\":\"too much to do\"}");
	if (!strcmp(model, "broken"))
		return answer(c, 500, "{\"error\":\"broken\\u0007 by its model\"}");
	if (!strcmp(model, "wrong"))
		return answer(c, 400, "{\"error\":\"this model likes nothing\"}");
	if (text_size <= b->size && !(length && text_only))
		question = json_tokener_parse_ex(tokener, b->data, (int)text_size);
	json_tokener_free(tokener);
	if (!question)
		return answer(c, 400, "{\"error\":\"this is no question\"}");
	ret = run(c, model, question, b->data + text_size, b->size - text_size, length);
	json_object_put(question);
	return ret;
}

static const char *description(const char *model)
{
	static const char *const plain[] = {"echo", "slow", "busy", "broken", "wrong"};

	if (!strcmp(model, "sums"))
		return "{\"name\":\"sums\",\"versions\":[\"1\",\"2\"],\"platform\":\"test_sums\",\"inputs\":["
		       "{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[-1,3]},"
		       "{\"name\":\"b\",\"datatype\":\"FP32\",\"shape\":[-1,3]}],\"outputs\":["
		       "{\"name\":\"sum\",\"datatype\":\"FP32\",\"shape\":[-1,3]},"
		       "{\"name\":\"product\",\"datatype\":\"FP32\",\"shape\":[-1,3]}]}";
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (!strcmp(model, plain[i]))
			return "{\"name\":\"echo\",\"versions\":[],\"platform\":\"test\",\"inputs\":[],\"outputs\":[]}";
	return NULL;
}

static enum MHD_Result about_model(struct MHD_Connection *c, const char *path, const char *method,
				   const struct body *b)
{
	char model[64] = "", rest[64] = "";

	if (sscanf(path, "%63[^/]/versions/2/%63s", model, rest) < 1)
		return answer(c, 404, "{\"error\":\"no such thing\"}");
	if (!*rest)
		sscanf(path, "%63[^/]/%63s", model, rest);
	if (!description(model))
		return answer(c, 404, "{\"error\":\"there is no such model here\"}");
	if (!strcmp(rest, "infer") && !strcmp(method, "POST"))
		return infer(c, model, b);
	if (*rest && strcmp(rest, "versions/2"))
		return answer(c, 404, "{\"error\":\"no such version\"}");
	return answer(c, 200, description(model));
}

static enum MHD_Result respond(struct MHD_Connection *c, const char *path, const char *method,
			       const struct body *b)
{
	const char *given = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
	char text[64];

	if (token && (!given || strncmp(given, "Bearer ", 7) || strcmp(given + 7, token)))
		return answer(c, 401, "{\"error\":\"who are you\"}");
	if (!strcmp(path, "/v2/health/ready"))
		return answer(c, ready ? 200 : 503, "");
	if (!strcmp(path, "/v2"))
		return answer(c, 200, text_only ? "{\"name\":\"test\",\"version\":\"1\",\"extensions\":[]}" :
						  "{\"name\":\"test\",\"version\":\"1\",\"extensions\":[\"other\","
						  "\"binary_tensor_data\"]}");
	if (!strcmp(path, "/count")) {
		snprintf(text, sizeof(text), "%u", atomic_load(&runs) + texts_begun());
		return answer(c, 200, text);
	}
	if (!strncmp(path, "/v1/", 4))
		return about_text(c, path + 4, b);
	if (!strcmp(path, "/cancelled") || !strcmp(path, "/tokens")) {
		snprintf(text, sizeof(text), "%u", path[1] == 'c' ? texts_cancelled() : texts_tokens());
		return answer(c, 200, text);
	}
	if (!strncmp(path, "/v2/models/", 11))
		return about_model(c, path + 11, method, b);
	return answer(c, 404, "{\"error\":\"no such thing\"}");
}

static enum MHD_Result on_request(void *unused, struct MHD_Connection *c, const char *path, const char *method,
				  const char *version, const char *data, size_t *size, void **state)
{
	struct body *b = *state;

	(void)unused;
	(void)version;
	if (!b) {
		*state = calloc(1, sizeof(*b));
		return MHD_YES;
	}
	if (*size) {
		b->data = realloc(b->data, b->size + *size + 1);
		memcpy(b->data + b->size, data, *size);
		b->size += *size;
		b->data[b->size] = '\0';
		*size = 0;
		return MHD_YES;
	}
	return respond(c, path, method, b);
}

static void on_end(void *unused, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct body *b = *state;

	(void)unused;
	(void)c;
	(void)why;
	if (b)
		free(b->data);
	free(b);
}

/* ---- Start ----------------------------------------------------------------------------------- */

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 65536);

	if (!f || !text || !fread(text, 1, 65535, f)) {
		perror(path);
		exit(1);
	}
	fclose(f);
	return text;
}

static void toggle(int sig)
{
	(void)sig;
	ready = !ready;
}

static void serve(uint16_t port, char *key, char *certificate)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	unsigned int flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD;
	struct MHD_Daemon *d;

	if (has_tls)
		d = MHD_start_daemon(flags | MHD_USE_TLS, port, NULL, NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR, &a,
				     MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_HTTPS_MEM_KEY, key,
				     MHD_OPTION_HTTPS_MEM_CERT, certificate, MHD_OPTION_END);
	else
		d = MHD_start_daemon(flags, port, NULL, NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR, &a,
				     MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
				     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)1 << 20, MHD_OPTION_END);
	if (!d) {
		fprintf(stderr, "it cannot listen on port %u\n", port);
		exit(1);
	}
	printf("port %u\n", MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	char *key = NULL, *certificate = NULL, *comma;
	uint16_t port = 0;

	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "--port=", 7)) {
			port = (uint16_t)atoi(argv[i] + 7);
		} else if (!strcmp(argv[i], "--text")) {
			text_only = true;
		} else if (!strncmp(argv[i], "--token=", 8)) {
			token = argv[i] + 8;
		} else if (!strncmp(argv[i], "--tls=", 6) && (comma = strchr(argv[i], ','))) {
			*comma = '\0';
			key = read_file(argv[i] + 6);
			certificate = read_file(comma + 1);
			has_tls = true;
		} else if (!strcmp(argv[i], "--not-ready")) {
			ready = 0;
		} else {
			fprintf(stderr, "%s: unknown option %s\n", argv[0], argv[i]);
			return 2;
		}
	}
	signal(SIGUSR1, toggle);
	serve(port, key, certificate);
}
