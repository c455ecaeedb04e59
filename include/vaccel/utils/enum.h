/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enums that know the names of their values.
 *
 * An enum is described once, by a function-like macro LIST(ITEM) which calls ITEM(NAME, PREFIX)
 * or ITEM(NAME, VALUE, PREFIX) for each enumerator. With name = foo and prefix = FOO
 *
 *	#define FOO_LIST(ITEM) ITEM(A, 1, FOO) ITEM(B, FOO)
 *	VACCEL_ENUM_DEF_WITH_STR_FUNCS(foo, FOO, FOO_LIST)
 *
 * gives the type foo_t with FOO_A = 1, FOO_B and FOO_MAX, and three inline functions that may be
 * called from any thread:
 *
 *	foo_to_str(v)           "FOO_A"; "FOO_MAX" when v is no enumerator
 *	foo_to_base_str(v)      "A"; "MAX" when v is no enumerator
 *	foo_name(v, buf, size)  writes "a" to buf, cut to size - 1 bytes, and returns buf;
 *	                        NULL when buf is NULL or size (in bytes) is 0
 */
#pragma once

#include <stddef.h>
#include <stdlib.h> /* programs rely on it */

#include "vaccel/utils/str.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that hold the name of any library enumerator and its NUL. */
enum { VACCEL_ENUM_STR_MAX = 128 };

/* Picks the fourth argument: chooses among macros by the number of arguments given. */
#define VACCEL_ENUM_GET_MACRO(_1, _2, _3, NAME, ...) NAME

/* One enumerator. */
#define VACCEL_ENUM_ITEM_WITH_VALUE(name, value, prefix) \
	VACCEL_ENUM_CONCAT(prefix, name) = (value),
#define VACCEL_ENUM_ITEM_NO_VALUE(name, prefix) VACCEL_ENUM_CONCAT(prefix, name),
#define VACCEL_ENUM_ITEM(...)                                                      \
	VACCEL_ENUM_GET_MACRO(__VA_ARGS__, VACCEL_ENUM_ITEM_WITH_VALUE,            \
			      VACCEL_ENUM_ITEM_NO_VALUE, VACCEL_ENUM_UNUSED)(__VA_ARGS__)

/* The case of one enumerator in name_to_str(). */
#define VACCEL_ENUM_STR_CASE_WITH_VALUE(name, value, prefix) \
	VACCEL_ENUM_STR_CASE_NO_VALUE(name, prefix)
#define VACCEL_ENUM_STR_CASE_NO_VALUE(name, prefix) \
	case VACCEL_ENUM_CONCAT(prefix, name):      \
		return VACCEL_ENUM_STR(name, prefix);
#define VACCEL_ENUM_STR_CASE(...)                                                  \
	VACCEL_ENUM_GET_MACRO(__VA_ARGS__, VACCEL_ENUM_STR_CASE_WITH_VALUE,        \
			      VACCEL_ENUM_STR_CASE_NO_VALUE, VACCEL_ENUM_UNUSED)(__VA_ARGS__)

/* The case of one enumerator in name_to_base_str(). */
#define VACCEL_ENUM_BASE_STR_CASE_WITH_VALUE(name, value, prefix) \
	VACCEL_ENUM_BASE_STR_CASE_NO_VALUE(name, prefix)
#define VACCEL_ENUM_BASE_STR_CASE_NO_VALUE(name, prefix) \
	case VACCEL_ENUM_CONCAT(prefix, name):           \
		return VACCEL_ENUM_STRINGIFY(name);
#define VACCEL_ENUM_BASE_STR_CASE(...)                                             \
	VACCEL_ENUM_GET_MACRO(__VA_ARGS__, VACCEL_ENUM_BASE_STR_CASE_WITH_VALUE,   \
			      VACCEL_ENUM_BASE_STR_CASE_NO_VALUE, VACCEL_ENUM_UNUSED)(__VA_ARGS__)

/* The literal "prefix_name". */
#define VACCEL_ENUM_STR(name, prefix) VACCEL_ENUM_PREFIX_STR(prefix) "_" VACCEL_ENUM_STRINGIFY(name)

/* Helpers: the prefix may itself be a macro and is expanded first, the name is not. */
#define VACCEL_ENUM_STRINGIFY(x) #x
#define VACCEL_ENUM_PREFIX_STR(prefix) VACCEL_ENUM_STRINGIFY(prefix)
#define VACCEL_ENUM_PASTE(prefix, suffix) prefix##_##suffix
#define VACCEL_ENUM_CONCAT_EXPANDED(prefix, suffix) VACCEL_ENUM_PASTE(prefix, suffix)
#define VACCEL_ENUM_CONCAT(prefix, name) VACCEL_ENUM_CONCAT_EXPANDED(prefix, name)

/* The enumerators of LIST followed by prefix_MAX. */
#define VACCEL_ENUM_DEF_ITEMS(prefix, LIST) \
	LIST(VACCEL_ENUM_ITEM) VACCEL_ENUM_CONCAT(prefix, MAX)

#define VACCEL_ENUM_DEF_STR_FUNCS(name, prefix, LIST)                                      \
	static inline const char *name##_to_str(name##_t value)                            \
	{                                                                                  \
		switch (value) {                                                           \
			LIST(VACCEL_ENUM_STR_CASE)                                         \
		default:                                                                   \
			return VACCEL_ENUM_STR(MAX, prefix);                               \
		}                                                                          \
	}                                                                                  \
	static inline const char *name##_to_base_str(name##_t value)                       \
	{                                                                                  \
		switch (value) {                                                           \
			LIST(VACCEL_ENUM_BASE_STR_CASE)                                    \
		default:                                                                   \
			return "MAX";                                                      \
		}                                                                          \
	}                                                                                  \
	static inline char *name##_name(name##_t value, char *lower, size_t size)          \
	{                                                                                  \
		if (vaccel_str_to_lower(name##_to_base_str(value), lower, size, NULL))     \
			return NULL;                                                       \
		return lower;                                                              \
	}

#define VACCEL_ENUM_DEF_WITH_STR_FUNCS(name, prefix, LIST)                                 \
	typedef enum { VACCEL_ENUM_DEF_ITEMS(prefix, LIST) } name##_t;                     \
	VACCEL_ENUM_DEF_STR_FUNCS(name, prefix, LIST)

#ifdef __cplusplus
}
#endif
