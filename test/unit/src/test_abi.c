// SPDX-License-Identifier: Apache-2.0
/*
 * The binary interface of vAccel 0.8: this file does not compile when a size, an offset, the
 * value of an enumerator or a prototype differs, and fails when a symbol is not exported.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "slog.h"
#include "vaccel.h"

#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), "size of " #type)
#define OFFSET(type, member, bytes, member_type) \
	_Static_assert(offsetof(type, member) == (bytes) && \
		       __builtin_types_compatible_p(__typeof__(((type *)0)->member), \
						    __typeof__(member_type)), \
		       #type "." #member)
#define VALUE(name, value) _Static_assert((name) == (value), #name)

_Static_assert(sizeof(PROJECT_VERSION) == sizeof(VACCEL_VERSION), "length of the version");

/* Layouts, on x86_64 */
#ifdef __x86_64__
SIZE(struct vaccel_list_entry, 16);
OFFSET(struct vaccel_list_entry, next, 0, struct vaccel_list_entry *);
OFFSET(struct vaccel_list_entry, prev, 8, struct vaccel_list_entry *);

SIZE(struct SLogConfig, 2312);
OFFSET(struct SLogConfig, sFileName, 0, char[256]);
OFFSET(struct SLogConfig, sFilePath, 256, char[2048]);
OFFSET(struct SLogConfig, eColorFormat, 2304, SLOG_COLOR_FMT_E);
OFFSET(struct SLogConfig, nFlags, 2310, uint16_t);

SIZE(struct vaccel_config, 32);
OFFSET(struct vaccel_config, plugins, 0, char *);
OFFSET(struct vaccel_config, log_level, 8, vaccel_log_level_t);
OFFSET(struct vaccel_config, log_file, 16, char *);
OFFSET(struct vaccel_config, profiling_enabled, 24, bool);
OFFSET(struct vaccel_config, version_ignore, 25, bool);

SIZE(struct vaccel_session, 4264);
OFFSET(struct vaccel_session, id, 0, vaccel_id_t);
OFFSET(struct vaccel_session, remote_id, 8, vaccel_id_t);
OFFSET(struct vaccel_session, hint, 16, unsigned int);
OFFSET(struct vaccel_session, is_virtio, 20, bool);
OFFSET(struct vaccel_session, rundir, 21, char[4096]);
OFFSET(struct vaccel_session, entry, 4120, struct vaccel_list_entry);
OFFSET(struct vaccel_session, resources, 4136, struct vaccel_list_entry[3]);
OFFSET(struct vaccel_session, resource_counts, 4184, size_t[3]);
OFFSET(struct vaccel_session, resources_lock, 4208, pthread_mutex_t);
OFFSET(struct vaccel_session, plugin, 4248, struct vaccel_plugin *);
OFFSET(struct vaccel_session, priv, 4256, void *);

SIZE(struct vaccel_resource, 152);
OFFSET(struct vaccel_resource, id, 0, vaccel_id_t);
OFFSET(struct vaccel_resource, remote_id, 8, vaccel_id_t);
OFFSET(struct vaccel_resource, type, 16, vaccel_resource_type_t);
OFFSET(struct vaccel_resource, path_type, 20, vaccel_path_type_t);
OFFSET(struct vaccel_resource, paths, 24, char **);
OFFSET(struct vaccel_resource, nr_paths, 32, size_t);
OFFSET(struct vaccel_resource, rundir, 40, char *);
OFFSET(struct vaccel_resource, blobs, 48, struct vaccel_blob **);
OFFSET(struct vaccel_resource, nr_blobs, 56, size_t);
OFFSET(struct vaccel_resource, entry, 64, struct vaccel_list_entry);
OFFSET(struct vaccel_resource, sessions, 80, struct vaccel_list_entry);
OFFSET(struct vaccel_resource, sessions_lock, 96, pthread_mutex_t);
OFFSET(struct vaccel_resource, refcount, 136, atomic_uint);
OFFSET(struct vaccel_resource, plugin_priv, 144, void *);

SIZE(struct vaccel_blob, 56);
OFFSET(struct vaccel_blob, type, 0, vaccel_blob_type_t);
OFFSET(struct vaccel_blob, name, 8, char *);
OFFSET(struct vaccel_blob, path, 16, char *);
OFFSET(struct vaccel_blob, path_owned, 24, bool);
OFFSET(struct vaccel_blob, data, 32, uint8_t *);
OFFSET(struct vaccel_blob, data_owned, 40, bool);
OFFSET(struct vaccel_blob, size, 48, size_t);

SIZE(struct vaccel_arg, 32);
OFFSET(struct vaccel_arg, buf, 0, void *);
OFFSET(struct vaccel_arg, size, 8, size_t);
OFFSET(struct vaccel_arg, type, 16, vaccel_arg_type_t);
OFFSET(struct vaccel_arg, custom_type_id, 20, uint32_t);
OFFSET(struct vaccel_arg, owned, 24, bool);

SIZE(struct vaccel_arg_array, 40);
OFFSET(struct vaccel_arg_array, args, 0, struct vaccel_arg *);
OFFSET(struct vaccel_arg_array, count, 8, size_t);
OFFSET(struct vaccel_arg_array, capacity, 16, size_t);
OFFSET(struct vaccel_arg_array, position, 24, size_t);
OFFSET(struct vaccel_arg_array, owned, 32, bool);

SIZE(struct vaccel_arg_list, 32);
OFFSET(struct vaccel_arg_list, size, 0, uint32_t);
OFFSET(struct vaccel_arg_list, list, 8, struct vaccel_arg *);
OFFSET(struct vaccel_arg_list, curr_idx, 16, int);
OFFSET(struct vaccel_arg_list, idcs_allocated_space, 24, int *);

