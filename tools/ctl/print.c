// SPDX-License-Identifier: Apache-2.0
#include "ctl.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

double get_number(struct json_object *o, const char *key)
{
	struct json_object *found;

	return json_object_object_get_ex(o, key, &found) ? json_object_get_double(found) : 0;
}

const char *get_text(struct json_object *o, const char *key)
{
	static char text[64];
	struct json_object *found;

	snprintf(text, sizeof(text), "%s",
		 json_object_object_get_ex(o, key, &found) ? json_object_get_string(found) : "");
	for (char *c = text; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '_';
	return text;
}

const char *print_bytes(double bytes, char text[16])
{
	static const char units[] = " KMGTP";
	size_t unit = 0;

	while (bytes >= 1024 && units[unit + 1]) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, 16, unit ? "%.1f%c" : "%.0f%c", bytes, units[unit]);
	return text;
}

const char *print_time(double s, char text[16])
{
	if (s < 0)
		snprintf(text, 16, ">100s");
	else if (s < 1e-3)
		snprintf(text, 16, "%.3gus", s * 1e6);
	else if (s < 1)
		snprintf(text, 16, "%.3gms", s * 1e3);
	else
		snprintf(text, 16, "%.4gs", s);
	return text;
}

static void print_client(struct json_object *c)
{
	double age = (double)time(NULL) - get_number(c, "since");
	char bytes[16];

	printf("%6.0f %-36s %8.0f %8.0f %8.0f %9s %9.0f %9.0f %10.0f\n", get_number(c, "client"),
	       get_text(c, "name"), age > 0 ? age : 0, get_number(c, "sessions"), get_number(c, "resources"),
	       print_bytes(get_number(c, "resource_bytes"), bytes), get_number(c, "in_flight"),
	       get_number(c, "oldest_ms"), get_number(c, "requests"));
}

void print_clients(struct json_object *answer)
{
	struct json_object *list = NULL;

	printf("%6s %-36s %8s %8s %8s %9s %9s %9s %10s\n", "CLIENT", "NAME", "SECONDS", "SESSIONS", "MODELS",
	       "MEMORY", "IN FLIGHT", "OLDEST ms", "REQUESTS");
	json_object_object_get_ex(answer, "clients", &list);
	for (size_t i = 0; list && i < json_object_array_length(list); i++)
		print_client(json_object_array_get_idx(list, i));
}

/* ---- All of it ------------------------------------------------------------------------------ */

static void print_operations(struct json_object *c)
{
	struct json_object *operations = NULL;
	char mean[16], half[16], most[16];

	json_object_object_get_ex(c, "operations", &operations);
	if (!operations || !json_object_object_length(operations))
		return;
	printf("  %-24s %10s %8s %8s %9s %9s %9s\n", "OPERATION", "OK", "ERRORS", "REFUSED", "MEAN", "50 % in",
	       "99 % in");
	json_object_object_foreach(operations, name, op) {
		double ran = get_number(op, "ok") + get_number(op, "error");

		printf("  %-24s %10.0f %8.0f %8.0f %9s %9s %9s\n", name, get_number(op, "ok"),
		       get_number(op, "error"), get_number(op, "refused"),
		       print_time(ran > 0 ? get_number(op, "seconds") / ran : 0, mean),
		       print_time(get_number(op, "half_within"), half),
		       print_time(get_number(op, "99_percent_within"), most));
	}
}

/* The numbers of an object that are not 0, with their limits if there are any */
static void print_numbers(const char *title, struct json_object *c, const char *key, const char *limits_key)
{
	struct json_object *numbers = NULL, *limits = NULL;
	const char *before = title;

	json_object_object_get_ex(c, key, &numbers);
	if (limits_key)
		json_object_object_get_ex(c, limits_key, &limits);
	if (!numbers)
		return;
	json_object_object_foreach(numbers, name, value) {
		if (json_object_get_double(value) == 0)
			continue;
		printf("%s %s %.0f", before, name, json_object_get_double(value));
		if (limits)
			printf(" of %.0f", get_number(limits, name));
		before = ",";
	}
	if (before != title)
		putchar('\n');
}

static void print_counts(struct json_object *c)
{
	print_operations(c);
	print_numbers("  bytes:", c, "bytes", NULL);
	print_numbers("  has:", c, "used", "limits");
	print_numbers("  refused:", c, "refusals", NULL);
}

void print_stats(struct json_object *answer)
{
	struct json_object *list = NULL, *gone = NULL, *service = NULL;

	json_object_object_get_ex(answer, "service", &service);
	json_object_object_get_ex(answer, "gone", &gone);
	json_object_object_get_ex(answer, "clients", &list);
	printf("%.0f of %.0f clients, %.0f served, %.0f turned away%s\n", get_number(service, "clients"),
	       get_number(service, "max_clients"), get_number(service, "served"),
	       get_number(service, "turned_away"), get_number(service, "draining") != 0 ? "; no new ones" : "");
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *c = json_object_array_get_idx(list, i);

		printf("\nclient %.0f, %s: %.0f in flight, %.0f restarts of the worker\n", get_number(c, "client"),
		       get_text(c, "name"), get_number(c, "in_flight"), get_number(c, "worker_restarts"));
		print_counts(c);
	}
	printf("\nthose that have gone\n");
	print_counts(gone);
}
