/* SPDX-License-Identifier: Apache-2.0 */
/* The datatypes of the Open Inference Protocol (vaccel/infer.h), and types of tensors. */
#ifndef PLUGINS_COMMON_DATATYPES_H
#define PLUGINS_COMMON_DATATYPES_H

#include <stdint.h>

#include "tensor.h"

/** datatype_of() - VACCEL_INFER_*; 0: the protocol has no such */
uint32_t datatype_of(enum tensor_type type);

/** datatype_to_type() - the type of a datatype; TENSOR_OTHER: there is none */
enum tensor_type datatype_to_type(uint32_t datatype);

#endif