SIZE(struct vaccel_prof_sample, 16);
OFFSET(struct vaccel_prof_sample, start, 0, uint64_t);
OFFSET(struct vaccel_prof_sample, time, 8, uint64_t);

SIZE(struct vaccel_prof_region, 40);
OFFSET(struct vaccel_prof_region, name, 0, const char *);
OFFSET(struct vaccel_prof_region, name_owned, 8, bool);
OFFSET(struct vaccel_prof_region, nr_entries, 16, size_t);
OFFSET(struct vaccel_prof_region, samples, 24, struct vaccel_prof_sample *);
OFFSET(struct vaccel_prof_region, size, 32, size_t);

SIZE(struct vaccel_op, 24);
OFFSET(struct vaccel_op, type, 0, vaccel_op_type_t);
OFFSET(struct vaccel_op, func, 8, void *);
OFFSET(struct vaccel_op, owner, 16, struct vaccel_plugin *);

SIZE(struct vaccel_plugin_info, 96);
OFFSET(struct vaccel_plugin_info, name, 0, const char *);
OFFSET(struct vaccel_plugin_info, version, 8, const char *);
OFFSET(struct vaccel_plugin_info, vaccel_version, 16, const char *);
OFFSET(struct vaccel_plugin_info, init, 24, int (*)(void));
OFFSET(struct vaccel_plugin_info, fini, 32, int (*)(void));
OFFSET(struct vaccel_plugin_info, is_virtio, 40, bool);
OFFSET(struct vaccel_plugin_info, type, 44, vaccel_plugin_type_t);
OFFSET(struct vaccel_plugin_info, session_init, 48, int (*)(struct vaccel_session *, uint32_t));
OFFSET(struct vaccel_plugin_info, session_release, 56, int (*)(struct vaccel_session *));
OFFSET(struct vaccel_plugin_info, session_update, 64, int (*)(struct vaccel_session *, uint32_t));
OFFSET(struct vaccel_plugin_info, resource_register, 72,
       int (*)(struct vaccel_resource *, struct vaccel_session *));
OFFSET(struct vaccel_plugin_info, resource_unregister, 80,
       int (*)(struct vaccel_resource *, struct vaccel_session *));
OFFSET(struct vaccel_plugin_info, resource_sync, 88,
       int (*)(struct vaccel_resource *, struct vaccel_session *));

SIZE(struct vaccel_plugin, 224);
OFFSET(struct vaccel_plugin, dl_handle, 0, void *);
OFFSET(struct vaccel_plugin, entry, 8, struct vaccel_list_entry);
OFFSET(struct vaccel_plugin, ops, 24, struct vaccel_op *[24]);
OFFSET(struct vaccel_plugin, info, 216, struct vaccel_plugin_info *);

SIZE(struct vaccel_tf_buffer, 16);
OFFSET(struct vaccel_tf_buffer, data, 0, void *);
OFFSET(struct vaccel_tf_buffer, size, 8, size_t);

SIZE(struct vaccel_tf_node, 16);
OFFSET(struct vaccel_tf_node, name, 0, char *);
OFFSET(struct vaccel_tf_node, id, 8, int);

SIZE(struct vaccel_tf_tensor, 40);
OFFSET(struct vaccel_tf_tensor, data, 0, void *);
OFFSET(struct vaccel_tf_tensor, size, 8, size_t);
OFFSET(struct vaccel_tf_tensor, owned, 16, bool);
OFFSET(struct vaccel_tf_tensor, nr_dims, 20, int);
OFFSET(struct vaccel_tf_tensor, dims, 24, int64_t *);
OFFSET(struct vaccel_tf_tensor, data_type, 32, enum vaccel_tf_data_type);

SIZE(struct vaccel_tf_status, 16);
OFFSET(struct vaccel_tf_status, code, 0, uint8_t);
OFFSET(struct vaccel_tf_status, message, 8, char *);

SIZE(struct vaccel_tflite_tensor, 40);
OFFSET(struct vaccel_tflite_tensor, data, 0, void *);
OFFSET(struct vaccel_tflite_tensor, size, 8, size_t);
OFFSET(struct vaccel_tflite_tensor, owned, 16, bool);
OFFSET(struct vaccel_tflite_tensor, nr_dims, 20, int);
OFFSET(struct vaccel_tflite_tensor, dims, 24, int32_t *);
OFFSET(struct vaccel_tflite_tensor, data_type, 32, enum vaccel_tflite_data_type);

SIZE(struct vaccel_torch_buffer, 16);
OFFSET(struct vaccel_torch_buffer, data, 0, char *);
OFFSET(struct vaccel_torch_buffer, size, 8, size_t);

SIZE(struct vaccel_torch_tensor, 48);
OFFSET(struct vaccel_torch_tensor, data, 0, void *);
OFFSET(struct vaccel_torch_tensor, size, 8, size_t);
OFFSET(struct vaccel_torch_tensor, owned, 16, bool);
OFFSET(struct vaccel_torch_tensor, nr_dims, 24, int64_t);
OFFSET(struct vaccel_torch_tensor, dims, 32, int64_t *);
OFFSET(struct vaccel_torch_tensor, data_type, 40, enum vaccel_torch_data_type);

#endif

