// SPDX-License-Identifier: Apache-2.0
#include "names.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

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

static bool find_name(unsigned int slot, char name[SLOT_NAME_SIZE])
{
	const char *found = op_name(op_slot_code(slot));
	size_t len = 0;

	if (!found && slot < OP_SLOTS - 1)
		return false;
	for (found = found ? found : "unknown"; found[len] && len < SLOT_NAME_SIZE - 1; len++)
		name[len] = (char)tolower((unsigned char)found[len]);
	name[len] = '\0';
	return true;
}

const char *slot_name(unsigned int slot, char name[SLOT_NAME_SIZE])
{
	/* Looked up once, as a scrape asks for them again and again. The observer has one thread. */
	static char names[OP_SLOTS][SLOT_NAME_SIZE];
	static bool known;

	for (unsigned int i = 0; !known && i < OP_SLOTS; i++)
		if (!find_name(i, names[i]))
			names[i][0] = '\0';
	known = true;
	if (!names[slot][0])
		return NULL;
	memcpy(name, names[slot], SLOT_NAME_SIZE);
	return name;
}
