// SPDX-License-Identifier: Apache-2.0
/* The metrics of clients of which one does its worst while it is looked at. */
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "clients.h"
#include "metrics.h"

static struct counters_service service;
static struct clients clients;

static char *print(void)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	metrics_print(&clients, to);
	assert_int_equal(fclose(to), 0);
	assert_int_equal(strlen(text), len);
	return text;
}

static struct counters *add(uint32_t place, const char *name)
{
	struct observe_msg msg = { .type = OBSERVE_CLIENT, .client = { .place = place, .uid = 7 } };
	struct counters *page;
	int fd = counters_create(sizeof(*page));

	snprintf(msg.client.name, sizeof(msg.client.name), "%s", name);
	strcpy(msg.client.plugins, "libvaccel-noop.so:libvaccel-onnx.so");
	page = counters_map(fd, sizeof(*page), true);
	assert_non_null(page);
	assert_int_equal(clients_add(&clients, &msg, fd), 0);
	assert_int_equal(clients_add(&clients, &msg, fd), -EINVAL);
	close(fd);
	return page;
}

/* What the operator's list calls plugins; nothing is there twice, whatever the list. */
static void test_plugins(void **state)
{
	static const struct {
		const char *list, *names[4];
	} cases[] = {
		{ "libvaccel-noop.so:libvaccel-onnx.so", { "noop", "onnx", "" } },
		{ ":/usr/lib/x.so/libvaccel-tf.so.0.8::./mine.so:", { "tf", "mine", "" } },
		{ "a/libvaccel-x.so:b/libvaccel-x.so:other", { "x", "plugin_2", "plugin_3" } },
		{ "libvaccel-.so:a\"b\\c\nd.so:plugin_1", { "plugin_1", "a_b_c_d", "plugin_3" } },
		{ "1:2:3:4:5:6:7:8:9:a:b:c:d:e:f:g", { "1", "2", "3", "4" } },
		{ "", { "" } },
	};
	clients_plugins names;
	char cut[OBSERVE_PLUGINS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		clients_name_plugins(cases[i].list, names);
		assert_string_equal(names[COUNTERS_NO_PLUGIN], "");
		assert_string_equal(names[COUNTERS_OTHER_PLUGIN], i == 4 ? "other" : "");
		for (unsigned int p = 0; p < 4 && cases[i].names[p]; p++)
			assert_string_equal(names[p + 1], cases[i].names[p]);
		for (unsigned int a = 0; a < COUNTERS_PLUGINS; a++)
			for (unsigned int b = 0; b < a; b++)
				assert_true(!*names[a] || strcmp(names[a], names[b]) != 0);
	}
	memset(cut, 'x', sizeof(cut) - 1);
	cut[sizeof(cut) - 1] = '\0';
	clients_name_plugins(cut, names);
	assert_int_equal(strlen(names[1]), CLIENTS_PLUGIN_SIZE - 1);
	assert_string_equal(names[COUNTERS_OTHER_PLUGIN], "other");
}

/* A name, perhaps labels, a number */
static void check_line(const char *line, size_t len)
{
	const char *space = memrchr(line, ' ', len);
	char *end;

	assert_non_null(space);
	assert_int_equal(strncmp(line, "vaccel_", 7), 0);
	for (const char *c = line; c < space && *c != '{'; c++)
		assert_true(islower((unsigned char)*c) || *c == '_');
	strtod(space + 1, &end);
	assert_ptr_equal(end, line + len);
}

/* Return: the number of lines of numbers */
static unsigned int check(const char *text)
{
	unsigned int nr = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (*text != '#') {
			check_line(text, len);
			nr++;
		}
		text += len + 1;
	}
	return nr;
}

