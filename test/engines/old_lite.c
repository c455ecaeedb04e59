// SPDX-License-Identifier: Apache-2.0
/* A library with the names of TensorFlow Lite's functions, of a version that is too old. */
#include "api.h"

#define FUNCTION(type, name, parameters) const char *name(void);
TFLITE_FUNCTIONS(FUNCTION)
#undef FUNCTION
#define FUNCTION(type, name, parameters)                                                              \
	const char *name(void)                                                                    \
	{                                                                                         \
		return "2.9.3";                                                                   \
	}
TFLITE_FUNCTIONS(FUNCTION)
