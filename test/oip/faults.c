// SPDX-License-Identifier: Apache-2.0
/*
 * A server for tests that misbehaves: it is ready, describes any model, and answers a run as its only argument says.
 *
 *   faults KIND [PORT]     prints "port N" when it listens on 127.0.0.1; PORT: where "elsewhere" leads
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static atomic_uint runs;
static const char *kind, *elsewhere = "1";

static void say(int fd, const char *text)
{
	(void)!write(fd, text, strlen(text));
}

/* An answer of a body, whose text ends where text_size says; -1: nothing is said of that. */
static void say_body(int fd, const char *body, size_t size, int text_size)
{
	char head[256];
	int at = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n", size);

	if (text_size >= 0)
		at += snprintf(head + at, sizeof(head) - (size_t)at, "Inference-Header-Content-Length: %d\r\n",
			       text_size);
	snprintf(head + at, sizeof(head) - (size_t)at, "\r\n");
	say(fd, head);
	(void)!write(fd, body, size);
}

static void say_json(int fd, const char *json)
{
	say_body(fd, json, strlen(json), -1);
}

/* Bodies of wrong answers: kind, body, what is said of the text's size; -1: nothing, -2: it ends with the last brace */
static const struct {
	const char *kind, *body;
	int text_size;
} bodies[] = {
	{"no-json", "{\"outputs\":[", -1},
	{"more", "{\"outputs\":[]} and more", -1},
	{"array", "[1,2]", -1},
	{"no-outputs", "{}", -1},
	{"no-data", "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[1]}]}", -1},
	{"no-name", "{\"outputs\":[{\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1]}]}", -1},
	{"datatype", "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP31\",\"shape\":[1],\"data\":[1]}]}", -1},
	{"count", "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[2],\"data\":[1]}]}", -1},
	{"overflow", "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[4294967296,4294967296],\"data\":[]}]}", -1},
	{"negative", "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[-1],\"data\":[]}]}", -1},
	{"range", "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"UINT8\",\"shape\":[1],\"data\":[256]}]}", -1},
	{"kind", "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"INT32\",\"shape\":[1],\"data\":[\"1\"]}]}", -1},
	{"other", "{\"outputs\":[{\"name\":\"z\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1]}]}", -1},
	{"too-few-bytes", "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[1],\"parameters\":"
			  "{\"binary_data_size\":4}}]}abc", -2},
	{"too-many-bytes", "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[1],\"parameters\":"
			   "{\"binary_data_size\":4}}]}abcde", -2},
	{"wrong-bytes", "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[2],\"parameters\":"
			"{\"binary_data_size\":4}}]}abcd", -2},
	{"huge-bytes", "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[1],\"parameters\":"
		       "{\"binary_data_size\":9223372036854775807}}]}", -2},
	{"text-size", "{\"outputs\":[]}", 2000000000},
	{"strings", "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"BYTES\",\"shape\":[1],\"parameters\":"
		    "{\"binary_data_size\":4}}]}\377\377\377\377", -2},
};

static void say_headers(int fd)
{
	char line[1024];

	memset(line, 'h', sizeof(line));
	memcpy(line, "X-H: ", 5);
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	say(fd, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 100 * 1024; i++)
		if (write(fd, line, sizeof(line)) != sizeof(line))
			return;
	say(fd, "Content-Length: 2\r\n\r\n{}");
}

static void say_deep(int fd)
{
	static char body[1 << 20];

	memset(body, '[', sizeof(body));
	memcpy(body, "{\"outputs\":", 11);
	say_body(fd, body, sizeof(body), -1);
}

/* More than anybody wants: of text, or of what is announced and never comes */
static void say_long(int fd)
{
	static char body[1 << 20];

	memset(body, ' ', sizeof(body));
	say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 4096; i++) {
		say(fd, "100000\r\n");
		if (write(fd, body, sizeof(body)) != sizeof(body))
			return;
		say(fd, "\r\n");
	}
}

static void drip(int fd)
{
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
	for (int i = 0; i < 600 && write(fd, " ", 1) == 1; i++)
		usleep(100000);
}

/* ---- Texts ----------------------------------------------------------------------------------- */

#define TOKEN "data: {\"choices\":[{\"delta\":{\"content\":\"word \"},\"text\":\"word \"}]}\n\n"
#define STOP  "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"

/* Streams of events that are wrong; then the connection is closed. Those that begin with "+" are right, though unusual. */
static const struct {
	const char *kind, *body;
} streams[] = {
	{"cut-event", TOKEN "data: {\"choices\":[{\"text\":\"w"},
	{"cut-between", TOKEN TOKEN},
	{"no-events", "{\"choices\":[{\"text\":\"all at once\"}]}"},
	{"event-no-json", TOKEN "data: {\"choices\":\n\n" STOP},
	{"event-array", TOKEN "data: [1]\n\n" STOP},
	{"event-utf8", TOKEN "data: {\"choices\":[{\"text\":\"\377\376\"}]}\n\n" STOP},
	{"event-error", TOKEN "data: {\"error\":{\"message\":\"it has failed\"}}\n\n"},
	{"event-error-text", TOKEN "event: error\ndata: {\"error\":\"it has failed\"}\n\n"},
	{"event-context", "data: {\"error\":{\"message\":\"the request exceeds the available context size\"}}\n\n"},
	{"event-empty", ""},
	{"+no-done", TOKEN STOP},
	{"+done-only", TOKEN "data: [DONE]\n\n"},
	{"+lines", ": hello\r\n\r\nevent: message\r\nid: 1\r\ndata:{\"choices\":\r\ndata: [{\"text\":\"word \","
		   "\"delta\":{\"content\":\"word \"}}]}\r\n\r\n\n\n" STOP},
	{"+nulls", "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null},\"text\":\"\","
		   "\"finish_reason\":null}],\"usage\":null,\"error\":null}\n\n" TOKEN STOP "data: [DONE]\n\n"},
	{"+kinds", "data: {\"choices\":7,\"usage\":[]}\n\ndata: {\"choices\":[8]}\n\n"
		   "data: {\"choices\":[{\"text\":1,\"delta\":{\"content\":2},\"finish_reason\":3}]}\n\n" TOKEN STOP},
};

