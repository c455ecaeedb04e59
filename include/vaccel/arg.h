/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments: typed, sized buffers that a program hands to an operation.
 *
 * A struct vaccel_arg is one such buffer. A struct vaccel_arg_array is a growing sequence of
 * them with a read position: the caller adds entries in order, the callee gets (inputs) or sets
 * (outputs) them in the same order.
 *
 * Ownership: an entry with owned=true holds malloc'ed memory that its release frees; any other
 * entry points at memory of the caller that must outlive it.
 *
 * Threads: there is no locking. One thread may use one object at a time; different objects are
 * independent of each other.
 *
 * Results: functions returning int give VACCEL_OK or a positive code. A failed call changes
 * nothing: arrays keep their entries and position, out parameters their values.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vaccel/utils/enum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define _ENUM_PREFIX VACCEL_ARG
#define VACCEL_ARG_TYPE_ENUM_LIST(ITEM)        \
	ITEM(RAW, 0, _ENUM_PREFIX)             \
	ITEM(INT8, _ENUM_PREFIX)               \
	ITEM(INT8_ARRAY, _ENUM_PREFIX)         \
	ITEM(INT16, _ENUM_PREFIX)              \
	ITEM(INT16_ARRAY, _ENUM_PREFIX)        \
	ITEM(INT32, _ENUM_PREFIX)              \
	ITEM(INT32_ARRAY, _ENUM_PREFIX)        \
	ITEM(INT64, _ENUM_PREFIX)              \
	ITEM(INT64_ARRAY, _ENUM_PREFIX)        \
	ITEM(UINT8, _ENUM_PREFIX)              \
	ITEM(UINT8_ARRAY, _ENUM_PREFIX)        \
	ITEM(UINT16, _ENUM_PREFIX)             \
	ITEM(UINT16_ARRAY, _ENUM_PREFIX)       \
	ITEM(UINT32, _ENUM_PREFIX)             \
	ITEM(UINT32_ARRAY, _ENUM_PREFIX)       \
	ITEM(UINT64, _ENUM_PREFIX)             \
	ITEM(UINT64_ARRAY, _ENUM_PREFIX)       \
	ITEM(FLOAT32, _ENUM_PREFIX)            \
	ITEM(FLOAT32_ARRAY, _ENUM_PREFIX)      \
	ITEM(FLOAT64, _ENUM_PREFIX)            \
	ITEM(FLOAT64_ARRAY, _ENUM_PREFIX)      \
	ITEM(BOOL, _ENUM_PREFIX)               \
	ITEM(BOOL_ARRAY, _ENUM_PREFIX)         \
	ITEM(CHAR, _ENUM_PREFIX)               \
	ITEM(CHAR_ARRAY, _ENUM_PREFIX)         \
	ITEM(UCHAR, _ENUM_PREFIX)              \
	ITEM(UCHAR_ARRAY, _ENUM_PREFIX)        \
	ITEM(STRING, _ENUM_PREFIX)             \
	ITEM(BUFFER, _ENUM_PREFIX)             \
	ITEM(CUSTOM, _ENUM_PREFIX)

VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_arg_type, _ENUM_PREFIX, VACCEL_ARG_TYPE_ENUM_LIST)

#undef _ENUM_PREFIX

/* X(name in functions, C type, enumerator of one value, enumerator of an array of them) */
#define VACCEL_ARG_NUMERIC_TYPES(X)                                           \
	X(int8, int8_t, VACCEL_ARG_INT8, VACCEL_ARG_INT8_ARRAY)               \
	X(int16, int16_t, VACCEL_ARG_INT16, VACCEL_ARG_INT16_ARRAY)           \
	X(int32, int32_t, VACCEL_ARG_INT32, VACCEL_ARG_INT32_ARRAY)           \
	X(int64, int64_t, VACCEL_ARG_INT64, VACCEL_ARG_INT64_ARRAY)           \
	X(uint8, uint8_t, VACCEL_ARG_UINT8, VACCEL_ARG_UINT8_ARRAY)           \
	X(uint16, uint16_t, VACCEL_ARG_UINT16, VACCEL_ARG_UINT16_ARRAY)       \
	X(uint32, uint32_t, VACCEL_ARG_UINT32, VACCEL_ARG_UINT32_ARRAY)       \
	X(uint64, uint64_t, VACCEL_ARG_UINT64, VACCEL_ARG_UINT64_ARRAY)       \
	X(float, float, VACCEL_ARG_FLOAT32, VACCEL_ARG_FLOAT32_ARRAY)         \
	X(double, double, VACCEL_ARG_FLOAT64, VACCEL_ARG_FLOAT64_ARRAY)       \
	X(bool, bool, VACCEL_ARG_BOOL, VACCEL_ARG_BOOL_ARRAY)                 \
	X(char, char, VACCEL_ARG_CHAR, VACCEL_ARG_CHAR_ARRAY)                 \
	X(uchar, unsigned char, VACCEL_ARG_UCHAR, VACCEL_ARG_UCHAR_ARRAY)
