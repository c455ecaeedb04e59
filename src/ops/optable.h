/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of operations: the one place that describes each op. The public calls, the guest
 * plugin's encoding, the host's decoding and checking, vaccel_genop, the noop plugin's dump, the
 * fuzzers' seeds and the table in the docs are all made from it.
 *
 * OPS(X):     X(NAME, number, call, label, reads, writes)
 *             NAME   pastes to VACCEL_OP_NAME and PARAMS_NAME
 *             call   the public function
 *             label  how the noop and exec plugins call it in their logs
 *             reads, writes: names of the parameters that vaccel_genop takes, in its order; both
 *             empty: not available through vaccel_genop
 * EXT_OPS(X): the same for operations that vAccel 0.8 does not have.
 * CONTROL_OPS(X): the same for operations on the device's own objects; no genop, number from the UAPI.
 *
 * PARAMS_NAME(P, O): one P(O, KIND, ctype, name, attributes...) per C parameter after the session.
 *   KIND  VAL          a number
 *         IN OUT INOUT a buffer; direction as the plugin sees it
 *         STR          a terminated string
 *         ARGS_IN ARGS_INOUT  array of struct vaccel_arg
 *         RES          struct vaccel_resource *
 *         TENSORS_IN TENSORS_OUT  array of tensor pointers of a framework
 *         NODES        array of struct vaccel_tf_node
 *         INFER_IN INFER_OUT  array of struct vaccel_infer_tensor
 *         MESSAGES     array of struct vaccel_text_message
 *         STATUS       struct vaccel_tf_status *, filled by the plugin
 *         DATA         struct with a pointer and a size (run options), may be null
 *   attributes are initialisers of struct vop_param (vop.h): how the length is known (LEN, FIXED,
 *   MATRIX), whether a parser will see the bytes (.parsed), the type in genop (.gtype) ...
 *
 * To add an op: an entry here, its prototype in include/vaccel/ops/, its function in a plugin.
 */
#ifndef OPS_OPTABLE_H
#define OPS_OPTABLE_H

#define OPS(X)                                                                            \
	X(NOOP, 0, vaccel_noop, "no-op", "", "")                                          \
	X(EXEC, 1, vaccel_exec, "exec", "library fn_symbol read", "write")                \
	X(EXEC_WITH_RESOURCE, 2, vaccel_exec_with_resource, "exec_with_resource",         \
	  "resource fn_symbol read", "write")                                             \
	X(IMAGE_CLASSIFY, 3, vaccel_image_classification, "Image classification",         \
	  "img", "out_imgname out_text")                                                  \
	X(IMAGE_DETECT, 4, vaccel_image_detection, "Image detection",                     \
	  "img", "out_imgname")                                                           \
	X(IMAGE_SEGMENT, 5, vaccel_image_segmentation, "Image segmentation",              \
	  "img", "out_imgname")                                                           \
	X(IMAGE_POSE, 6, vaccel_image_pose, "Image pose", "img", "out_imgname")           \
	X(IMAGE_DEPTH, 7, vaccel_image_depth, "Image depth", "img", "out_imgname")        \
	X(TF_MODEL_LOAD, 8, vaccel_tf_model_load, "tf_model_load", "", "")                \
	X(TF_MODEL_UNLOAD, 9, vaccel_tf_model_unload, "tf_model_unload", "", "")          \
	X(TF_MODEL_RUN, 10, vaccel_tf_model_run, "tf_model_run", "", "")                  \
	X(TFLITE_MODEL_LOAD, 11, vaccel_tflite_model_load, "tflite_model_load", "", "")   \
	X(TFLITE_MODEL_UNLOAD, 12, vaccel_tflite_model_unload, "tflite_model_unload",     \
	  "", "")                                                                         \
	X(TFLITE_MODEL_RUN, 13, vaccel_tflite_model_run, "tflite_model_run", "", "")      \
	X(TORCH_MODEL_LOAD, 14, vaccel_torch_model_load, "torch_model_load", "", "")      \
	X(TORCH_MODEL_RUN, 15, vaccel_torch_model_run, "torch_model_run", "", "")         \
	X(TORCH_SGEMM, 16, vaccel_torch_sgemm, "torch_sgemm", "", "")                     \
	X(BLAS_SGEMM, 17, vaccel_sgemm, "sgemm", "m n k alpha a lda b ldb beta ldc", "c") \
	X(FPGA_ARRAYCOPY, 18, vaccel_fpga_arraycopy, "fpga_arraycopy", "a", "out_a")      \
	X(FPGA_MMULT, 19, vaccel_fpga_mmult, "fpga_mmult", "a b", "c")                    \
	X(FPGA_PARALLEL, 20, vaccel_fpga_parallel, "fpga_parallel",                       \
	  "a b", "add_output mult_output")                                                \
	X(FPGA_VECTORADD, 21, vaccel_fpga_vadd, "fpga_vectoradd", "a b", "c")             \
	X(MINMAX, 22, vaccel_minmax, "minmax",                                            \
	  "indata ndata low_threshold high_threshold", "outdata min max")                 \
	X(OPENCV, 23, vaccel_opencv_unpack, "opencv", "read", "write")

