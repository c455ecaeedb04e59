// SPDX-License-Identifier: Apache-2.0
#include "util.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "vaccel.h"

#define GOOD PLUGIN_DIR "/libunit-good.so"
#define SECOND PLUGIN_DIR "/libunit-second.so"

static struct capture out;
static const char *self; /* this program; /proc/self/exe may be valgrind */

static int stop(void **state)
{
	(void)state;
	return vaccel_cleanup();
}

static int start(const char *plugins, vaccel_log_level_t level)
{
	struct vaccel_config config;
	int ret;

	vaccel_config_init(&config, plugins, level, NULL, false, false);
	ret = vaccel_bootstrap_with_config(&config);
	vaccel_config_release(&config);
	return ret;
}

static bool is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static void assert_down(void)
{
	assert_false(vaccel_is_initialized());
	assert_null(vaccel_config()->plugins);
	assert_int_equal(vaccel_config()->log_level, VACCEL_LOG_ERROR);
	if (*vaccel_rundir())
		assert_false(is_dir(vaccel_rundir()));
}

static void test_before(void **state)
{
	struct vaccel_session sess, *found;

	(void)state;
	assert_down();
	assert_string_equal(vaccel_rundir(), "");
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_ESESS);
	assert_int_equal(vaccel_session_get_by_id(&found, 1), VACCEL_EPERM);
}

/* The page's transcript, as far as the library goes. */
static void test_lines(void **state)
{
	static const char *const lines[] = {
		"<debug> Initializing vAccel\n",
		"<info> vAccel " VACCEL_VERSION "\n",
		"<debug> Config:\n",
		"<debug>   plugins = " GOOD "\n",
		"<debug>   log_level = debug\n",
		"<debug>   log_file = (null)\n",
		"<debug>   profiling_enabled = false\n",
		"<debug>   version_ignore = false\n",
		"<debug> Created top-level rundir: ",
		"<info> Registered plugin good 1.2.3\n",
		"<debug> Registered op noop from plugin good\n",
		"<debug> Loaded plugin good from " GOOD "\n",
		"<debug> New rundir for session 1: ",
		"<debug> Initialized session 1\n",
		"<debug> session:1 Looking for plugin implementing VACCEL_OP_NOOP\n",
		"<debug> Returning func from hint plugin good\n",
		"<debug> Found implementation in good plugin\n",
		"<debug> Released session 1\n",
		"<debug> Cleaning up vAccel\n",
		"<debug> Cleaning up sessions\n",
		"<debug> Cleaning up resources\n",
		"<debug> Cleaning up plugins\n",
		"<debug> Unregistered plugin good\n",
	};
	const size_t nr = sizeof(lines) / sizeof(lines[0]);
	struct vaccel_session sess;
	const char *text;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(start(GOOD, VACCEL_LOG_DEBUG), VACCEL_OK);
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	assert_int_equal(vaccel_noop(&sess), VACCEL_OK);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	text = capture_end(&out);
	assert_int_equal(count(text, "\n"), nr);
	for (size_t i = 0; i < nr; i++) {
		const char *end = strchr(text, '\n') + 1;
		const char *found = strstr(text, lines[i]);

		if (!found || found > end)
			fail_msg("line %zu is not %s but %.*s", i + 1, lines[i], (int)(end - text),
				 text);
		text = end;
	}
}

static void test_rundir(void **state)
{
	char path[PATH_MAX], sub[PATH_MAX + 32];
	struct vaccel_session sess;
	struct stat st;

	(void)state;
	assert_int_equal(start(GOOD, VACCEL_LOG_ERROR), VACCEL_OK);
	assert_true(vaccel_is_initialized());
	snprintf(path, sizeof(path), "%s", vaccel_rundir());
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	snprintf(sub, sizeof(sub), "%s/session.1", path);
	assert_string_equal(sess.rundir, sub);
	assert_true(is_dir(sub));

	/* Removed with what others left in it. */
	snprintf(sub, sizeof(sub), "%s/left", path);
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(symlink("/etc", strcat(sub, "/link")), 0);
	assert_int_equal(vaccel_cleanup(), VACCEL_OK);
	assert_string_equal(vaccel_rundir(), path);
	assert_down();
	assert_true(is_dir("/etc"));
	assert_int_equal(sess.id, 0);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_ESESS);
}