/* clang-format on */

/*
 * One argument.
 *  buf             the bytes; NULL exactly when size is 0
 *  size            bytes in buf
 *  type            what buf holds; VACCEL_ARG_MAX after release
 *  custom_type_id  the program's own type id, with VACCEL_ARG_CUSTOM; with VACCEL_API_0_7 defined
 *                  also argtype, as programs of vAccel 0.7 know it
 *  owned           release frees buf
 */
struct vaccel_arg {
	void *buf;
	size_t size;
	vaccel_arg_type_t type;
#ifdef VACCEL_API_0_7
	__extension__ union {
		uint32_t custom_type_id;
		uint32_t argtype __attribute__((deprecated("use type and custom_type_id")));
	};
#else
	uint32_t custom_type_id;
#endif
	bool owned;
};

/*
 * A sequence of arguments.
 *  args      the entries
 *  count     entries in use
 *  capacity  entries allocated
 *  position  the entry that the next get or set uses
 *  owned     args belongs to the array (false: it wraps an array of the caller)
 */
struct vaccel_arg_array {
	struct vaccel_arg *args;
	size_t count;
	size_t capacity;
	size_t position;
	bool owned;
};

/* Says whether the size bytes at buf are a valid object of the program's type custom_id. */
typedef bool (*vaccel_arg_type_validator_fn)(const void *buf, size_t size, uint32_t custom_id);

/*
 * Turns the data_size bytes at data into a flat buffer. On success (0) stores a malloc'ed
 * buffer in *buf and its bytes in *size; the caller of the serializer frees it.
 */
typedef int (*vaccel_arg_serializer_fn)(const void *data, size_t data_size, uint32_t custom_id,
					void **buf, size_t *size);

/* Builds the object at data (data_size bytes) from the flat size bytes at buf. 0 on success. */
typedef int (*vaccel_arg_deserializer_fn)(const void *buf, size_t size, uint32_t custom_id,
					  size_t data_size, void *data);

/*
 * vaccel_arg_init - make an argument that owns a copy of buf
 * @buf: bytes to copy, or NULL for a zeroed buffer of size bytes (nothing when size is 0)
 * @size: bytes
 * @custom_id: used with VACCEL_ARG_CUSTOM only
 *
 * EINVAL: arg NULL, buf without size, unknown type. ENOMEM. Pair with vaccel_arg_release.
 */
int vaccel_arg_init(struct vaccel_arg *arg, const void *buf, size_t size, vaccel_arg_type_t type,
		    uint32_t custom_id);

/*
 * vaccel_arg_init_from_buf - make an argument that borrows buf, which must outlive it
 *
 * EINVAL: arg NULL, only one of buf and size given, unknown type. Pair with vaccel_arg_release.
 */
int vaccel_arg_init_from_buf(struct vaccel_arg *arg, void *buf, size_t size,
			     vaccel_arg_type_t type, uint32_t custom_id);

/* Frees the buffer when the argument owns it and clears the argument. EINVAL: arg NULL. */
int vaccel_arg_release(struct vaccel_arg *arg);

/* As vaccel_arg_init, for an allocated argument. Pair with vaccel_arg_delete. */
int vaccel_arg_new(struct vaccel_arg **arg, const void *buf, size_t size, vaccel_arg_type_t type,
		   uint32_t custom_id);

/* As vaccel_arg_init_from_buf, for an allocated argument. Pair with vaccel_arg_delete. */
int vaccel_arg_from_buf(struct vaccel_arg **arg, void *buf, size_t size, vaccel_arg_type_t type,
			uint32_t custom_id);

/* Releases and frees an argument of vaccel_arg_new or vaccel_arg_from_buf. EINVAL: arg NULL. */
int vaccel_arg_delete(struct vaccel_arg *arg);

