// SPDX-License-Identifier: Apache-2.0
/* vaccel_genop for every op of the table: good arguments, and each thing that can be wrong. */
#include "plugin_util.h"

static struct vaccel_session sess;

static int start(void **state)
{
	(void)state;
	lib_start(PLUGIN_NOOP, VACCEL_LOG_ERROR);
	return vaccel_session_init(&sess, 0);
}

static int stop(void **state)
{
	(void)state;
	vaccel_session_release(&sess);
	lib_stop();
	return 0;
}

static int run(struct generic *g)
{
	static struct capture c;
	int ret;

	capture_start(&c, STDOUT_FILENO); /* each failure is logged */
	ret = vaccel_genop(&sess, g->read, g->nr_read, g->write, g->nr_write);
	capture_end(&c);
	if (ret)
		assert_contains(c.text, "<error>");
	else
		assert_string_equal(c.text, "");
	return ret;
}

static bool has_form(const struct vop_desc *desc)
{
	return *desc->genop_read || *desc->genop_write;
}

static bool passes_args(const struct vop_desc *desc)
{
	for (unsigned int i = 0; i < desc->nr_params; i++)
		if (desc->params[i].kind == VOP_ARGS_IN)
			return true;
	return false;
}

/* Runs fn for each op that has a generic form, with good arguments to spoil. */
static void each_op(void (*fn)(struct generic *g, struct sample *s))
{
	struct generic g;
	struct sample s;
	int ops = 0;

	for (uint16_t op = 1; op < VACCEL_OP_MAX; op++) {
		if (!has_form(vop_find(op)))
			continue;
		ops++;
		sample_init(&s, vop_find(op), &sess);
		generic_init(&g, &s);
		assert_int_equal(run(&g), 0);
		if (fn)
			fn(&g, &s);
		sample_release(&s);
	}
	assert_int_equal(ops, 14);
}

static void good(void **state)
{
	(void)state;
	each_op(NULL);
}

/* The library op is passed the same as by its own call: seen in what noop writes. */
static void values_arrive(void **state)
{
	float a[] = {1, 2, 3}, b[] = {10, 20, 30}, sum[3] = {0}, product[3] = {0};
	uint8_t code = VACCEL_OP_FPGA_PARALLEL;
	struct vaccel_arg read[] = {
		{.buf = &code, .size = 1, .type = VACCEL_ARG_UINT8},
		{.buf = a, .size = sizeof(a)},
		{.buf = b, .size = sizeof(b)},
	};
	struct vaccel_arg write[] = {
		{.buf = sum, .size = sizeof(sum)},
		{.buf = product, .size = sizeof(product)},
	};
	double data[] = {5, 6}, out[2] = {0}, min = 0, max = 0;
	int numbers[] = {2, -7, 7};
	struct vaccel_arg minmax_read[] = {
		{.buf = &code, .size = 1, .type = VACCEL_ARG_UINT8},
		{.buf = data, .size = sizeof(data)},
		{.buf = &numbers[0], .size = sizeof(int)},
		{.buf = &numbers[1], .size = sizeof(int)},
		{.buf = &numbers[2], .size = sizeof(int)},
	};
	struct vaccel_arg minmax_write[] = {
		{.buf = out, .size = sizeof(out)},
		{.buf = &min, .size = sizeof(min)},
		{.buf = &max, .size = sizeof(max)},
	};

	(void)state;
	assert_int_equal(vaccel_genop(&sess, read, 3, write, 2), 0);
	assert_true(sum[0] == 11 && sum[1] == 22 && sum[2] == 33);
	assert_true(product[0] == 1 && product[2] == 1);

	code = VACCEL_OP_MINMAX;
	assert_int_equal(vaccel_genop(&sess, minmax_read, 5, minmax_write, 3), 0);
	assert_true(out[0] == 5 && out[1] == 6 && min == -1 && max == 10000);

	/* fewer numbers than the buffer has are fine, more are not */
	numbers[0] = 1;
	assert_int_equal(vaccel_genop(&sess, minmax_read, 5, minmax_write, 3), 0);
	numbers[0] = 3;
	assert_int_equal(vaccel_genop(&sess, minmax_read, 5, minmax_write, 3), VACCEL_EINVAL);
	numbers[0] = -1;
	assert_int_equal(vaccel_genop(&sess, minmax_read, 5, minmax_write, 3), VACCEL_EINVAL);
}

