// SPDX-License-Identifier: Apache-2.0
/* Data types of the Torch operations. */

#include "vaccel/ops/torch.h"

#define TENSOR vaccel_torch_tensor
#define DATA_TYPE enum vaccel_torch_data_type
#define NR int64_t
#define DIM int64_t
#include "tensor_template.h"

#define BUFFER vaccel_torch_buffer
#define DATA char *
#include "buffer_template.h"
