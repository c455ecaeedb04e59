// SPDX-License-Identifier: Apache-2.0
#include "control_socket.h"

#include <errno.h>
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "report.h"
#include "transport/clock.h"

#define MAX_LINE ((size_t)64 << 10)
/* Who says nothing for this long, or takes no answer, is let go. */
#define IDLE_MS	  60000
#define MAX_DEPTH 8

/* An operator's connection */
struct operator {
	int fd; /* -1: none */
	uint64_t heard_ms;
	uint64_t serial; /* of a wish that is not answered yet; 0: none */
	bool ends;	 /* when the answer is out */
	char *line;	 /* MAX_LINE bytes; what has come and was not looked at */
	size_t len;
	char *answer; /* what has to go out yet; NULL: nothing */
	size_t answer_len, sent;
};

static struct {
	int sock;
	const struct clients *clients;
	bool (*ask)(const struct observe_msg *msg);
	uint64_t serial;
	struct operator of[CONTROL_SOCKET_CLIENTS];
} control;

void control_socket_init(int sock, const struct clients *clients, bool (*ask)(const struct observe_msg *msg))
{
	control.sock = sock;
	control.clients = clients;
	control.ask = ask;
	for (unsigned int i = 0; i < CONTROL_SOCKET_CLIENTS; i++)
		control.of[i].fd = -1;
}

static void let_go(struct operator *o)
{
	if (o->fd >= 0)
		close(o->fd);
	free(o->line);
	free(o->answer);
	*o = (struct operator){ .fd = -1 };
}

/* ---- Answers -------------------------------------------------------------------------------- */

static void send_rest(struct operator *o)
{
	ssize_t n = send(o->fd, o->answer + o->sent, o->answer_len - o->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		let_go(o);
		return;
	}
	if (n > 0) {
		o->sent += (size_t)n;
		o->heard_ms = now_ms();
	}
	if (o->sent < o->answer_len)
		return;
	free(o->answer);
	o->answer = NULL;
	if (o->ends)
		let_go(o);
}

/* Takes over @object; NULL: there was no memory for it. */
static void answer(struct operator *o, struct json_object *object)
{
	const char *text = object ? json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN) : NULL;
	int len = text ? asprintf(&o->answer, "%s\n", text) : -1;

	json_object_put(object);
	if (len < 0) {
		o->answer = NULL;
		let_go(o);
		return;
	}
	o->answer_len = (size_t)len;
	o->sent = 0;
	send_rest(o);
}

static struct json_object *done(void)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "ok", json_object_new_boolean(true));
	return o;
}

static struct json_object *failed(const char *why)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "ok", json_object_new_boolean(false));
	json_object_object_add(o, "error", json_object_new_string(why));
	return o;
}

/* ---- Requests ------------------------------------------------------------------------------- */

static struct json_object *report(struct json_object *what)
{
	if (what)
		json_object_object_add(what, "ok", json_object_new_boolean(true));
	return what;
}

static void pass_on(struct operator *o, struct observe_msg *msg)
{
	msg->type = OBSERVE_ASK;
	msg->ask.serial = o->serial = ++control.serial;
	if (control.ask(msg))
		return;
	o->serial = 0;
	answer(o, failed("the service does not listen now; try again"));
}

static void wish(struct operator *o, enum observe_wish wish)
{
	struct observe_msg msg = { .ask.wish = wish };

	pass_on(o, &msg);
}

/* A client by its number, or its name. NULL: there is none */
static const struct client *find_client(struct json_object *which, uint32_t *place)
{
	bool is_number = json_object_is_type(which, json_type_int);
	int64_t number = is_number ? json_object_get_int64(which) : -1;
	const char *name = json_object_is_type(which, json_type_string) ? json_object_get_string(which) : NULL;

	for (uint32_t i = 0; i < control.clients->nr_places; i++) {
		const struct client *c = &control.clients->of[i];

		if (!c->counters || (name ? strcmp(c->name, name) != 0 : number != (int64_t)i))
			continue;
		*place = i;
		return c;
	}
	return NULL;
}

/* Return: the rule, if that is a limit that clients can be given; else POLICY_NR_RULES, and @why says what can */
static enum policy_rule find_limit(const char *name, char *why, size_t size)
{
	enum policy_rule rule = name ? policy_find(name) : POLICY_NR_RULES;
	int len;

	if (policy_is_limit(rule))
		return rule;
	len = snprintf(why, size, "what can be changed for a client that is served:");
	for (rule = 0; rule < POLICY_NR_RULES && len > 0 && (size_t)len < size; rule++)
		if (policy_is_limit(rule))
			len += snprintf(why + len, size - (size_t)len, " %s", policy_rules[rule].name);
	return POLICY_NR_RULES;
}

static const char *get_text(struct json_object *request, const char *key)
{
	struct json_object *found;

	return json_object_object_get_ex(request, key, &found) && json_object_is_type(found, json_type_string) ?
		json_object_get_string(found) : NULL;
}

static void change_limit(struct operator *o, struct json_object *request)
{
	struct observe_msg msg = { .ask.wish = OBSERVE_LIMIT };
	const char *value = get_text(request, "value");
	const struct client *c;
	struct json_object *which = NULL;
	struct policy scratch;
	enum policy_rule rule;
	char why[256];

	json_object_object_get_ex(request, "client", &which);
	c = find_client(which, &msg.ask.limit.place);
	if (!c) {
		answer(o, failed("there is no such client; \"clients\" lists them by number and name"));
		return;
	}
	rule = find_limit(get_text(request, "name"), why, sizeof(why));
	policy_init(&scratch);
	if (rule != POLICY_NR_RULES && !value)
		snprintf(why, sizeof(why), "a text \"value\" is expected, as after --%s=", policy_rules[rule].name);
	if (rule == POLICY_NR_RULES || !value || policy_set(&scratch, rule, value, why, sizeof(why))) {
		answer(o, failed(why));
		return;
	}
	msg.ask.limit.pid = c->pid;
	msg.ask.limit.rule = rule;
	msg.ask.limit.value = policy_number(&scratch, rule);
	pass_on(o, &msg);
}