static void test_reload(void **state)
{
	char first[PATH_MAX];
	struct vaccel_session sess;
	const char *text;

	(void)state;
	assert_int_equal(start(GOOD, VACCEL_LOG_ERROR), VACCEL_OK);
	snprintf(first, sizeof(first), "%s", vaccel_rundir());
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);

	/* The log level of the new configuration counts, and the other plugin. */
	capture_start(&out, STDOUT_FILENO);
	assert_int_equal(start(SECOND, VACCEL_LOG_INFO), VACCEL_OK);
	text = capture_end(&out);
	assert_contains(text, "<info> vAccel " VACCEL_VERSION "\n");
	assert_contains(text, "<info> Registered plugin second");
	assert_lacks(text, "<debug>");
	assert_string_not_equal(vaccel_rundir(), first);
	assert_false(is_dir(first));
	assert_int_equal(sess.id, 0);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_EINVAL);

	/* With its own configuration */
	assert_int_equal(vaccel_bootstrap_with_config((struct vaccel_config *)vaccel_config()),
			 VACCEL_OK);
	assert_string_equal(vaccel_config()->plugins, SECOND);
	assert_int_equal(vaccel_session_init(&sess, 0), VACCEL_OK);
	assert_string_equal(sess.plugin->info->name, "second");
	assert_int_equal(sess.id, 1);
	assert_int_equal(vaccel_session_release(&sess), VACCEL_OK);
}

static void test_null_config(void **state)
{
	(void)state;
	assert_int_equal(vaccel_bootstrap_with_config(NULL), VACCEL_EINVAL);
	assert_down();
	assert_int_equal(start(GOOD, VACCEL_LOG_WARN), VACCEL_OK);
	assert_int_equal(vaccel_bootstrap_with_config(NULL), VACCEL_EINVAL);
	assert_true(vaccel_is_initialized());
	assert_string_equal(vaccel_config()->plugins, GOOD);
	assert_int_equal(vaccel_config()->log_level, VACCEL_LOG_WARN);
}

static void test_failed(void **state)
{
	(void)state;
	unsetenv("UNIT_PLUGIN_ENDED");
	assert_int_equal(start(GOOD ":libnone.so", VACCEL_LOG_ERROR), VACCEL_ENOENT);
	assert_down();
	assert_string_equal(getenv("UNIT_PLUGIN_ENDED"), "good");
	assert_int_equal(start("libm.so.6", VACCEL_LOG_ERROR), VACCEL_ELIBBAD);
	assert_down();
	assert_int_equal(start(GOOD ":" GOOD, VACCEL_LOG_ERROR), VACCEL_EEXIST);
	assert_down();
	assert_int_equal(start(GOOD, VACCEL_LOG_ERROR), VACCEL_OK);
	/* A failed reload leaves it down. */
	assert_int_equal(start("libnone.so", VACCEL_LOG_ERROR), VACCEL_ENOENT);
	assert_down();
}

static void test_env(void **state)
{
	(void)state;
	setenv("VACCEL_PLUGINS", SECOND, 1);
	assert_int_equal(vaccel_bootstrap(), VACCEL_OK);
	assert_string_equal(vaccel_config()->plugins, SECOND);
	/* A bad number: nothing is harmed. */
	setenv("VACCEL_PROFILING_ENABLED", "99999999999999999999999", 1);
	assert_int_equal(vaccel_bootstrap(), VACCEL_EINVAL);
	assert_true(vaccel_is_initialized());
	assert_string_equal(vaccel_config()->plugins, SECOND);
	/* With a configuration the environment does not count. */
	assert_int_equal(start(GOOD, VACCEL_LOG_ERROR), VACCEL_OK);
	assert_string_equal(vaccel_config()->plugins, GOOD);
	setenv("VACCEL_PROFILING_ENABLED", "0", 1);
	setenv("VACCEL_PLUGINS", "", 1);
}

