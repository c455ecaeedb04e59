// SPDX-License-Identifier: Apache-2.0
#include "clients.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char other[] = "other";
/* And a number: where there is no name, or an earlier one has it */
#define NAMELESS "plugin_"

static unsigned int find_name(clients_plugins names, const char *name)
{
	unsigned int i = 1;

	while (i < COUNTERS_PLUGINS && strcmp(names[i], name) != 0)
		i++;
	return i;
}

/* One entry of a list: without directory, prefix and suffix */
static void name_plugin(const char *entry, size_t len, char name[CLIENTS_PLUGIN_SIZE])
{
	static const char prefix[] = "libvaccel-";
	const char *slash = memrchr(entry, '/', len), *dot;
	size_t at = 0;

	if (slash) {
		len -= (size_t)(slash + 1 - entry);
		entry = slash + 1;
	}
	if (len >= sizeof(prefix) && memcmp(entry, prefix, sizeof(prefix) - 1) == 0) {
		entry += sizeof(prefix) - 1;
		len -= sizeof(prefix) - 1;
	}
	dot = memmem(entry, len, ".so", 3);
	if (dot)
		len = (size_t)(dot - entry);
	for (; at < len && at < CLIENTS_PLUGIN_SIZE - 1; at++)
		name[at] = isalnum((unsigned char)entry[at]) || entry[at] == '-' ? entry[at] : '_';
	name[at] = '\0';
}

void clients_name_plugins(const char *list, clients_plugins names)
{
	bool is_cut = strlen(list) >= OBSERVE_PLUGINS_SIZE - 1;
	unsigned int nr = 1;

	memset(names, 0, sizeof(clients_plugins));
	for (size_t len; *list; list += len + (list[len] == ':')) {
		char name[CLIENTS_PLUGIN_SIZE];

		len = strcspn(list, ":");
		if (!len)
			continue;
		if (nr == COUNTERS_OTHER_PLUGIN)
			break;
		name_plugin(list, len, name);
		/* Two of a name would be one series, twice. */
		if (!*name || !strcmp(name, other) || !strncmp(name, NAMELESS, strlen(NAMELESS)) || find_name(names, name) < COUNTERS_PLUGINS)
			snprintf(name, sizeof(name), NAMELESS "%u", nr);
		strcpy(names[nr++], name);
	}
	if (*list || is_cut)
		strcpy(names[COUNTERS_OTHER_PLUGIN], other);
}

/* Which plugin of the sum is each of a client's: the one of its name, or the others */
static void match_plugins(struct clients *c, clients_plugins names, uint8_t map[COUNTERS_PLUGINS])
{
	strcpy(c->gone_plugins[COUNTERS_OTHER_PLUGIN], other);
	map[COUNTERS_NO_PLUGIN] = COUNTERS_NO_PLUGIN;
	for (unsigned int i = 1; i < COUNTERS_PLUGINS; i++) {
		unsigned int found = *names[i] ? find_name(c->gone_plugins, names[i]) : COUNTERS_OTHER_PLUGIN;

		if (found == COUNTERS_PLUGINS) {
			found = find_name(c->gone_plugins, "");
			if (found < COUNTERS_PLUGINS)
				strcpy(c->gone_plugins[found], names[i]);
		}
		map[i] = (uint8_t)(found < COUNTERS_PLUGINS ? found : COUNTERS_OTHER_PLUGIN);
	}
}

int clients_add(struct clients *c, const struct observe_msg *msg, int fd)
{
	uint32_t place = msg->client.place;
	char plugins[OBSERVE_PLUGINS_SIZE];
	struct client *client;

	if (place >= OBSERVE_MAX_PLACES || c->of[place].counters)
		return -EINVAL;
	client = &c->of[place];
	client->counters = counters_map(fd, sizeof(*client->counters), false);
	if (!client->counters)
		return -errno;
	client->uid = msg->client.uid;
	client->pid = msg->client.pid;
	client->since = msg->client.since;
	memcpy(client->name, msg->client.name, sizeof(client->name));
	client->name[sizeof(client->name) - 1] = '\0';
	memcpy(plugins, msg->client.plugins, sizeof(plugins));
	plugins[sizeof(plugins) - 1] = '\0';
	clients_name_plugins(plugins, client->plugins);
	if (place >= c->nr_places)
		c->nr_places = place + 1;
	return 0;
}

void clients_remove(struct clients *c, uint32_t place)
{
	uint8_t plugins[COUNTERS_PLUGINS];
	struct client *client;

	if (place >= OBSERVE_MAX_PLACES || !c->of[place].counters)
		return;
	client = &c->of[place];
	match_plugins(c, client->plugins, plugins);
	counters_merge(&c->gone, client->counters, plugins);
	counters_unmap(client->counters, sizeof(*client->counters));
	memset(client, 0, sizeof(*client));
}