static void begin_stream(int fd)
{
	say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
}

/* An event that never ends */
static void say_line(int fd)
{
	char part[4096];

	memset(part, 'x', sizeof(part));
	begin_stream(fd);
	say(fd, "data: {\"choices\":[{\"text\":\"");
	for (int i = 0; i < 64 * 1024; i++)
		if (write(fd, part, sizeof(part)) != sizeof(part))
			return;
}

/* Events without text, or with: as many as are taken */
static void say_again(int fd, const char *event)
{
	begin_stream(fd);
	while (write(fd, event, strlen(event)) == (ssize_t)strlen(event))
		;
}

/* Return: whether it is one of these. */
static bool misbehave_in_text(int fd)
{
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		if (strcmp(kind, streams[i].kind))
			continue;
		begin_stream(fd);
		say(fd, streams[i].body);
		return true;
	}
	if (!strcmp(kind, "event-long")) {
		say_line(fd);
	} else if (!strcmp(kind, "event-silent")) {
		say_again(fd, ": nothing\n\ndata: {\"choices\":[]}\n\n");
	} else if (!strcmp(kind, "+endless")) {
		say_again(fd, TOKEN);
	} else if (!strcmp(kind, "event-hangs")) {
		begin_stream(fd);
		say(fd, TOKEN);
		sleep(600);
	} else if (!strcmp(kind, "+done-hangs")) {
		begin_stream(fd);
		say(fd, TOKEN STOP "data: [DONE]\n\n");
		sleep(600);
	} else {
		return false;
	}
	return true;
}

/* Return: whether the connection goes on. */
static bool misbehave(int fd)
{
	char text[128];

	if (misbehave_in_text(fd))
		return false;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (strcmp(kind, bodies[i].kind))
			continue;
		say_body(fd, bodies[i].body, strlen(bodies[i].body),
			 bodies[i].text_size != -2 ? bodies[i].text_size :
						     (int)(strrchr(bodies[i].body, '}') + 1 - bodies[i].body));
		return true;
	}
	if (!strcmp(kind, "half"))
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"outputs\"");
	else if (!strcmp(kind, "headers"))
		say_headers(fd);
	else if (!strcmp(kind, "deep"))
		say_deep(fd);
	else if (!strcmp(kind, "long"))
		say_long(fd);
	else if (!strcmp(kind, "drip"))
		drip(fd);
	else if (!strcmp(kind, "no-http"))
		say(fd, "hello\r\n\r\n");
	else if (!strcmp(kind, "elsewhere")) {
		snprintf(text, sizeof(text), "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%s/v2/models/echo/infer\r\n"
			 "Content-Length: 0\r\n\r\n", elsewhere);
		say(fd, text);
		return true;
	}
	else if (!strcmp(kind, "each-other") && atomic_fetch_add(&runs, 1) % 2) {
		say_json(fd, "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1]}]}");
		return true;
	}
	/* "silence", and each other time "each-other": the connection is closed without a byte */
	return false;
}

/* Reads a request with its body. Return: whether there was one. */
static bool read_request(int fd, char *head, size_t room)
{
	size_t used = 0, body, have;
	char *end = NULL, *length, skipped[4096];

	while (!end) {
		ssize_t n = used < room - 1 ? read(fd, head + used, room - 1 - used) : -1;

		if (n <= 0)
			return false;
		used += (size_t)n;
		head[used] = '\0';
		end = strstr(head, "\r\n\r\n");
	}
	length = strcasestr(head, "\r\nContent-Length:");
	body = length && length < end ? (size_t)atoll(length + 17) : 0;
	have = used - (size_t)(end + 4 - head);
	while (have < body) {
		ssize_t n = read(fd, skipped, sizeof(skipped) < body - have ? sizeof(skipped) : body - have);

		if (n <= 0)
			return false;
		have += (size_t)n;
	}
	return true;
}

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char head[16384];
	bool on = true;

	while (on && read_request(fd, head, sizeof(head))) {
		if (!strncmp(head, "POST", 4))
			on = misbehave(fd);
		else if (strstr(head, "/v1/models"))
			say_json(fd, "{\"data\":[{\"id\":\"echo\"}]}");
		else if (strstr(head, "/health/"))
			say_json(fd, "");
		else if (strstr(head, "/models/"))
			say_json(fd, "{\"name\":\"any\",\"versions\":[],\"platform\":\"\",\"inputs\":[],\"outputs\":[]}");
		else
			say_json(fd, "{\"extensions\":[\"binary_tensor_data\"]}");
	}
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int sock = socket(AF_INET, SOCK_STREAM, 0);

	signal(SIGPIPE, SIG_IGN);
	if (argc < 2 || bind(sock, (struct sockaddr *)&a, sizeof(a)) || listen(sock, 64) ||
	    getsockname(sock, (struct sockaddr *)&a, &len))
		return 1;
	kind = argv[1];
	elsewhere = argc > 2 ? argv[2] : elsewhere;
	printf("port %u\n", ntohs(a.sin_port));
	fflush(stdout);
	for (;;) {
		int fd = accept(sock, NULL, NULL);
		pthread_t thread;

		if (fd >= 0 && !pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd))
			pthread_detach(thread);
	}
}