/* Enumerators */
VALUE(VACCEL_EPERM, 1);
VALUE(VACCEL_ENOENT, 2);
VALUE(VACCEL_EIO, 5);
VALUE(VACCEL_ENOEXEC, 8);
VALUE(VACCEL_EBADF, 9);
VALUE(VACCEL_EAGAIN, 11);
VALUE(VACCEL_ENOMEM, 12);
VALUE(VACCEL_EACCES, 13);
VALUE(VACCEL_EFAULT, 14);
VALUE(VACCEL_EBUSY, 16);
VALUE(VACCEL_EEXIST, 17);
VALUE(VACCEL_ENODEV, 19);
VALUE(VACCEL_ENOTDIR, 20);
VALUE(VACCEL_EINVAL, 22);
VALUE(VACCEL_ENOSPC, 28);
VALUE(VACCEL_EROFS, 30);
VALUE(VACCEL_EMLINK, 31);
VALUE(VACCEL_ERANGE, 34);
VALUE(VACCEL_ENAMETOOLONG, 36);
VALUE(VACCEL_ENOSYS, 38);
VALUE(VACCEL_ELOOP, 40);
VALUE(VACCEL_EBACKEND, 71);
VALUE(VACCEL_ELIBBAD, 80);
VALUE(VACCEL_EUSERS, 87);
VALUE(VACCEL_ENOTSUP, 95);
VALUE(VACCEL_ESESS, 104);
VALUE(VACCEL_EINPROGRESS, 115);
VALUE(VACCEL_EREMOTEIO, 121);

VALUE(VACCEL_PATH_LOCAL_FILE, 0);
VALUE(VACCEL_PATH_LOCAL_DIR, 1);
VALUE(VACCEL_PATH_REMOTE_FILE, 2);
VALUE(VACCEL_PATH_MAX, 3);

VALUE(VACCEL_LOG_ERROR, 1);
VALUE(VACCEL_LOG_WARN, 2);
VALUE(VACCEL_LOG_INFO, 3);
VALUE(VACCEL_LOG_DEBUG, 4);
VALUE(VACCEL_LOG_MAX, 5);

VALUE(VACCEL_RESOURCE_LIB, 0);
VALUE(VACCEL_RESOURCE_DATA, 1);
VALUE(VACCEL_RESOURCE_MODEL, 2);
VALUE(VACCEL_RESOURCE_MAX, 3);

VALUE(VACCEL_BLOB_FILE, 0);
VALUE(VACCEL_BLOB_BUFFER, 1);
VALUE(VACCEL_BLOB_MAPPED, 2);
VALUE(VACCEL_BLOB_MAX, 3);

VALUE(VACCEL_ARG_RAW, 0);
VALUE(VACCEL_ARG_INT8, 1);
VALUE(VACCEL_ARG_INT8_ARRAY, 2);
VALUE(VACCEL_ARG_INT16, 3);
VALUE(VACCEL_ARG_INT16_ARRAY, 4);
VALUE(VACCEL_ARG_INT32, 5);
VALUE(VACCEL_ARG_INT32_ARRAY, 6);
VALUE(VACCEL_ARG_INT64, 7);
VALUE(VACCEL_ARG_INT64_ARRAY, 8);
VALUE(VACCEL_ARG_UINT8, 9);
VALUE(VACCEL_ARG_UINT8_ARRAY, 10);
VALUE(VACCEL_ARG_UINT16, 11);
VALUE(VACCEL_ARG_UINT16_ARRAY, 12);
VALUE(VACCEL_ARG_UINT32, 13);
VALUE(VACCEL_ARG_UINT32_ARRAY, 14);
VALUE(VACCEL_ARG_UINT64, 15);
VALUE(VACCEL_ARG_UINT64_ARRAY, 16);
VALUE(VACCEL_ARG_FLOAT32, 17);
VALUE(VACCEL_ARG_FLOAT32_ARRAY, 18);
VALUE(VACCEL_ARG_FLOAT64, 19);
VALUE(VACCEL_ARG_FLOAT64_ARRAY, 20);
VALUE(VACCEL_ARG_BOOL, 21);
VALUE(VACCEL_ARG_BOOL_ARRAY, 22);
VALUE(VACCEL_ARG_CHAR, 23);
VALUE(VACCEL_ARG_CHAR_ARRAY, 24);
VALUE(VACCEL_ARG_UCHAR, 25);
VALUE(VACCEL_ARG_UCHAR_ARRAY, 26);
VALUE(VACCEL_ARG_STRING, 27);
VALUE(VACCEL_ARG_BUFFER, 28);
VALUE(VACCEL_ARG_CUSTOM, 29);
VALUE(VACCEL_ARG_MAX, 30);

VALUE(VACCEL_OP_NOOP, 0);
VALUE(VACCEL_OP_EXEC, 1);
VALUE(VACCEL_OP_EXEC_WITH_RESOURCE, 2);
VALUE(VACCEL_OP_IMAGE_CLASSIFY, 3);
VALUE(VACCEL_OP_IMAGE_DETECT, 4);
VALUE(VACCEL_OP_IMAGE_SEGMENT, 5);
VALUE(VACCEL_OP_IMAGE_POSE, 6);
VALUE(VACCEL_OP_IMAGE_DEPTH, 7);
VALUE(VACCEL_OP_TF_MODEL_LOAD, 8);
VALUE(VACCEL_OP_TF_MODEL_UNLOAD, 9);
VALUE(VACCEL_OP_TF_MODEL_RUN, 10);
VALUE(VACCEL_OP_TFLITE_MODEL_LOAD, 11);
VALUE(VACCEL_OP_TFLITE_MODEL_UNLOAD, 12);
VALUE(VACCEL_OP_TFLITE_MODEL_RUN, 13);
VALUE(VACCEL_OP_TORCH_MODEL_LOAD, 14);
VALUE(VACCEL_OP_TORCH_MODEL_RUN, 15);
VALUE(VACCEL_OP_TORCH_SGEMM, 16);
VALUE(VACCEL_OP_BLAS_SGEMM, 17);
VALUE(VACCEL_OP_FPGA_ARRAYCOPY, 18);
VALUE(VACCEL_OP_FPGA_MMULT, 19);
VALUE(VACCEL_OP_FPGA_PARALLEL, 20);
VALUE(VACCEL_OP_FPGA_VECTORADD, 21);
VALUE(VACCEL_OP_MINMAX, 22);
VALUE(VACCEL_OP_OPENCV, 23);
VALUE(VACCEL_OP_MAX, 24);

