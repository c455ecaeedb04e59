// SPDX-License-Identifier: Apache-2.0
#include "waiting.h"

#include <string.h>
#include <unistd.h>

#include "log.h"

/* Connections of one user that have said nothing */
static unsigned int count_silent(const struct waiting_list *list, uid_t uid)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < list->nr; i++)
		nr += !list->of[i].has_spoken && list->of[i].peer.uid == uid;
	return nr;
}

/* Return: the oldest silent connection of who has most of them, or list->nr: there is none */
static unsigned int find_silent(const struct waiting_list *list)
{
	unsigned int found = list->nr, most = 0, nr;

	for (unsigned int i = 0; i < list->nr; i++) {
		if (list->of[i].has_spoken)
			continue;
		nr = count_silent(list, list->of[i].peer.uid);
		if (nr > most) {
			most = nr;
			found = i;
		}
	}
	return found;
}

bool waiting_has_room(const struct waiting_list *list)
{
	return list->nr < WAITING_MAX || find_silent(list) < list->nr;
}

static void turn_away(struct waiting_list *list, unsigned int index, const char *why)
{
	char name[PEER_NAME_SIZE];

	if (log_is_due(++list->turned_away)) {
		peer_name(&list->of[index].peer, name, sizeof(name));
		log_warn("a connection of %s is closed: %s", name, why);
	}
	close(waiting_take(list, index));
}

bool waiting_add(struct waiting_list *list, int fd, const struct peer *peer, uint64_t now)
{
	unsigned int silent;

	if (list->nr == WAITING_MAX) {
		silent = find_silent(list);
		if (silent == list->nr) {
			close(fd);
			return false;
		}
		turn_away(list, silent, "it has said nothing, and there are too many of them");
	}
	list->of[list->nr++] = (struct waiting){ .fd = fd, .peer = *peer, .since_ms = now };
	return true;
}

int waiting_take(struct waiting_list *list, unsigned int index)
{
	int fd = list->of[index].fd;

	list->nr--;
	memmove(&list->of[index], &list->of[index + 1], (list->nr - index) * sizeof(list->of[0]));
	return fd;
}

unsigned int waiting_pollfds(const struct waiting_list *list, struct pollfd *fds)
{
	for (unsigned int i = 0; i < list->nr; i++)
		fds[i] = (struct pollfd){
			.fd = list->of[i].fd,
			.events = POLLRDHUP | (list->of[i].has_spoken ? 0 : POLLIN),
		};
	return list->nr;
}

void waiting_update(struct waiting_list *list, const struct pollfd *fds, uint64_t now)
{
	/* From the end, so that those that are still to be looked at are where they were. */
	for (unsigned int i = list->nr; i-- > 0;) {
		struct waiting *w = &list->of[i];

		if (fds[i].revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) {
			close(waiting_take(list, i));
		} else if (!w->has_spoken && fds[i].revents & POLLIN) {
			w->has_spoken = true;
			w->since_ms = now;
		} else if (!w->has_spoken && now - w->since_ms >= WAITING_SILENT_MS) {
			turn_away(list, i, "it has said nothing in five minutes");
		}
	}
}

int waiting_timeout(const struct waiting_list *list, uint64_t now)
{
	uint64_t end;

	for (unsigned int i = 0; i < list->nr; i++) {
		if (list->of[i].has_spoken)
			continue;
		/* The first one is the oldest. */
		end = list->of[i].since_ms + WAITING_SILENT_MS;
		return end > now ? (int)(end - now) : 0;
	}
	return -1;
}

void waiting_clear(struct waiting_list *list)
{
	while (list->nr)
		close(waiting_take(list, list->nr - 1));
}