static void bad_counts(struct generic *g, struct sample *s)
{
	if (passes_args(s->desc)) { /* takes any number of arguments, after its own */
		int own = g->nr_read;

		for (g->nr_read = 1; g->nr_read < own - SAMPLE_COUNT; g->nr_read++)
			assert_int_equal(run(g), VACCEL_EINVAL);
		for (; g->nr_read <= own; g->nr_read++)
			assert_int_equal(run(g), 0);
		g->nr_read = own;
		g->nr_write = 0;
		assert_int_equal(run(g), 0);
		return;
	}
	g->nr_read++;
	assert_int_equal(run(g), VACCEL_EINVAL);
	g->nr_read -= 2;
	assert_int_equal(run(g), VACCEL_EINVAL);
	g->nr_read++;
	g->nr_write++;
	assert_int_equal(run(g), VACCEL_EINVAL);
	g->nr_write -= 2;
	assert_int_equal(run(g), VACCEL_EINVAL);
}

/* Spoils one argument after the other, and lets each be seen alone. */
static void spoil(struct generic *g, struct sample *s, struct vaccel_arg *args, int first, int nr)
{
	int own = passes_args(s->desc) ? nr - SAMPLE_COUNT : nr;

	for (int i = first; i < own; i++) {
		struct vaccel_arg good = args[i];

		args[i].buf = NULL;
		assert_int_equal(run(g), VACCEL_EINVAL);
		args[i].size = 0;
		assert_int_equal(run(g), VACCEL_EINVAL);
		args[i] = good;
		if (good.type != VACCEL_ARG_RAW) {
			args[i].type = VACCEL_ARG_CUSTOM;
			assert_int_equal(run(g), VACCEL_EINVAL);
			args[i] = good;
		}
		args[i].size = 0;
		assert_int_equal(run(g), VACCEL_EINVAL);
		args[i] = good;
	}
}

static void bad_arguments(struct generic *g, struct sample *s)
{
	spoil(g, s, g->read, 1, g->nr_read);
	spoil(g, s, g->write, 0, g->nr_write);
	assert_int_equal(run(g), 0);
}

/* No buffer may be shorter than the numbers, or the other buffers, say. */
static void short_buffers(struct generic *g, struct sample *s)
{
	struct vaccel_arg *lists[] = {g->read, g->write};
	int counts[] = {g->nr_read, g->nr_write};

	if (passes_args(s->desc))
		return;
	for (int l = 0; l < 2; l++) {
		for (int i = l == 0; i < counts[l]; i++) {
			struct vaccel_arg *arg = &lists[l][i];
			bool alone = arg->type == VACCEL_ARG_BUFFER ||
				     arg->type == VACCEL_ARG_UCHAR_ARRAY;
			/* the first buffer without a number says how long the others are */
			bool leads = l == 0 && i == 1 && s->desc->code >= VACCEL_OP_FPGA_ARRAYCOPY &&
				     s->desc->code <= VACCEL_OP_FPGA_VECTORADD;

			arg->size--;
			assert_int_equal(run(g), alone ? 0 : VACCEL_EINVAL);
			arg->size++;
			if (alone || leads || arg->size <= 8)
				continue;
			arg->size -= 4; /* a whole element less */
			assert_int_equal(run(g), VACCEL_EINVAL);
			arg->size += 4;
		}
	}
}

static void counts_are_checked(void **state)
{
	(void)state;
	each_op(bad_counts);
}

static void arguments_are_checked(void **state)
{
	(void)state;
	each_op(bad_arguments);
}

static void lengths_are_checked(void **state)
{
	(void)state;
	each_op(short_buffers);
}