/*
 * Operations that vAccel 0.8 does not have. Their numbers are high, as it may get more, and below 64, as sets
 * of operations are 64 bits. Plugins offer them by vaccel_plugin_register_ext().
 */
#define EXT_OPS(X)                                                                        \
	X(INFER_LOAD, 56, vaccel_infer_load, "infer_load", "model", "")                   \
	X(INFER_UNLOAD, 57, vaccel_infer_unload, "infer_unload", "model", "")             \
	X(INFER_METADATA, 58, vaccel_infer_metadata, "infer_metadata",                    \
	  "model", "info descs")                                                          \
	X(INFER_RUN, 59, vaccel_infer_run, "infer_run", "model inputs", "outputs")                  \
	X(TEXT_BEGIN, 60, vaccel_text_begin, "text_begin",                                 \
	  "model params messages", "id")                                                  \
	X(TEXT_NEXT, 61, vaccel_text_next, "text_next", "id wait_ms", "buf status")       \
	X(TEXT_END, 62, vaccel_text_end, "text_end", "id", "")                            \
	X(TEXT_EMBED, 63, vaccel_text_embed, "text_embed", "model text", "out nr")

#define CONTROL_OPS(X)                                                                            \
	X(SESSION_INIT, VIRTIO_ACCEL_OP_SESSION_INIT)                                             \
	X(SESSION_UPDATE, VIRTIO_ACCEL_OP_SESSION_UPDATE)                                         \
	X(SESSION_RELEASE, VIRTIO_ACCEL_OP_SESSION_RELEASE)                                       \
	X(SESSION_PROFILE, VIRTIO_ACCEL_OP_SESSION_PROFILE)                                       \
	X(SESSION_INIT_PLUGIN, VIRTIO_ACCEL_OP_SESSION_INIT_PLUGIN)                               \
	X(PLUGIN_LIST, VIRTIO_ACCEL_OP_PLUGIN_LIST)                                               \
	X(SESSION_CLOCK, VIRTIO_ACCEL_OP_SESSION_CLOCK)                                           \
	X(RESOURCE_CREATE, VIRTIO_ACCEL_OP_RESOURCE_CREATE)                                       \
	X(RESOURCE_ADD, VIRTIO_ACCEL_OP_RESOURCE_ADD)                                             \
	X(RESOURCE_WRITE, VIRTIO_ACCEL_OP_RESOURCE_WRITE)                                         \
	X(RESOURCE_READ, VIRTIO_ACCEL_OP_RESOURCE_READ)                                           \
	X(RESOURCE_REGISTER, VIRTIO_ACCEL_OP_RESOURCE_REGISTER)                                   \
	X(RESOURCE_UNREGISTER, VIRTIO_ACCEL_OP_RESOURCE_UNREGISTER)                               \
	X(RESOURCE_SYNC, VIRTIO_ACCEL_OP_RESOURCE_SYNC)                                           \
	X(RESOURCE_DESTROY, VIRTIO_ACCEL_OP_RESOURCE_DESTROY)                                     \
	X(RESOURCE_CHALLENGE, VIRTIO_ACCEL_OP_RESOURCE_CHALLENGE)                                 \
	X(RESOURCE_CLAIM, VIRTIO_ACCEL_OP_RESOURCE_CLAIM)                                         \
	X(OUTPUT_FETCH, VIRTIO_ACCEL_OP_OUTPUT_FETCH)                                             \
	X(OUTPUT_DROP, VIRTIO_ACCEL_OP_OUTPUT_DROP)

