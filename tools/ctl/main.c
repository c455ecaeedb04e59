// SPDX-License-Identifier: Apache-2.0
/* vaccelctl: asks a running vhost-user-accel, at the socket of its option --control. */
#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl.h"

/* How long an answer is waited for */
#define ANSWER_S 20
#define MAX_ANSWER ((size_t)64 << 20)

const char *argp_program_version = "vaccelctl " VACCEL_PROJECT_VERSION;

static const char doc[] =
	"Asks a running vhost-user-accel what it does, and tells it what to do, at the socket of its option "
	"--control.\v"
	"COMMAND is one of\n\n"
	"  clients  Who is there, and what each has\n"
	"  stats    All that was counted\n"
	"  top      Who does what, again and again, those that use most first\n"
	"  limit CLIENT NAME VALUE  Change a limit of a client that is served, by its number or name\n"
	"  reload   Read the file of --config again, for new clients\n"
	"  drain    Serve no new clients, and end when the last one has gone\n\n"
	"Exit status: 0 done, 1 the service refuses it, 64 wrong options, 69 nobody answers.";

enum { OPT_ROUNDS = 0x100 };

static const struct argp_option options[] = {
	{"socket", 's', "PATH", 0, "The socket of vhost-user-accel --control=PATH", 0},
	{"json", 'j', NULL, 0, "Print the answer as it is, a line of JSON", 0},
	{"interval", 'i', "SECONDS", 0, "With top: the time between two looks (default 1)", 0},
	{"rounds", OPT_ROUNDS, "N", 0, "With top: end after N looks", 0},
	{0},
};

static struct {
	const char *socket, *command;
	const char *more[3]; /* what follows it */
	unsigned int nr_more;
	bool json;
	double interval;
	unsigned int rounds;
} args = {.interval = 1};

static int sock = -1;

static double number(struct argp_state *state, const char *name, const char *text, double min, double max)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= min && value <= max))
		argp_error(state, "--%s=%s: a number from %g to %g is expected", name, text, min, max);
	return value;
}

#define COMMANDS "clients, stats, top, limit, reload or drain"

static bool is_command(const char *text)
{
	static const char *const commands[] = {"clients", "stats", "top", "limit", "reload", "drain"};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i], text) == 0)
			return true;
	return false;
}

static void parse_word(struct argp_state *state, char *word)
{
	bool is_limit = args.command && strcmp(args.command, "limit") == 0;

	if (!args.command && is_command(word))
		args.command = word;
	else if (is_limit && args.nr_more < 3)
		args.more[args.nr_more++] = word;
	else if (is_limit)
		argp_error(state, "'%s': limit CLIENT NAME VALUE is all that is expected", word);
	else
		argp_error(state, "'%s': one command is expected: " COMMANDS, word);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 's':
		args.socket = arg;
		return 0;
	case 'j':
		args.json = true;
		return 0;
	case 'i':
		args.interval = number(state, "interval", arg, 0.01, 3600);
		return 0;
	case OPT_ROUNDS:
		args.rounds = (unsigned int)number(state, "rounds", arg, 1, 1000000);
		return 0;
	case ARGP_KEY_ARG:
		parse_word(state, arg);
		return 0;
	case ARGP_KEY_END:
		if (!args.command)
			argp_error(state, "a command is needed: " COMMANDS);
		if (!strcmp(args.command, "limit") && args.nr_more < 3)
			argp_error(state, "limit needs CLIENT NAME VALUE, as in: limit 0 max-sessions 10");
		if (!args.socket)
			argp_error(state, "--socket is needed: the PATH of vhost-user-accel --control=PATH");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static bool dial(void)
{
	const struct timeval limit = {.tv_sec = ANSWER_S};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(args.socket) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "vaccelctl: %s: the path of a socket has at most %zu characters\n", args.socket,
			sizeof(addr.sun_path) - 1);
		return false;
	}
	strcpy(addr.sun_path, args.socket);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock >= 0 && !setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) &&
	    !setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) &&
	    !connect(sock, (struct sockaddr *)&addr, sizeof(addr)))
		return true;
	fprintf(stderr, "vaccelctl: %s: %s; is there a vhost-user-accel --control=%s, of this user?\n", args.socket,
		strerror(errno), args.socket);
	return false;
}

/* A line. Return: to be freed; NULL: none has come */
static char *read_line(void)
{
	char *line = NULL;
	size_t len = 0, room = 0;

	for (;;) {
		char *end, *more = len == room ? realloc(line, room += 65536) : line;
		ssize_t n = more && room <= MAX_ANSWER ? recv(sock, more + len, room - len, 0) : -1;

		line = more ? more : line;
		if (n <= 0)
			break;
		end = memchr(line + len, '\n', (size_t)n);
		len += (size_t)n;
		if (!end)
			continue;
		*end = '\0';
		return line;
	}
	free(line);
	return NULL;
}

struct json_object *ctl_request(const char *what)
{
	struct json_object *request = json_object_new_object();

	json_object_object_add(request, "do", json_object_new_string(what));
	return request;
}

/* The client is a number, unless it is no number. */
static struct json_object *make_request(void)
{
	struct json_object *request = ctl_request(args.command);
	char *end;
	long number;

	if (!args.nr_more)
		return request;
	number = strtol(args.more[0], &end, 10);
	json_object_object_add(request, "client", *args.more[0] && !*end ? json_object_new_int64(number) :
				       json_object_new_string(args.more[0]));
	json_object_object_add(request, "name", json_object_new_string(args.more[1]));
	json_object_object_add(request, "value", json_object_new_string(args.more[2]));
	return request;
}

struct json_object *ctl_ask(struct json_object *request)
{
	const char *text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	struct json_object *answer;
	char *line = NULL;
	size_t len = strlen(text);

	if (send(sock, text, len, MSG_NOSIGNAL) == (ssize_t)len && send(sock, "\n", 1, MSG_NOSIGNAL) == 1)
		line = read_line();
	json_object_put(request);
	answer = line ? json_tokener_parse(line) : NULL;
	free(line);
	if (json_object_is_type(answer, json_type_object))
		return answer;
	json_object_put(answer);
	fprintf(stderr, "vaccelctl: %s: no answer\n", args.socket);
	return NULL;
}

static void print(struct json_object *answer)
{
	if (args.json)
		puts(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
	else if (!strcmp(args.command, "clients"))
		print_clients(answer);
	else if (!strcmp(args.command, "stats"))
		print_stats(answer);
	else
		puts("done");
}

int main(int argc, char **argv)
{
	static const struct argp argp = {.options = options, .parser = parse, .args_doc = "COMMAND", .doc = doc};
	struct json_object *answer, *ok = NULL, *error = NULL;
	int ret = 0;

	argp_err_exit_status = EX_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (!dial())
		return EX_UNAVAILABLE;
	if (!strcmp(args.command, "top"))
		return top(args.interval, args.rounds);
	answer = ctl_ask(make_request());
	if (!answer)
		return EX_UNAVAILABLE;
	if (json_object_object_get_ex(answer, "ok", &ok) && json_object_get_boolean(ok)) {
		print(answer);
	} else {
		json_object_object_get_ex(answer, "error", &error);
		if (args.json)
			print(answer);
		fprintf(stderr, "vaccelctl: %s\n", error ? json_object_get_string(error) : "the service refuses it");
		ret = 1;
	}
	json_object_put(answer);
	if (fflush(stdout) || ferror(stdout))
		return EX_IOERR;
	return ret;
}