/* Runs this program again as child(what), with its output in out; returns its exit status. */
static int run_child(const char *what)
{
	const char *wrapper = getenv("MESON_EXE_WRAPPER"); /* of another architecture */
	int status;
	pid_t pid;

	capture_start(&out, STDOUT_FILENO);
	pid = fork();
	if (!pid) {
		if (wrapper)
			execl(wrapper, wrapper, self, what, NULL);
		execl(self, self, what, NULL);
		_exit(126);
	}
	waitpid(pid, &status, 0);
	capture_end(&out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

static int child(const char *what)
{
	if (!strcmp(what, "off"))
		return vaccel_is_initialized() ? 100 : 0;
	if (!vaccel_is_initialized() || !is_dir(vaccel_rundir()))
		return 101;
	if (!strcmp(what, "fork")) {
		pid_t pid = fork();
		int status;

		/* The child leaves by exit(), with destructors. */
		if (!pid)
			exit(0);
		waitpid(pid, &status, 0);
		return is_dir(vaccel_rundir()) ? 0 : 102;
	}
	puts(vaccel_rundir());
	return 0;
}

static void test_load_and_unload(void **state)
{
	(void)state;
	setenv("VACCEL_BOOTSTRAP_ENABLED", "0", 1);
	assert_int_equal(run_child("off"), 0);
	setenv("VACCEL_BOOTSTRAP_ENABLED", "", 1);
	assert_int_equal(run_child("on"), 0);
	assert_contains(out.text, "\n");
	*strchr(out.text, '\n') = '\0';
	assert_false(is_dir(out.text));
	assert_int_equal(run_child("fork"), 0);

	setenv("VACCEL_CLEANUP_ENABLED", "0", 1);
	assert_int_equal(run_child("on"), 0);
	unsetenv("VACCEL_CLEANUP_ENABLED");
	*strchr(out.text, '\n') = '\0';
	assert_int_equal(rmdir(out.text), 0);
	setenv("VACCEL_BOOTSTRAP_ENABLED", "0", 1);
}

static void test_load_failures(void **state)
{
	static const struct {
		const char *name, *value;
		int status;
	} cases[] = {
		{ "VACCEL_PLUGINS", "libnone.so", 2 },
		{ "VACCEL_PLUGINS", "libm.so.6", 80 },
		{ "VACCEL_PLUGINS", GOOD ":" GOOD, 17 },
		{ "VACCEL_LOG_LEVEL", "99999999999999999999999", 22 },
	};

	(void)state;
	unsetenv("VACCEL_BOOTSTRAP_ENABLED");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setenv(cases[i].name, cases[i].value, 1);
		assert_int_equal(run_child("on"), cases[i].status);
		/* One clear line */
		assert_int_equal(count(out.text, "\n"), 1);
		assert_contains(out.text, "<error> ");
		unsetenv(cases[i].name);
	}
	setenv("VACCEL_BOOTSTRAP_ENABLED", "0", 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before),
		cmocka_unit_test_teardown(test_lines, stop),
		cmocka_unit_test_teardown(test_rundir, stop),
		cmocka_unit_test_teardown(test_reload, stop),
		cmocka_unit_test_teardown(test_null_config, stop),
		cmocka_unit_test_teardown(test_failed, stop),
		cmocka_unit_test_teardown(test_env, stop),
		cmocka_unit_test(test_load_and_unload),
		cmocka_unit_test(test_load_failures),
	};

	if (argc > 1)
		return child(argv[1]);
	self = argv[0];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