/* ---- Lengths, in elements of the buffer; see vop_length() ---------------------------------- */

#define LEN(O, n)	    .length = {VOP_LEN_OF, {O##_##n}}
#define FIXED(count)	    .length = {VOP_LEN_FIXED, {count}}
/* rows lines of ld elements, of which the last one holds cols */
#define MATRIX(O, rows, cols, ld) .length = {VOP_LEN_MATRIX, {O##_##rows, O##_##cols, O##_##ld}}

/* ---- Parameters ----------------------------------------------------------------------------- */

#define PARAMS_NOOP(P, O)

#define PARAMS_EXEC(P, O)                                                                         \
	P(O, STR, const char *, library, .gtype = VACCEL_ARG_STRING)                              \
	P(O, STR, const char *, fn_symbol, .gtype = VACCEL_ARG_STRING)                            \
	P(O, ARGS_IN, struct vaccel_arg *, read, LEN(O, nr_read))                                 \
	P(O, VAL, size_t, nr_read)                                                                \
	P(O, ARGS_INOUT, struct vaccel_arg *, write, LEN(O, nr_write))                            \
	P(O, VAL, size_t, nr_write)

#define PARAMS_EXEC_WITH_RESOURCE(P, O)                                                           \
	P(O, RES, struct vaccel_resource *, resource, .resource_type = VACCEL_RESOURCE_LIB,       \
	  .gtype = VACCEL_ARG_INT64)                                                              \
	P(O, STR, const char *, fn_symbol, .gtype = VACCEL_ARG_STRING)                            \
	P(O, ARGS_IN, struct vaccel_arg *, read, LEN(O, nr_read))                                 \
	P(O, VAL, size_t, nr_read)                                                                \
	P(O, ARGS_INOUT, struct vaccel_arg *, write, LEN(O, nr_write))                            \
	P(O, VAL, size_t, nr_write)

#define PARAMS_IMAGE_CLASSIFY(P, O)                                                               \
	P(O, IN, const void *, img, LEN(O, len_img), .parsed = true,                              \
	  .gtype = VACCEL_ARG_BUFFER)                                                             \
	P(O, OUT, unsigned char *, out_text, LEN(O, len_out_text), .nullable = true,              \
	  .gtype = VACCEL_ARG_UCHAR_ARRAY)                                                        \
	P(O, OUT, unsigned char *, out_imgname, LEN(O, len_out_imgname), .nullable = true,        \
	  .gtype = VACCEL_ARG_UCHAR_ARRAY)                                                        \
	P(O, VAL, size_t, len_img)                                                                \
	P(O, VAL, size_t, len_out_text)                                                           \
	P(O, VAL, size_t, len_out_imgname)

#define PARAMS_IMAGE_PICTURE_OUT(P, O)                                                            \
	P(O, IN, const void *, img, LEN(O, len_img), .parsed = true,                              \
	  .gtype = VACCEL_ARG_BUFFER)                                                             \
	P(O, OUT, unsigned char *, out_imgname, LEN(O, len_out_imgname), .nullable = true,        \
	  .gtype = VACCEL_ARG_UCHAR_ARRAY)                                                        \
	P(O, VAL, size_t, len_img)                                                                \
	P(O, VAL, size_t, len_out_imgname)
