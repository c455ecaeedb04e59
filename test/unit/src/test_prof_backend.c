// SPDX-License-Identifier: Apache-2.0
/* Profiling backends: which one is called with what, and plugins that bring one. */
#include "util.h"

#include "plugin.h"
#include "prof.h"
#include "vaccel.h"

/* What the backend of this test was called for, in order */
static char seen[4096];

static void see(const char *what, const char *name)
{
	const size_t len = strlen(seen);

	snprintf(seen + len, sizeof(seen) - len, "%s(%s) ", what, name ? name : "-");
}

static int region_start(struct vaccel_prof_region *r)
{
	see("start", r->name);
	return VACCEL_OK;
}

static int region_stop(const struct vaccel_prof_region *r)
{
	see("stop", r->name);
	return VACCEL_OK;
}

static int region_stop_with_context(const struct vaccel_prof_region *r, vaccel_op_type_t type, const char *plugin)
{
	char text[64];

	snprintf(text, sizeof(text), "%s,%d,%s", r->name, (int)type, plugin ? plugin : "-");
	see("stop", text);
	return VACCEL_OK;
}

static int region_init(struct vaccel_prof_region *r, const char *name)
{
	(void)r;
	see("init", name);
	return VACCEL_EIO;
}

static int region_release(struct vaccel_prof_region *r)
{
	see("release", r->name);
	return VACCEL_OK;
}

static int region_print(const struct vaccel_prof_region *r)
{
	see("print", r->name);
	return VACCEL_OK;
}

static int start_by_name(struct vaccel_prof_region *r, int nr, const char *name)
{
	(void)r;
	assert_int_equal(nr, 1);
	see("start_by_name", name);
	return VACCEL_OK;
}

static int stop_by_name(struct vaccel_prof_region *r, int nr, const char *name)
{
	(void)r;
	assert_int_equal(nr, 1);
	see("stop_by_name", name);
	return VACCEL_OK;
}

static int init_all(struct vaccel_prof_region *r, int nr)
{
	(void)r;
	assert_int_equal(nr, 1);
	see("init_all", NULL);
	return VACCEL_OK;
}

static int release_all(struct vaccel_prof_region *r, int nr)
{
	(void)r;
	assert_int_equal(nr, 1);
	see("release_all", NULL);
	return VACCEL_OK;
}

static int print_all(struct vaccel_prof_region *r, int nr)
{
	(void)r;
	assert_int_equal(nr, 1);
	see("print_all", NULL);
	return VACCEL_OK;
}

static int print_to_buf(char **buf, size_t len, struct vaccel_prof_region *r, int nr)
{
	(void)buf;
	(void)r;
	assert_int_equal(nr, 1);
	see("to_buf", NULL);
	return (int)len;
}

static int flush(void)
{
	see("flush", NULL);
	return VACCEL_EIO;
}

#define BACKEND                                                                                             \
	{                                                                                                   \
		region_start, region_stop, region_stop_with_context, region_init, region_release,           \
			region_print, start_by_name, stop_by_name, init_all, release_all, print_all,        \
			print_to_buf, flush                                                                 \
	}
static const struct vaccel_prof_backend backend = BACKEND;

static int init(void)
{
	return vaccel_plugin_register_prof_backend("mine", &backend);
}

static int fini(void)
{
	see("fini", NULL);
	return vaccel_plugin_unregister_prof_backend("mine");
}

static struct vaccel_plugin_info info = { .name = "profiler", .version = "1", .vaccel_version = VACCEL_VERSION,
					  .init = init, .fini = fini, .type = VACCEL_PLUGIN_PROFILING };
static struct vaccel_plugin plugin = { .entry = LIST_ENTRY_INIT(plugin.entry), .info = &info };

static int noop(struct vaccel_session *sess)
{
	return sess ? VACCEL_OK : VACCEL_EINVAL;
}

static int nothing(void)
{
	return VACCEL_OK;
}

static struct vaccel_plugin_info worker_info = { .name = "worker", .version = "1", .vaccel_version = VACCEL_VERSION,
						 .init = nothing, .fini = nothing, .type = VACCEL_PLUGIN_CPU };
static struct vaccel_plugin worker = { .entry = LIST_ENTRY_INIT(worker.entry), .info = &worker_info };
static struct vaccel_op noop_op = { .type = VACCEL_OP_NOOP, .func = (void *)noop, .owner = &worker };

/* @name: of the backend that is wanted; NULL: none */
static void start(const char *name, bool enabled)
{
	struct vaccel_config config;

	if (name)
		setenv("VACCEL_PROFILING_BACKEND", name, 1);
	else
		unsetenv("VACCEL_PROFILING_BACKEND");
	vaccel_config_init(&config, NULL, VACCEL_LOG_INFO, NULL, enabled, false);
	assert_int_equal(vaccel_bootstrap_with_config(&config), VACCEL_OK);
	seen[0] = '\0';
}

