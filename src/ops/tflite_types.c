// SPDX-License-Identifier: Apache-2.0
/* Data types of the TensorFlow Lite operations. */

#include "vaccel/ops/tflite.h"

#define TENSOR vaccel_tflite_tensor
#define DATA_TYPE enum vaccel_tflite_data_type
#define NR int
#define DIM int32_t
#include "tensor_template.h"
