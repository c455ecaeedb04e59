// SPDX-License-Identifier: Apache-2.0
/* vaccel-generate: text from a language model, as it is made, here or on the host. */
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "model.h"
#include "tool.h"

const char *argp_program_version = "vaccel-generate " VACCEL_PROJECT_VERSION;

volatile sig_atomic_t interrupted;

static const char doc[] =
	"Continues PROMPT, or what standard input has, by MODEL, a file or directory, or host://NAME for a model of the "
	"host, or model://NAME for one of a server, with the plugins that VACCEL_PLUGINS names. The text is printed as it is made; "
	"Ctrl-C ends it.\v"
	"Exit status: 0; 64 wrong options; 65 the model or the prompt is bad, or the prompt too long; 66 a file cannot be read; "
	"69 no plugin makes text, or its host is not there; 130 after Ctrl-C; 70 otherwise.";

enum { KEY_TOP_P = 256, KEY_TOP_K, KEY_STOP, KEY_SEED, KEY_SYSTEM, KEY_EMBED, KEY_TIMES };

static const struct argp_option options[] = {
	{"chat", 'c', NULL, 0, "PROMPT is a message of a chat; without one, each line of standard input is", 0},
	{"system", KEY_SYSTEM, "TEXT", 0, "The chat's first message, which says what the answers are to be like", 0},
	{"max-tokens", 'n', "N", 0, "Make N tokens at most (512)", 0},
	{"temperature", 't', "X", 0, "0, the default: always the likeliest token; 1: as the model has learnt", 0},
	{"top-k", KEY_TOP_K, "N", 0, "Choose among the N likeliest tokens", 0},
	{"top-p", KEY_TOP_P, "X", 0, "Choose among the likeliest tokens that make up this share, up to 1", 0},
	{"seed", KEY_SEED, "N", 0, "Of random choices; the same one gives the same text (0)", 0},
	{"stop", KEY_STOP, "TEXT", 0, "End before this text; up to 8 times", 0},
	{"embed", KEY_EMBED, NULL, 0, "Print the embedding of PROMPT, a number on each line", 0},
	{"times", KEY_TIMES, NULL, 0, "Print when each part has come, and how fast they came", 0},
	{"plugin", 'p', "NAME", 0, "Use this plugin; virtio:NAME is the host's", 0},
	{"json", 'j', NULL, 0, "Print JSON, at the end", 0},
	{0},
};

static uint64_t number(struct argp_state *state, const char *name, const char *arg, uint64_t most)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(arg, &end, 10);
	if (errno || *end || *arg < '0' || *arg > '9' || value > most)
		argp_error(state, "--%s takes a number up to %llu", name, (unsigned long long)most);
	return value;
}

static float fraction(struct argp_state *state, const char *name, const char *arg, double most)
{
	char *end;
	double value = strtod(arg, &end);

	if (end == arg || *end || !(value >= 0 && value <= most))
		argp_error(state, "--%s takes a number from 0 to %g", name, most);
	return (float)value;
}

static void add_stop(struct argp_state *state, struct options *o, const char *arg)
{
	if (o->nr_stops == VACCEL_TEXT_MAX_STOPS)
		argp_error(state, "there are more than %d texts for --stop", VACCEL_TEXT_MAX_STOPS);
	else if (!*arg || strlen(arg) >= VACCEL_TEXT_STOP_SIZE)
		argp_error(state, "--stop takes a text of up to %d bytes", VACCEL_TEXT_STOP_SIZE - 1);
	else
		strcpy(o->params.stop[o->nr_stops++], arg);
}

