// SPDX-License-Identifier: Apache-2.0
#include "vaccel/utils/str.h"

#include <stdlib.h>
#include <string.h>

#include "vaccel/error.h"

int vaccel_str_to_lower(const char *str, char *lower, size_t size, char **alloc_lower)
{
	if (!str || (!alloc_lower && (!lower || !size)))
		return VACCEL_EINVAL;

	if (alloc_lower) {
		size = strlen(str) + 1;
		lower = malloc(size);
		/* The interface has no code of its own for this. */
		if (!lower)
			return VACCEL_EINVAL;
		*alloc_lower = lower;
	}

	/* ASCII only: the result must not depend on the locale. */
	for (; *str && size > 1; str++, size--)
		*lower++ = *str >= 'A' && *str <= 'Z' ? *str - 'A' + 'a' : *str;
	*lower = '\0';
	return VACCEL_OK;
}
