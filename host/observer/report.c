// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <string.h>

#include "names.h"
#include "transport/clock.h"

static void add(struct json_object *to, const char *key, const _Atomic uint64_t *number)
{
	json_object_object_add(to, key, json_object_new_int64((int64_t)counters_get(number)));
}

static uint64_t sum_results(const struct counters *c, enum counters_result result)
{
	uint64_t sum = 0, results[COUNTERS_RESULTS];

	for (unsigned int i = 0; i < OP_SLOTS; i++)
		if (counters_results(c, i, results))
			sum = counters_plus(sum, results[result]);
	return sum;
}

/* How long the oldest request has been in flight */
static int64_t oldest_ms(const struct counters *c)
{
	uint64_t since = counters_get(&c->numbers[COUNTERS_OLDEST_NS]), now = now_ns();

	return since && since < now ? (int64_t)((now - since) / 1000000) : 0;
}

static struct json_object *describe(const struct clients *all, unsigned int place)
{
	const struct client *c = &all->of[place];
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "client", json_object_new_int((int)place));
	json_object_object_add(o, "name", json_object_new_string(c->name));
	json_object_object_add(o, "uid", json_object_new_int64(c->uid));
	json_object_object_add(o, "pid", json_object_new_int(c->pid));
	json_object_object_add(o, "since", json_object_new_int64(c->since));
	add(o, "sessions", &c->counters->used[POLICY_max_sessions]);
	add(o, "resources", &c->counters->used[POLICY_max_resources]);
	add(o, "resource_bytes", &c->counters->used[POLICY_max_resource_bytes]);
	add(o, "in_flight", &c->counters->numbers[COUNTERS_INFLIGHT]);
	json_object_object_add(o, "oldest_ms", json_object_new_int64(oldest_ms(c->counters)));
	add(o, "requests", &c->counters->numbers[COUNTERS_REQUESTS]);
	json_object_object_add(o, "errors",
			       json_object_new_int64((int64_t)sum_results(c->counters, COUNTERS_ERROR)));
	json_object_object_add(o, "refused",
			       json_object_new_int64((int64_t)sum_results(c->counters, COUNTERS_REFUSED)));
	add(o, "worker_restarts", &c->counters->numbers[COUNTERS_RESTARTS]);
	return o;
}

struct json_object *report_clients(const struct clients *c)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	for (unsigned int i = 0; i < c->nr_places; i++)
		if (c->of[i].counters)
			json_object_array_add(list, describe(c, i));
	json_object_object_add(o, "clients", list);
	return o;
}

/* ---- All of it ------------------------------------------------------------------------------ */

/* The limit below which this part of them is; -1: there is none */
static struct json_object *quantile(const struct counters_sums *sums, double part)
{
	uint64_t all = sums->buckets[COUNTERS_BUCKETS - 1];

	for (unsigned int i = 0; i < COUNTERS_BOUNDS; i++)
		if ((double)sums->buckets[i] >= part * (double)all)
			return json_object_new_double((double)counters_bound_ns(i) / 1e9);
	return json_object_new_double(-1);
}

/* The times of all plugins together. @plugins: receives how often each has served the operation */
static void sum_service(const struct counters *c, unsigned int slot, const clients_plugins names,
			struct counters_sums *sum, struct json_object *plugins)
{
	struct counters_sums one;

	memset(sum, 0, sizeof(*sum));
	for (unsigned int p = 0; p < COUNTERS_PLUGINS; p++) {
		if (!clients_has_plugin(names, p) || !counters_has_run(c, slot, p))
			continue;
		counters_sum(&c->service[slot][p], &one);
		for (unsigned int i = 0; i < COUNTERS_BUCKETS; i++)
			sum->buckets[i] = counters_plus(sum->buckets[i], one.buckets[i]);
		sum->sum_ns = counters_plus(sum->sum_ns, one.sum_ns);
		if (p != COUNTERS_NO_PLUGIN)
			json_object_object_add(plugins, names[p],
					       json_object_new_int64((int64_t)one.buckets[COUNTERS_BUCKETS - 1]));
	}
}