#define PARAMS_IMAGE_DETECT  PARAMS_IMAGE_PICTURE_OUT
#define PARAMS_IMAGE_SEGMENT PARAMS_IMAGE_PICTURE_OUT
#define PARAMS_IMAGE_POSE    PARAMS_IMAGE_PICTURE_OUT
#define PARAMS_IMAGE_DEPTH   PARAMS_IMAGE_PICTURE_OUT

#define PARAMS_TF_MODEL_LOAD(P, O)                                                                \
	P(O, RES, struct vaccel_resource *, model, .resource_type = VACCEL_RESOURCE_MODEL)        \
	P(O, STATUS, struct vaccel_tf_status *, status)
#define PARAMS_TF_MODEL_UNLOAD PARAMS_TF_MODEL_LOAD

#define PARAMS_TF_MODEL_RUN(P, O)                                                                 \
	P(O, RES, struct vaccel_resource *, model, .resource_type = VACCEL_RESOURCE_MODEL)        \
	P(O, DATA, const struct vaccel_tf_buffer *, run_options)                                  \
	P(O, NODES, const struct vaccel_tf_node *, in_nodes, LEN(O, nr_inputs))                   \
	P(O, TENSORS_IN, struct vaccel_tf_tensor *const *, in_tensors, LEN(O, nr_inputs),         \
	  .framework = VOP_TF)                                                                    \
	P(O, VAL, int, nr_inputs)                                                                 \
	P(O, NODES, const struct vaccel_tf_node *, out_nodes, LEN(O, nr_outputs))                 \
	P(O, TENSORS_OUT, struct vaccel_tf_tensor **, out_tensors, LEN(O, nr_outputs),            \
	  .framework = VOP_TF)                                                                    \
	P(O, VAL, int, nr_outputs)                                                                \
	P(O, STATUS, struct vaccel_tf_status *, status)

#define PARAMS_TFLITE_MODEL_LOAD(P, O)                                                            \
	P(O, RES, struct vaccel_resource *, model, .resource_type = VACCEL_RESOURCE_MODEL)
#define PARAMS_TFLITE_MODEL_UNLOAD PARAMS_TFLITE_MODEL_LOAD

#define PARAMS_TFLITE_MODEL_RUN(P, O)                                                             \
	P(O, RES, struct vaccel_resource *, model, .resource_type = VACCEL_RESOURCE_MODEL)        \
	P(O, TENSORS_IN, struct vaccel_tflite_tensor *const *, inputs, LEN(O, nr_inputs),         \
	  .framework = VOP_TFLITE)                                                                \
	P(O, VAL, int, nr_inputs)                                                                 \
	P(O, TENSORS_OUT, struct vaccel_tflite_tensor **, outputs, LEN(O, nr_outputs),            \
	  .framework = VOP_TFLITE)                                                                \
	P(O, VAL, int, nr_outputs)                                                                \
	P(O, OUT, uint8_t *, status, FIXED(1), .nullable = true)

#define PARAMS_TORCH_MODEL_LOAD PARAMS_TFLITE_MODEL_LOAD

#define PARAMS_TORCH_MODEL_RUN(P, O)                                                              \
	P(O, RES, struct vaccel_resource *, model, .resource_type = VACCEL_RESOURCE_MODEL)        \
	P(O, DATA, const struct vaccel_torch_buffer *, run_options)                               \
	P(O, TENSORS_IN, struct vaccel_torch_tensor *const *, inputs, LEN(O, nr_inputs),          \
	  .framework = VOP_TORCH)                                                                 \
	P(O, VAL, int, nr_inputs)                                                                 \
	P(O, TENSORS_OUT, struct vaccel_torch_tensor **, outputs, LEN(O, nr_outputs),             \
	  .framework = VOP_TORCH)                                                                 \
	P(O, VAL, int, nr_outputs)