/*
 * vaccel_arg_array_init - make an empty array
 * @initial_capacity: entries to allocate at once; 0 means 8. The array doubles when it is full.
 *
 * EINVAL: array NULL. ENOMEM. Pair with vaccel_arg_array_release.
 */
int vaccel_arg_array_init(struct vaccel_arg_array *array, size_t initial_capacity);

/*
 * Releases the entries of an array that owns them and forgets those of a wrapped one.
 * EINVAL: array NULL, nothing to release.
 */
int vaccel_arg_array_release(struct vaccel_arg_array *array);

/* As vaccel_arg_array_init, for an allocated array. Pair with vaccel_arg_array_delete. */
int vaccel_arg_array_new(struct vaccel_arg_array **array, size_t initial_capacity);

/* Releases and frees an array of vaccel_arg_array_new. EINVAL: array NULL. */
int vaccel_arg_array_delete(struct vaccel_arg_array *array);

/*
 * vaccel_arg_array_wrap - use an existing array of arguments, such as those an op received
 * @args: borrowed, must outlive the wrapper; NULL only with count 0
 *
 * The wrapper is full: adding to it gives ERANGE. EINVAL: array NULL, args NULL with a count.
 */
int vaccel_arg_array_wrap(struct vaccel_arg_array *array, struct vaccel_arg *args, size_t count);

/* Releases all entries and sets count and position to 0; the capacity stays. NULL is ignored. */
void vaccel_arg_array_clear(struct vaccel_arg_array *array);

/*
 * Numeric types, one function for each type T of VACCEL_ARG_NUMERIC_TYPES:
 *
 * vaccel_arg_array_add_T(array, value), vaccel_arg_array_add_T_array(array, values, count)
 *	append an entry that points at the caller's value or values (not copied: they must
 *	outlive the array). count is in elements. EINVAL: NULL, count 0 or too large, a bool that
 *	is neither 0 nor 1. ENOMEM. ERANGE: the array wraps others' entries.
 *
 * vaccel_arg_array_get_T(array, value), vaccel_arg_array_get_T_array(array, values, count)
 *	read the entry at the position and step past it. The scalar form copies; the array form
 *	gives a pointer into the entry, valid as long as the entry, and the element count (count
 *	may be NULL). ERANGE: no entry left. EINVAL: NULL, the entry has another type or size.
 *
 * vaccel_arg_array_set_T(array, value), vaccel_arg_array_set_T_array(array, values, count)
 *	copy into the buffer of the entry at the position and step past it. An array may have
 *	fewer elements than the entry holds; the entry's size stays. ERANGE, EINVAL as for get.
 */
/* clang-format off */
#define VACCEL_ARG_ARRAY_DECLARE_ADD_FUNCS(TYPE_NAME, C_TYPE, SCALAR_ENUM, ARRAY_ENUM)            \
	int vaccel_arg_array_add_##TYPE_NAME(struct vaccel_arg_array *array, C_TYPE *value);      \
	int vaccel_arg_array_add_##TYPE_NAME##_array(struct vaccel_arg_array *array,              \
						     C_TYPE *values, size_t count);
#define VACCEL_ARG_ARRAY_DECLARE_GET_FUNCS(TYPE_NAME, C_TYPE, SCALAR_ENUM, ARRAY_ENUM)            \
	int vaccel_arg_array_get_##TYPE_NAME(struct vaccel_arg_array *array, C_TYPE *value);      \
	int vaccel_arg_array_get_##TYPE_NAME##_array(struct vaccel_arg_array *array,              \
						     C_TYPE **values, size_t *count);
#define VACCEL_ARG_ARRAY_DECLARE_SET_FUNCS(TYPE_NAME, C_TYPE, SCALAR_ENUM, ARRAY_ENUM)            \
	int vaccel_arg_array_set_##TYPE_NAME(struct vaccel_arg_array *array, C_TYPE *value);      \
	int vaccel_arg_array_set_##TYPE_NAME##_array(struct vaccel_arg_array *array,              \
						     C_TYPE *values, size_t count);
VACCEL_ARG_NUMERIC_TYPES(VACCEL_ARG_ARRAY_DECLARE_ADD_FUNCS)
VACCEL_ARG_NUMERIC_TYPES(VACCEL_ARG_ARRAY_DECLARE_GET_FUNCS)
VACCEL_ARG_NUMERIC_TYPES(VACCEL_ARG_ARRAY_DECLARE_SET_FUNCS)
/* clang-format on */