static struct json_object *describe_op(const struct counters *c, unsigned int slot,
				       const uint64_t results[COUNTERS_RESULTS], const clients_plugins names)
{
	struct json_object *o = json_object_new_object(), *plugins = json_object_new_object();
	struct counters_sums service, wait;

	for (unsigned int i = 0; i < COUNTERS_RESULTS; i++)
		json_object_object_add(o, result_names[i], json_object_new_int64((int64_t)results[i]));
	sum_service(c, slot, names, &service, plugins);
	counters_sum(&c->wait[slot], &wait);
	json_object_object_add(o, "plugins", plugins);
	json_object_object_add(o, "seconds", json_object_new_double((double)service.sum_ns / 1e9));
	json_object_object_add(o, "wait_seconds", json_object_new_double((double)wait.sum_ns / 1e9));
	json_object_object_add(o, "half_within", quantile(&service, 0.5));
	json_object_object_add(o, "99_percent_within", quantile(&service, 0.99));
	return o;
}

static void add_operations(struct json_object *to, const struct counters *c, const clients_plugins plugins)
{
	struct json_object *o = json_object_new_object();

	for (unsigned int i = 0; i < OP_SLOTS; i++) {
		uint64_t results[COUNTERS_RESULTS];
		char name[SLOT_NAME_SIZE];

		if (counters_results(c, i, results) && slot_name(i, name))
			json_object_object_add(o, name, describe_op(c, i, results, plugins));
	}
	json_object_object_add(to, "operations", o);
}

static void add_counts(struct json_object *to, const struct counters *c, const clients_plugins plugins)
{
	struct json_object *bytes = json_object_new_object(), *refusals = json_object_new_object();

	add_operations(to, c, plugins);
	for (unsigned int i = 0; i < COUNTERS_PATHS; i++)
		add(bytes, path_names[i], &c->bytes[i]);
	for (enum policy_rule rule = 0; rule < POLICY_NR_RULES; rule++)
		if (policy_rules[rule].refusal)
			add(refusals, policy_key(rule), &c->refused[rule]);
	json_object_object_add(to, "bytes", bytes);
	json_object_object_add(to, "refusals", refusals);
	add(to, "malformed", &c->numbers[COUNTERS_MALFORMED]);
	add(to, "bad_messages", &c->numbers[COUNTERS_BAD_MESSAGES]);
	add(to, "wakeups_of_host", &c->numbers[COUNTERS_KICKS]);
	add(to, "wakeups_of_guest", &c->numbers[COUNTERS_CALLS]);
}

static void add_limits(struct json_object *to, const struct counters *c)
{
	struct json_object *used = json_object_new_object(), *limits = json_object_new_object();

	for (enum policy_rule rule = 0; rule < POLICY_NR_RULES; rule++) {
		if (!policy_is_limit(rule))
			continue;
		add(used, policy_key(rule), &c->used[rule]);
		add(limits, policy_key(rule), &c->limit[rule]);
	}
	json_object_object_add(to, "used", used);
	json_object_object_add(to, "limits", limits);
}

static struct json_object *describe_service(const struct counters_service *s)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "version", json_object_new_string(VACCEL_PROJECT_VERSION));
	add(o, "clients", &s->clients);
	add(o, "max_clients", &s->max_clients);
	add(o, "waiting", &s->waiting);
	add(o, "ready", &s->ready);
	add(o, "served", &s->served);
	add(o, "turned_away", &s->turned_away);
	add(o, "dropped", &s->dropped);
	add(o, "reloads", &s->reloads);
	json_object_object_add(o, "draining", json_object_new_boolean(counters_get(&s->draining) != 0));
	return o;
}

struct json_object *report_stats(const struct clients *c)
{
	struct json_object *o = report_clients(c), *gone = json_object_new_object(), *list;
	size_t at = 0;

	json_object_object_get_ex(o, "clients", &list);
	for (unsigned int i = 0; i < c->nr_places; i++) {
		struct json_object *client;

		if (!c->of[i].counters)
			continue;
		client = json_object_array_get_idx(list, at++);
		add_counts(client, c->of[i].counters, c->of[i].plugins);
		add_limits(client, c->of[i].counters);
	}
	add_counts(gone, &c->gone, c->gone_plugins);
	json_object_object_add(o, "gone", gone);
	json_object_object_add(o, "service", describe_service(c->service));
	return o;
}