VALUE(VACCEL_PLUGIN_CPU, 1);
VALUE(VACCEL_PLUGIN_GPU, 2);
VALUE(VACCEL_PLUGIN_FPGA, 4);
VALUE(VACCEL_PLUGIN_SOFTWARE, 8);
VALUE(VACCEL_PLUGIN_TENSORFLOW, 16);
VALUE(VACCEL_PLUGIN_TORCH, 32);
VALUE(VACCEL_PLUGIN_JETSON, 64);
VALUE(VACCEL_PLUGIN_GENERIC, 128);
VALUE(VACCEL_PLUGIN_DEBUG, 256);
VALUE(VACCEL_PLUGIN_PROFILING, 512);
VALUE(VACCEL_PLUGIN_REMOTE, 16384);
VALUE(VACCEL_PLUGIN_ALL, 65535);
VALUE(VACCEL_PLUGIN_MAX, 65536);

VALUE(VACCEL_TF_FLOAT, 1);
VALUE(VACCEL_TF_DOUBLE, 2);
VALUE(VACCEL_TF_INT32, 3);
VALUE(VACCEL_TF_UINT8, 4);
VALUE(VACCEL_TF_INT16, 5);
VALUE(VACCEL_TF_INT8, 6);
VALUE(VACCEL_TF_STRING, 7);
VALUE(VACCEL_TF_COMPLEX, 8);
VALUE(VACCEL_TF_COMPLEX64, 8);
VALUE(VACCEL_TF_INT64, 9);
VALUE(VACCEL_TF_BOOL, 10);
VALUE(VACCEL_TF_QINT8, 11);
VALUE(VACCEL_TF_QUINT8, 12);
VALUE(VACCEL_TF_QINT32, 13);
VALUE(VACCEL_TF_BFLOAT16, 14);
VALUE(VACCEL_TF_QINT16, 15);
VALUE(VACCEL_TF_QUINT16, 16);
VALUE(VACCEL_TF_UINT16, 17);
VALUE(VACCEL_TF_COMPLEX128, 18);
VALUE(VACCEL_TF_HALF, 19);
VALUE(VACCEL_TF_RESOURCE, 20);
VALUE(VACCEL_TF_VARIANT, 21);
VALUE(VACCEL_TF_UINT32, 22);
VALUE(VACCEL_TF_UINT64, 23);

VALUE(VACCEL_TFLITE_NOTYPE, 0);
VALUE(VACCEL_TFLITE_FLOAT32, 1);
VALUE(VACCEL_TFLITE_INT32, 2);
VALUE(VACCEL_TFLITE_UINT8, 3);
VALUE(VACCEL_TFLITE_INT64, 4);
VALUE(VACCEL_TFLITE_STRING, 5);
VALUE(VACCEL_TFLITE_BOOL, 6);
VALUE(VACCEL_TFLITE_INT16, 7);
VALUE(VACCEL_TFLITE_COMPLEX64, 8);
VALUE(VACCEL_TFLITE_INT8, 9);
VALUE(VACCEL_TFLITE_FLOAT16, 10);
VALUE(VACCEL_TFLITE_FLOAT64, 11);
VALUE(VACCEL_TFLITE_COMPLEX128, 12);
VALUE(VACCEL_TFLITE_UINT64, 13);
VALUE(VACCEL_TFLITE_RESOURCE, 14);
VALUE(VACCEL_TFLITE_VARIANT, 15);
VALUE(VACCEL_TFLITE_UINT32, 16);
VALUE(VACCEL_TFLITE_UINT16, 17);
VALUE(VACCEL_TFLITE_INT4, 18);

VALUE(VACCEL_TORCH_BYTE, 1);
VALUE(VACCEL_TORCH_CHAR, 2);
VALUE(VACCEL_TORCH_SHORT, 3);
VALUE(VACCEL_TORCH_INT, 4);
VALUE(VACCEL_TORCH_LONG, 5);
VALUE(VACCEL_TORCH_HALF, 6);
VALUE(VACCEL_TORCH_FLOAT, 7);

VALUE(SLOG_NOTAG, 1);
VALUE(SLOG_NOTE, 2);
VALUE(SLOG_INFO, 4);
VALUE(SLOG_WARN, 8);
VALUE(SLOG_DEBUG, 16);
VALUE(SLOG_TRACE, 32);
VALUE(SLOG_ERROR, 64);
VALUE(SLOG_FATAL, 128);

VALUE(VACCEL_OK, 0);
VALUE(VACCEL_ENUM_STR_MAX, 128);
SIZE(vaccel_id_t, 8);
SIZE(vaccel_op_type_t, 4);
_Static_assert((vaccel_id_t)-1 < 0, "ids are signed");
_Static_assert((vaccel_op_type_t)-1 > 0, "enums are unsigned");

/* Prototypes: each must agree with the one in the header. */
#pragma GCC diagnostic ignored "-Wredundant-decls"
int vaccel_str_to_lower(const char *str, char *lower, size_t size, char **alloc_lower);
int vaccel_log_init(void);
int vaccel_log_shutdown(void);
int vaccel_config_init(struct vaccel_config *config, const char *plugins,
	vaccel_log_level_t log_level, const char *log_file, bool profiling_enabled,
	bool version_ignore);