static void obey(struct operator *o, const char *what, struct json_object *request)
{
	if (!strcmp(what, "clients"))
		answer(o, report(report_clients(control.clients)));
	else if (!strcmp(what, "stats"))
		answer(o, report(report_stats(control.clients)));
	else if (!strcmp(what, "drain"))
		wish(o, OBSERVE_DRAIN);
	else if (!strcmp(what, "reload"))
		wish(o, OBSERVE_RELOAD);
	else if (!strcmp(what, "limit"))
		change_limit(o, request);
	else
		answer(o, failed("there are: clients, stats, limit, drain, reload"));
}

static void on_line(struct operator *o, const char *line, size_t len)
{
	struct json_tokener *parser = json_tokener_new_ex(MAX_DEPTH);
	struct json_object *request = NULL, *what = NULL;

	if (parser) {
		json_tokener_set_flags(parser, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		request = json_tokener_parse_ex(parser, line, (int)len);
		/* A number may go on: the end of the line is the end. */
		if (json_tokener_get_error(parser) != json_tokener_success) {
			json_object_put(request);
			request = NULL;
		}
		json_tokener_free(parser);
	}
	if (!json_object_is_type(request, json_type_object) ||
	    !json_object_object_get_ex(request, "do", &what) || !json_object_is_type(what, json_type_string))
		answer(o, failed("a line like {\"do\":\"clients\"} is expected"));
	else
		obey(o, json_object_get_string(what), request);
	json_object_put(request);
}

/* Looks at lines that have come until one has to wait. */
static void read_lines(struct operator *o)
{
	while (o->fd >= 0 && !o->answer && !o->serial && o->len) {
		char *end = memchr(o->line, '\n', o->len);
		size_t len = end ? (size_t)(end - o->line) : o->len;

		if (!end && o->len < MAX_LINE)
			return;
		if (!end) {
			o->ends = true;
			answer(o, failed("a line has at most 64 KiB"));
			return;
		}
		on_line(o, o->line, len);
		if (o->fd < 0)
			return;
		o->len -= len + 1;
		memmove(o->line, end + 1, o->len);
	}
}

static void receive(struct operator *o)
{
	ssize_t n = recv(o->fd, o->line + o->len, MAX_LINE - o->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		let_go(o);
		return;
	}
	o->len += (size_t)n;
	o->heard_ms = now_ms();
	read_lines(o);
}

/* ---- Connections ---------------------------------------------------------------------------- */

/* A place: a free one, or of who has been silent for longest. NULL: all wait for an answer */
static struct operator *find_place(void)
{
	struct operator *found = NULL;

	for (unsigned int i = 0; i < CONTROL_SOCKET_CLIENTS; i++) {
		struct operator *o = &control.of[i];

		if (o->fd < 0)
			return o;
		if (!o->serial && (!found || o->heard_ms < found->heard_ms))
			found = o;
	}
	return found;
}

static void accept_one(void)
{
	struct operator *o = find_place();
	int fd = o ? accept4(control.sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;

	if (fd < 0)
		return;
	let_go(o);
	o->fd = fd;
	o->heard_ms = now_ms();
	o->line = malloc(MAX_LINE);
	if (!o->line)
		let_go(o);
}

int control_socket_pollfds(struct pollfd *fds)
{
	uint64_t now = now_ms();
	int timeout = -1;

	fds[0] = (struct pollfd){ .fd = find_place() ? control.sock : -1, .events = POLLIN };
	for (unsigned int i = 0; i < CONTROL_SOCKET_CLIENTS; i++) {
		const struct operator *o = &control.of[i];
		uint64_t end = o->heard_ms + IDLE_MS;

		fds[1 + i] = (struct pollfd){ .fd = o->fd, .events = POLLIN };
		if (o->answer)
			fds[1 + i].events = POLLOUT;
		else if (o->serial)
			fds[1 + i].events = 0;
		if (o->fd >= 0 && (timeout < 0 || end < now + (uint64_t)timeout))
			timeout = end > now ? (int)(end - now) : 0;
	}
	return timeout;
}

void control_socket_run(const struct pollfd *fds)
{
	uint64_t now = now_ms();

	for (unsigned int i = 0; i < CONTROL_SOCKET_CLIENTS; i++) {
		struct operator *o = &control.of[i];

		if (o->fd < 0 || o->fd != fds[1 + i].fd)
			continue;
		if (fds[1 + i].revents & POLLIN) {
			receive(o);
		} else if (fds[1 + i].revents & POLLOUT) {
			send_rest(o);
			read_lines(o);
		} else if (fds[1 + i].revents || now - o->heard_ms >= IDLE_MS) {
			let_go(o);
		}
	}
	/* At the end: who comes may take the place of one of those. */
	if (fds[0].revents)
		accept_one();
}

void control_socket_answer(const struct observe_msg *msg)
{
	char why[sizeof(msg->answer.text)];

	memcpy(why, msg->answer.text, sizeof(why));
	why[sizeof(why) - 1] = '\0';
	for (unsigned int i = 0; i < CONTROL_SOCKET_CLIENTS; i++) {
		struct operator *o = &control.of[i];

		if (o->fd < 0 || o->serial != msg->answer.serial)
			continue;
		o->serial = 0;
		o->heard_ms = now_ms();
		answer(o, msg->answer.done ? done() : failed(why));
		read_lines(o);
	}
}
