/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of vAccel 0.7, for its programs: they compile, with warnings that say what to use instead.
 * Old names of members need -DVACCEL_API_0_7 on the compiler's command line: files and nr_files of
 * struct vaccel_resource, argtype of struct vaccel_arg, error_code of struct vaccel_tf_status. They
 * share an anonymous union with the new name there, which other languages' readers of headers hide.
 * Nothing here is exported by the library; threads, ownership and errors are those of the function
 * that each wrapper calls. vaccel.h includes this header last.
 *
 * Programs have to change by hand where no header can help:
 * - Members have another order in struct vaccel_arg, vaccel_resource, vaccel_session and
 *   vaccel_plugin_info, so initialisers must name them. Those of a list are no longer in struct
 *   vaccel_op, and struct vaccel_plugin has an array of ops instead of a list.
 * - vaccel_plugin_print_all_by_op_type and the functions and macros of lists are gone: what they
 *   worked on is private to the library.
 * - vaccel_session_has_resource no longer takes pointers to const objects: C compilers warn.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel/blob.h"
#include "vaccel/list.h"
#include "vaccel/op.h"
#include "vaccel/ops/tf.h"
#include "vaccel/ops/tflite.h"
#include "vaccel/ops/torch.h"
#include "vaccel/resource.h"
#include "vaccel/utils/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VACCEL_COMPAT_USE(what) __attribute__((deprecated("use " what)))

/* Lists. */
VACCEL_COMPAT_USE("struct vaccel_list_entry") typedef struct vaccel_list_entry vaccel_list_entry_t;
VACCEL_COMPAT_USE("struct vaccel_list_entry") typedef struct vaccel_list_entry vaccel_list_t;

/* Files are blobs. */
#define vaccel_file vaccel_blob

VACCEL_COMPAT_USE("vaccel_blob_persist")
static inline int vaccel_file_persist(struct vaccel_blob *file, const char *dir,
				      const char *filename, bool randomize)
{
	return vaccel_blob_persist(file, dir, filename, randomize);
}

VACCEL_COMPAT_USE("vaccel_blob_init")
static inline int vaccel_file_init(struct vaccel_blob *file, const char *path)
{
	return vaccel_blob_init(file, path);
}

VACCEL_COMPAT_USE("vaccel_blob_init_from_buf")
static inline int vaccel_file_init_from_buf(struct vaccel_blob *file, const uint8_t *buf,
					    size_t size, const char *filename, const char *dir,
					    bool randomize)
{
	return vaccel_blob_init_from_buf(file, buf, size, false, filename, dir, randomize);
}

VACCEL_COMPAT_USE("vaccel_blob_release")
static inline int vaccel_file_release(struct vaccel_blob *file)
{
	return vaccel_blob_release(file);
}

VACCEL_COMPAT_USE("vaccel_blob_new")
static inline int vaccel_file_new(struct vaccel_blob **file, const char *path)
{
	return vaccel_blob_new(file, path);
}

VACCEL_COMPAT_USE("vaccel_blob_from_buf")
static inline int vaccel_file_from_buf(struct vaccel_blob **file, const uint8_t *buf, size_t size,
				       const char *filename, const char *dir, bool randomize)
{
	return vaccel_blob_from_buf(file, buf, size, false, filename, dir, randomize);
}

VACCEL_COMPAT_USE("vaccel_blob_delete")
static inline int vaccel_file_delete(struct vaccel_blob *file)
{
	return vaccel_blob_delete(file);
}

VACCEL_COMPAT_USE("vaccel_blob_read")
static inline int vaccel_file_read(struct vaccel_blob *file)
{
	return vaccel_blob_read(file);
}

VACCEL_COMPAT_USE("vaccel_blob_data")
static inline uint8_t *vaccel_file_data(struct vaccel_blob *file, size_t *size)
{
	return vaccel_blob_data(file, size);
}

VACCEL_COMPAT_USE("vaccel_blob_path")
static inline const char *vaccel_file_path(struct vaccel_blob *file)
{
	return vaccel_blob_path(file);
}

VACCEL_COMPAT_USE("vaccel_blob_valid")
static inline bool vaccel_file_initialized(struct vaccel_blob *file)
{
	return vaccel_blob_valid(file);
}

