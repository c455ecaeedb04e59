// SPDX-License-Identifier: Apache-2.0
/* The public call of each op, made from the table of operations. */
#include "async.h"
#include "infer.h"
#include "op.h"
#include "ops/vop.h"
#include "process.h"
#include "text.h"
#include "trace.h"
#include "transport/probes.h"

#include <dlfcn.h>

/* Name of an object that a plugin may export, see short_form(). */
#define VACCEL_PLUGIN_TAKES_TEXT "vaccel_plugin_takes_text"

/* Whether the parameters of an operation of an extension are what its header says. EINVAL and others, logged. */
static int check(vaccel_op_type_t type, const union vop_val *vals)
{
	switch ((unsigned int)type) {
	case VACCEL_OP_INFER_RUN:
		return infer_check(vals);
	case VACCEL_OP_TEXT_BEGIN:
		return text_check_begin(vals);
	case VACCEL_OP_TEXT_NEXT:
		return text_check_next(vals);
	case VACCEL_OP_TEXT_EMBED:
		return text_check_embed(vals);
	default:
		return VACCEL_OK;
	}
}

/* What comes before every call of a plugin: the session, the resource that the op takes, lookup. */
static int begin(struct vaccel_session *sess, vaccel_op_type_t type, const union vop_val *vals,
		 void **func)
{
	const struct vop_desc *desc = vop_find((uint16_t)type);

	int ret = check(type, vals);

	if (ret)
		return ret;
	for (unsigned int i = 0; i < desc->nr_params; i++)
		if (desc->params[i].kind == VOP_RES)
			return op_begin_resource(sess, type, vals[i].p,
						 desc->params[i].resource_type, func);

	return op_begin(sess, type, func);
}

/*
 * Without a buffer for text, the plugin's classification function gets the parameters of the other
 * image ops. A function that takes the text unconditionally would then read a length as a pointer.
 * Such plugins (all that forward to a host, and those that export VACCEL_PLUGIN_TAKES_TEXT) get
 * the full form always, with the NULL or the length 0 that the program gave.
 */
static bool short_form(const struct vaccel_session *sess, const union vop_val *vals)
{
	if (vals[IMAGE_CLASSIFY_out_text].p && vals[IMAGE_CLASSIFY_len_out_text].i)
		return false;
	if (sess->is_virtio || !sess->plugin)
		return false;
	return !sess->plugin->dl_handle ||
	       !dlsym(sess->plugin->dl_handle, VACCEL_PLUGIN_TAKES_TEXT);
}

static int classify_without_text(void *func, struct vaccel_session *sess, const union vop_val *vals)
{
	return ((int (*)(struct vaccel_session * VOP_TYPES(IMAGE_DETECT)))func)(
		sess, vals[IMAGE_CLASSIFY_img].p, vals[IMAGE_CLASSIFY_out_imgname].p,
		(size_t)vals[IMAGE_CLASSIFY_len_img].i,
		(size_t)vals[IMAGE_CLASSIFY_len_out_imgname].i);
}

/* Plugins of this process may have ended before it; see process_enter(). */
static bool enter(const struct vaccel_session *sess)
{
	if (sess->is_virtio || process_enter())
		return true;
	vaccel_debug("The process is ending: no more operations of plugin %s",
		     sess->plugin->info->name);
	return false;
}

static void leave(bool is_virtio)
{
	if (!is_virtio)
		process_leave();
}

#define X_CALL(NAME, number, call, ...)                                                           \
	int call(struct vaccel_session *sess VOP_PROTO(NAME))                                     \
	{                                                                                         \
		const union vop_val vals[] = VOP_VALS(NAME);                                      \
		void *func;                                                                       \
		const vaccel_op_type_t type = (vaccel_op_type_t)number;                           \
		int ret = begin(sess, type, vals, &func);                                         \
		if (async_wanted())                                                               \
			return async_submit(sess, type, vals, ret);                               \
		if (ret)                                                                          \
			return ret;                                                               \
                                                                                                  \
		const bool is_virtio = sess->is_virtio;                                           \
		const int64_t session = sess->id;                                                 \
		struct op_prof prof;                                                              \
		uint64_t begun;                                                                   \
                                                                                                  \
		if (!enter(sess))                                                                 \
			return VACCEL_ESESS;                                                      \
		PROBE2(op__begin, type, session);                                                 \
		begun = trace_start();                                                            \
		op_prof_start_op(&prof, sess, type);                                              \
		if (number == VACCEL_OP_IMAGE_CLASSIFY && short_form(sess, vals))                 \
			ret = classify_without_text(func, sess, vals);                            \
		else                                                                              \
			ret = ((int (*)(struct vaccel_session * VOP_TYPES(NAME)))func)(           \
				sess VOP_ARGS(NAME));                                             \
		op_prof_stop(&prof);                                                              \
		if (ret && number == VACCEL_OP_INFER_RUN)                                         \
			infer_drop_outputs(vals);                                                 \
		if (begun)                                                                        \
			trace_op(type, begun, trace_end(begun, is_virtio), ret, 0);               \
		PROBE3(op__end, type, session, ret);                                              \
		leave(is_virtio);                                                                 \
		return ret;                                                                       \
	}

/* The names of deprecated calls are defined here, not used. */
OPS(X_CALL)
EXT_OPS(X_CALL)

/* vAccel 0.8 exports it, and has it in no header. */
int vaccel_opencv(struct vaccel_session *sess VOP_PROTO(OPENCV))
	__attribute__((alias("vaccel_opencv_unpack"), visibility("default")));
