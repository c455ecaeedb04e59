// SPDX-License-Identifier: Apache-2.0
/* Text as it is made, by plugin noop: in this process, and through the transport plugin and vhost-user-accel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"
#include "utf8.h"
#include "vaccel.h"

static struct daemon host;
static struct vaccel_session local, remote, second;
static struct vaccel_session *sessions[] = {&local, &remote};
static struct vaccel_resource model;

static int setup(void **state)
{
	static const char *const args[] = {"--deny=text_embed", NULL};
	struct vaccel_config config;
	char plugins[1024];

	start_daemon(&host, NOOP_PLUGIN, *state ? args : NULL);
	setenv("VACCEL_VIRTIO_SOCKET", host.socket, 1);
	snprintf(plugins, sizeof(plugins), "%s:%s", NOOP_PLUGIN, VIRTIO_PLUGIN);
	assert_int_equal(vaccel_config_init(&config, plugins, VACCEL_LOG_ERROR, NULL, false, false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	assert_int_equal(vaccel_session_init_with_plugin(&local, "noop"), 0);
	assert_int_equal(vaccel_session_init_with_plugin(&remote, "virtio"), 0);
	assert_int_equal(vaccel_session_init_with_plugin(&second, "virtio"), 0);
	assert_int_equal(vaccel_resource_init_from_buf(&model, "model", 6, VACCEL_RESOURCE_MODEL, "m", true), 0);
	assert_int_equal(vaccel_resource_register(&model, &local), 0);
	assert_int_equal(vaccel_resource_register(&model, &remote), 0);
	assert_int_equal(vaccel_resource_register(&model, &second), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(vaccel_session_release(&second), 0);
	assert_int_equal(vaccel_session_release(&remote), 0);
	assert_int_equal(vaccel_session_release(&local), 0);
	assert_int_equal(vaccel_resource_release(&model), 0);
	assert_int_equal(daemon_stat(&host, "sessions"), 0);
	assert_int_equal(daemon_stat(&host, "inflight"), 0);
	assert_int_equal(daemon_stat(&host, "restarts"), 0);
	assert_int_equal(vaccel_cleanup(), 0);
	assert_int_equal(stop_daemon(&host), 0);
	return 0;
}

static int begin(struct vaccel_session *sess, const char *prompt, const struct vaccel_text_params *params, uint64_t *id)
{
	const struct vaccel_text_message message = {.content = prompt};

	return vaccel_text_begin(sess, &model, params, &message, 1, id);
}

/* To the end; valid until the next call. */
static const char *read_all(struct vaccel_session *sess, uint64_t id, size_t room, struct vaccel_text_status *st)
{
	static char text[1 << 20];
	size_t len = 0;

	do {
		assert_int_equal(vaccel_text_next(sess, id, text + len, room, VACCEL_TEXT_MAX_WAIT_MS, st), 0);
		assert_true(st->len <= room);
		assert_true(utf8_is_valid(text + len, st->len));
		len += st->len;
		assert_true(len + room < sizeof(text));
	} while (!st->finished);
	text[len] = '\0';
	return text;
}

#define TEXT "Na\xc3\xafve caf\xc3\xa9: 5 \xe2\x82\xac, \xf0\x9f\x98\x80."

/* The same here and there, whatever buffer it comes in. */
static void text(void **state)
{
	const struct vaccel_text_message chat[] = {{"system", "be brief"}, {"user", TEXT}};
	struct vaccel_text_params params = {.stop = {"caf\xc3\xa9"}};
	struct vaccel_text_status st;
	uint64_t id;

	(void)state;
	for (int i = 0; i < 2; i++) {
		for (size_t room = VACCEL_TEXT_MIN_ROOM; room < 10000; room = room * 3 + 1) {
			assert_int_equal(begin(sessions[i], TEXT, NULL, &id), 0);
			assert_string_equal(read_all(sessions[i], id, room, &st), TEXT);
			assert_int_equal(st.finished, VACCEL_TEXT_FINISHED_STOP);
			assert_int_equal(st.prompt_tokens, (strlen(TEXT) + 3) / 4);
			assert_int_equal(st.tokens, st.prompt_tokens);
			assert_int_equal(vaccel_text_end(sessions[i], id), 0);
			assert_int_equal(vaccel_text_end(sessions[i], id), VACCEL_EINVAL);
		}
		assert_int_equal(vaccel_text_begin(sessions[i], &model, NULL, chat, 2, &id), 0);
		assert_string_equal(read_all(sessions[i], id, 64, &st), TEXT);
		assert_int_equal(vaccel_text_end(sessions[i], id), 0);

		assert_int_equal(begin(sessions[i], TEXT, &params, &id), 0);
		assert_string_equal(read_all(sessions[i], id, 64, &st), "Na\xc3\xafve ");
		assert_int_equal(st.finished, VACCEL_TEXT_FINISHED_STOP);
		assert_int_equal(vaccel_text_end(sessions[i], id), 0);
		params.max_tokens = 1;
		assert_int_equal(begin(sessions[i], TEXT, &params, &id), 0);
		assert_string_equal(read_all(sessions[i], id, 64, &st), "Na\xc3\xaf");
		assert_int_equal(st.finished, VACCEL_TEXT_FINISHED_LENGTH);
		assert_int_equal(vaccel_text_end(sessions[i], id), 0);
		params.max_tokens = 0;
	}
}

