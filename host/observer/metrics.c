// SPDX-License-Identifier: Apache-2.0
#include "metrics.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "names.h"

/* What is printed goes through here: clients and, last, the sum of those that have gone. */
struct source {
	const struct clients *clients;
	unsigned int at; /* the next place */
	const struct counters *counters;
	const clients_plugins *plugins;
	char label[16];
};

static bool next_source(struct source *s)
{
	while (s->at < s->clients->nr_places) {
		unsigned int place = s->at++;

		if (!s->clients->of[place].counters)
			continue;
		s->counters = s->clients->of[place].counters;
		s->plugins = &s->clients->of[place].plugins;
		snprintf(s->label, sizeof(s->label), "%u", place);
		return true;
	}
	if (s->at > s->clients->nr_places)
		return false;
	s->at++;
	s->counters = &s->clients->gone;
	s->plugins = &s->clients->gone_plugins;
	strcpy(s->label, "gone");
	return true;
}

#define FOR_EACH(s, c) for (struct source s = { .clients = (c) }; next_source(&(s));)
/* Those who are there */
#define FOR_EACH_PRESENT(s, c) FOR_EACH(s, c) if ((s).counters != &(c)->gone)

static void family(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* What stands between the quotation marks of a label */
static void print_label(FILE *to, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			fprintf(to, "\\%c", *text);
		else if (isprint((unsigned char)*text))
			fputc(*text, to);
		else
			fputc('_', to);
	}
}

/* ---- The service ---------------------------------------------------------------------------- */

static void print_number(FILE *to, const char *name, const char *type, const char *help,
			 const _Atomic uint64_t *number)
{
	family(to, name, type, help);
	fprintf(to, "%s %" PRIu64 "\n", name, counters_get(number));
}

static void print_service(const struct clients *c, FILE *to)
{
	const struct counters_service *s = c->service;

	family(to, "vaccel_build_info", "gauge", "The version of vhost-user-accel.");
	fprintf(to, "vaccel_build_info{version=\"" VACCEL_PROJECT_VERSION "\"} 1\n");
	print_number(to, "vaccel_clients", "gauge", "Clients that are served.", &s->clients);
	print_number(to, "vaccel_clients_limit", "gauge", "Clients that may be served at a time.",
		     &s->max_clients);
	print_number(to, "vaccel_connections_waiting", "gauge", "Connections that nobody serves yet.",
		     &s->waiting);
	print_number(to, "vaccel_supervisors_ready", "gauge", "Supervisors that wait for a client.",
		     &s->ready);
	print_number(to, "vaccel_clients_served_total", "counter", "Clients that were served so far.",
		     &s->served);
	print_number(to, "vaccel_clients_turned_away_total", "counter",
		     "Clients for which there was no place.", &s->turned_away);
	print_number(to, "vaccel_connections_dropped_total", "counter",
		     "Connections that were closed because nothing came.", &s->dropped);
	family(to, "vaccel_client_info", "gauge", "Who is at a place.");
	for (unsigned int i = 0; i < c->nr_places; i++) {
		if (!c->of[i].counters)
			continue;
		fprintf(to, "vaccel_client_info{client=\"%u\",name=\"", i);
		print_label(to, c->of[i].name);
		fprintf(to, "\",uid=\"%" PRIu32 "\"} 1\n", c->of[i].uid);
	}
	family(to, "vaccel_client_start_time_seconds", "gauge",
	       "When the client came, in seconds since the epoch.");
	for (unsigned int i = 0; i < c->nr_places; i++)
		if (c->of[i].counters)
			fprintf(to, "vaccel_client_start_time_seconds{client=\"%u\"} %" PRId64 "\n", i,
				c->of[i].since);
}

/* ---- Operations ----------------------------------------------------------------------------- */

/* What came of an operation of each plugin that has served it */
static void print_results_of(const struct source *s, unsigned int slot, const char *op, FILE *to)
{
	for (unsigned int p = 0; p < COUNTERS_PLUGINS; p++)
		for (unsigned int r = 0; r < COUNTERS_RESULTS && clients_has_plugin(*s->plugins, p); r++) {
			uint64_t nr = counters_get(&s->counters->results[slot][p][r]);

			if (nr)
				fprintf(to, "vaccel_operations_total{client=\"%s\",op=\"%s\",plugin=\"%s\","
					"result=\"%s\"} %" PRIu64 "\n", s->label, op,
					(*s->plugins)[p], result_names[r], nr);
		}
}