/* The characters of str itself become lower-case (ASCII). EINVAL: NULL. */
VACCEL_COMPAT_USE("the parameters lower, size and alloc_lower of vaccel_str_to_lower")
static inline int vaccel_compat_str_to_lower(char *str)
{
	/* The copy is never ahead of what is read. */
	return vaccel_str_to_lower(str, str, SIZE_MAX, NULL);
}

/* Resources. */
VACCEL_COMPAT_USE("vaccel_resource_init_from_blobs")
static inline int vaccel_resource_init_from_files(struct vaccel_resource *res,
						  const struct vaccel_blob **files,
						  size_t nr_files, vaccel_resource_type_t type)
{
	return vaccel_resource_init_from_blobs(res, files, nr_files, type);
}

VACCEL_COMPAT_USE("vaccel_resource_from_blobs")
static inline int vaccel_resource_from_files(struct vaccel_resource **res,
					     const struct vaccel_blob **files, size_t nr_files,
					     vaccel_resource_type_t type)
{
	return vaccel_resource_from_blobs(res, files, nr_files, type);
}

VACCEL_COMPAT_USE("the last parameter mem_only of vaccel_resource_init_from_buf")
static inline int vaccel_compat_resource_init_from_buf(struct vaccel_resource *res,
						       const void *buf, size_t nr_bytes,
						       vaccel_resource_type_t type,
						       const char *filename)
{
	return vaccel_resource_init_from_buf(res, buf, nr_bytes, type, filename, false);
}

VACCEL_COMPAT_USE("the last parameter mem_only of vaccel_resource_from_buf")
static inline int vaccel_compat_resource_from_buf(struct vaccel_resource **res, const void *buf,
						  size_t nr_bytes, vaccel_resource_type_t type,
						  const char *filename)
{
	return vaccel_resource_from_buf(res, buf, nr_bytes, type, filename, false);
}

/*
 * Calls with the number of arguments that 0.7 had are those of 0.7. All others go to the function as
 * they are, also those in which a macro sees more arguments, at commas within braces.
 */
#define VACCEL_COMPAT_PICK(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, \
			   name, ...)                                                             \
	name
#define VACCEL_COMPAT_IF_ONE(old_name, name, ...)                                                 \
	VACCEL_COMPAT_PICK(__VA_ARGS__, name, name, name, name, name, name, name, name, name,     \
			   name, name, name, name, name, name, old_name, name)
#define VACCEL_COMPAT_IF_FIVE(old_name, name, ...)                                                \
	VACCEL_COMPAT_PICK(__VA_ARGS__, name, name, name, name, name, name, name, name, name,     \
			   name, name, old_name, name, name, name, name, name)
#define vaccel_str_to_lower(...)                                                     \
	VACCEL_COMPAT_IF_ONE(vaccel_compat_str_to_lower, vaccel_str_to_lower,        \
			     __VA_ARGS__)(__VA_ARGS__)
#define vaccel_resource_init_from_buf(...)                               \
	VACCEL_COMPAT_IF_FIVE(vaccel_compat_resource_init_from_buf,      \
			      vaccel_resource_init_from_buf, __VA_ARGS__)(__VA_ARGS__)
#define vaccel_resource_from_buf(...)                                    \
	VACCEL_COMPAT_IF_FIVE(vaccel_compat_resource_from_buf,           \
			      vaccel_resource_from_buf, __VA_ARGS__)(__VA_ARGS__)

/*
 * Operations on models. The numbers of the op types are those of 0.8. Four types are gone; their
 * names stand for numbers that are no op, which everything refuses with EINVAL.
 */