static void test_text(void **state)
{
	struct counters *page;
	char *text;

	(void)state;
	clients.service = &service;
	counters_set(&service.clients, 2);
	page = add(3, "a\"b\\c\nd");
	counters_add(&page->results[0][1][COUNTERS_OK], 5);
	counters_add_time(&page->service[0][1], 1500000000);
	counters_set(&page->used[POLICY_max_sessions], 9);
	text = print();
	check(text);
	assert_contains(text, "\nvaccel_clients 2\n");
	assert_contains(text, "vaccel_client_info{client=\"3\",name=\"a\\\"b\\\\c_d\",uid=\"7\"} 1\n");
	assert_contains(text, "vaccel_operations_total{client=\"3\",op=\"noop\",plugin=\"noop\",result=\"ok\"} 5\n");
	assert_contains(text, "_seconds_bucket{client=\"3\",op=\"noop\",plugin=\"noop\",le=\"1\"} 0\n");
	assert_contains(text, "_seconds_bucket{client=\"3\",op=\"noop\",plugin=\"noop\",le=\"2\"} 1\n");
	assert_contains(text, "_seconds_sum{client=\"3\",op=\"noop\",plugin=\"noop\"} 1.5\n");
	assert_contains(text, "vaccel_sessions{client=\"3\"} 9\n");
	assert_lacks(text, "session_init");
	/* A family is there once, with all its lines. */
	assert_int_equal(count(text, "# TYPE vaccel_operations_total "), 1);
	free(text);

	clients_remove(&clients, 3);
	clients_remove(&clients, 3);
	clients_remove(&clients, UINT32_MAX);
	text = print();
	assert_contains(text, "vaccel_operations_total{client=\"gone\",op=\"noop\",plugin=\"noop\",result=\"ok\"} 5\n");
	assert_lacks(text, "client=\"3\"");
	free(text);
	counters_unmap(page, sizeof(*page));
}

static atomic_bool stop;

static void *scribble(void *arg)
{
	uint64_t *words = arg, x = 88172645463325252u;

	while (!atomic_load(&stop))
		for (size_t i = 0; i < sizeof(struct counters) / sizeof(*words); i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			__atomic_store_n(&words[i], x, __ATOMIC_RELAXED);
		}
	return NULL;
}

/* The buckets of a histogram grow, and the last one is the count, whoever writes meanwhile. */
static void check_histograms(const char *text)
{
	unsigned long long last = 0;
	unsigned int nr = 0;

	/* By lines: a sanitizer's strstr() looks at all of the text each time. */
	for (size_t len; *text; text += len + (text[len] == '\n')) {
		size_t name = strcspn(text, "{\n");
		unsigned long long value;

		len = strcspn(text, "\n");
		if (strncmp(text, "vaccel_operation_", 17) != 0 || text[name] != '{')
			continue;
		value = strtoull((char *)memrchr(text, ' ', len) + 1, NULL, 10);
		if (memcmp(text + name - 7, "_bucket", 7) == 0) {
			assert_true(memmem(text, len, "le=\"0.000001\"", 13) || value >= last);
			last = value;
			nr++;
		} else if (memcmp(text + name - 6, "_count", 6) == 0) {
			assert_true(value == last);
			last = 0;
		}
	}
	assert_true(nr > 100);
}

static void test_hostile(void **state)
{
	struct counters *page = add(0, "hostile"), *other = add(1, "other");
	unsigned int lines = 0;
	pthread_t thread;
	char *text;

	(void)state;
	counters_add(&other->results[0][0][COUNTERS_OK], 1);
	/* All that there can be */
	memset((void *)page, 0xff, sizeof(*page));
	text = print();
	lines = check(text);
	free(text);
	assert_int_equal(pthread_create(&thread, NULL, scribble, page), 0);
	for (int i = 0; i < 50; i++) {
		text = print();
		assert_true(check(text) <= lines);
		check_histograms(text);
		assert_contains(text, "vaccel_operations_total{client=\"1\",op=\"noop\",plugin=\"\",result=\"ok\"} 1\n");
		free(text);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	clients_remove(&clients, 0);
	free(print());
	clients_remove(&clients, 1);
	counters_unmap(page, sizeof(*page));
	counters_unmap(other, sizeof(*other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plugins),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
