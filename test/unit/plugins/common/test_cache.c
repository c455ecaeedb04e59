// SPDX-License-Identifier: Apache-2.0
/* Models are loaded once for each content, whoever asks, and unloaded when nobody has them. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin_util.h"

#include "cache.h"
#include "description.h"
#include "files.h"

static atomic_int loads, unloads;
static struct capture c;
static struct vaccel_session sess;
static char dir[] = "/tmp/vaccel-unit-cache-XXXXXX";

/* An engine whose models are texts: "m..." is one, and "w..." one that needs the file "w" beside it. */
static int load(const struct engine_source *source, void **model)
{
	struct bytes beside = {0};
	const char *text = source->data;
	int ret = VACCEL_OK;

	loads++;
	usleep(20000); /* so that others come meanwhile */
	if (source->size && *text == 'w') {
		ret = engine_source_file(source, "w", &beside);
		bytes_release(&beside);
	}
	if (!source->size || (*text != 'm' && *text != 'w') || ret) {
		engine_error("Model %s is none", source->name);
		return VACCEL_EINVAL;
	}
	*model = strndup(text, source->size);
	return *model ? VACCEL_OK : VACCEL_ENOMEM;
}

static void unload(void *model)
{
	unloads++;
	free(model);
}

static const char *const suffixes[] = {".model", NULL};

const struct engine engine = {.name = "cache", .file = "a text", .suffixes = suffixes,
			      .env_model = "UNIT_CACHE_MODEL", .env_labels = "UNIT_CACHE_LABELS",
			      .load = load, .unload = unload};

static int start(void **state)
{
	(void)state;
	unsetenv("UNIT_CACHE_MODEL");
	unsetenv("UNIT_CACHE_LABELS");
	strcpy(strrchr(dir, '-'), "-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	loads = unloads = 0;
	lib_start(PLUGIN_NOOP, VACCEL_LOG_ERROR); /* for its session */
	return vaccel_session_init(&sess, 0);
}

static int stop(void **state)
{
	char command[64];

	(void)state;
	cache_clear();
	vaccel_session_release(&sess);
	lib_stop();
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static const char *write_file(const char *name, const char *text)
{
	static char paths[4][128];
	static int next;
	char *path = paths[next++ % 4];
	FILE *file;

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	return path;
}

/* A resource made of memory. */
static void from_memory(struct vaccel_resource *res, const char *text)
{
	assert_int_equal(vaccel_resource_init_from_buf(res, text, strlen(text), VACCEL_RESOURCE_MODEL,
						       "a.model", true), 0);
	assert_int_equal(vaccel_resource_register(res, &sess), 0);
}

static void from_path(struct vaccel_resource *res, const char *path)
{
	assert_int_equal(vaccel_resource_init(res, path, VACCEL_RESOURCE_MODEL), 0);
	assert_int_equal(vaccel_resource_register(res, &sess), 0);
}

/* As the plugin's hook does it. */
static void drop(struct vaccel_resource *res)
{
	cache_forget(res);
	assert_int_equal(vaccel_resource_release(res), 0);
}

static struct cached_model *get(const struct vaccel_resource *res)
{
	struct cached_model *entry = NULL;

	assert_int_equal(cache_get_resource(res, &entry), 0);
	return entry;
}

/* ---- Many at once ---------------------------------------------------------------------------- */

#define THREADS 16

static void *ask(void *arg)
{
	struct cached_model *entry;

	if (cache_get_resource(arg, &entry))
		return NULL;
	arg = cache_model(entry);
	cache_put(entry);
	return arg;
}

static void ask_all(struct vaccel_resource *resources, size_t nr, void *answers[THREADS])
{
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, &resources[i % nr]), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], &answers[i]);
}

static void one_resource(void **state)
{
	static struct vaccel_resource res;
	void *answers[THREADS];

	(void)state;
	from_memory(&res, "m1");
	ask_all(&res, 1, answers);
	assert_int_equal(loads, 1);
	for (size_t i = 0; i < THREADS; i++)
		assert_true(answers[i] && answers[i] == answers[0]);
	assert_int_equal(unloads, 0);
	drop(&res);
	assert_int_equal(unloads, 1);
}

/* Of one content, in memory and in files */
static void many_resources(void **state)
{
	static struct vaccel_resource res[4];
	void *answers[THREADS];

	(void)state;
	from_memory(&res[0], "m2");
	from_memory(&res[1], "m2");
	from_path(&res[2], write_file("a.model", "m2"));
	from_path(&res[3], write_file("b.model", "m2"));
	ask_all(res, 4, answers);
	assert_int_equal(loads, 1);
	for (size_t i = 0; i < THREADS; i++)
		assert_true(answers[i] && answers[i] == answers[0]);
	for (size_t i = 0; i < 3; i++)
		drop(&res[i]);
	assert_int_equal(unloads, 0);
	drop(&res[3]);
	assert_int_equal(unloads, 1);
}