static int stop(void **state)
{
	(void)state;
	return vaccel_cleanup();
}

static void test_register(void **state)
{
	struct vaccel_prof_backend other = BACKEND;

	(void)state;
	assert_int_equal(vaccel_plugin_register_prof_backend("mine", &backend), VACCEL_EBACKEND);
	assert_int_equal(vaccel_plugin_unregister_prof_backend("mine"), VACCEL_EBACKEND);
	start(NULL, true);
	assert_int_equal(vaccel_plugin_register_prof_backend(NULL, &backend), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_register_prof_backend("mine", NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_register_prof_backend("base", &backend), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_unregister_prof_backend(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_unregister_prof_backend("base"), VACCEL_EINVAL);
	assert_int_equal(vaccel_plugin_unregister_prof_backend("mine"), VACCEL_ENOENT);

	assert_int_equal(vaccel_plugin_register_prof_backend("mine", &backend), VACCEL_OK);
	assert_int_equal(vaccel_plugin_register_prof_backend("mine", &backend), VACCEL_EEXIST);
	assert_int_equal(vaccel_plugin_register_prof_backend("second", &backend), VACCEL_OK);
	/* These two may be missing. */
	other.flush = NULL;
	other.region_stop_with_context = NULL;
	assert_int_equal(vaccel_plugin_register_prof_backend("third", &other), VACCEL_OK);
	assert_int_equal(vaccel_plugin_register_prof_backend("fourth", &backend), VACCEL_ENOMEM);
	assert_int_equal(vaccel_plugin_unregister_prof_backend("second"), VACCEL_OK);
	assert_int_equal(vaccel_plugin_register_prof_backend("fourth", &backend), VACCEL_OK);

	/* Not named, so not called */
	assert_int_equal(vaccel_prof_flush(), VACCEL_OK);
	assert_string_equal(seen, "");
	/* A new start has none. */
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	start(NULL, true);
	assert_int_equal(vaccel_plugin_unregister_prof_backend("mine"), VACCEL_ENOENT);
}

/* Each other function has to be there. */
static void test_incomplete(void **state)
{
	const struct vaccel_prof_backend whole = BACKEND;
	void (*functions[sizeof(whole) / sizeof(void (*)(void))])(void);
	struct vaccel_prof_backend other;

	(void)state;
	start(NULL, true);
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (i == 2 || i == 12)
			continue;
		memcpy(functions, &whole, sizeof(functions));
		functions[i] = NULL;
		memcpy(&other, functions, sizeof(functions));
		assert_int_equal(vaccel_plugin_register_prof_backend("mine", &other), VACCEL_EINVAL);
	}
}

static void test_calls(void **state)
{
	struct vaccel_prof_region r = VACCEL_PROF_REGION_INIT("r");
	char *buf = NULL;

	(void)state;
	start("mine", true);
	assert_int_equal(plugin_register(&plugin), VACCEL_OK);
	vaccel_prof_region_start(&r);
	vaccel_prof_region_stop(&r);
	vaccel_prof_region_print(&r);
	assert_int_equal(vaccel_prof_region_init(&r, "new"), VACCEL_EIO);
	vaccel_prof_region_release(&r);
	vaccel_prof_regions_start_by_name(&r, 1, "a");
	vaccel_prof_regions_stop_by_name(&r, 1, "b");
	vaccel_prof_regions_init(&r, 1);
	vaccel_prof_regions_release(&r, 1);
	vaccel_prof_regions_print_all(&r, 1);
	assert_int_equal(vaccel_prof_regions_print_all_to_buf(&buf, 7, &r, 1), 7);
	assert_int_equal(vaccel_prof_flush(), VACCEL_EIO);
	assert_string_equal(seen, "start(r) stop(r) print(r) init(new) release(r) start_by_name(a) stop_by_name(b) "
				  "init_all(-) release_all(-) print_all(-) to_buf(-) flush(-) ");

	/* What is wrong with arguments is said before. */
	seen[0] = '\0';
	assert_int_equal(vaccel_prof_region_start(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_region_stop(NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_regions_start_by_name(&r, 1, NULL), VACCEL_EINVAL);
	assert_int_equal(vaccel_prof_regions_print_all_to_buf(&buf, 0, &r, 1), -VACCEL_EINVAL);
	assert_string_equal(seen, "");

	/* Flushed first; plugins end after sessions, and the backend with its plugin. */
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	assert_string_equal(seen, "flush(-) fini(-) ");
}

/* Operations, sessions and resources are measured; a plugin of this type serves none. */
static void test_regions(void **state)
{
	struct vaccel_resource res;
	struct vaccel_session sess;

	(void)state;
	start("mine", true);
	assert_int_equal(plugin_register(&plugin), VACCEL_OK);
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_PROFILING), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_session_init_with_plugin(&sess, "profiler"), VACCEL_ENOTSUP);
	assert_int_equal(plugin_register(&worker), VACCEL_OK);
	assert_int_equal(vaccel_plugin_register_op(&noop_op), VACCEL_OK);
	seen[0] = '\0';

	assert_int_equal(vaccel_session_init(&sess, VACCEL_PLUGIN_PROFILING), VACCEL_OK);
	assert_string_equal(sess.plugin->info->name, "worker");
	assert_int_equal(vaccel_noop(&sess), VACCEL_OK);
	assert_int_equal(vaccel_resource_init_from_buf(&res, "x", 1, VACCEL_RESOURCE_DATA, "x", true), VACCEL_OK);
	assert_int_equal(vaccel_resource_register(&res, &sess), VACCEL_OK);
	assert_int_equal(vaccel_resource_unregister(&res, &sess), VACCEL_OK);
	assert_int_equal(vaccel_resource_release(&res), VACCEL_OK);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	assert_string_equal(seen, "start(session_init) stop(session_init) release(session_init) "
				  "start(vaccel_noop_op) stop(vaccel_noop_op,0,worker) release(vaccel_noop_op) "
				  "start(resource_register) stop(resource_register) release(resource_register) "
				  "start(resource_unregister) stop(resource_unregister) release(resource_unregister) "
				  "start(session_release) stop(session_release) release(session_release) ");
}

static void test_no_context(void **state)
{
	struct vaccel_prof_backend other = BACKEND;
	struct vaccel_session sess;

	(void)state;
	other.region_stop_with_context = NULL;
	start("plain", true);
	assert_int_equal(vaccel_plugin_register_prof_backend("plain", &other), VACCEL_OK);
	assert_int_equal(plugin_register(&worker), VACCEL_OK);
	assert_int_equal(vaccel_plugin_register_op(&noop_op), VACCEL_OK);
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	seen[0] = '\0';
	assert_int_equal(vaccel_noop(&sess), VACCEL_OK);
	assert_string_equal(seen, "start(vaccel_noop_op) stop(vaccel_noop_op) release(vaccel_noop_op) ");
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	assert_int_equal(vaccel_plugin_unregister_prof_backend("plain"), VACCEL_OK);
}

/* The base one does what is not there, and says so once. */
static void test_unknown(void **state)
{
	struct vaccel_prof_region r = VACCEL_PROF_REGION_INIT("r");
	static struct capture out;
	const char *text;

	(void)state;
	start("nobody", true);
	capture_start(&out, STDOUT_FILENO);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(vaccel_prof_region_start(&r), VACCEL_OK);
		assert_int_equal(vaccel_prof_region_stop(&r), VACCEL_OK);
	}
	assert_int_equal(vaccel_prof_region_print(&r), VACCEL_OK);
	text = capture_end(&out);
	assert_int_equal(count(text, "<warn>"), 1);
	assert_contains(text, "VACCEL_PROFILING_BACKEND=nobody: base is used");
	assert_contains(text, "[prof] r: total_time: ");
	assert_int_equal(vaccel_prof_flush(), VACCEL_OK);
	assert_int_equal(vaccel_prof_region_release(&r), VACCEL_OK);
}

