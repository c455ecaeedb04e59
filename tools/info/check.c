// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "loglines/clean.h"

static bool always(const struct checks *c)
{
	(void)c;
	return true;
}

/* Where programs use another machine's accelerators this one starts no workers. */
static bool is_host(const struct checks *c)
{
	return c->host_options[0] || (!c->remote && check_host_program());
}

static const struct {
	const char *name;
	bool (*applies)(const struct checks *c);
	void (*run)(struct checks *c);
} steps[] = {
	{ "library", always, check_library },
	{ "settings", always, check_settings },
	{ "run directory", always, check_rundir },
	{ "plugins", always, check_plugins },
	{ "call", always, check_call },
	{ "KVM", is_host, check_kvm },
	{ "host", is_host, check_host },
};

void check_add(struct checks *c, enum check_state state, const char *name, const char *format, ...)
{
	struct check *check = &c->list[c->nr];
	va_list args;

	if (c->nr == CHECK_MAX - 1 && state == CHECK_OK)
		return;
	c->failed |= state == CHECK_FAILED;
	if (c->nr == CHECK_MAX)
		check--;
	else
		c->nr++;
	check->state = state;
	snprintf(check->name, sizeof(check->name), "%s", name);
	va_start(args, format);
	vsnprintf(check->text, sizeof(check->text), format, args);
	va_end(args);
}

void check_explain(struct checks *c, const char *format, ...)
{
	struct check *last = &c->list[c->nr - 1];
	size_t len = strlen(last->text);
	va_list args;

	va_start(args, format);
	vsnprintf(last->text + len, sizeof(last->text) - len, format, args);
	va_end(args);
}

/* Why a child that did not end with status 0 did not: what it has logged, or how it ended. */
static void add_failure(struct checks *c, const char *name)
{
	const struct probe *p = &c->probe;
	char text[CHECK_TEXT - 256];
	size_t nr = probe_lines(p, "e", text, sizeof(text));

	if (p->timed_out)
		check_add(c, CHECK_FAILED, name, "no end in %u s (--timeout): something that it waits for does "
			  "not answer%s%s", c->timeout_s, nr ? "\n" : "", text);
	else if (WIFSIGNALED(p->status))
		check_add(c, CHECK_FAILED, name, "it ends the process by signal %d (%s): the last plugin that "
			  "was started, or a library that it uses, has a fault; VACCEL_LOG_LEVEL=4 shows how "
			  "far it comes%s%s", WTERMSIG(p->status), strsignal(WTERMSIG(p->status)),
			  nr ? "\n" : "", text);
	else if (nr)
		check_add(c, CHECK_FAILED, name, "%s", text);
	else
		check_add(c, CHECK_FAILED, name, "it ends with status %d: %.1000s", WEXITSTATUS(p->status),
			  p->len ? p->log : "without saying why; VACCEL_LOG_LEVEL=4 shows how far it comes");
}

void check_no_process(struct checks *c, const char *name)
{
	if (errno == EMFILE || errno == ENFILE)
		check_add(c, CHECK_FAILED, name, "no process can be started (%m): raise the limit of open files "
			  "(ulimit -n)");
	else
		check_add(c, CHECK_FAILED, name, "no process can be started (%m): raise the limit of processes "
			  "(ulimit -u) or free some memory");
}

bool check_probe(struct checks *c, const char *name, int (*what)(void *arg), void *arg)
{
	if (!probe_run(&c->probe, what, arg, c->timeout_s)) {
		check_no_process(c, name);
		return false;
	}
	if (!c->probe.timed_out && c->probe.status == 0)
		return true;
	add_failure(c, name);
	return false;
}

int check_run(struct checks *c)
{
	/* Who has started us may ignore it; then nothing tells how a child has ended. */
	signal(SIGCHLD, SIG_DFL);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (!steps[i].applies(c))
			continue;
		if (c->failed)
			check_add(c, CHECK_NOT_REACHED, steps[i].name, "not reached");
		else
			steps[i].run(c);
	}
	return c->failed;
}

static const char *const states[] = {
	[CHECK_OK] = "ok",
	[CHECK_WARNING] = "warning",
	[CHECK_FAILED] = "failed",
	[CHECK_NOT_REACHED] = "not reached",
};

/* A name or text, line by line, as a terminal and JSON can have it: files' names may be anything. */
static const char *visible(const char *text)
{
	static char clean[4 * CHECK_TEXT];
	size_t at = 0;

	while (*text && at + 16 < sizeof(clean)) {
		size_t len = strcspn(text, "\n");

		at += log_clean(clean + at, sizeof(clean) - 2 - at, text, len);
		text += len;
		if (*text)
			clean[at++] = *text++;
	}
	clean[at] = '\0';
	return clean;
}

void check_print_text(const struct checks *c)
{
	for (size_t i = 0; i < c->nr; i++) {
		const struct check *check = &c->list[i];

		if (check->state == CHECK_NOT_REACHED) {
			printf("not reached: %s\n", check->name);
			continue;
		}
		printf("%s: %s: ", states[check->state], visible(check->name));
		/* What has several lines stays together. */
		for (const char *p = visible(check->text); *p; p++)
			printf(*p == '\n' ? "\n    " : "%c", *p);
		putchar('\n');
	}
}

void check_print_json(const struct checks *c)
{
	struct json_object *root = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < c->nr; i++) {
		struct json_object *check = json_object_new_object();

		json_object_object_add(check, "check", json_object_new_string(visible(c->list[i].name)));
		json_object_object_add(check, "state", json_object_new_string(states[c->list[i].state]));
		json_object_object_add(check, "text", json_object_new_string(visible(c->list[i].text)));
		json_object_array_add(list, check);
	}
	json_object_object_add(root, "version", json_object_new_string(VACCEL_PROJECT_VERSION));
	json_object_object_add(root, "works", json_object_new_boolean(!c->failed));
	json_object_object_add(root, "checks", list);
	printf("%s\n", json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
}