/*
 * The add functions below follow vaccel_arg_array_add_T (borrowed pointers, ENOMEM, ERANGE).
 */

/* Untyped bytes; both of buf (size bytes) and size, or neither. */
int vaccel_arg_array_add_raw(struct vaccel_arg_array *array, void *buf, size_t size);

/* A NUL-terminated string; the entry counts the terminator. */
int vaccel_arg_array_add_string(struct vaccel_arg_array *array, char *str);

/* Opaque bytes, at least one. */
int vaccel_arg_array_add_buffer(struct vaccel_arg_array *array, void *buf, size_t size);

/*
 * An object of the program's own type custom_id. EINVAL: also when validator is NULL or rejects
 * it.
 */
int vaccel_arg_array_add_custom(struct vaccel_arg_array *array, uint32_t custom_id, void *buf,
				size_t size, vaccel_arg_type_validator_fn validator);

/*
 * What serializer makes of the data_size bytes at data; the array owns the result. The
 * serializer's error is returned as it is. EINVAL: also when the result does not fit the type.
 */
int vaccel_arg_array_add_serialized(struct vaccel_arg_array *array, vaccel_arg_type_t type,
				    uint32_t custom_id, const void *data, size_t data_size,
				    vaccel_arg_serializer_fn serializer);

/*
 * vaccel_arg_array_add_range - append count entries of src, from entry start_idx on
 * @copy: duplicate the buffers (dest owns the copies); otherwise dest borrows them from src
 *
 * A count of 0 does nothing. ERANGE: the range is not inside src. EINVAL: NULL. ENOMEM.
 */
int vaccel_arg_array_add_range(struct vaccel_arg_array *dest, const struct vaccel_arg_array *src,
			       size_t start_idx, size_t count, bool copy);

/* As add_range, for what src has from its position on (possibly nothing). */
int vaccel_arg_array_add_remaining(struct vaccel_arg_array *dest,
				   const struct vaccel_arg_array *src, bool copy);

/* As add_range, for all of src (possibly nothing). */
int vaccel_arg_array_add_all(struct vaccel_arg_array *dest, const struct vaccel_arg_array *src,
			     bool copy);

/*
 * The get functions below follow vaccel_arg_array_get_T: they give pointers into the entry at
 * the position, check its type, and step past it. size may be NULL, except that of get_raw.
 */
int vaccel_arg_array_get_raw(struct vaccel_arg_array *array, void **buf, size_t *size);
int vaccel_arg_array_get_string(struct vaccel_arg_array *array, char **str);
int vaccel_arg_array_get_buffer(struct vaccel_arg_array *array, void **buf, size_t *size);

/* EINVAL: also when the entry's id is not expected_id, or validator is NULL or rejects it. */
int vaccel_arg_array_get_custom(struct vaccel_arg_array *array, uint32_t expected_id, void **buf,
				size_t *size, vaccel_arg_type_validator_fn validator);

/*
 * Lets deserializer rebuild the object at data (expected_size bytes) from the entry. The
 * deserializer's error is returned as it is and leaves the position.
 */
int vaccel_arg_array_get_serialized(struct vaccel_arg_array *array,
				    vaccel_arg_type_t expected_type, uint32_t expected_custom_id,
				    void *data, size_t expected_size,
				    vaccel_arg_deserializer_fn deserializer);

/*
 * The set functions below follow vaccel_arg_array_set_T: they copy into the entry at the
 * position and step past it. Raw data, strings and buffers may be smaller than the entry (size is
 * in bytes); custom and serialized data must have exactly the entry's size. EINVAL: also for custom
 * data when validator is NULL or rejects it.
 */
int vaccel_arg_array_set_raw(struct vaccel_arg_array *array, void *buf, size_t size);
int vaccel_arg_array_set_string(struct vaccel_arg_array *array, char *str);
int vaccel_arg_array_set_buffer(struct vaccel_arg_array *array, void *buf, size_t size);
int vaccel_arg_array_set_custom(struct vaccel_arg_array *array, uint32_t expected_id, void *buf,
				size_t size, vaccel_arg_type_validator_fn validator);
int vaccel_arg_array_set_serialized(struct vaccel_arg_array *array,
				    vaccel_arg_type_t expected_type, uint32_t expected_custom_id,
				    void *data, size_t data_size,
				    vaccel_arg_serializer_fn serializer);