/* ---- Inference: noop gives back its inputs, in their order ----------------------------------- */

struct inference {
	uint8_t code;
	struct vaccel_resource model;
	struct vaccel_infer_desc in[2], out[2];
	float a[4];
	int64_t b[2];
	uint8_t got_a[20], got_b[16];
	struct vaccel_arg read[6], write[4];
};

static void inference_start(struct inference *f, const char *content)
{
	*f = (struct inference){.code = VACCEL_OP_INFER_LOAD, .a = {1, 2, 3, 4}, .b = {-5, 6}};
	assert_int_equal(vaccel_resource_init_from_buf(&f->model, content, strlen(content), VACCEL_RESOURCE_MODEL,
						       "m", true), 0);
	assert_int_equal(vaccel_resource_register(&f->model, &sess), 0);
	f->in[0] = (struct vaccel_infer_desc){.name = "a", .datatype = VACCEL_INFER_FP32, .nr_dims = 2, .shape = {2, 2}};
	f->in[1] = (struct vaccel_infer_desc){.datatype = VACCEL_INFER_INT64, .nr_dims = 1, .shape = {2}};
	strcpy(f->out[0].name, "first");
	f->read[0] = (struct vaccel_arg){.buf = &f->code, .size = 1, .type = VACCEL_ARG_UINT8};
	f->read[1] = (struct vaccel_arg){.buf = &f->model.id, .size = sizeof(f->model.id), .type = VACCEL_ARG_INT64};
	f->read[2] = (struct vaccel_arg){.buf = &f->in[0], .size = sizeof(f->in[0])};
	f->read[3] = (struct vaccel_arg){.buf = f->a, .size = sizeof(f->a)};
	f->read[4] = (struct vaccel_arg){.buf = &f->in[1], .size = sizeof(f->in[1])};
	f->read[5] = (struct vaccel_arg){.buf = f->b, .size = sizeof(f->b)};
	f->write[0] = (struct vaccel_arg){.buf = &f->out[0], .size = sizeof(f->out[0])};
	f->write[1] = (struct vaccel_arg){.buf = f->got_a, .size = sizeof(f->got_a)};
	f->write[2] = (struct vaccel_arg){.buf = &f->out[1], .size = sizeof(f->out[1])};
	f->write[3] = (struct vaccel_arg){.buf = f->got_b, .size = sizeof(f->got_b)};
	assert_int_equal(vaccel_genop(&sess, f->read, 2, NULL, 0), 0);
	f->code = VACCEL_OP_INFER_RUN;
}

static void inference_end(struct inference *f)
{
	f->code = VACCEL_OP_INFER_UNLOAD;
	assert_int_equal(vaccel_genop(&sess, f->read, 2, NULL, 0), 0);
	assert_int_equal(vaccel_resource_unregister(&f->model, &sess), 0);
	assert_int_equal(vaccel_resource_release(&f->model), 0);
}

static int infer(struct inference *f)
{
	return vaccel_genop(&sess, f->read, 6, f->write, 4);
}

static void inference(void **state)
{
	struct vaccel_infer_model info;
	struct vaccel_infer_desc descs[2];
	struct inference f;

	(void)state;
	inference_start(&f, "model");
	assert_int_equal(infer(&f), 0);
	assert_int_equal(f.write[1].size, sizeof(f.a));
	assert_memory_equal(f.got_a, f.a, sizeof(f.a));
	assert_int_equal(f.out[0].datatype, VACCEL_INFER_FP32);
	assert_int_equal(f.out[0].nr_dims, 2);
	assert_int_equal(f.out[0].shape[1], 2);
	assert_string_equal(f.out[0].name, "first");
	assert_int_equal(f.write[3].size, sizeof(f.b));
	assert_memory_equal(f.got_b, f.b, sizeof(f.b));
	assert_int_equal(f.out[1].datatype, VACCEL_INFER_INT64);

	/* The description says what would be needed, the size what there is. */
	f.write[3].size = 15;
	assert_int_equal(infer(&f), VACCEL_ERANGE);
	assert_int_equal(f.write[3].size, 15);
	assert_int_equal(f.out[1].shape[0], 2);

	f.code = VACCEL_OP_INFER_METADATA;
	f.write[0] = (struct vaccel_arg){.buf = &info, .size = sizeof(info)};
	f.write[1] = (struct vaccel_arg){.buf = descs, .size = sizeof(descs)};
	assert_int_equal(vaccel_genop(&sess, f.read, 2, f.write, 2), 0);
	assert_true(info.nr_inputs >= 1 && descs[0].name[0]);
	f.write[1].size--;
	assert_int_equal(vaccel_genop(&sess, f.read, 2, f.write, 2), VACCEL_EINVAL);
	inference_end(&f);
}

