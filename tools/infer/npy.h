/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of NumPy (.npy, format versions 1 to 3): one array, little-endian, in C order. Their types are the
 * datatypes of the Open Inference Protocol: bool, integers and floats; S and U, strings, are BYTES (U as
 * UTF-8), and V2, which is what bfloat16 is saved as, is BF16.
 *
 * Functions give 0 or an exit status of sysexits.h, after a message on standard error.
 */
#ifndef TOOLS_INFER_NPY_H
#define TOOLS_INFER_NPY_H

#include "vaccel.h"

/**
 * npy_read() - reads an array
 * @alloc: memory for its data, of at least a byte; NULL: none
 * @t:     receives datatype, shape, data and size; the name stays
 *
 * EX_NOINPUT: the file cannot be read. EX_DATAERR: it is no array that a tensor can be. EX_OSERR: no memory.
 */
int npy_read(const char *path, void *(*alloc)(size_t size), struct vaccel_infer_tensor *t);

/**
 * npy_write() - writes a tensor as an array; a file that is there is replaced
 *
 * EX_CANTCREAT: it cannot be written. EX_DATAERR: a string ends in a zero byte, which NumPy would lose.
 */
int npy_write(const char *path, const struct vaccel_infer_tensor *t);

#endif