#define PARAMS_TORCH_SGEMM(P, O)                                                                  \
	P(O, TENSORS_IN, struct vaccel_torch_tensor **, in_A, FIXED(1), .framework = VOP_TORCH)   \
	P(O, TENSORS_IN, struct vaccel_torch_tensor **, in_B, FIXED(1), .framework = VOP_TORCH)   \
	P(O, TENSORS_IN, struct vaccel_torch_tensor **, in_C, FIXED(1), .framework = VOP_TORCH)   \
	P(O, VAL, int, M)                                                                         \
	P(O, VAL, int, N)                                                                         \
	P(O, VAL, int, K)                                                                         \
	P(O, TENSORS_OUT, struct vaccel_torch_tensor **, out, FIXED(1), .framework = VOP_TORCH)

#define PARAMS_BLAS_SGEMM(P, O)                                                                   \
	P(O, VAL, int64_t, m, .gtype = VACCEL_ARG_INT64)                                          \
	P(O, VAL, int64_t, n, .gtype = VACCEL_ARG_INT64)                                          \
	P(O, VAL, int64_t, k, .gtype = VACCEL_ARG_INT64)                                          \
	P(O, VAL, float, alpha, .gtype = VACCEL_ARG_FLOAT32)                                      \
	P(O, IN, float *, a, MATRIX(O, m, k, lda), .gtype = VACCEL_ARG_FLOAT32_ARRAY)             \
	P(O, VAL, int64_t, lda, .gtype = VACCEL_ARG_INT64)                                        \
	P(O, IN, float *, b, MATRIX(O, k, n, ldb), .gtype = VACCEL_ARG_FLOAT32_ARRAY)             \
	P(O, VAL, int64_t, ldb, .gtype = VACCEL_ARG_INT64)                                        \
	P(O, VAL, float, beta, .gtype = VACCEL_ARG_FLOAT32)                                       \
	P(O, INOUT, float *, c, MATRIX(O, m, n, ldc), .gtype = VACCEL_ARG_FLOAT32_ARRAY)          \
	P(O, VAL, int64_t, ldc, .gtype = VACCEL_ARG_INT64)

#define PARAMS_FPGA_ARRAYCOPY(P, O)                                                               \
	P(O, IN, int *, a, LEN(O, len_a))                                                         \
	P(O, OUT, int *, out_a, LEN(O, len_a))                                                    \
	P(O, VAL, size_t, len_a)

#define PARAMS_FPGA_MMULT(P, O)                                                                   \
	P(O, IN, float *, a, LEN(O, len_a))                                                       \
	P(O, IN, float *, b, LEN(O, len_a))                                                       \
	P(O, OUT, float *, c, LEN(O, len_a))                                                      \
	P(O, VAL, size_t, len_a)

#define PARAMS_FPGA_PARALLEL(P, O)                                                                \
	P(O, IN, float *, a, LEN(O, len_a))                                                       \
	P(O, IN, float *, b, LEN(O, len_a))                                                       \
	P(O, OUT, float *, add_output, LEN(O, len_a))                                             \
	P(O, OUT, float *, mult_output, LEN(O, len_a))                                            \
	P(O, VAL, size_t, len_a)

#define PARAMS_FPGA_VECTORADD(P, O)                                                               \
	P(O, IN, float *, a, LEN(O, len_a))                                                       \
	P(O, IN, float *, b, LEN(O, len_b))                                                       \
	P(O, OUT, float *, c, LEN(O, len_a))                                                      \
	P(O, VAL, size_t, len_a)                                                                  \
	P(O, VAL, size_t, len_b)

#define PARAMS_MINMAX(P, O)                                                                       \
	P(O, IN, const double *, indata, LEN(O, ndata))                                           \
	P(O, VAL, int, ndata)                                                                     \
	P(O, VAL, int, low_threshold)                                                             \
	P(O, VAL, int, high_threshold)                                                            \
	P(O, OUT, double *, outdata, LEN(O, ndata))                                               \
	P(O, OUT, double *, min, FIXED(1))                                                        \
	P(O, OUT, double *, max, FIXED(1))