static void expect_refused(struct inference *f, struct vaccel_arg *arg, struct vaccel_arg bad)
{
	struct vaccel_arg good = *arg;

	*arg = bad;
	assert_int_equal(infer(f), VACCEL_EINVAL);
	*arg = good;
}

static void bad_inference(void **state)
{
	struct inference f;

	(void)state;
	inference_start(&f, "model");
	for (int i = 2; i < 6; i++) {
		struct vaccel_arg good = f.read[i];

		expect_refused(&f, &f.read[i], (struct vaccel_arg){.size = good.size});
		expect_refused(&f, &f.read[i], (struct vaccel_arg){.buf = good.buf, .size = good.size - 1});
		good = f.write[i - 2];
		expect_refused(&f, &f.write[i - 2], (struct vaccel_arg){.size = good.size});
		if (i % 2 == 0)
			expect_refused(&f, &f.write[i - 2], (struct vaccel_arg){.buf = good.buf, .size = good.size - 1});
	}
	assert_int_equal(vaccel_genop(&sess, f.read, 5, f.write, 4), VACCEL_EINVAL);
	assert_int_equal(vaccel_genop(&sess, f.read, 6, f.write, 3), VACCEL_EINVAL);
	f.in[0].nr_dims = VACCEL_INFER_MAX_DIMS + 1;
	assert_int_equal(infer(&f), VACCEL_EINVAL);
	f.in[0].nr_dims = UINT32_MAX;
	assert_int_equal(infer(&f), VACCEL_EINVAL);
	f.in[0].nr_dims = 2;
	f.in[0].shape[0] = INT64_MAX;
	assert_int_equal(infer(&f), VACCEL_EINVAL);
	f.in[0].shape[0] = 2;
	memset(f.in[0].name, 'n', sizeof(f.in[0].name));
	assert_int_equal(infer(&f), VACCEL_EINVAL);
	f.in[0].name[0] = '\0';
	assert_int_equal(infer(&f), 0);
	inference_end(&f);
}

#define ARG(what) {.buf = &(what), .size = sizeof(what)}