/* A prompt as long as there may be, which no message would hold, and texts that get nowhere. */
static void prompts(void **state)
{
	struct vaccel_text_params params = {.max_tokens = UINT32_MAX};
	char *big = malloc(VACCEL_TEXT_MAX_PROMPT + 1), buf[VACCEL_TEXT_MIN_ROOM];
	struct vaccel_text_status st;
	uint64_t id;

	(void)state;
	for (size_t i = 0; i < VACCEL_TEXT_MAX_PROMPT; i++)
		big[i] = (char)('a' + i % 23);
	big[VACCEL_TEXT_MAX_PROMPT] = '\0';
	for (int i = 0; i < 2; i++) {
		big[VACCEL_TEXT_MAX_PROMPT - 1] = 'z';
		assert_int_equal(begin(sessions[i], big, NULL, &id), VACCEL_ERANGE);
		assert_int_equal(begin(sessions[i], "caf\xe9", NULL, &id), VACCEL_EINVAL);
		assert_int_equal(vaccel_text_next(sessions[i], 4711, buf, sizeof(buf), 0, &st), VACCEL_EINVAL);
		big[300000] = '\0';
		assert_int_equal(begin(sessions[i], big, &params, &id), 0);
		assert_string_equal(read_all(sessions[i], id, 50000, &st), big);
		assert_int_equal(vaccel_text_end(sessions[i], id), 0);
		big[300000] = (char)('a' + 300000 % 23);
		big[VACCEL_TEXT_MAX_PROMPT - 1] = '\0';
		assert_int_equal(begin(sessions[i], big, &params, &id), 0);
		assert_int_equal(vaccel_text_end(sessions[i], id), 0);
	}
	free(big);
}

/* Each session has its own; what it lets go of is gone. */
static void whose(void **state)
{
	struct vaccel_text_status st;
	uint64_t mine, theirs;
	char buf[64];

	(void)state;
	assert_int_equal(begin(&remote, "mine...", NULL, &mine), 0);
	assert_int_equal(begin(&second, "theirs...", NULL, &theirs), 0);
	assert_int_equal(vaccel_text_next(&second, mine, buf, sizeof(buf), 0, &st), VACCEL_EINVAL);
	assert_int_equal(vaccel_text_end(&second, mine), VACCEL_EINVAL);
	assert_int_equal(vaccel_text_next(&remote, mine, buf, sizeof(buf), 500, &st), 0);
	assert_memory_equal(buf, "mine", 4);
	assert_int_equal(vaccel_resource_unregister(&model, &remote), 0);
	assert_int_equal(vaccel_text_next(&remote, mine, buf, sizeof(buf), 0, &st), VACCEL_EINVAL);
	assert_int_equal(vaccel_text_next(&second, theirs, buf, sizeof(buf), 500, &st), 0);
	assert_memory_equal(buf, "theirs", 6);
	assert_int_equal(vaccel_resource_register(&model, &remote), 0);
}

/* Another thread ends what this one waits for. */
static void *end_soon(void *arg)
{
	usleep(50000);
	assert_int_equal(vaccel_text_end(&remote, *(uint64_t *)arg), 0);
	return NULL;
}

static void cancelled(void **state)
{
	struct vaccel_text_params params = {.max_tokens = UINT32_MAX};
	struct vaccel_text_status st = {0};
	pthread_t thread;
	uint64_t id;
	char buf[64];
	int ret;

	(void)state;
	assert_int_equal(begin(&remote, "on and on...", &params, &id), 0);
	pthread_create(&thread, NULL, end_soon, &id);
	do
		ret = vaccel_text_next(&remote, id, buf, sizeof(buf), VACCEL_TEXT_MAX_WAIT_MS, &st);
	while (!ret && !st.finished);
	pthread_join(thread, NULL);
	/* It has waited when the end came, or asked again. */
	assert_true(ret == VACCEL_EINVAL || (!ret && st.finished == VACCEL_TEXT_FINISHED_CANCELLED));
}

/* A thousand that nobody reads cost a bounded amount, and nobody waits for them. */
static void a_thousand(void **state)
{
	struct vaccel_text_params params = {.max_tokens = UINT32_MAX};
	struct vaccel_text_status st;
	uint64_t ids[VACCEL_TEXT_MAX_GENERATIONS], id;
	int begun = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int ret = begin(&remote, "for ever...", &params, begun < VACCEL_TEXT_MAX_GENERATIONS ? &ids[begun] : &id);

		assert_int_equal(ret, begun < VACCEL_TEXT_MAX_GENERATIONS ? VACCEL_OK : VACCEL_EUSERS);
		begun += !ret;
	}
	assert_int_equal(begun, VACCEL_TEXT_MAX_GENERATIONS);
	/* Others go on. */
	assert_int_equal(begin(&second, TEXT, NULL, &id), 0);
	assert_string_equal(read_all(&second, id, 64, &st), TEXT);
	assert_int_equal(vaccel_noop(&remote), 0);
	/* What is ended makes room. */
	assert_int_equal(vaccel_text_end(&remote, ids[5]), 0);
	assert_int_equal(begin(&remote, TEXT, NULL, &id), 0);
	assert_string_equal(read_all(&remote, id, 64, &st), TEXT);
	/* The others end with their session. */
	assert_int_equal(vaccel_session_release(&remote), 0);
	assert_int_equal(vaccel_session_init_with_plugin(&remote, "virtio"), 0);
	assert_int_equal(vaccel_resource_register(&model, &remote), 0);
	for (int i = 0; i < VACCEL_TEXT_MAX_GENERATIONS; i++)
		assert_int_equal(begin(&remote, "for ever...", &params, &ids[i]), 0);
}

