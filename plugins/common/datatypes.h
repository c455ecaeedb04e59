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

#define BYTES_HEAD 4 /* of an element of BYTES: its length */

/**
 * bytes_next() - an element of BYTES
 * @at:  where it begins; becomes where it ends
 *
 * Return: its length bytes; NULL: it is not whole, and at stays.
 */
const uint8_t *bytes_next(const uint8_t **at, const uint8_t *end, size_t *length);

/** bytes_put() - writes an element of up to 4 GiB. Return: where it ends. */
uint8_t *bytes_put(uint8_t *to, const void *text, size_t length);

#endif