int vaccel_config_init_from_env(struct vaccel_config *config);
int vaccel_config_init_from(struct vaccel_config *config, struct vaccel_config *config_src);
int vaccel_config_release(struct vaccel_config *config);
int vaccel_config_new(struct vaccel_config **config, const char *plugins,
	vaccel_log_level_t log_level, const char *log_file, bool profiling_enabled,
	bool version_ignore);
int vaccel_config_from_env(struct vaccel_config **config);
int vaccel_config_from(struct vaccel_config **config, struct vaccel_config *config_src);
int vaccel_config_delete(struct vaccel_config *config);
void vaccel_config_print_debug(struct vaccel_config *config);
int vaccel_bootstrap(void);
int vaccel_bootstrap_with_config(struct vaccel_config *config);
int vaccel_cleanup(void);
bool vaccel_is_initialized(void);
const char *vaccel_rundir(void);
const struct vaccel_config *vaccel_config(void);
int vaccel_session_get_by_id(struct vaccel_session **sess, vaccel_id_t id);
int vaccel_session_init(struct vaccel_session *sess, uint32_t flags);
int vaccel_session_release(struct vaccel_session *sess);
int vaccel_session_new(struct vaccel_session **sess, uint32_t flags);
int vaccel_session_delete(struct vaccel_session *sess);
bool vaccel_session_has_resource(struct vaccel_session *sess, struct vaccel_resource *res);
int vaccel_session_resource_by_id(struct vaccel_session *sess, struct vaccel_resource **res,
	vaccel_id_t id);
int vaccel_session_resource_by_type(struct vaccel_session *sess, struct vaccel_resource **res,
	vaccel_resource_type_t type);
int vaccel_session_resources_by_type(struct vaccel_session *sess,
	struct vaccel_resource ***resources, size_t *nr_found, vaccel_resource_type_t type);
int vaccel_session_update(struct vaccel_session *sess, uint32_t flags);
int vaccel_sess_init(struct vaccel_session *sess, uint32_t flags);
int vaccel_sess_update(struct vaccel_session *sess, uint32_t flags);
int vaccel_sess_free(struct vaccel_session *sess);
bool vaccel_sess_has_resource(struct vaccel_session *sess, struct vaccel_resource *res);
int vaccel_resource_get_by_id(struct vaccel_resource **res, vaccel_id_t id);
int vaccel_resource_get_by_type(struct vaccel_resource **res, vaccel_resource_type_t type);
int vaccel_resource_get_all_by_type(struct vaccel_resource ***res, size_t *nr_found,
	vaccel_resource_type_t type);
long int vaccel_resource_refcount(const struct vaccel_resource *res);
int vaccel_resource_init(struct vaccel_resource *res, const char *path,
	vaccel_resource_type_t type);
int vaccel_resource_init_multi(struct vaccel_resource *res, const char **paths, size_t nr_paths,
	vaccel_resource_type_t type);
int vaccel_resource_init_from_buf(struct vaccel_resource *res, const void *buf, size_t nr_bytes,
	vaccel_resource_type_t type, const char *filename, bool mem_only);
int vaccel_resource_init_from_blobs(struct vaccel_resource *res,
	const struct vaccel_blob **blobs, size_t nr_blobs, vaccel_resource_type_t type);
int vaccel_resource_release(struct vaccel_resource *res);
int vaccel_resource_new(struct vaccel_resource **res, const char *path,
	vaccel_resource_type_t type);
int vaccel_resource_multi_new(struct vaccel_resource **res, const char **paths, size_t nr_paths,
	vaccel_resource_type_t type);
int vaccel_resource_from_buf(struct vaccel_resource **res, const void *buf, size_t nr_bytes,
	vaccel_resource_type_t type, const char *filename, bool mem_only);
int vaccel_resource_from_blobs(struct vaccel_resource **res, const struct vaccel_blob **blobs,
	size_t nr_blobs, vaccel_resource_type_t type);
int vaccel_resource_delete(struct vaccel_resource *res);
int vaccel_resource_register(struct vaccel_resource *res, struct vaccel_session *sess);
int vaccel_resource_unregister(struct vaccel_resource *res, struct vaccel_session *sess);
int vaccel_resource_sync(struct vaccel_resource *res, struct vaccel_session *sess);
int vaccel_resource_directory(struct vaccel_resource *res, char *out_path, size_t out_path_size,
	char **alloc_path);
int vaccel_blob_persist(struct vaccel_blob *blob, const char *dir, const char *filename,
	bool randomize);
int vaccel_blob_init(struct vaccel_blob *blob, const char *path);
int vaccel_blob_init_from_buf(struct vaccel_blob *blob, const uint8_t *buf, size_t size,
	bool own, const char *filename, const char *dir, bool randomize);
int vaccel_blob_release(struct vaccel_blob *blob);
int vaccel_blob_new(struct vaccel_blob **blob, const char *path);
int vaccel_blob_from_buf(struct vaccel_blob **blob, const uint8_t *buf, size_t size, bool own,
	const char *filename, const char *dir, bool randomize);
int vaccel_blob_delete(struct vaccel_blob *blob);
int vaccel_blob_read(struct vaccel_blob *blob);
uint8_t *vaccel_blob_data(struct vaccel_blob *blob, size_t *size);
const char *vaccel_blob_path(struct vaccel_blob *blob);
bool vaccel_blob_valid(const struct vaccel_blob *blob);
int vaccel_arg_init(struct vaccel_arg *arg, const void *buf, size_t size, vaccel_arg_type_t type,
	uint32_t custom_id);
int vaccel_arg_init_from_buf(struct vaccel_arg *arg, void *buf, size_t size,
	vaccel_arg_type_t type, uint32_t custom_id);
