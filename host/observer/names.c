// SPDX-License-Identifier: Apache-2.0
#include "names.h"

#include <ctype.h>

const char *const result_names[COUNTERS_RESULTS] = {
	[COUNTERS_OK] = "ok",
	[COUNTERS_ERROR] = "error",
	[COUNTERS_REFUSED] = "refused",
};

const char *const path_names[COUNTERS_PATHS] = {
	[COUNTERS_INLINE] = "inline",
	[COUNTERS_PINNED] = "pinned",
	[COUNTERS_REGISTERED] = "registered",
	[COUNTERS_SNAPSHOT] = "snapshot",
	[COUNTERS_GATHERED] = "gathered",
	[COUNTERS_WRITTEN_BACK] = "written_back",
};

const char *slot_name(unsigned int slot, char name[SLOT_NAME_SIZE])
{
	const char *found = op_name(op_slot_code(slot));
	size_t len = 0;

	if (!found && slot < OP_SLOTS - 1)
		return NULL;
	for (found = found ? found : "unknown"; found[len] && len < SLOT_NAME_SIZE - 1; len++)
		name[len] = (char)tolower((unsigned char)found[len]);
	name[len] = '\0';
	return name;
}