enum {
	VACCEL_OP_TF_MODEL_NEW VACCEL_COMPAT_USE("vaccel_resource_new") = 0xf8,
	VACCEL_OP_TF_MODEL_DESTROY VACCEL_COMPAT_USE("vaccel_resource_delete") = 0xf9,
	VACCEL_OP_TF_MODEL_REGISTER VACCEL_COMPAT_USE("vaccel_resource_register") = 0xfa,
	VACCEL_OP_TF_MODEL_UNREGISTER VACCEL_COMPAT_USE("vaccel_resource_unregister") = 0xfb,
	VACCEL_OP_TF_SESSION_LOAD VACCEL_COMPAT_USE("VACCEL_OP_TF_MODEL_LOAD") =
		VACCEL_OP_TF_MODEL_LOAD,
	VACCEL_OP_TF_SESSION_RUN VACCEL_COMPAT_USE("VACCEL_OP_TF_MODEL_RUN") =
		VACCEL_OP_TF_MODEL_RUN,
	VACCEL_OP_TF_SESSION_DELETE VACCEL_COMPAT_USE("VACCEL_OP_TF_MODEL_UNLOAD") =
		VACCEL_OP_TF_MODEL_UNLOAD,
	VACCEL_OP_TFLITE_SESSION_LOAD VACCEL_COMPAT_USE("VACCEL_OP_TFLITE_MODEL_LOAD") =
		VACCEL_OP_TFLITE_MODEL_LOAD,
	VACCEL_OP_TFLITE_SESSION_RUN VACCEL_COMPAT_USE("VACCEL_OP_TFLITE_MODEL_RUN") =
		VACCEL_OP_TFLITE_MODEL_RUN,
	VACCEL_OP_TFLITE_SESSION_DELETE VACCEL_COMPAT_USE("VACCEL_OP_TFLITE_MODEL_UNLOAD") =
		VACCEL_OP_TFLITE_MODEL_UNLOAD,
	VACCEL_OP_TORCH_JITLOAD_FORWARD VACCEL_COMPAT_USE("VACCEL_OP_TORCH_MODEL_RUN") =
		VACCEL_OP_TORCH_MODEL_RUN,
};

VACCEL_COMPAT_USE("vaccel_tf_model_load")
static inline int vaccel_tf_session_load(struct vaccel_session *sess,
					 struct vaccel_resource *model,
					 struct vaccel_tf_status *status)
{
	return vaccel_tf_model_load(sess, model, status);
}

VACCEL_COMPAT_USE("vaccel_tf_model_run")
static inline int vaccel_tf_session_run(struct vaccel_session *sess,
					const struct vaccel_resource *model,
					const struct vaccel_tf_buffer *run_options,
					const struct vaccel_tf_node *in_nodes,
					struct vaccel_tf_tensor *const *in, int nr_inputs,
					const struct vaccel_tf_node *out_nodes,
					struct vaccel_tf_tensor **out, int nr_outputs,
					struct vaccel_tf_status *status)
{
	return vaccel_tf_model_run(sess, (struct vaccel_resource *)model, run_options, in_nodes,
				   in, nr_inputs, out_nodes, out, nr_outputs, status);
}

VACCEL_COMPAT_USE("vaccel_tf_model_unload")
static inline int vaccel_tf_session_delete(struct vaccel_session *sess,
					   struct vaccel_resource *model,
					   struct vaccel_tf_status *status)
{
	return vaccel_tf_model_unload(sess, model, status);
}

VACCEL_COMPAT_USE("vaccel_tflite_model_load")
static inline int vaccel_tflite_session_load(struct vaccel_session *sess,
					     struct vaccel_resource *model)
{
	return vaccel_tflite_model_load(sess, model);
}

VACCEL_COMPAT_USE("vaccel_tflite_model_run")
static inline int vaccel_tflite_session_run(struct vaccel_session *sess,
					    const struct vaccel_resource *model,
					    struct vaccel_tflite_tensor *const *in, int nr_inputs,
					    struct vaccel_tflite_tensor **out, int nr_outputs,
					    uint8_t *status)
{
	return vaccel_tflite_model_run(sess, (struct vaccel_resource *)model, in, nr_inputs, out,
				       nr_outputs, status);
}

VACCEL_COMPAT_USE("vaccel_tflite_model_unload")
static inline int vaccel_tflite_session_delete(struct vaccel_session *sess,
					       struct vaccel_resource *model)
{
	return vaccel_tflite_model_unload(sess, model);
}

VACCEL_COMPAT_USE("vaccel_torch_model_run")
static inline int vaccel_torch_jitload_forward(struct vaccel_session *sess,
					       const struct vaccel_resource *model,
					       const struct vaccel_torch_buffer *run_options,
					       struct vaccel_torch_tensor **in, int nr_inputs,
					       struct vaccel_torch_tensor **out, int nr_outputs)
{
	return vaccel_torch_model_run(sess, (struct vaccel_resource *)model, run_options, in,
				      nr_inputs, out, nr_outputs);
}

#ifdef __cplusplus
}
#endif
