/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plugin uses of TensorFlow's C interface, which is found at run time: names, types and numbers
 * as its version 2.4 and later have them.
 */
#ifndef PLUGINS_TF_API_H
#define PLUGINS_TF_API_H

#include <stddef.h>
#include <stdint.h>

typedef struct TF_Status TF_Status;
typedef struct TF_Graph TF_Graph;
typedef struct TF_Session TF_Session;
typedef struct TF_SessionOptions TF_SessionOptions;
typedef struct TF_ImportGraphDefOptions TF_ImportGraphDefOptions;
typedef struct TF_Operation TF_Operation;
typedef struct TF_Tensor TF_Tensor;
typedef struct TF_DeviceList TF_DeviceList;

typedef int TF_Code;	 /* numbers as in enum tf_code, and others */
typedef int TF_DataType; /* numbers as in enum vaccel_tf_data_type */

typedef struct {
	const void *data;
	size_t length;
	void (*data_deallocator)(void *data, size_t length);
} TF_Buffer;

typedef struct {
	TF_Operation *oper;
	int index;
} TF_Output;

/* A string of TensorFlow's, of which only its functions know what is in it */
typedef struct {
	uint64_t parts[3];
} TF_TString;

#define TF_FUNCTIONS(X)                                                                           \
	X(const char *, TF_Version, (void))                                                       \
	X(TF_Status *, TF_NewStatus, (void))                                                      \
	X(void, TF_DeleteStatus, (TF_Status * status))                                            \
	X(TF_Code, TF_GetCode, (const TF_Status *status))                                         \
	X(const char *, TF_Message, (const TF_Status *status))                                    \
	X(TF_Graph *, TF_NewGraph, (void))                                                        \
	X(void, TF_DeleteGraph, (TF_Graph * graph))                                               \
	X(TF_ImportGraphDefOptions *, TF_NewImportGraphDefOptions, (void))                        \
	X(void, TF_DeleteImportGraphDefOptions, (TF_ImportGraphDefOptions * options))             \
	X(void, TF_GraphImportGraphDef,                                                           \
	  (TF_Graph * graph, const TF_Buffer *graph_def, const TF_ImportGraphDefOptions *options, \
	   TF_Status *status))                                                                    \
	X(TF_Operation *, TF_GraphOperationByName, (TF_Graph * graph, const char *name))          \
	X(TF_Operation *, TF_GraphNextOperation, (TF_Graph * graph, size_t *position))            \
	X(void, TF_GraphGetTensorShape,                                                           \
	  (TF_Graph * graph, TF_Output output, int64_t *dims, int nr_dims, TF_Status *status))    \
	X(const char *, TF_OperationName, (TF_Operation * operation))                             \
	X(const char *, TF_OperationOpType, (TF_Operation * operation))                           \
	X(int, TF_OperationOutputNumConsumers, (TF_Output output))                                \
	X(TF_Buffer *, TF_NewBuffer, (void))                                                      \
	X(void, TF_DeleteBuffer, (TF_Buffer * buffer))                                            \
	X(int, TF_GraphGetTensorNumDims, (TF_Graph * graph, TF_Output output, TF_Status *status)) \
	X(int, TF_OperationNumOutputs, (TF_Operation * operation))                                \
	X(TF_DataType, TF_OperationOutputType, (TF_Output output))                                \
	X(TF_SessionOptions *, TF_NewSessionOptions, (void))                                      \
	X(void, TF_DeleteSessionOptions, (TF_SessionOptions * options))                           \
	X(void, TF_SetConfig,                                                                     \
	  (TF_SessionOptions * options, const void *proto, size_t size, TF_Status *status))       \
	X(TF_Session *, TF_NewSession,                                                            \
	  (TF_Graph * graph, const TF_SessionOptions *options, TF_Status *status))                \
	X(TF_Session *, TF_LoadSessionFromSavedModel,                                             \
	  (const TF_SessionOptions *options, const TF_Buffer *run_options, const char *dir,       \
	   const char *const *tags, int nr_tags, TF_Graph *graph, TF_Buffer *meta_graph,          \
	   TF_Status *status))                                                                    \
	X(void, TF_CloseSession, (TF_Session * session, TF_Status *status))                       \
	X(void, TF_DeleteSession, (TF_Session * session, TF_Status *status))                      \
	X(void, TF_SessionRun,                                                                    \
	  (TF_Session * session, const TF_Buffer *run_options, const TF_Output *inputs,           \
	   TF_Tensor *const *input_values, int nr_inputs, const TF_Output *outputs,               \
	   TF_Tensor **output_values, int nr_outputs, const TF_Operation *const *targets,         \
	   int nr_targets, TF_Buffer *run_metadata, TF_Status *status))                           \
	X(TF_DeviceList *, TF_SessionListDevices, (TF_Session * session, TF_Status *status))      \
	X(void, TF_DeleteDeviceList, (TF_DeviceList * list))                                      \
	X(int, TF_DeviceListCount, (const TF_DeviceList *list))                                   \
	X(const char *, TF_DeviceListType, (const TF_DeviceList *list, int index, TF_Status *status)) \
	X(TF_Tensor *, TF_AllocateTensor,                                                         \
	  (TF_DataType type, const int64_t *dims, int nr_dims, size_t size))                      \
	X(TF_Tensor *, TF_NewTensor,                                                              \
	  (TF_DataType type, const int64_t *dims, int nr_dims, void *data, size_t size,           \
	   void (*deallocator)(void *data, size_t size, void *arg), void *arg))                   \
	X(void, TF_StringInit, (TF_TString * string))                                             \
	X(void, TF_StringCopy, (TF_TString * string, const char *text, size_t size))              \
	X(const char *, TF_StringGetDataPointer, (const TF_TString *string))                      \
	X(size_t, TF_StringGetSize, (const TF_TString *string))                                   \
	X(void, TF_StringDealloc, (TF_TString * string))                                          \
	X(void, TF_DeleteTensor, (TF_Tensor * tensor))                                            \
	X(TF_DataType, TF_TensorType, (const TF_Tensor *tensor))                                  \
	X(int, TF_NumDims, (const TF_Tensor *tensor))                                             \
	X(int64_t, TF_Dim, (const TF_Tensor *tensor, int index))                                  \
	X(size_t, TF_TensorByteSize, (const TF_Tensor *tensor))                                   \
	X(void *, TF_TensorData, (const TF_Tensor *tensor))

#define TF_X_MEMBER(type, name, parameters) type(*name) parameters;
#define TF_X_NAME(type, name, parameters) #name,

struct tf_api {
	TF_FUNCTIONS(TF_X_MEMBER)
};

#endif
