/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plugin uses of TensorFlow Lite's C interface, which is found at run time: names, types and
 * numbers as its version 2.10 and later have them.
 */
#ifndef PLUGINS_TFLITE_API_H
#define PLUGINS_TFLITE_API_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef struct TfLiteModel TfLiteModel;
typedef struct TfLiteInterpreterOptions TfLiteInterpreterOptions;
typedef struct TfLiteInterpreter TfLiteInterpreter;
/* The interpreter's own tensors; its interface for other libraries calls them opaque. */
typedef struct TfLiteTensor TfLiteTensor;

typedef enum { kTfLiteOk = 0 } TfLiteStatus;
typedef int TfLiteType; /* numbers as in enum vaccel_tflite_data_type */

typedef struct {
	float scale;
	int32_t zero_point;
} TfLiteQuantizationParams;

typedef void (*tflite_reporter)(void *user_data, const char *format, va_list args);

#define TFLITE_FUNCTIONS(X)                                                                       \
	X(const char *, TfLiteVersion, (void))                                                    \
	X(TfLiteModel *, TfLiteModelCreateWithErrorReporter,                                      \
	  (const void *data, size_t size, tflite_reporter reporter, void *user_data))             \
	X(void, TfLiteModelDelete, (TfLiteModel * model))                                         \
	X(TfLiteInterpreterOptions *, TfLiteInterpreterOptionsCreate, (void))                     \
	X(void, TfLiteInterpreterOptionsDelete, (TfLiteInterpreterOptions * options))             \
	X(void, TfLiteInterpreterOptionsSetNumThreads,                                            \
	  (TfLiteInterpreterOptions * options, int32_t threads))                                  \
	X(void, TfLiteInterpreterOptionsSetErrorReporter,                                         \
	  (TfLiteInterpreterOptions * options, tflite_reporter reporter, void *user_data))        \
	X(TfLiteInterpreter *, TfLiteInterpreterCreate,                                           \
	  (const TfLiteModel *model, const TfLiteInterpreterOptions *options))                    \
	X(void, TfLiteInterpreterDelete, (TfLiteInterpreter * interpreter))                       \
	X(TfLiteStatus, TfLiteInterpreterAllocateTensors, (TfLiteInterpreter * interpreter))      \
	X(TfLiteStatus, TfLiteInterpreterResetVariableTensors, (TfLiteInterpreter * interpreter)) \
	X(TfLiteStatus, TfLiteInterpreterResizeInputTensor,                                       \
	  (TfLiteInterpreter * interpreter, int32_t index, const int *dims, int32_t nr))          \
	X(TfLiteStatus, TfLiteInterpreterInvoke, (TfLiteInterpreter * interpreter))               \
	X(int32_t, TfLiteInterpreterGetInputTensorCount, (const TfLiteInterpreter *interpreter))  \
	X(int32_t, TfLiteInterpreterGetOutputTensorCount, (const TfLiteInterpreter *interpreter)) \
	X(TfLiteTensor *, TfLiteInterpreterGetInputTensor,                                        \
	  (const TfLiteInterpreter *interpreter, int32_t index))                                  \
	X(const TfLiteTensor *, TfLiteInterpreterGetOutputTensor,                                 \
	  (const TfLiteInterpreter *interpreter, int32_t index))                                  \
	X(TfLiteType, TfLiteTensorType, (const TfLiteTensor *tensor))                             \
	X(int32_t, TfLiteTensorNumDims, (const TfLiteTensor *tensor))                             \
	X(int32_t, TfLiteTensorDim, (const TfLiteTensor *tensor, int32_t index))                  \
	X(size_t, TfLiteTensorByteSize, (const TfLiteTensor *tensor))                             \
	X(void *, TfLiteTensorData, (const TfLiteTensor *tensor))                                 \
	X(const char *, TfLiteTensorName, (const TfLiteTensor *tensor))                           \
	X(TfLiteQuantizationParams, TfLiteTensorQuantizationParams, (const TfLiteTensor *tensor)) \
	X(TfLiteStatus, TfLiteTensorCopyFromBuffer,                                               \
	  (TfLiteTensor * tensor, const void *data, size_t size))                                 \
	/* Of which dimensions a model leaves the size open: -1 there, or -1 in all when it says nothing */ \
	X(TfLiteStatus, TfLiteOpaqueTensorGetNumDimsSignature,                                    \
	  (const TfLiteTensor *tensor, int32_t *nr))                                              \
	X(TfLiteStatus, TfLiteOpaqueTensorGetDimSignature,                                        \
	  (const TfLiteTensor *tensor, int32_t index, int32_t *size))

#define TFLITE_X_MEMBER(type, name, parameters) type(*name) parameters;
#define TFLITE_X_NAME(type, name, parameters) #name,

struct tflite_api {
	TFLITE_FUNCTIONS(TFLITE_X_MEMBER)
};

#endif