/* A chat, the text that noop makes of it, its end, and an embedding */
static void text(void **state)
{
	static char system[] = "system", brief[] = "Be brief.", user[] = "user", hello[] = "hello", none[] = "";
	struct vaccel_text_params params = {.max_tokens = 9}, twice[2] = {{0}};
	struct vaccel_text_status status = {0};
	struct vaccel_resource model;
	uint8_t code = VACCEL_OP_TEXT_BEGIN;
	uint32_t wait_ms = VACCEL_TEXT_MAX_WAIT_MS;
	uint64_t id = 0, nr = 0;
	int64_t model_id;
	float out[8];
	char buf[64], got[64] = "";
	struct vaccel_arg begin[] = {{.buf = &code, .size = 1, .type = VACCEL_ARG_UINT8}, ARG(model_id), ARG(params),
				     ARG(system), ARG(brief), ARG(user), ARG(hello)};
	struct vaccel_arg next[] = {begin[0], ARG(id), ARG(wait_ms)}, embed[] = {begin[0], ARG(model_id), ARG(hello)};
	struct vaccel_arg given = ARG(id), piece[] = {ARG(buf), ARG(status)}, floats[] = {ARG(out), ARG(nr)};
	struct vaccel_async *queue;

	(void)state;
	assert_int_equal(vaccel_resource_init_from_buf(&model, "model", 6, VACCEL_RESOURCE_MODEL, "m", true), 0);
	assert_int_equal(vaccel_resource_register(&model, &sess), 0);
	model_id = model.id;
	assert_int_equal(vaccel_genop(&sess, begin, 7, &given, 1), 0);
	code = VACCEL_OP_TEXT_NEXT;
	while (!status.finished) {
		assert_int_equal(vaccel_genop(&sess, next, 3, piece, 2), 0);
		strncat(got, buf, status.len);
	}
	assert_string_equal(got, "hello");
	code = VACCEL_OP_TEXT_END;
	assert_int_equal(vaccel_genop(&sess, next, 2, NULL, 0), 0);
	code = VACCEL_OP_TEXT_EMBED;
	assert_int_equal(vaccel_genop(&sess, embed, 3, floats, 2), 0);
	assert_int_equal(nr, 8);
	assert_true(out[0] == 'h');

	/* A prompt has an empty role; half a message, and texts and a size that are none, are refused. */
	code = VACCEL_OP_TEXT_BEGIN;
	assert_int_equal(vaccel_genop(&sess, begin, 6, &given, 1), VACCEL_EINVAL);
	begin[3] = (struct vaccel_arg)ARG(none);
	assert_int_equal(vaccel_genop(&sess, begin, 5, &given, 1), 0);
	begin[4].size--;
	assert_int_equal(vaccel_genop(&sess, begin, 5, &given, 1), VACCEL_EINVAL);
	begin[4].size++;
	begin[3].size = 0;
	assert_int_equal(vaccel_genop(&sess, begin, 5, &given, 1), VACCEL_EINVAL);
	begin[3].size = 1;
	begin[2].size--;
	assert_int_equal(vaccel_genop(&sess, begin, 5, &given, 1), VACCEL_EINVAL);
	begin[2].size++;
	begin[2].buf = (char *)&twice + 1;
	assert_int_equal(vaccel_genop(&sess, begin, 5, &given, 1), VACCEL_EINVAL);
	begin[2].buf = &params;
	assert_int_equal(vaccel_async_new(&queue, 1), 0);
	assert_int_equal(VACCEL_ASYNC(queue, NULL, vaccel_genop(&sess, begin, 5, &given, 1)), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_async_delete(queue), 0);
	assert_int_equal(vaccel_resource_unregister(&model, &sess), 0);
	assert_int_equal(vaccel_resource_release(&model), 0);
}

static void inference_is_not_submitted(void **state)
{
	struct vaccel_async *queue;
	struct inference f;

	(void)state;
	inference_start(&f, "model");
	assert_int_equal(vaccel_async_new(&queue, 4), 0);
	assert_int_equal(VACCEL_ASYNC(queue, &f, infer(&f)), VACCEL_ENOTSUP);
	assert_int_equal(vaccel_async_delete(queue), 0);
	assert_int_equal(infer(&f), 0);
	inference_end(&f);
}

static void huge_matrix(void **state)
{
	static const int64_t sizes[] = {-1, INT64_MIN, INT64_MAX, INT64_C(1) << 62, 5};
	struct generic g;
	struct sample s;

	(void)state;
	sample_init(&s, vop_find(VACCEL_OP_BLAS_SGEMM), &sess);
	generic_init(&g, &s);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (int arg = 1; arg < g.nr_read; arg++) {
			int64_t bad = sizes[i], *good = g.read[arg].buf;

			if (g.read[arg].type != VACCEL_ARG_INT64)
				continue;
			if (bad == 5 && arg != 1 && arg != 2 && arg != 3)
				continue; /* a longer line may be too long or not */
			g.read[arg].buf = &bad;
			assert_int_equal(run(&g), VACCEL_EINVAL);
			g.read[arg].buf = good;
		}
	}
	assert_int_equal(run(&g), 0);
	sample_release(&s);
}

