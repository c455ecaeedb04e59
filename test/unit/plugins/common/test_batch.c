// SPDX-License-Identifier: Apache-2.0
/* Calls that run as one: who is joined with whom, that each gets its own rows and its own error, and the bounds. */
#include <pthread.h>
#include <stdatomic.h>

#include "plugin_util.h"

#include "batch.h"

#define MAX_CALLS 12
#define COLUMNS	  3
#define BAD	  -1.0f /* what the engine refuses */

/* ---- An engine that doubles, and counts ------------------------------------------------------ */

static struct model {
	int nr_dims, out_dims;
	int64_t rows, out_rows; /* of the description: the first dimension of input and output */
	bool sums; /* gives one row whatever it is given */
} model;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int runs, refused, held; /* held: results that were not released */
static int64_t most_rows, rows_of[TENSOR_TYPES];

static int count_tensors(void *arg, size_t *inputs, size_t *outputs)
{
	(void)arg;
	*inputs = *outputs = 1;
	return VACCEL_OK;
}

static int describe(void *arg, bool output, size_t index, struct tensor *t)
{
	const struct model *m = arg;

	(void)index;
	*t = (struct tensor){.name = output ? "y" : "x", .nr_dims = output ? m->out_dims : m->nr_dims};
	t->dims[0] = output ? m->out_rows : m->rows;
	t->dims[1] = -1;
	return VACCEL_OK;
}

static void counted(enum tensor_type type, int64_t rows, bool bad)
{
	pthread_mutex_lock(&lock);
	runs++;
	refused += bad;
	held += !bad;
	rows_of[type] += rows;
	if (rows > most_rows)
		most_rows = rows;
	pthread_mutex_unlock(&lock);
}

static int run(void *arg, const struct tensor *in, size_t nr, struct engine_outputs *out)
{
	const struct model *m = arg;
	size_t floats = in->size / sizeof(float);
	const float *x = in->data;
	bool bad = false;
	float *y;

	assert_int_equal(nr, 1);
	for (size_t i = 0; i < floats; i++)
		bad = bad || x[i] == BAD;
	counted(in->type, in->dims[0], bad);
	if (bad)
		return VACCEL_EINVAL;
	y = calloc(floats + 1, sizeof(*y));
	for (size_t i = 0; i < floats; i++)
		y[i] = 2 * x[i];
	out->nr = 1;
	out->owner = out->tensors[0].data = y;
	out->tensors[0] = *in;
	out->tensors[0].data = y;
	out->tensors[0].name = "y";
	if (m->sums) {
		out->tensors[0].dims[0] = 1;
		out->tensors[0].size = in->size / (size_t)in->dims[0];
	}
	return VACCEL_OK;
}

static void release(struct engine_outputs *out)
{
	pthread_mutex_lock(&lock);
	held--;
	pthread_mutex_unlock(&lock);
	free(out->owner);
}

const struct engine engine = {.name = "twice", .file = "a model", .count = count_tensors, .describe = describe, .run = run,
			      .release = release};

/* ---- Calls at once --------------------------------------------------------------------------- */

static struct call {
	pthread_t thread;
	unsigned int sessions;
	int64_t rows, columns;
	enum tensor_type type;
	float *values;
	int result;
} calls[MAX_CALLS];

static void *have_run(void *arg)
{
	struct call *c = arg;
	size_t floats = (size_t)(c->rows * c->columns);
	struct tensor in = {.name = "x", .type = c->type, .nr_dims = 2, .dims = {c->rows, c->columns},
			    .data = c->values, .size = floats * sizeof(float)};
	struct batch_result result = {0};

	c->result = batch_run(&model, c->sessions, &in, 1, &result);
	if (c->result)
		return NULL;
	if (result.outputs.nr != 1 || (!model.sums && result.outputs.tensors[0].dims[0] != c->rows)) {
		c->result = VACCEL_EIO;
		return NULL;
	}
	for (size_t i = 0; i < result.outputs.tensors[0].size / sizeof(float); i++)
		if (((float *)result.outputs.tensors[0].data)[i] != 2 * c->values[i])
			c->result = VACCEL_EIO;
	batch_release(&result);
	return NULL;
}

static void prepare(int nr, unsigned int sessions)
{
	for (int i = 0; i < nr; i++) {
		struct call *c = &calls[i];

		*c = (struct call){.sessions = sessions, .rows = 1, .columns = COLUMNS, .type = TENSOR_F32};
		c->values = calloc(8192, sizeof(float));
		for (int k = 0; k < 8192; k++)
			c->values[k] = (float)(10000 * i + k);
	}
}

/* Return: how many failed. */
static int go(int nr)
{
	int failed = 0;

	runs = refused = 0;
	most_rows = 0;
	memset(rows_of, 0, sizeof(rows_of));
	for (int i = 0; i < nr; i++)
		assert_int_equal(pthread_create(&calls[i].thread, NULL, have_run, &calls[i]), 0);
	for (int i = 0; i < nr; i++) {
		pthread_join(calls[i].thread, NULL);
		failed += calls[i].result != 0;
		free(calls[i].values);
	}
	assert_int_equal(held, 0);
	return failed;
}

static void settings(const char *us, const char *max)
{
	setenv("VACCEL_BATCH_US", us, 1);
	setenv("VACCEL_BATCH_MAX", max, 1);
	batch_start();
}

/* Long enough that nobody comes too late; nothing that all calls come to waits so long. */
#define LONG "10000000"