static void print_results(const struct clients *c, FILE *to)
{
	char op[SLOT_NAME_SIZE];

	family(to, "vaccel_operations_total", "counter",
	       "Operations, by what came of them, and by the plugin where one has served them.");
	FOR_EACH(s, c)
		for (unsigned int i = 0; i < OP_SLOTS; i++)
			if (slot_name(i, op))
				print_results_of(&s, i, op, to);
}

/* A time in seconds, without zeros at its end */
static const char *seconds(uint64_t ns, char text[32])
{
	size_t len = (size_t)snprintf(text, 32, "%" PRIu64 ".%09" PRIu64, ns / 1000000000, ns % 1000000000);

	while (text[len - 1] == '0')
		len--;
	text[text[len - 1] == '.' ? len - 1 : len] = '\0';
	return text;
}

/* One histogram. Nothing where nothing has been counted, as most clients use few operations. */
static void print_times(FILE *to, const char *name, const char *labels, const struct counters_times *t)
{
	struct counters_sums sums;
	char time[32];

	counters_sum(t, &sums);
	if (!sums.buckets[COUNTERS_BUCKETS - 1])
		return;
	for (unsigned int i = 0; i < COUNTERS_BOUNDS; i++)
		fprintf(to, "%s_bucket{%s,le=\"%s\"} %" PRIu64 "\n", name, labels,
			seconds(counters_bound_ns(i), time), sums.buckets[i]);
	fprintf(to, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels, sums.buckets[COUNTERS_BOUNDS]);
	fprintf(to, "%s_sum{%s} %s\n", name, labels, seconds(sums.sum_ns, time));
	fprintf(to, "%s_count{%s} %" PRIu64 "\n", name, labels, sums.buckets[COUNTERS_BOUNDS]);
}

static void print_durations_of(const struct source *s, unsigned int slot, const char *op, const char *name, FILE *to)
{
	char labels[128];

	for (unsigned int p = 0; p < COUNTERS_PLUGINS; p++) {
		if (!clients_has_plugin(*s->plugins, p) || !counters_has_run(s->counters, slot, p))
			continue;
		snprintf(labels, sizeof(labels), "client=\"%s\",op=\"%s\",plugin=\"%s\"", s->label, op,
			 (*s->plugins)[p]);
		print_times(to, name, labels, &s->counters->service[slot][p]);
	}
}

static void print_durations(const struct clients *c, FILE *to)
{
	const char name[] = "vaccel_operation_duration_seconds";
	char op[SLOT_NAME_SIZE];

	family(to, name, "histogram", "How long operations took.");
	FOR_EACH(s, c)
		for (unsigned int i = 0; i < OP_SLOTS; i++)
			if (slot_name(i, op))
				print_durations_of(&s, i, op, name, to);
}

static void print_waits(const struct clients *c, FILE *to)
{
	const char name[] = "vaccel_operation_wait_seconds";
	uint64_t results[COUNTERS_RESULTS];
	char op[SLOT_NAME_SIZE], labels[96];

	family(to, name, "histogram", "How long after they were taken out of the queue operations began.");
	FOR_EACH(s, c)
		for (unsigned int i = 0; i < OP_SLOTS; i++) {
			if (!slot_name(i, op) || !counters_results(s.counters, i, results))
				continue;
			snprintf(labels, sizeof(labels), "client=\"%s\",op=\"%s\"", s.label, op);
			print_times(to, name, labels, &s.counters->wait[i]);
		}
}

/* ---- The rest ------------------------------------------------------------------------------- */

static void print_bytes(const struct clients *c, FILE *to)
{
	family(to, "vaccel_bytes_total", "counter",
	       "Bytes of arguments and results: in messages, used in pinned or registered memory, or copied (the others).");
	FOR_EACH(s, c)
		for (unsigned int i = 0; i < COUNTERS_PATHS; i++)
			fprintf(to, "vaccel_bytes_total{client=\"%s\",path=\"%s\"} %" PRIu64 "\n", s.label,
				path_names[i], counters_get(&s.counters->bytes[i]));
}