/*
 * Gives the entries from the position on (NULL and 0 when there are none) without moving the
 * position. The pointer is valid until the array grows. EINVAL: a NULL parameter.
 */
int vaccel_arg_array_get_remaining(struct vaccel_arg_array *array, struct vaccel_arg **args,
				   size_t *count);

/* The accessors below accept a NULL array and then give 0 or NULL, or do nothing. */
size_t vaccel_arg_array_remaining_count(const struct vaccel_arg_array *array);
size_t vaccel_arg_array_position(const struct vaccel_arg_array *array);
/* A position past the end becomes the end. */
void vaccel_arg_array_set_position(struct vaccel_arg_array *array, size_t position);
void vaccel_arg_array_reset_position(struct vaccel_arg_array *array);
size_t vaccel_arg_array_count(const struct vaccel_arg_array *array);
/* The entries themselves, as ops take them; valid until the array grows. */
struct vaccel_arg *vaccel_arg_array_raw(struct vaccel_arg_array *array);

/*
 * The list interface of vAccel 0.6 and 0.7, kept for its programs.
 *
 * "Serial" data is flat and used as it is; "nonserial" data goes through a serializer, which
 * returns a malloc'ed buffer and stores its bytes.
 */

/*
 * A list of a fixed number of arguments.
 *  size                  slots
 *  list                  the arguments, as ops take them
 *  curr_idx              the next free slot
 *  idcs_allocated_space  for each slot: its index when the list owns the buffer, otherwise -1
 */
struct vaccel_arg_list {
	uint32_t size;
	struct vaccel_arg *list;
	int curr_idx;
	int *idcs_allocated_space;
};

#define VACCEL_ARG_LIST_DEPRECATED \
	__attribute__((deprecated("use struct vaccel_arg_array and its functions")))

/* A new list with size slots, NULL when size is 0 or there is no memory. */
VACCEL_ARG_LIST_DEPRECATED
struct vaccel_arg_list *vaccel_args_init(uint32_t size);

/* Fills the next slot with the caller's buf (size bytes, borrowed). EINVAL: NULL, 0, full. */
VACCEL_ARG_LIST_DEPRECATED
int vaccel_add_serial_arg(struct vaccel_arg_list *args, void *buf, uint32_t size);

/* Fills the next slot with what serializer makes of buf. EINVAL: NULL, full, it failed. */
VACCEL_ARG_LIST_DEPRECATED
int vaccel_add_nonserial_arg(struct vaccel_arg_list *args, void *buf, uint32_t type,
			     void *(*serializer)(void *, uint32_t *));

/* Makes buf (size bytes, borrowed) the place for the next output. EINVAL: NULL, 0, full. */
VACCEL_ARG_LIST_DEPRECATED
int vaccel_expect_serial_arg(struct vaccel_arg_list *args, void *buf, uint32_t size);

/* Allocates expected_size zeroed bytes for the next output. EINVAL: NULL, 0, full. ENOMEM. */
VACCEL_ARG_LIST_DEPRECATED
int vaccel_expect_nonserial_arg(struct vaccel_arg_list *args, uint32_t expected_size);

/* The buffer of args[idx], still owned by it. NULL: args NULL, idx negative. */
VACCEL_ARG_LIST_DEPRECATED
void *vaccel_extract_serial_arg(struct vaccel_arg *args, int idx);

/* What deserializer makes of args[idx]; the caller owns it. NULL on failure. */
VACCEL_ARG_LIST_DEPRECATED
void *vaccel_extract_nonserial_arg(struct vaccel_arg *args, int idx,
				   void *(*deserializer)(void *, uint32_t));

/* Copies args[idx].size bytes from buf into args[idx]. EINVAL: NULL, idx negative. */
VACCEL_ARG_LIST_DEPRECATED
int vaccel_write_serial_arg(struct vaccel_arg *args, int idx, void *buf);

/*
 * Copies what serializer makes of buf into args[idx]. EINVAL: NULL, idx negative, the serializer
 * failed, or its result is larger than args[idx].
 */
VACCEL_ARG_LIST_DEPRECATED
int vaccel_write_nonserial_arg(struct vaccel_arg *args, int idx, void *buf,
			       void *(*serializer)(void *, uint32_t *));

/* Frees the list and the buffers that it owns. EINVAL: args NULL. */
VACCEL_ARG_LIST_DEPRECATED
int vaccel_delete_args(struct vaccel_arg_list *args);

#ifdef __cplusplus
}
#endif
