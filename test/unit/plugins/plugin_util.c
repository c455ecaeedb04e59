// SPDX-License-Identifier: Apache-2.0
#include "plugin_util.h"

#define SAMPLE_FILE EXAMPLES_DIR "/models/shapes/labels.txt" /* any file */

void lib_start(const char *plugins, vaccel_log_level_t level)
{
	struct vaccel_config config;

	assert_int_equal(vaccel_config_init(&config, plugins, level, NULL, false, false), 0);
	assert_int_equal(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
}

void lib_stop(void)
{
	assert_int_equal(vaccel_cleanup(), 0);
}

int start_without_plugins(void **state)
{
	(void)state;
	lib_start("", VACCEL_LOG_WARN);
	return 0;
}

int stop_library(void **state)
{
	(void)state;
	lib_stop();
	return 0;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#define X_THUNK(NAME, number, call, ...)                                                          \
	static int thunk_##NAME(struct vaccel_session *sess, const union vop_val *v)              \
	{                                                                                         \
		(void)v;                                                                          \
		return call(sess VOP_CALL_ARGS(NAME));                                            \
	}
OPS(X_THUNK)
#pragma GCC diagnostic pop

#define X_ENTRY(NAME, ...) thunk_##NAME,
static int (*const thunks[VACCEL_OP_MAX])(struct vaccel_session *, const union vop_val *) = {
	OPS(X_ENTRY)};

int op_call(uint16_t code, struct vaccel_session *sess, const union vop_val *vals)
{
	return thunks[code](sess, vals);
}

/* ---- Arguments ------------------------------------------------------------------------------ */

void *sample_block(struct sample *s, size_t size)
{
	void *p = calloc(1, size);

	assert_non_null(p);
	assert_true(s->nr_blocks < sizeof(s->blocks) / sizeof(s->blocks[0]));
	s->blocks[s->nr_blocks++] = p;
	return p;
}

static void *make_args(struct sample *s)
{
	struct vaccel_arg *args = sample_block(s, SAMPLE_COUNT * sizeof(*args));

	for (int i = 0; i < SAMPLE_COUNT; i++) {
		args[i].type = VACCEL_ARG_INT32_ARRAY;
		args[i].size = 4 * sizeof(int32_t);
		args[i].buf = sample_block(s, args[i].size);
	}
	return args;
}

static void *make_nodes(struct sample *s)
{
	struct vaccel_tf_node *nodes = sample_block(s, SAMPLE_COUNT * sizeof(*nodes));

	for (int i = 0; i < SAMPLE_COUNT; i++) {
		nodes[i].name = sample_block(s, 8);
		strcpy(nodes[i].name, "node");
	}
	return nodes;
}

#define MAKE_TENSORS(framework, type)                                                             \
	static void *make_##framework(struct sample *s)                                           \
	{                                                                                         \
		struct vaccel_##framework##_tensor **array =                                      \
			sample_block(s, SAMPLE_COUNT * sizeof(*array));                           \
                                                                                                  \
		for (int i = 0; i < SAMPLE_COUNT; i++) {                                          \
			array[i] = sample_block(s, sizeof(*array[i]));                            \
			array[i]->nr_dims = 1;                                                    \
			array[i]->dims = sample_block(s, sizeof(*array[i]->dims));                \
			array[i]->dims[0] = 4;                                                    \
			array[i]->data_type = type;                                               \
			array[i]->size = 4 * sizeof(float);                                       \
			array[i]->data = sample_block(s, array[i]->size);                         \
		}                                                                                 \
		return array;                                                                     \
	}
MAKE_TENSORS(tf, VACCEL_TF_FLOAT)
MAKE_TENSORS(tflite, VACCEL_TFLITE_FLOAT32)
MAKE_TENSORS(torch, VACCEL_TORCH_FLOAT)

static void *make_tensors(struct sample *s, const struct vop_param *p)
{
	switch (p->framework) {
	case VOP_TF:
		return make_tf(s);
	case VOP_TFLITE:
		return make_tflite(s);
	default:
		return make_torch(s);
	}
}

static void make_param(struct sample *s, unsigned int i)
{
	const struct vop_param *p = &s->desc->params[i];
	uint64_t bytes;

	switch (p->kind) {
	case VOP_IN:
	case VOP_OUT:
	case VOP_INOUT:
		assert_int_equal(vop_length(s->desc, i, s->vals, &bytes), 0);
		s->vals[i].p = sample_block(s, bytes);
		break;
	case VOP_STR:
		s->vals[i].p = sample_block(s, 8);
		strcpy(s->vals[i].p, "text");
		break;
	case VOP_ARGS_IN:
	case VOP_ARGS_INOUT:
		s->vals[i].p = make_args(s);
		break;
	case VOP_NODES:
		s->vals[i].p = make_nodes(s);
		break;
	case VOP_TENSORS_IN:
		s->vals[i].p = make_tensors(s, p);
		break;
	case VOP_TENSORS_OUT:
		s->vals[i].p = sample_block(s, SAMPLE_COUNT * sizeof(void *));
		break;
	case VOP_STATUS:
		s->vals[i].p = &s->status;
		break;
	case VOP_RES:
		assert_int_equal(vaccel_resource_init(&s->res, "file://" SAMPLE_FILE,
						      p->resource_type), 0);
		s->has_res = true;
		assert_int_equal(vaccel_resource_register(&s->res, s->sess), 0);
		s->vals[i].p = &s->res;
		break;
	default:
		break;
	}
}

void sample_init(struct sample *s, const struct vop_desc *desc, struct vaccel_session *sess)
{
	memset(s, 0, sizeof(*s));
	s->desc = desc;
	s->sess = sess;
	for (unsigned int i = 0; i < desc->nr_params; i++) {
		if (desc->params[i].ctype == VOP_F32)
			s->vals[i].f = 1;
		else if (desc->params[i].kind == VOP_VAL)
			s->vals[i].i = SAMPLE_COUNT;
	}
	for (unsigned int i = 0; i < desc->nr_params; i++)
		make_param(s, i);
}

static void drop_output(struct sample *s, const struct vop_param *p, void **tensors)
{
	(void)s;
	for (int i = 0; i < SAMPLE_COUNT; i++) {
		if (!tensors[i])
			continue;
		if (p->framework == VOP_TF)
			vaccel_tf_tensor_delete(tensors[i]);
		else if (p->framework == VOP_TFLITE)
			vaccel_tflite_tensor_delete(tensors[i]);
		else
			vaccel_torch_tensor_delete(tensors[i]);
	}
}

void sample_release(struct sample *s)
{
	for (unsigned int i = 0; i < s->desc->nr_params; i++)
		if (s->desc->params[i].kind == VOP_TENSORS_OUT && s->vals[i].p)
			drop_output(s, &s->desc->params[i], s->vals[i].p);
	free(s->status.message);
	if (s->has_res)
		assert_int_equal(vaccel_resource_release(&s->res), 0);
	while (s->nr_blocks)
		free(s->blocks[--s->nr_blocks]);
}

/* ---- Arguments of vaccel_genop --------------------------------------------------------------- */

static int param_index(const struct vop_desc *desc, const char *name, size_t len)
{
	for (int i = 0; i < desc->nr_params; i++)
		if (strlen(desc->params[i].name) == len && !strncmp(desc->params[i].name, name, len))
			return i;
	fail_msg("%s has no parameter %s", desc->name, name);
	return -1;
}

static void add(struct generic *g, struct sample *s, int i, struct vaccel_arg *args, int *nr)
{
	const struct vop_param *p = &s->desc->params[i];
	struct vaccel_arg *arg = &args[*nr];
	uint64_t bytes;

	arg->type = p->gtype;
	arg->buf = s->vals[i].p;
	switch (p->kind) {
	case VOP_VAL:
		arg->buf = &s->vals[i].i;
		arg->size = p->ctype == VOP_I64 || p->ctype == VOP_U64 ? 8 : 4;
		if (p->ctype == VOP_I32 || p->ctype == VOP_U32) {
			g->i32[i] = (int32_t)s->vals[i].i;
			arg->buf = &g->i32[i];
		}
		break;
	case VOP_RES:
		arg->buf = &s->res.id;
		arg->size = sizeof(s->res.id);
		break;
	case VOP_STR:
		arg->size = strlen(arg->buf) + 1;
		break;
	case VOP_ARGS_IN:
	case VOP_ARGS_INOUT:
		memcpy(arg, s->vals[i].p, SAMPLE_COUNT * sizeof(*arg));
		*nr += SAMPLE_COUNT - 1;
		break;
	default:
		assert_int_equal(vop_length(s->desc, (unsigned int)i, s->vals, &bytes), 0);
		arg->size = bytes;
		break;
	}
	(*nr)++;
}

static void add_list(struct generic *g, struct sample *s, const char *names,
		     struct vaccel_arg *args, int *nr)
{
	while (*names) {
		size_t len = strcspn(names, " ");

		add(g, s, param_index(s->desc, names, len), args, nr);
		names += len + (names[len] == ' ');
	}
}

void generic_init(struct generic *g, struct sample *s)
{
	memset(g, 0, sizeof(*g));
	g->code = (uint8_t)s->desc->code;
	g->read[0] = (struct vaccel_arg){.buf = &g->code, .size = 1, .type = VACCEL_ARG_UINT8};
	g->nr_read = 1;
	add_list(g, s, s->desc->genop_read, g->read, &g->nr_read);
	add_list(g, s, s->desc->genop_write, g->write, &g->nr_write);
}