#define PARAMS_OPENCV(P, O)                                                                       \
	P(O, ARGS_IN, struct vaccel_arg *, read, LEN(O, nr_read))                                 \
	P(O, VAL, int, nr_read)                                                                   \
	P(O, ARGS_INOUT, struct vaccel_arg *, write, LEN(O, nr_write))                            \
	P(O, VAL, int, nr_write)

#define PARAMS_INFER_LOAD   PARAMS_TFLITE_MODEL_LOAD
#define PARAMS_INFER_UNLOAD PARAMS_TFLITE_MODEL_LOAD

#define PARAMS_INFER_METADATA(P, O)                                                               \
	P(O, RES, struct vaccel_resource *, model, .resource_type = VACCEL_RESOURCE_MODEL)        \
	P(O, OUT, struct vaccel_infer_model *, info, FIXED(1))                                    \
	P(O, OUT, struct vaccel_infer_desc *, descs, LEN(O, nr))                                  \
	P(O, VAL, uint32_t, nr)

#define PARAMS_INFER_RUN(P, O)                                                                    \
	P(O, RES, struct vaccel_resource *, model, .resource_type = VACCEL_RESOURCE_MODEL)        \
	P(O, INFER_IN, const struct vaccel_infer_tensor *, inputs, LEN(O, nr_inputs))             \
	P(O, VAL, uint32_t, nr_inputs)                                                            \
	P(O, INFER_OUT, struct vaccel_infer_tensor *, outputs, LEN(O, nr_outputs))                \
	P(O, VAL, uint32_t, nr_outputs)

/* The parameters have strings in them, so the copy is what is looked at. */
#define PARAMS_TEXT_BEGIN(P, O)                                                                   \
	P(O, RES, struct vaccel_resource *, model, .resource_type = VACCEL_RESOURCE_MODEL)        \
	P(O, IN, const struct vaccel_text_params *, params, FIXED(1), .parsed = true,             \
	  .nullable = true)                                                                       \
	P(O, MESSAGES, const struct vaccel_text_message *, messages, LEN(O, nr_messages))         \
	P(O, VAL, uint32_t, nr_messages)                                                          \
	P(O, OUT, uint64_t *, id, FIXED(1))

#define PARAMS_TEXT_NEXT(P, O)                                                                    \
	P(O, VAL, uint64_t, id)                                                                   \
	P(O, OUT, char *, buf, LEN(O, room))                                                      \
	P(O, VAL, size_t, room)                                                                   \
	P(O, VAL, uint32_t, wait_ms)                                                              \
	P(O, OUT, struct vaccel_text_status *, status, FIXED(1))

#define PARAMS_TEXT_END(P, O) P(O, VAL, uint64_t, id)

#define PARAMS_TEXT_EMBED(P, O)                                                                   \
	P(O, RES, struct vaccel_resource *, model, .resource_type = VACCEL_RESOURCE_MODEL)        \
	P(O, STR, const char *, text, .parsed = true)                                             \
	P(O, OUT, float *, out, LEN(O, room), .nullable = true)                                   \
	P(O, VAL, size_t, room)                                                                   \
	P(O, OUT, uint64_t *, nr, FIXED(1))

/* ---- Parameters of the control operations --------------------------------------------------- */

/* flags: session hint bits; id receives the session's id on the wire */
#define PARAMS_SESSION_INIT(P, O)                                                                 \
	P(O, VAL, uint32_t, flags)                                                                \
	P(O, OUT, int64_t *, id, FIXED(1))
#define PARAMS_SESSION_UPDATE(P, O) P(O, VAL, uint32_t, flags)
#define PARAMS_SESSION_RELEASE(P, O)
/*
 * For each op code below nr_ops: how many times the session ran it, and how many nanoseconds the host
 * took for them together, without the way there and back
 */
#define PARAMS_SESSION_PROFILE(P, O)                                                              \
	P(O, VAL, uint32_t, nr_ops)                                                               \
	P(O, OUT, uint64_t *, calls, LEN(O, nr_ops))                                              \
	P(O, OUT, uint64_t *, times, LEN(O, nr_ops))

