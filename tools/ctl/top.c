// SPDX-License-Identifier: Apache-2.0
/* Who does what: the differences between two looks, those that use most first. */
#include "ctl.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define MAX_ROWS 4096
/* Of a screen */
#define SHOWN 40

struct row {
	int client;
	char name[40], op[32];
	double since, ok, error, refused, seconds;
};

struct look {
	struct row rows[MAX_ROWS];
	unsigned int nr;
	double at;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void take_client(struct look *look, struct json_object *c)
{
	struct json_object *operations = NULL;

	json_object_object_get_ex(c, "operations", &operations);
	if (!operations)
		return;
	json_object_object_foreach(operations, name, op) {
		struct row *r = &look->rows[look->nr];

		if (look->nr == MAX_ROWS)
			return;
		look->nr++;
		*r = (struct row){ .client = (int)get_number(c, "client"), .since = get_number(c, "since"),
				   .ok = get_number(op, "ok"), .error = get_number(op, "error"),
				   .refused = get_number(op, "refused"), .seconds = get_number(op, "seconds") };
		snprintf(r->name, sizeof(r->name), "%.39s", get_text(c, "name"));
		snprintf(r->op, sizeof(r->op), "%.31s", name);
	}
}

static void take(struct look *look, struct json_object *answer)
{
	struct json_object *list = NULL;

	look->nr = 0;
	look->at = now();
	json_object_object_get_ex(answer, "clients", &list);
	for (size_t i = 0; list && i < json_object_array_length(list); i++)
		take_client(look, json_object_array_get_idx(list, i));
}

/* What has been added since the look before; a client that was not there then began with nothing. */
static void subtract(struct row *r, const struct look *before)
{
	for (unsigned int i = 0; i < before->nr; i++) {
		const struct row *b = &before->rows[i];

		if (b->client != r->client || b->since != r->since || strcmp(b->name, r->name) ||
		    strcmp(b->op, r->op))
			continue;
		r->ok -= b->ok;
		r->error -= b->error;
		r->refused -= b->refused;
		r->seconds -= b->seconds;
		return;
	}
}

static int most_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->seconds != y->seconds)
		return x->seconds < y->seconds ? 1 : -1;
	return (x->ok < y->ok) - (x->ok > y->ok);
}

static void show(struct look *look, const struct look *before)
{
	double time = look->at - before->at;
	char mean[16];

	for (unsigned int i = 0; i < look->nr; i++)
		subtract(&look->rows[i], before);
	qsort(look->rows, look->nr, sizeof(look->rows[0]), most_first);
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout);
	printf("%6s %-36s %-20s %10s %7s %9s %8s %8s\n", "CLIENT", "NAME", "OPERATION", "CALLS/s", "BUSY %", "MEAN",
	       "ERRORS", "REFUSED");
	for (unsigned int i = 0; i < look->nr && i < SHOWN; i++) {
		const struct row *r = &look->rows[i];
		double calls = r->ok + r->error;

		if (calls + r->refused <= 0)
			continue;
		printf("%6d %-36s %-20s %10.1f %7.1f %9s %8.0f %8.0f\n", r->client, r->name, r->op, calls / time,
		       r->seconds / time * 100, print_time(calls > 0 ? r->seconds / calls : 0, mean), r->error,
		       r->refused);
	}
	fflush(stdout);
}

int top(double interval_s, unsigned int rounds)
{
	static struct look looks[2], shown;
	const struct timespec pause = { .tv_sec = (time_t)interval_s,
					.tv_nsec = (long)((interval_s - (double)(time_t)interval_s) * 1e9) };

	for (unsigned int i = 0; !rounds || i <= rounds; i++) {
		struct json_object *answer;

		if (i)
			nanosleep(&pause, NULL);
		answer = ctl_ask(ctl_request("stats"));
		if (!answer)
			return EX_UNAVAILABLE;
		take(&looks[i % 2], answer);
		json_object_put(answer);
		if (!i)
			continue;
		shown = looks[i % 2];
		show(&shown, &looks[(i + 1) % 2]);
	}
	return ferror(stdout) ? EX_IOERR : 0;
}
