// SPDX-License-Identifier: Apache-2.0
#include "clients.h"

#include <errno.h>
#include <string.h>

int clients_add(struct clients *c, const struct observe_msg *msg, int fd)
{
	uint32_t place = msg->client.place;
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
	if (place >= c->nr_places)
		c->nr_places = place + 1;
	return 0;
}

void clients_remove(struct clients *c, uint32_t place)
{
	struct client *client;

	if (place >= OBSERVE_MAX_PLACES || !c->of[place].counters)
		return;
	client = &c->of[place];
	counters_merge(&c->gone, client->counters);
	counters_unmap(client->counters, sizeof(*client->counters));
	memset(client, 0, sizeof(*client));
}