int vaccel_arg_release(struct vaccel_arg *arg);
int vaccel_arg_new(struct vaccel_arg **arg, const void *buf, size_t size, vaccel_arg_type_t type,
	uint32_t custom_id);
int vaccel_arg_from_buf(struct vaccel_arg **arg, void *buf, size_t size, vaccel_arg_type_t type,
	uint32_t custom_id);
int vaccel_arg_delete(struct vaccel_arg *arg);
int vaccel_arg_array_init(struct vaccel_arg_array *array, size_t initial_capacity);
int vaccel_arg_array_release(struct vaccel_arg_array *array);
int vaccel_arg_array_new(struct vaccel_arg_array **array, size_t initial_capacity);
int vaccel_arg_array_delete(struct vaccel_arg_array *array);
int vaccel_arg_array_wrap(struct vaccel_arg_array *array, struct vaccel_arg *args,
	size_t count);
void vaccel_arg_array_clear(struct vaccel_arg_array *array);
int vaccel_arg_array_add_raw(struct vaccel_arg_array *array, void *buf, size_t size);
int vaccel_arg_array_add_string(struct vaccel_arg_array *array, char *str);
int vaccel_arg_array_add_buffer(struct vaccel_arg_array *array, void *buf, size_t size);
int vaccel_arg_array_add_custom(struct vaccel_arg_array *array, uint32_t custom_id, void *buf,
	size_t size, vaccel_arg_type_validator_fn validator);
int vaccel_arg_array_add_serialized(struct vaccel_arg_array *array, vaccel_arg_type_t type,
	uint32_t custom_id, const void *data, size_t data_size,
	vaccel_arg_serializer_fn serializer);
int vaccel_arg_array_add_range(struct vaccel_arg_array *dest, const struct vaccel_arg_array *src,
	size_t start_idx, size_t count, bool copy);
int vaccel_arg_array_add_remaining(struct vaccel_arg_array *dest,
	const struct vaccel_arg_array *src, bool copy);
int vaccel_arg_array_add_all(struct vaccel_arg_array *dest, const struct vaccel_arg_array *src,
	bool copy);
int vaccel_arg_array_get_raw(struct vaccel_arg_array *array, void **buf, size_t *size);
int vaccel_arg_array_get_string(struct vaccel_arg_array *array, char **str);
int vaccel_arg_array_get_buffer(struct vaccel_arg_array *array, void **buf, size_t *size);
int vaccel_arg_array_get_custom(struct vaccel_arg_array *array, uint32_t expected_id, void **buf,
	size_t *size, vaccel_arg_type_validator_fn validator);
int vaccel_arg_array_get_serialized(struct vaccel_arg_array *array,
	vaccel_arg_type_t expected_type, uint32_t expected_custom_id, void *data,
	size_t expected_size, vaccel_arg_deserializer_fn deserializer);
int vaccel_arg_array_set_raw(struct vaccel_arg_array *array, void *buf, size_t size);
int vaccel_arg_array_set_string(struct vaccel_arg_array *array, char *str);
int vaccel_arg_array_set_buffer(struct vaccel_arg_array *array, void *buf, size_t size);
int vaccel_arg_array_set_custom(struct vaccel_arg_array *array, uint32_t expected_id, void *buf,
	size_t size, vaccel_arg_type_validator_fn validator);
int vaccel_arg_array_set_serialized(struct vaccel_arg_array *array,
	vaccel_arg_type_t expected_type, uint32_t expected_custom_id, void *data,
	size_t data_size, vaccel_arg_serializer_fn serializer);
int vaccel_arg_array_get_remaining(struct vaccel_arg_array *array, struct vaccel_arg **args,
	size_t *count);
size_t vaccel_arg_array_remaining_count(const struct vaccel_arg_array *array);
size_t vaccel_arg_array_position(const struct vaccel_arg_array *array);
void vaccel_arg_array_set_position(struct vaccel_arg_array *array, size_t position);
void vaccel_arg_array_reset_position(struct vaccel_arg_array *array);
size_t vaccel_arg_array_count(const struct vaccel_arg_array *array);
struct vaccel_arg *vaccel_arg_array_raw(struct vaccel_arg_array *array);
struct vaccel_arg_list * vaccel_args_init(uint32_t size);
int vaccel_add_serial_arg(struct vaccel_arg_list *args, void *buf, uint32_t size);
int vaccel_add_nonserial_arg(struct vaccel_arg_list *args, void *buf, uint32_t type,
	void *(*serializer)(void *, uint32_t *));
int vaccel_expect_serial_arg(struct vaccel_arg_list *args, void *buf, uint32_t size);
int vaccel_expect_nonserial_arg(struct vaccel_arg_list *args, uint32_t expected_size);
void * vaccel_extract_serial_arg(struct vaccel_arg *args, int idx);
void * vaccel_extract_nonserial_arg(struct vaccel_arg *args, int idx,
	void *(*deserializer)(void *, uint32_t));
int vaccel_write_serial_arg(struct vaccel_arg *args, int idx, void *buf);
int vaccel_write_nonserial_arg(struct vaccel_arg *args, int idx, void *buf,
	void *(*serializer)(void *, uint32_t *));
int vaccel_delete_args(struct vaccel_arg_list *args);
bool vaccel_prof_enabled(void);
int vaccel_prof_region_start(struct vaccel_prof_region *region);
int vaccel_prof_region_stop(const struct vaccel_prof_region *region);
int vaccel_prof_region_print(const struct vaccel_prof_region *region);
int vaccel_prof_region_init(struct vaccel_prof_region *region, const char *name);
int vaccel_prof_region_release(struct vaccel_prof_region *region);
int vaccel_prof_regions_start_by_name(struct vaccel_prof_region *regions, int nregions,
	const char *name);