static void print_totals(const struct clients *c, FILE *to)
{
	static const struct {
		const char *name, *help;
		enum counters_number number;
	} totals[] = {
		{ "vaccel_requests_total", "Requests that were taken out of the queues.", COUNTERS_REQUESTS },
		{ "vaccel_requests_malformed_total", "Requests that break the rules.", COUNTERS_MALFORMED },
		{ "vaccel_front_end_messages_refused_total", "Messages of the front end that break the rules.",
		  COUNTERS_BAD_MESSAGES },
		{ "vaccel_worker_restarts_total", "Workers that have died.", COUNTERS_RESTARTS },
	};
	static const struct {
		const char *side;
		enum counters_number number;
	} wakeups[] = {
		{ "host", COUNTERS_KICKS },
		{ "guest", COUNTERS_CALLS },
		{ "handover", COUNTERS_HANDOVERS },
	};

	for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
		family(to, totals[i].name, "counter", totals[i].help);
		FOR_EACH(s, c)
			fprintf(to, "%s{client=\"%s\"} %" PRIu64 "\n", totals[i].name, s.label,
				counters_get(&s.counters->numbers[totals[i].number]));
	}
	family(to, "vaccel_wakeups_total", "counter",
	       "How often a thread of the host, or the guest, was woken, or a thread by another one.");
	FOR_EACH(s, c)
		for (size_t i = 0; i < sizeof(wakeups) / sizeof(wakeups[0]); i++)
			fprintf(to, "vaccel_wakeups_total{client=\"%s\",side=\"%s\"} %" PRIu64 "\n", s.label,
				wakeups[i].side, counters_get(&s.counters->numbers[wakeups[i].number]));
	family(to, "vaccel_refusals_total", "counter", "What a rule of the policy has refused.");
	FOR_EACH(s, c)
		for (enum policy_rule rule = 0; rule < POLICY_NR_RULES; rule++)
			if (policy_rules[rule].refusal)
				fprintf(to, "vaccel_refusals_total{client=\"%s\",rule=\"%s\"} %" PRIu64 "\n",
					s.label, policy_key(rule), counters_get(&s.counters->refused[rule]));
}

/* What clients have, and may have, of what the policy limits */
static void print_limits(const struct clients *c, FILE *to)
{
	static const struct {
		enum policy_rule rule;
		const char *name, *limit_name, *help;
	} limits[] = {
		{ POLICY_max_sessions, "vaccel_sessions", "vaccel_sessions_limit", "Sessions" },
		{ POLICY_max_resources, "vaccel_resources", "vaccel_resources_limit", "Models and libraries" },
		{ POLICY_max_inflight, "vaccel_operations_running", "vaccel_operations_running_limit",
		  "Operations that run" },
		{ POLICY_max_resource_bytes, "vaccel_resource_bytes", "vaccel_resource_limit_bytes",
		  "Memory and files of models and libraries" },
		{ POLICY_max_files, "vaccel_files", "vaccel_files_limit", "Files of models and libraries" },
		{ POLICY_max_staging_bytes, "vaccel_staging_bytes", "vaccel_staging_limit_bytes",
		  "Copies of arguments, and outputs that were not fetched yet" },
	};
	char help[128];

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		snprintf(help, sizeof(help), "%s.", limits[i].help);
		family(to, limits[i].name, "gauge", help);
		FOR_EACH_PRESENT(s, c)
			fprintf(to, "%s{client=\"%s\"} %" PRIu64 "\n", limits[i].name, s.label,
				counters_get(&s.counters->used[limits[i].rule]));
		snprintf(help, sizeof(help), "%s: how many the policy allows.", limits[i].help);
		family(to, limits[i].limit_name, "gauge", help);
		FOR_EACH_PRESENT(s, c)
			fprintf(to, "%s{client=\"%s\"} %" PRIu64 "\n", limits[i].limit_name, s.label,
				counters_get(&s.counters->limit[limits[i].rule]));
	}
	family(to, "vaccel_requests_in_flight", "gauge", "Requests that are not answered yet.");
	FOR_EACH_PRESENT(s, c)
		fprintf(to, "vaccel_requests_in_flight{client=\"%s\"} %" PRIu64 "\n", s.label,
			counters_get(&s.counters->numbers[COUNTERS_INFLIGHT]));
}

void metrics_print(const struct clients *c, FILE *to)
{
	print_service(c, to);
	print_results(c, to);
	print_durations(c, to);
	print_waits(c, to);
	print_bytes(c, to);
	print_totals(c, to);
	print_limits(c, to);
}