/* SESSION_INIT on the plugin of a name, without hints. */
#define PARAMS_SESSION_INIT_PLUGIN(P, O)                                                          \
	P(O, STR, const char *, name)                                                             \
	P(O, OUT, int64_t *, id, FIXED(1))
/*
 * Which plugins there are: as many of struct virtio_accel_plugin as the room of len bytes has place
 * for, and their number, which may be larger
 */
#define PARAMS_PLUGIN_LIST(P, O)                                                                  \
	P(O, OUT, void *, plugins, LEN(O, len))                                                   \
	P(O, VAL, uint64_t, len)                                                                  \
	P(O, OUT, uint64_t *, nr, FIXED(1))

/* What the clock of the host's times says, in nanoseconds. */
#define PARAMS_SESSION_CLOCK(P, O) P(O, OUT, uint64_t *, now, FIXED(1))

/* An empty resource; files are added and written before it is registered for the first time. */
#define PARAMS_RESOURCE_CREATE(P, O)                                                              \
	P(O, VAL, uint32_t, type)                                                                 \
	P(O, VAL, uint32_t, path_type)                                                            \
	P(O, OUT, int64_t *, id, FIXED(1))
/* The next file of a resource: a path relative to the resource's root, or a URL. */
#define PARAMS_RESOURCE_ADD(P, O)                                                                 \
	P(O, VAL, int64_t, resource)                                                              \
	P(O, VAL, uint32_t, blob_type)                                                            \
	P(O, VAL, uint64_t, size)                                                                 \
	P(O, STR, const char *, name)
#define PARAMS_RESOURCE_WRITE(P, O)                                                               \
	P(O, VAL, int64_t, resource)                                                              \
	P(O, VAL, uint32_t, index)                                                                \
	P(O, VAL, uint64_t, offset)                                                               \
	P(O, IN, const void *, data, LEN(O, len), .parsed = false)                                \
	P(O, VAL, uint64_t, len)
#define PARAMS_RESOURCE_READ(P, O)                                                                \
	P(O, VAL, int64_t, resource)                                                              \
	P(O, VAL, uint32_t, index)                                                                \
	P(O, VAL, uint64_t, offset)                                                               \
	P(O, OUT, void *, data, LEN(O, len))                                                      \
	P(O, VAL, uint64_t, len)
#define PARAMS_RESOURCE_REGISTER(P, O)	 P(O, VAL, int64_t, resource)
#define PARAMS_RESOURCE_UNREGISTER(P, O) P(O, VAL, int64_t, resource)
#define PARAMS_RESOURCE_SYNC(P, O)	 P(O, VAL, int64_t, resource)
#define PARAMS_RESOURCE_DESTROY(P, O)	 P(O, VAL, int64_t, resource)

/* A file that nothing was written to: the key under which to prove that one holds its content ... */
#define PARAMS_RESOURCE_CHALLENGE(P, O)                                                           \
	P(O, VAL, int64_t, resource)                                                              \
	P(O, VAL, uint32_t, index)                                                                \
	P(O, OUT, uint8_t *, key, FIXED(32))
/* ... and the proof, for which the host fills in the file. */
#define PARAMS_RESOURCE_CLAIM(P, O)                                                               \
	P(O, VAL, int64_t, resource)                                                              \
	P(O, VAL, uint32_t, index)                                                                \
	P(O, IN, const uint8_t *, tag, FIXED(16))

/* Outputs that did not fit into the program's buffers stay with the session until dropped. */
#define PARAMS_OUTPUT_FETCH(P, O)                                                                 \
	P(O, VAL, uint64_t, output)                                                               \
	P(O, VAL, uint64_t, offset)                                                               \
	P(O, OUT, void *, data, LEN(O, len))                                                      \
	P(O, VAL, uint64_t, len)
#define PARAMS_OUTPUT_DROP(P, O) P(O, VAL, uint64_t, output)

#endif