static error_t parse_param(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'n':
		o->params.max_tokens = (uint32_t)number(state, "max-tokens", arg, UINT32_MAX);
		return 0;
	case 't':
		o->params.temperature = fraction(state, "temperature", arg, 1e6);
		return 0;
	case KEY_TOP_K:
		o->params.top_k = (uint32_t)number(state, "top-k", arg, UINT32_MAX);
		return 0;
	case KEY_TOP_P:
		o->params.top_p = fraction(state, "top-p", arg, 1);
		return 0;
	case KEY_SEED:
		o->params.seed = number(state, "seed", arg, UINT64_MAX);
		return 0;
	case KEY_STOP:
		add_stop(state, o, arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void end_options(struct argp_state *state, const struct options *o)
{
	if (!o->model)
		argp_error(state, "the model is missing");
	else if (o->embed && o->is_chat)
		argp_error(state, "a chat has no embedding");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'c':
		o->is_chat = true;
		return 0;
	case KEY_SYSTEM:
		o->system = arg;
		o->is_chat = true;
		return 0;
	case KEY_EMBED:
		o->embed = true;
		return 0;
	case KEY_TIMES:
		o->times = true;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case 'p':
		o->plugin = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (o->prompt)
			argp_error(state, "there is more than one prompt: '%s'", arg);
		*(o->model ? &o->prompt : &o->model) = arg;
		return 0;
	case ARGP_KEY_END:
		end_options(state, o);
		return 0;
	}
	return parse_param(key, arg, state);
}

/* ---- Prompts --------------------------------------------------------------------------------- */

/* All of standard input, without the end of its last line; to be freed. NULL: errno says why */
static char *read_input(void)
{
	char *text = NULL;
	size_t size = 0;
	ssize_t len = getdelim(&text, &size, '\0', stdin);

	if (len < 0 && (ferror(stdin) || !text)) {
		free(text);
		return NULL;
	}
	if (len < 0)
		len = 0;
	if (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	return text;
}

static int use_prompt(struct tool *t, const char *prompt)
{
	const struct options *o = t->o;
	struct vaccel_text_message messages[] = { { "system", o->system }, { o->is_chat ? "user" : NULL, prompt } };
	int ret;

	if (o->embed)
		return embed(t, prompt);
	ret = o->system ? answer(t, messages, 2, NULL) : answer(t, messages + 1, 1, NULL);
	return !ret && interrupted ? EXIT_INTERRUPTED : ret;
}

/* ---- A chat ---------------------------------------------------------------------------------- */

struct chat {
	struct vaccel_text_message *messages;
	uint32_t nr;
};

/* Takes the text over, also on failure. */
static int add_message(struct chat *c, const char *role, char *text)
{
	struct vaccel_text_message *more = text ? reallocarray(c->messages, c->nr + 1, sizeof(*more)) : NULL;

	if (!more) {
		free(text);
		return fail("chat", VACCEL_ENOMEM);
	}
	c->messages = more;
	c->messages[c->nr++] = (struct vaccel_text_message){ role, text };
	return 0;
}

/* The next line, without its end, to be freed; NULL: there is none. */
static char *read_line(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	if (isatty(STDIN_FILENO))
		fputs("> ", stderr);
	len = getline(&line, &size, stdin);
	if (len < 0) {
		free(line);
		return NULL;
	}
	if (len && line[len - 1] == '\n')
		line[len - 1] = '\0';
	return line;
}

/* Each line is a message, and each answer the next. Ctrl-C ends an answer, or else the chat. */
static int converse(struct tool *t)
{
	struct chat c = { NULL, 0 };
	int ret = t->o->system ? add_message(&c, "system", strdup(t->o->system)) : 0;
	char *text;

	while (!ret && (text = read_line())) {
		if (!*text) {
			free(text);
			continue;
		}
		ret = add_message(&c, "user", text);
		text = NULL;
		if (!ret)
			ret = answer(t, c.messages, c.nr, &text);
		if (!ret)
			ret = add_message(&c, "assistant", text);
		else
			free(text);
		if (!isatty(STDIN_FILENO) && interrupted)
			break;
		interrupted = 0;
	}
	for (uint32_t i = 0; i < c.nr; i++)
		free((void *)(uintptr_t)c.messages[i].content);
	free(c.messages);
	return !ret && interrupted ? EXIT_INTERRUPTED : ret;
}

static int use_model(struct tool *t)
{
	char *text;
	int ret;

	if (t->o->prompt)
		return use_prompt(t, t->o->prompt);
	if (t->o->is_chat)
		return converse(t);
	text = read_input();
	if (!text) {
		warn("standard input");
		return interrupted ? EXIT_INTERRUPTED : EX_NOINPUT;
	}
	ret = use_prompt(t, text);
	free(text);
	return ret;
}

static void on_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options, .parser = parse, .args_doc = "MODEL [PROMPT]", .doc = doc,
	};
	static struct options o;
	struct tool t = { .o = &o };
	int ret;

	argp_err_exit_status = EX_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &o);

	ret = model_open(&t.sess, &t.model, o.model, o.plugin);
	if (ret)
		return ret;
	/* Without SA_RESTART: reading a line ends, too. */
	sigaction(SIGINT, &(struct sigaction){ .sa_handler = on_interrupt }, NULL);
	ret = use_model(&t);
	model_close(&t.sess, t.model);
	return ret;
}
