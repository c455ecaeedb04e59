/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plugin uses of OpenVINO's C interface, which is found at run time: names, types and numbers as
 * version 2026 has them. The numbers of element types have changed before, so runtime_start() tries them.
 */
#ifndef PLUGINS_OPENVINO_API_H
#define PLUGINS_OPENVINO_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ov_core ov_core_t;
typedef struct ov_model ov_model_t;
typedef struct ov_compiled_model ov_compiled_model_t;
typedef struct ov_infer_request ov_infer_request_t;
typedef struct ov_tensor ov_tensor_t;
typedef struct ov_output_const_port ov_output_const_port_t;

typedef int ov_status_e; /* 0 is good */
#define OV_NOT_IMPLEMENTED (-2)

typedef enum {
	OV_BOOLEAN = 1,
	OV_F16 = 3,
	OV_F32 = 4,
	OV_F64 = 5,
	OV_I8 = 7,
	OV_I16 = 8,
	OV_I32 = 9,
	OV_I64 = 10,
	OV_U8 = 16,
	OV_U16 = 17,
	OV_U32 = 18,
	OV_U64 = 19,
} ov_element_type_e;

typedef struct {
	int64_t rank;
	int64_t *dims;
} ov_shape_t;

typedef struct {
	int64_t min, max; /* the same where it is known */
} ov_dimension_t;

typedef struct {
	ov_dimension_t rank;
	ov_dimension_t *dims;
} ov_partial_shape_t;

typedef struct {
	const char *buildNumber;
	const char *description;
} ov_version_t;

typedef struct {
	char **devices;
	size_t size;
} ov_available_devices_t;

#define OV_FUNCTIONS(X)                                                                           \
	X(ov_status_e, ov_get_openvino_version, (ov_version_t * version))                         \
	X(void, ov_version_free, (ov_version_t * version))                                        \
	X(const char *, ov_get_last_err_msg, (void))                                              \
	X(const char *, ov_get_error_info, (ov_status_e status))                                  \
	X(void, ov_free, (const char *text))                                                      \
	X(ov_status_e, ov_core_create, (ov_core_t * *core))                                       \
	X(ov_status_e, ov_core_get_available_devices,                                             \
	  (const ov_core_t *core, ov_available_devices_t *devices))                               \
	X(void, ov_available_devices_free, (ov_available_devices_t * devices))                    \
	X(ov_status_e, ov_core_read_model,                                                        \
	  (const ov_core_t *core, const char *path, const char *weights, ov_model_t **model))     \
	X(void, ov_model_free, (ov_model_t * model))                                              \
	/* pairs of a property and its value, properties counted twice */                         \
	X(ov_status_e, ov_core_compile_model,                                                     \
	  (const ov_core_t *core, const ov_model_t *model, const char *device, size_t nr,         \
	   ov_compiled_model_t **compiled, ...))                                                  \
	X(void, ov_compiled_model_free, (ov_compiled_model_t * compiled))                         \
	X(ov_status_e, ov_compiled_model_inputs_size,                                             \
	  (const ov_compiled_model_t *compiled, size_t *nr))                                      \
	X(ov_status_e, ov_compiled_model_outputs_size,                                            \
	  (const ov_compiled_model_t *compiled, size_t *nr))                                      \
	X(ov_status_e, ov_compiled_model_input_by_index,                                          \
	  (const ov_compiled_model_t *compiled, size_t index, ov_output_const_port_t **port))     \
	X(ov_status_e, ov_compiled_model_output_by_index,                                         \
	  (const ov_compiled_model_t *compiled, size_t index, ov_output_const_port_t **port))     \
	X(ov_status_e, ov_compiled_model_input_by_name,                                           \
	  (const ov_compiled_model_t *compiled, const char *name, ov_output_const_port_t **port)) \
	X(ov_status_e, ov_compiled_model_output_by_name,                                          \
	  (const ov_compiled_model_t *compiled, const char *name, ov_output_const_port_t **port)) \
	X(void, ov_output_const_port_free, (ov_output_const_port_t * port))                       \
	X(ov_status_e, ov_port_get_any_name, (const ov_output_const_port_t *port, char **name))   \
	X(ov_status_e, ov_port_get_partial_shape,                                                 \
	  (const ov_output_const_port_t *port, ov_partial_shape_t *shape))                        \
	X(void, ov_partial_shape_free, (ov_partial_shape_t * shape))                              \
	X(ov_status_e, ov_port_get_element_type,                                                  \
	  (const ov_output_const_port_t *port, ov_element_type_e *type))                          \
	X(ov_status_e, ov_compiled_model_create_infer_request,                                    \
	  (const ov_compiled_model_t *compiled, ov_infer_request_t **request))                    \
	X(void, ov_infer_request_free, (ov_infer_request_t * request))                            \
	X(ov_status_e, ov_infer_request_set_input_tensor_by_index,                                \
	  (ov_infer_request_t * request, size_t index, const ov_tensor_t *tensor))                \
	X(ov_status_e, ov_infer_request_get_output_tensor_by_index,                               \
	  (const ov_infer_request_t *request, size_t index, ov_tensor_t **tensor))                \
	X(ov_status_e, ov_infer_request_infer, (ov_infer_request_t * request))                    \
	X(ov_status_e, ov_tensor_create_from_host_ptr,                                            \
	  (ov_element_type_e type, ov_shape_t shape, void *data, ov_tensor_t **tensor))           \
	X(ov_status_e, ov_tensor_create,                                                          \
	  (ov_element_type_e type, ov_shape_t shape, ov_tensor_t **tensor))                       \
	X(ov_status_e, ov_tensor_get_shape, (const ov_tensor_t *tensor, ov_shape_t *shape))       \
	X(ov_status_e, ov_tensor_get_element_type,                                                \
	  (const ov_tensor_t *tensor, ov_element_type_e *type))                                   \
	X(ov_status_e, ov_tensor_get_byte_size, (const ov_tensor_t *tensor, size_t *size))        \
	X(ov_status_e, ov_tensor_data, (const ov_tensor_t *tensor, void **data))                  \
	X(void, ov_tensor_free, (ov_tensor_t * tensor))                                           \
	X(ov_status_e, ov_shape_free, (ov_shape_t * shape))

#define OV_X_MEMBER(type, name, parameters) type(*name) parameters;
#define OV_X_NAME(type, name, parameters) #name,

struct ov_api {
	OV_FUNCTIONS(OV_X_MEMBER)
};

#endif