static int take(struct vaccel_async *queue)
{
	struct vaccel_async_done done;

	assert_int_equal(vaccel_async_wait(queue, 10000, &done), 0);
	return done.result;
}

static void asynchronous(void **state)
{
	const struct vaccel_text_message prompt = {.content = TEXT};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct vaccel_text_status st = {0};
		struct vaccel_async *queue;
		char got[128], buf[16];
		size_t len = 0;
		uint64_t id = 0;

		assert_int_equal(vaccel_async_new(&queue, 4), 0);
		assert_int_equal(VACCEL_ASYNC(queue, NULL,
					      vaccel_text_begin(sessions[i], &model, NULL, &prompt, 1, &id)), 0);
		assert_int_equal(take(queue), 0);
		do {
			assert_int_equal(VACCEL_ASYNC(queue, NULL, vaccel_text_next(sessions[i], id, buf, sizeof(buf),
										    500, &st)), 0);
			assert_int_equal(take(queue), 0);
			assert_true(len + st.len < sizeof(got));
			memcpy(got + len, buf, st.len);
			len += st.len;
		} while (!st.finished);
		assert_int_equal(len, strlen(TEXT));
		assert_memory_equal(got, TEXT, len);
		assert_int_equal(VACCEL_ASYNC(queue, NULL, vaccel_text_end(sessions[i], id)), 0);
		assert_int_equal(take(queue), 0);
		assert_int_equal(vaccel_async_delete(queue), 0);
	}
}

static void embeddings(void **state)
{
	float out[2][10] = {{0}};
	uint64_t nr;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(vaccel_text_embed(sessions[i], &model, TEXT, NULL, 0, &nr), 0);
		assert_int_equal(nr, 8);
		nr = 0;
		assert_int_equal(vaccel_text_embed(sessions[i], &model, TEXT, out[i], 7, &nr), VACCEL_ERANGE);
		assert_int_equal(nr, 8);
		assert_int_equal(vaccel_text_embed(sessions[i], &model, TEXT, out[i], 10, &nr), 0);
		assert_int_equal(nr, 8);
		assert_true(out[i][0] > 0 && out[i][8] == 0);
	}
	assert_memory_equal(out[0], out[1], sizeof(out[0]));
}

static int setup_slow(void **state)
{
	setenv("VACCEL_NOOP_TOKEN_MS", "150", 1);
	return setup(state);
}

static int teardown_slow(void **state)
{
	unsetenv("VACCEL_NOOP_TOKEN_MS");
	return teardown(state);
}

/* Who waits for a token for long is not one that computes for long: it would come late beside those who do. */
static void waiting_is_no_work(void **state)
{
	struct vaccel_text_status st;
	struct dirent *d;
	char path[64];
	uint64_t id;
	DIR *tasks;

	(void)state;
	assert_int_equal(begin(&remote, TEXT, NULL, &id), 0);
	assert_string_equal(read_all(&remote, id, 64, &st), TEXT);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)daemon_worker(&host));
	tasks = opendir(path);
	assert_non_null(tasks);
	while ((d = readdir(tasks)))
		assert_true(*d->d_name == '.' || sched_getscheduler(atoi(d->d_name)) != SCHED_IDLE);
	closedir(tasks);
}

/* The operator allows and refuses them as all others. */
static void denied(void **state)
{
	struct vaccel_text_status st;
	uint64_t id, nr;

	(void)state;
	assert_int_equal(vaccel_text_embed(&remote, &model, TEXT, NULL, 0, &nr), VACCEL_EPERM);
	assert_int_equal(begin(&remote, TEXT, NULL, &id), 0);
	assert_string_equal(read_all(&remote, id, 64, &st), TEXT);
}

int main(void)
{
	static bool yes = true;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(text, setup, teardown),
		cmocka_unit_test_setup_teardown(prompts, setup, teardown),
		cmocka_unit_test_setup_teardown(whose, setup, teardown),
		cmocka_unit_test_setup_teardown(cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(a_thousand, setup, teardown),
		cmocka_unit_test_setup_teardown(asynchronous, setup, teardown),
		cmocka_unit_test_setup_teardown(embeddings, setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_is_no_work, setup_slow, teardown_slow),
		cmocka_unit_test_prestate_setup_teardown(denied, setup, teardown, &yes),
	};

	test_main_begin(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