static void other_contents(void **state)
{
	static struct vaccel_resource res[3];
	struct cached_model *a, *b;

	(void)state;
	from_memory(&res[0], "m3");
	from_memory(&res[1], "m4");
	a = get(&res[0]);
	b = get(&res[1]);
	assert_int_equal(loads, 2);
	assert_string_equal(cache_model(a), "m3");
	assert_string_equal(cache_model(b), "m4");
	/* forgotten while it is in use */
	drop(&res[0]);
	assert_int_equal(unloads, 0);
	assert_string_equal(cache_model(a), "m3");
	cache_put(a);
	assert_int_equal(unloads, 1);
	cache_put(b);
	drop(&res[1]);
	/* loaded anew */
	from_memory(&res[2], "m3");
	cache_put(get(&res[2]));
	assert_int_equal(loads, 3);
	drop(&res[2]);
}

/* What is beside a model makes another one of it, but for what describes it. */
static void files_beside(void **state)
{
	static struct vaccel_resource res[3];
	struct cached_model *a, *b;
	char path[3][160], command[512];

	(void)state;
	for (int i = 0; i < 3; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%d", dir, i);
	snprintf(command, sizeof(command),
		 "cd %s && for d in 0 1 2; do mkdir $d; printf w5 >$d/x.model; echo $d >$d/labels.txt; done; "
		 "echo a >0/w; ln 0/w 1/w; echo b >2/w", dir);
	assert_int_equal(system(command), 0);
	for (int i = 0; i < 3; i++)
		from_path(&res[i], path[i]);
	a = get(&res[0]);
	b = get(&res[1]);
	assert_ptr_equal(cache_model(a), cache_model(b)); /* the same files, but for labels */
	cache_put(b);
	b = get(&res[2]);
	assert_ptr_not_equal(cache_model(a), cache_model(b));
	cache_put(a);
	cache_put(b);
	for (int i = 0; i < 3; i++)
		drop(&res[i]);
	assert_true(loads == 2 && unloads == 2);
}

/* What fails is tried again, and leaves nothing behind. */
static void failures(void **state)
{
	static struct vaccel_resource res;
	struct cached_model *entry;
	void *answers[THREADS];

	(void)state;
	from_memory(&res, "x");
	capture_start(&c, STDOUT_FILENO);
	ask_all(&res, 1, answers);
	for (size_t i = 0; i < THREADS; i++)
		assert_null(answers[i]);
	assert_int_equal(cache_get_resource(&res, &entry), VACCEL_EINVAL);
	capture_end(&c);
	assert_int_equal(loads, THREADS + 1);
	assert_int_equal(unloads, 0);
	drop(&res);
}

/* ---- Models of the environment ---------------------------------------------------------------- */

static const char *first_label(const struct cached_model *entry)
{
	const struct labels *labels = &cache_description(entry)->labels;

	return labels->count ? labels->names[0] : "";
}

static void environment(void **state)
{
	struct cached_model *entry;
	const char *path;

	(void)state;
	capture_start(&c, STDOUT_FILENO);
	assert_int_equal(cache_get(&sess, &entry), VACCEL_ENOENT);
	capture_end(&c);
	assert_contains(c.text, "set UNIT_CACHE_MODEL to the path of a text");

	path = write_file("e.model", "m6");
	setenv("UNIT_CACHE_MODEL", path, 1);
	assert_int_equal(cache_get(&sess, &entry), 0);
	assert_string_equal(first_label(entry), "");
	cache_put(entry);
	write_file("config.json", "{\"id2label\": {\"0\": \"json\"}}");
	assert_int_equal(cache_get(&sess, &entry), 0);
	assert_string_equal(first_label(entry), "json");
	cache_put(entry);
	write_file("labels.txt", "text");
	assert_int_equal(cache_get(&sess, &entry), 0);
	assert_string_equal(first_label(entry), "text");
	cache_put(entry);
	setenv("UNIT_CACHE_LABELS", write_file("other", "variable"), 1);
	assert_int_equal(cache_get(&sess, &entry), 0);
	assert_string_equal(first_label(entry), "variable");
	cache_put(entry);
}

/* A file beside a model of the host, by a name that a model says, stays below. */
static void names(void **state)
{
	struct engine_source source = {.name = "x.model", .path = write_file("x.model", "m")};
	static const char *const bad[] = {"../x", "/etc/passwd", "a/../../x", "..", "", "a/.."};
	struct bytes bytes;

	(void)state;
	source.name = strrchr(source.path, '/') + 1;
	write_file("w", "weights");
	assert_int_equal(engine_source_file(&source, "w", &bytes), 0);
	assert_int_equal(bytes.size, 7);
	bytes_release(&bytes);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(engine_source_file(&source, bad[i], &bytes), VACCEL_ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(one_resource), TEST(many_resources), TEST(other_contents), TEST(files_beside),
		TEST(failures),	    TEST(environment),	  TEST(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
