// SPDX-License-Identifier: Apache-2.0
#include "names.h"

#include <string.h>

#define MAX_NAME 1024

bool name_ok(const char *name, bool deep)
{
	const char *part = name;

	if (strlen(name) >= MAX_NAME)
		return false;
	for (;;) {
		size_t n = strcspn(part, "/");

		if (n == 0 || n > 255 || (n == 1 && part[0] == '.') ||
		    (n == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (!part[n])
			return true;
		if (!deep)
			return false;
		part += n + 1;
	}
}
