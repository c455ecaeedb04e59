// SPDX-License-Identifier: Apache-2.0
/* Logs the arguments of a call, from the table of operations. */
#include <inttypes.h>

#include "decimal.h"
#include "noop.h"

#define MAX_TEXT  128 /* bytes of a string that are shown */
#define MAX_ITEMS 8   /* entries of an array that are shown */

/* A string as one line of ASCII: it may come from a guest. */
static const char *one_line(const char *text, char *line, size_t size)
{
	size_t i;

	if (!text)
		return "(null)";
	for (i = 0; i < size - 1 && text[i]; i++)
		line[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	line[i] = '\0';
	return line;
}

const char *noop_resource_path(const struct vaccel_resource *res)
{
	if (res->paths && res->nr_paths)
		return res->paths[0];
	if (res->blobs && res->nr_blobs)
		return vaccel_blob_path(res->blobs[0]);
	return NULL;
}

static void dump_resource(const char *name, const struct vaccel_resource *res)
{
	char line[MAX_TEXT];

	noop_debug("%s: %s", name,
		   one_line(res ? noop_resource_path(res) : NULL, line, sizeof(line)));
}

static void dump_args(const char *name, const struct vaccel_arg *args, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		noop_debug("%s[%" PRIu64 "]: type: %d size: %zu", name, i, (int)args[i].type,
			   args[i].size);
}

static void dump_nodes(const char *name, const struct vaccel_tf_node *nodes, uint64_t count)
{
	char line[MAX_TEXT];

	for (uint64_t i = 0; i < count; i++)
		noop_debug("%s[%" PRIu64 "]: name: %s id: %d", name, i,
			   one_line(nodes[i].name, line, sizeof(line)), nodes[i].id);
}

static void dump_infer(const char *name, const struct vaccel_infer_tensor *tensors, uint64_t count)
{
	char line[MAX_TEXT];

	for (uint64_t i = 0; i < count; i++)
		noop_debug("%s[%" PRIu64 "]: name: %s datatype: %s nr_dims: %" PRIu32 " size: %zu", name, i,
			   one_line(tensors[i].name, line, sizeof(line)),
			   vaccel_infer_datatype_to_base_str((vaccel_infer_datatype_t)tensors[i].datatype),
			   tensors[i].nr_dims, tensors[i].size);
}

static void dump_messages(const char *name, const struct vaccel_text_message *messages, uint64_t count)
{
	char role[MAX_TEXT], content[MAX_TEXT];

	for (uint64_t i = 0; i < count; i++)
		noop_debug("%s[%" PRIu64 "]: role: %s content: %s", name, i,
			   one_line(messages[i].role, role, sizeof(role)),
			   one_line(messages[i].content, content, sizeof(content)));
}

static void dump_tensor(const char *name, uint64_t index, int type, int64_t nr_dims, size_t size)
{
	noop_debug("%s[%" PRIu64 "]: type: %d nr_dims: %" PRId64 " size: %zu", name, index, type,
		   nr_dims, size);
}

#define DUMP_TENSORS(framework)                                                                   \
	static void dump_##framework(const char *name,                                            \
				     struct vaccel_##framework##_tensor *const *tensors,          \
				     uint64_t count)                                              \
	{                                                                                         \
		for (uint64_t i = 0; i < count; i++)                                              \
			if (tensors[i])                                                           \
				dump_tensor(name, i, (int)tensors[i]->data_type,                  \
					    tensors[i]->nr_dims, tensors[i]->size);               \
	}
DUMP_TENSORS(tf)
DUMP_TENSORS(tflite)
DUMP_TENSORS(torch)

static void dump_array(const struct vop_param *p, const void *array, uint64_t count)
{
	if (!array)
		return;
	if (count > MAX_ITEMS)
		count = MAX_ITEMS;

	switch (p->kind) {
	case VOP_ARGS_IN:
	case VOP_ARGS_INOUT:
		dump_args(p->name, array, count);
		return;
	case VOP_NODES:
		dump_nodes(p->name, array, count);
		return;
	case VOP_INFER_IN:
		dump_infer(p->name, array, count);
		return;
	case VOP_MESSAGES:
		dump_messages(p->name, array, count);
		return;
	default:
		break;
	}

	switch (p->framework) {
	case VOP_TF:
		dump_tf(p->name, array, count);
		return;
	case VOP_TFLITE:
		dump_tflite(p->name, array, count);
		return;
	default:
		dump_torch(p->name, array, count);
		return;
	}
}

static void dump_param(const struct vop_desc *desc, unsigned int index, const union vop_val *vals)
{
	const struct vop_param *p = &desc->params[index];
	char line[MAX_TEXT];
	uint64_t count;

	switch (p->kind) {
	case VOP_VAL:
		if (p->ctype == VOP_F32)
			noop_debug("%s: %s", p->name,
				   decimal((double)vals[index].f, 6, line, sizeof(line)));
		else
			noop_debug("%s: %" PRId64, p->name, vals[index].i);
		return;
	case VOP_STR:
		noop_debug("%s: %s", p->name, one_line(vals[index].p, line, sizeof(line)));
		return;
	case VOP_RES:
		dump_resource(p->name, vals[index].p);
		return;
	case VOP_ARGS_IN:
	case VOP_ARGS_INOUT:
	case VOP_NODES:
	case VOP_TENSORS_IN:
	case VOP_INFER_IN:
	case VOP_MESSAGES:
		if (!vop_count(desc, index, vals, &count))
			dump_array(p, vals[index].p, count);
		return;
	default: /* bytes and outputs say nothing in a log */
		return;
	}
}

void noop_dump(struct vaccel_session *sess, const struct vop_desc *desc, const union vop_val *vals)
{
	struct vaccel_resource *model = NULL;

	if (!desc->nr_params)
		return;
	noop_debug("Dumping arguments for %s:", desc->label);

	/* The image ops use the session's model, which is none of their parameters. */
	if (desc->code >= VACCEL_OP_IMAGE_CLASSIFY && desc->code <= VACCEL_OP_IMAGE_DEPTH) {
		if (vaccel_session_resource_by_type(sess, &model, VACCEL_RESOURCE_MODEL))
			model = NULL;
		dump_resource("model", model);
	}
	for (unsigned int i = 0; i < desc->nr_params; i++)
		dump_param(desc, i, vals);
}