int vaccel_prof_regions_stop_by_name(struct vaccel_prof_region *regions, int nregions,
	const char *name);
int vaccel_prof_regions_init(struct vaccel_prof_region *regions, int nregions);
int vaccel_prof_regions_release(struct vaccel_prof_region *regions, int nregions);
int vaccel_prof_regions_print_all(struct vaccel_prof_region *regions, int nregions);
int vaccel_prof_regions_print_all_to_buf(char **tbuf, size_t tbuf_len,
	struct vaccel_prof_region *regions, int size);
int vaccel_plugin_register_ops(struct vaccel_op *ops, size_t nr_ops);
int vaccel_plugin_load(const char *lib);
int vaccel_plugin_parse_and_load(const char *lib_str);
int vaccel_noop(struct vaccel_session *sess);
int vaccel_exec(struct vaccel_session *sess, const char *library, const char *fn_symbol,
	struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write, size_t nr_write);
int vaccel_exec_with_resource(struct vaccel_session *sess, struct vaccel_resource *resource,
	const char *fn_symbol, struct vaccel_arg *read, size_t nr_read,
	struct vaccel_arg *write, size_t nr_write);
int vaccel_image_classification(struct vaccel_session *sess, const void *img,
	unsigned char *out_text, unsigned char *out_imgname, size_t len_img,
	size_t len_out_text, size_t len_out_imgname);
int vaccel_image_detection(struct vaccel_session *sess, const void *img,
	unsigned char *out_imgname, size_t len_img, size_t len_out_imgname);
int vaccel_image_segmentation(struct vaccel_session *sess, const void *img,
	unsigned char *out_imgname, size_t len_img, size_t len_out_imgname);
int vaccel_image_pose(struct vaccel_session *sess, const void *img, unsigned char *out_imgname,
	size_t len_img, size_t len_out_imgname);
int vaccel_image_depth(struct vaccel_session *sess, const void *img, unsigned char *out_imgname,
	size_t len_img, size_t len_out_imgname);
int vaccel_sgemm(struct vaccel_session *sess, int64_t m, int64_t n, int64_t k, float alpha,
	float *a, int64_t lda, float *b, int64_t ldb, float beta, float *c, int64_t ldc);
int vaccel_fpga_arraycopy(struct vaccel_session *sess, int a[], int out_a[], size_t len_a);
int vaccel_fpga_mmult(struct vaccel_session *sess, float a[], float b[], float c[],
	size_t len_a);
int vaccel_fpga_parallel(struct vaccel_session *sess, float a[], float b[], float add_output[],
	float mult_output[], size_t len_a);
int vaccel_fpga_vadd(struct vaccel_session *sess, float a[], float b[], float c[], size_t len_a,
	size_t len_b);
int vaccel_minmax(struct vaccel_session *sess, const double *indata, int ndata,
	int low_threshold, int high_threshold, double *outdata, double *min, double *max);
int vaccel_opencv_unpack(struct vaccel_session *sess, struct vaccel_arg *read, int nr_read,
	struct vaccel_arg *write, int nr_write);
int vaccel_genop(struct vaccel_session *sess, struct vaccel_arg *read, int nr_read,
	struct vaccel_arg *write, int nr_write);
int vaccel_tf_buffer_init(struct vaccel_tf_buffer *buffer, void *data, size_t size);
int vaccel_tf_buffer_release(struct vaccel_tf_buffer *buffer);
int vaccel_tf_buffer_new(struct vaccel_tf_buffer **buffer, void *data, size_t size);
int vaccel_tf_buffer_delete(struct vaccel_tf_buffer *buffer);
int vaccel_tf_buffer_take_data(struct vaccel_tf_buffer *buffer, void **data, size_t *size);
int vaccel_tf_node_init(struct vaccel_tf_node *node, const char *name, int id);
int vaccel_tf_node_release(struct vaccel_tf_node *node);
int vaccel_tf_node_new(struct vaccel_tf_node **node, const char *name, int id);
int vaccel_tf_node_delete(struct vaccel_tf_node *node);
int vaccel_tf_tensor_init(struct vaccel_tf_tensor *tensor, int nr_dims, const int64_t *dims,
	enum vaccel_tf_data_type type);
int vaccel_tf_tensor_release(struct vaccel_tf_tensor *tensor);
int vaccel_tf_tensor_new(struct vaccel_tf_tensor **tensor, int nr_dims, const int64_t *dims,
	enum vaccel_tf_data_type type);
int vaccel_tf_tensor_allocate(struct vaccel_tf_tensor **tensor, int nr_dims, const int64_t *dims,
	enum vaccel_tf_data_type type, size_t total_size);
int vaccel_tf_tensor_delete(struct vaccel_tf_tensor *tensor);
int vaccel_tf_tensor_set_data(struct vaccel_tf_tensor *tensor, void *data, size_t size);
int vaccel_tf_tensor_take_data(struct vaccel_tf_tensor *tensor, void **data, size_t *size);
int vaccel_tf_status_init(struct vaccel_tf_status *status, uint8_t code, const char *message);
int vaccel_tf_status_release(struct vaccel_tf_status *status);
int vaccel_tf_status_new(struct vaccel_tf_status **status, uint8_t code, const char *message);
int vaccel_tf_status_delete(struct vaccel_tf_status *status);
int vaccel_tf_model_load(struct vaccel_session *sess, struct vaccel_resource *model,
	struct vaccel_tf_status *status);
int vaccel_tf_model_run(struct vaccel_session *sess, struct vaccel_resource *model,
	const struct vaccel_tf_buffer *run_options, const struct vaccel_tf_node *in_nodes,
	struct vaccel_tf_tensor *const *in_tensors, int nr_inputs,
	const struct vaccel_tf_node *out_nodes, struct vaccel_tf_tensor **out_tensors,
	int nr_outputs, struct vaccel_tf_status *status);