static void test_off(void **state)
{
	struct vaccel_prof_region r = VACCEL_PROF_REGION_INIT("r");

	(void)state;
	start("mine", false);
	assert_int_equal(plugin_register(&plugin), VACCEL_OK);
	assert_int_equal(vaccel_prof_region_start(&r), VACCEL_OK);
	assert_int_equal(vaccel_prof_flush(), VACCEL_OK);
	assert_string_equal(seen, "");
}

/* The base one logs what the library has measured, with the ends of sessions. */
static void test_base(void **state)
{
	static const char *const names[] = { "session_init", "session_release", "resource_register",
					     "resource_unregister", "vaccel_noop_op" };
	static struct capture out;
	struct vaccel_resource res;
	struct vaccel_session sess;
	char line[64];

	(void)state;
	start("base", true);
	assert_int_equal(plugin_register(&worker), VACCEL_OK);
	assert_int_equal(vaccel_plugin_register_op(&noop_op), VACCEL_OK);
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	assert_int_equal(vaccel_noop(&sess), VACCEL_OK);
	assert_int_equal(vaccel_resource_init_from_buf(&res, "x", 1, VACCEL_RESOURCE_DATA, "x", true), VACCEL_OK);
	assert_int_equal(vaccel_resource_register(&res, &sess), VACCEL_OK);
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	capture_end(&out);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(line, sizeof(line), "[prof] %s: total_time: ", names[i]);
		assert_int_equal(count(out.text, line), 1);
	}
	assert_int_equal(count(out.text, "nr_entries: 1 avg_time: "), 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_register), TEST(test_incomplete), TEST(test_calls), TEST(test_regions), TEST(test_no_context),
		TEST(test_unknown), TEST(test_off), TEST(test_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