static void op_code(void **state)
{
	uint32_t wide = VACCEL_OP_EXEC;
	struct generic g;
	struct sample s;

	(void)state;
	sample_init(&s, vop_find(VACCEL_OP_EXEC), &sess);
	generic_init(&g, &s);
	for (int code = 0; code < 256; code++) {
		const struct vop_desc *desc = vop_is_op((unsigned int)code) ? vop_find((uint16_t)code) : NULL;

		if (code && desc && has_form(desc))
			continue;
		g.code = (uint8_t)code;
		assert_int_equal(run(&g), code && desc ? VACCEL_ENOTSUP : VACCEL_EINVAL);
	}
	g.code = VACCEL_OP_EXEC;
	g.read[0].type = VACCEL_ARG_INT8;
	assert_int_equal(run(&g), VACCEL_EINVAL);
	g.read[0] = (struct vaccel_arg){.buf = &wide, .size = 4, .type = VACCEL_ARG_UINT8};
	assert_int_equal(run(&g), VACCEL_EINVAL);
	g.read[0] = (struct vaccel_arg){.size = 1, .type = VACCEL_ARG_UINT8};
	assert_int_equal(run(&g), VACCEL_EINVAL);
	sample_release(&s);
}

static void missing_things(void **state)
{
	static struct capture c;
	struct generic g;
	struct sample s;

	(void)state;
	sample_init(&s, vop_find(VACCEL_OP_EXEC), &sess);
	generic_init(&g, &s);
	capture_start(&c, STDOUT_FILENO);
	assert_int_equal(vaccel_genop(NULL, g.read, g.nr_read, g.write, g.nr_write), VACCEL_EINVAL);
	assert_int_equal(vaccel_genop(&sess, NULL, g.nr_read, g.write, g.nr_write), VACCEL_EINVAL);
	assert_int_equal(vaccel_genop(&sess, NULL, 0, NULL, 0), VACCEL_EINVAL);
	assert_int_equal(vaccel_genop(&sess, g.read, 0, g.write, g.nr_write), VACCEL_EINVAL);
	assert_int_equal(vaccel_genop(&sess, g.read, -1, g.write, g.nr_write), VACCEL_EINVAL);
	assert_int_equal(vaccel_genop(&sess, g.read, g.nr_read, NULL, g.nr_write), VACCEL_EINVAL);
	assert_int_equal(vaccel_genop(&sess, g.read, g.nr_read, g.write, -1), VACCEL_EINVAL);
	capture_end(&c);
	sample_release(&s);
}

static void strings_end(void **state)
{
	char open[] = {'a', 'b'};
	struct generic g;
	struct sample s;

	(void)state;
	sample_init(&s, vop_find(VACCEL_OP_EXEC), &sess);
	generic_init(&g, &s);
	g.read[1].buf = open;
	g.read[1].size = sizeof(open);
	assert_int_equal(run(&g), VACCEL_EINVAL);
	sample_release(&s);
}

static void unknown_resource(void **state)
{
	int64_t ids[] = {0, -1, 1000, INT64_MAX};
	struct generic g;
	struct sample s;

	(void)state;
	sample_init(&s, vop_find(VACCEL_OP_EXEC_WITH_RESOURCE), &sess);
	generic_init(&g, &s);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		g.read[1].buf = &ids[i];
		assert_int_equal(run(&g), VACCEL_ENOENT);
	}
	sample_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(values_arrive),
		cmocka_unit_test(counts_are_checked),
		cmocka_unit_test(arguments_are_checked),
		cmocka_unit_test(lengths_are_checked),
		cmocka_unit_test(inference),
		cmocka_unit_test(bad_inference),
		cmocka_unit_test(inference_is_not_submitted),
		cmocka_unit_test(text),
		cmocka_unit_test(huge_matrix),
		cmocka_unit_test(op_code),
		cmocka_unit_test(missing_things),
		cmocka_unit_test(strings_end),
		cmocka_unit_test(unknown_resource),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