static int start(void **state)
{
	(void)state;
	model = (struct model){.nr_dims = 2, .out_dims = 2, .rows = -1, .out_rows = -1};
	settings(LONG, "32");
	return 0;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void joined(void **state)
{
	(void)state;
	prepare(8, 8);
	calls[3].rows = 5;
	calls[4].rows = 2;
	assert_int_equal(go(8), 0);
	assert_int_equal(runs, 1);
	assert_int_equal(most_rows, 13);
}

static void off(void **state)
{
	(void)state;
	settings("0", "32");
	prepare(4, 4);
	assert_int_equal(go(4), 0);
	assert_int_equal(runs, 4);
	/* Who has the model alone waits for nobody: with LONG the test would take that long. */
	settings(LONG, "32");
	prepare(4, 1);
	assert_int_equal(go(4), 0);
	assert_int_equal(runs, 4);
}

/* One that the engine refuses: it alone, and the others as if it had not been there. */
static void errors_apart(void **state)
{
	(void)state;
	prepare(5, 5);
	calls[2].values[1] = BAD;
	assert_int_equal(go(5), 1);
	assert_int_equal(calls[2].result, VACCEL_EINVAL);
	assert_int_equal(runs, 6);
	assert_int_equal(refused, 2);
}

/* Nobody else comes: a session that has the model and is gone, or has nothing to ask. */
static void nobody_comes(void **state)
{
	(void)state;
	settings("1000", "32");
	prepare(1, 100);
	assert_int_equal(go(1), 0);
	assert_int_equal(runs, 1);
	assert_int_equal(most_rows, 1);
	settings("50000", "32");
	prepare(3, 4);
	assert_int_equal(go(3), 0);
}

static void bounded(void **state)
{
	(void)state;
	settings(LONG, "4");
	prepare(8, 8);
	assert_int_equal(go(8), 0);
	assert_int_equal(runs, 2);
	assert_int_equal(most_rows, 4);
	/* As many as fit, or more: no need to wait */
	prepare(2, 2);
	calls[0].rows = 4;
	calls[1].rows = 9;
	assert_int_equal(go(2), 0);
	assert_int_equal(runs, 2);
	/* What does not fit behind the others begins a batch of its own. */
	settings("50000", "4");
	prepare(3, 3);
	for (int i = 0; i < 3; i++)
		calls[i].rows = 3;
	assert_int_equal(go(3), 0);
	assert_int_equal(runs, 3);
	assert_int_equal(most_rows, 3);
}

/* 64 MiB of inputs are joined at most: two calls of 40 are not. */
static void bounded_bytes(void **state)
{
	const int64_t columns = 10 << 20;

	(void)state;
	settings("50000", "32");
	prepare(2, 2);
	for (int i = 0; i < 2; i++) {
		free(calls[i].values);
		calls[i].values = calloc((size_t)columns, sizeof(float));
		calls[i].columns = columns;
	}
	assert_int_equal(go(2), 0);
	assert_int_equal(runs, 2);
	assert_int_equal(most_rows, 1);
}

/* Three pairs, each of which waits for a second one */
static void others_apart(void **state)
{
	(void)state;
	prepare(6, 2);
	calls[1].columns = calls[4].columns = COLUMNS + 1;
	calls[2].type = calls[5].type = TENSOR_I32;
	assert_int_equal(go(6), 0);
	assert_int_equal(runs, 3);
	assert_int_equal(most_rows, 2);
	assert_int_equal(rows_of[TENSOR_F32], 4);
	assert_int_equal(rows_of[TENSOR_I32], 2);
}

static void expect_alone(const char *why)
{
	prepare(4, 4);
	assert_int_equal(go(4), 0);
	if (runs != 4)
		fail_msg("%s: %d runs", why, runs);
}

/* Models whose rows are not what calls can be told apart by */
static void other_models(void **state)
{
	(void)state;
	model.rows = 1;
	expect_alone("an input of one row");
	model = (struct model){.nr_dims = 2, .out_dims = 2, .rows = -1, .out_rows = 1};
	expect_alone("an output of one row");
	model.out_rows = -7;
	expect_alone("an output of another size");
	model = (struct model){.nr_dims = 2, .out_dims = 0, .rows = -1};
	expect_alone("an output without dimensions");
	/* What says nothing is tried. */
	model = (struct model){.nr_dims = -1, .out_dims = -1};
	prepare(4, 4);
	assert_int_equal(go(4), 0);
	assert_int_equal(runs, 1);
	model.sums = true;
	prepare(4, 4);
	assert_int_equal(go(4), 0);
	assert_int_equal(runs, 5);
}

/* What the operator writes */
static void bad_settings(void **state)
{
	static const char *const bad[] = {"10000001", "-1", "1ms", "x", "99999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		settings(bad[i], "32");
		expect_alone(bad[i]);
	}
	settings(LONG, "1");
	prepare(4, 4);
	assert_int_equal(go(4), 0);
	assert_int_equal(runs, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(joined, start),
		cmocka_unit_test_setup(off, start),
		cmocka_unit_test_setup(errors_apart, start),
		cmocka_unit_test_setup(nobody_comes, start),
		cmocka_unit_test_setup(bounded, start),
		cmocka_unit_test_setup(bounded_bytes, start),
		cmocka_unit_test_setup(others_apart, start),
		cmocka_unit_test_setup(other_models, start),
		cmocka_unit_test_setup(bad_settings, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