int vaccel_tf_model_unload(struct vaccel_session *sess, struct vaccel_resource *model,
	struct vaccel_tf_status *status);
int vaccel_tflite_tensor_init(struct vaccel_tflite_tensor *tensor, int nr_dims,
	const int32_t *dims, enum vaccel_tflite_data_type type);
int vaccel_tflite_tensor_release(struct vaccel_tflite_tensor *tensor);
int vaccel_tflite_tensor_new(struct vaccel_tflite_tensor **tensor, int nr_dims,
	const int32_t *dims, enum vaccel_tflite_data_type type);
int vaccel_tflite_tensor_allocate(struct vaccel_tflite_tensor **tensor, int nr_dims,
	const int32_t *dims, enum vaccel_tflite_data_type type, size_t total_size);
int vaccel_tflite_tensor_delete(struct vaccel_tflite_tensor *tensor);
int vaccel_tflite_tensor_set_data(struct vaccel_tflite_tensor *tensor, void *data, size_t size);
int vaccel_tflite_tensor_take_data(struct vaccel_tflite_tensor *tensor, void **data,
	size_t *size);
int vaccel_tflite_model_load(struct vaccel_session *sess, struct vaccel_resource *model);
int vaccel_tflite_model_run(struct vaccel_session *sess, struct vaccel_resource *model,
	struct vaccel_tflite_tensor *const *inputs, int nr_inputs,
	struct vaccel_tflite_tensor **outputs, int nr_outputs, uint8_t *status);
int vaccel_tflite_model_unload(struct vaccel_session *sess, struct vaccel_resource *model);
int vaccel_torch_buffer_init(struct vaccel_torch_buffer *buffer, char *data, size_t size);
int vaccel_torch_buffer_release(struct vaccel_torch_buffer *buffer);
int vaccel_torch_buffer_new(struct vaccel_torch_buffer **buffer, char *data, size_t size);
int vaccel_torch_buffer_delete(struct vaccel_torch_buffer *buffer);
int vaccel_torch_buffer_take_data(struct vaccel_torch_buffer *buffer, void **data,
	size_t *size);
int vaccel_torch_tensor_init(struct vaccel_torch_tensor *tensor, int64_t nr_dims,
	const int64_t *dims, enum vaccel_torch_data_type type);
int vaccel_torch_tensor_release(struct vaccel_torch_tensor *tensor);
int vaccel_torch_tensor_new(struct vaccel_torch_tensor **tensor, int64_t nr_dims,
	const int64_t *dims, enum vaccel_torch_data_type type);
int vaccel_torch_tensor_allocate(struct vaccel_torch_tensor **tensor, int64_t nr_dims,
	const int64_t *dims, enum vaccel_torch_data_type type, size_t total_size);
int vaccel_torch_tensor_delete(struct vaccel_torch_tensor *tensor);
int vaccel_torch_tensor_set_data(struct vaccel_torch_tensor *tensor, void *data, size_t size);
int vaccel_torch_tensor_take_data(struct vaccel_torch_tensor *tensor, void **data,
	size_t *size);
int vaccel_torch_model_load(struct vaccel_session *sess, struct vaccel_resource *model);
int vaccel_torch_model_run(struct vaccel_session *sess, struct vaccel_resource *model,
	const struct vaccel_torch_buffer *run_options,
	struct vaccel_torch_tensor *const *inputs, int nr_inputs,
	struct vaccel_torch_tensor **outputs, int nr_outputs);
int vaccel_torch_sgemm(struct vaccel_session *sess, struct vaccel_torch_tensor **in_A,
	struct vaccel_torch_tensor **in_B, struct vaccel_torch_tensor **in_C, int M, int N,
	int K, struct vaccel_torch_tensor **out);

void slog_print(SLOG_FLAGS_E flag, uint8_t newline, const char *fmt, ...);
void slog_init(const char *name, uint16_t flags, uint8_t thread_safe);
void slog_config_get(SLogConfig *config);
void slog_config_set(SLogConfig *config);

static void test_version(void **state)
{
	(void)state;
	assert_string_equal(VACCEL_VERSION, PROJECT_VERSION);
}

/* Bit-fields have no offsetof: the bit that each one sets, on x86_64. */
static void test_bit_fields(void **state)
{
#ifdef __x86_64__
	const SLogConfig fields[] = {
		{.nTraceTid = 1}, {.nToScreen = 1}, {.nToFile = 1}, {.nFlush = 1}
	};

	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int at = 0; at < sizeof(SLogConfig); at++)
			assert_int_equal(((const unsigned char *)&fields[i])[at],
					 at == 2308 ? 1 << i : 0);
#endif
	(void)state;
}

/* The symbols of the map: a line with a name and a semicolon after a tab. */
static void test_symbols(void **state)
{
	char line[128], name[128], end;
	unsigned int nr = 0, missing = 0;
	FILE *map = fopen(MAP_FILE, "r");

	(void)state;
	assert_non_null(map);
	/* A reference, or the linker leaves the library out. */
	assert_false(vaccel_is_initialized());
	while (fgets(line, sizeof(line), map)) {
		if (sscanf(line, "\t%127[a-z0-9_]%c", name, &end) != 2 || end != ';')
			continue;
		nr++;
		if (!dlsym(RTLD_DEFAULT, name)) {
			print_error("%s is not exported\n", name);
			missing++;
		}
	}
	fclose(map);
	assert_true(nr >= 273);
	assert_int_equal(missing, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_bit_fields),
		cmocka_unit_test(test_symbols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
