// SPDX-License-Identifier: Apache-2.0
/* Results, as a table or as one JSON object per line. */
#include "bench-tool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

static char cpu_model[128] = "unknown";

static double load(void)
{
	double average = 0;

	return getloadavg(&average, 1) == 1 ? average : 0;
}

static void read_cpu_model(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		char *at = strchr(line, ':');

		if (at && !strncmp(line, "model name", 10)) {
			at += strspn(at, ": \t");
			at[strcspn(at, "\n")] = '\0';
			snprintf(cpu_model, sizeof(cpu_model), "%.127s", at);
			break;
		}
	}
	if (f)
		fclose(f);
}

void print_machine(const struct bench_options *o)
{
	read_cpu_model();
	if (o->json)
		return;
	printf("# %s, %ld processors, load %.2f\n", cpu_model, sysconf(_SC_NPROCESSORS_ONLN), load());
	if (o->disturb_s)
		printf("%-10s %12s %12s %12s %12s %8s\n", "probe", "idle us", "p99", "busy us", "p99",
		       "ratio");
	else
		printf("%-8s %-10s %10s %3s %10s %10s %10s %10s %9s  %-8s %10s %8s\n", "op", "path",
		       "bytes", "thr", "min us", "median us", "p99 us", "op/s", "MB/s", "against",
		       "median us", "faster");
	fflush(stdout);
}

/* Bytes both ways */
static double megabytes(const struct bench_case *c, double per_second)
{
	unsigned int ways = c->op == OP_TOUCH || c->op == OP_ECHO || c->op == OP_COPY ? 2 : 1;

	return c->op == OP_NOOP || c->op == OP_COMPUTE ?
		       0 : (double)c->size * ways * per_second / 1e6;
}

static void add_number(struct json_object *o, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f", value);
	json_object_object_add(o, key, json_object_new_double_s(value, text));
}

static void add_string(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static struct json_object *json_new(const struct bench_options *o)
{
	struct json_object *j = json_object_new_object();

	if (!j)
		bench_die(EXIT_FAILURE, "out of memory");
	if (o->label)
		add_string(j, "label", o->label);
	return j;
}

static void add_yardstick(void *arg, const char *key, double value)
{
	add_number(arg, key, value);
}

static void json_end(struct json_object *j)
{
	machine_print(add_yardstick, j);
	add_string(j, "cpu", cpu_model);
	add_number(j, "load", load());
	puts(json_object_to_json_string_ext(j, JSON_C_TO_STRING_PLAIN));
	fflush(stdout);
	json_object_put(j);
}

static void print_json(const struct bench_options *o, const struct bench_case *c,
		       const struct summary *s, const char *name, const struct summary *peer,
		       const double speedup[3])
{
	struct json_object *j = json_new(o);

	add_string(j, "op", op_names[c->op]);
	add_string(j, "path", path_names[c->path]);
	json_object_object_add(j, "bytes", json_object_new_uint64(c->size));
	json_object_object_add(j, "threads", json_object_new_int((int)c->threads));
	add_number(j, "min_us", s->min_us);
	add_number(j, "median_us", s->median_us);
	add_number(j, "p99_us", s->p99_us);
	add_number(j, "ops_per_s", s->per_second);
	add_number(j, "mb_per_s", megabytes(c, s->per_second));
	if (peer) {
		add_string(j, "comparator", name);
		add_number(j, "comparator_median_us", peer->median_us);
		add_number(j, "comparator_p99_us", peer->p99_us);
		add_number(j, "comparator_ops_per_s", peer->per_second);
		add_number(j, "faster", speedup[0]);
		add_number(j, "faster_lowest", speedup[1]);
		add_number(j, "faster_highest", speedup[2]);
	}
	json_end(j);
}

void print_case(const struct bench_options *o, const struct bench_case *c, const struct summary *s)
{
	if (o->json) {
		print_json(o, c, s, NULL, NULL, NULL);
		return;
	}
	printf("%-8s %-10s %10llu %3u %10.1f %10.1f %10.1f %10.0f %9.0f\n", op_names[c->op],
	       path_names[c->path], (unsigned long long)c->size, c->threads, s->min_us, s->median_us,
	       s->p99_us, s->per_second, megabytes(c, s->per_second));
	fflush(stdout);
}

void print_peer(const struct bench_options *o, const struct bench_case *c, const struct summary *s,
		const char *name, const struct summary *peer, const double speedup[3])
{
	if (o->json) {
		print_json(o, c, s, name, peer, speedup);
		return;
	}
	printf("%88s  %-8s %10.1f %8.2f (%.2f to %.2f)\n", "", name, peer->median_us, speedup[0],
	       speedup[1], speedup[2]);
	fflush(stdout);
}

void print_probe(const struct bench_options *o, const char *name, const struct summary *idle,
		 const struct summary *busy)
{
	struct json_object *j;
	double ratio = busy->median_us / idle->median_us;

	if (!o->json) {
		printf("%-10s %12.1f %12.1f %12.1f %12.1f %8.2f\n", name, idle->median_us,
		       idle->p99_us, busy->median_us, busy->p99_us, ratio);
		fflush(stdout);
		return;
	}
	j = json_new(o);
	add_string(j, "probe", name);
	add_number(j, "idle_median_us", idle->median_us);
	add_number(j, "idle_p99_us", idle->p99_us);
	add_number(j, "busy_median_us", busy->median_us);
	add_number(j, "busy_p99_us", busy->p99_us);
	add_number(j, "ratio", ratio);
	json_end(j);
}
