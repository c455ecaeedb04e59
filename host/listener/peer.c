// SPDX-License-Identifier: Apache-2.0
#include "peer.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define UNIT_MAX 36

int peer_of(int fd, struct peer *peer)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	*peer = (struct peer){ .uid = cred.uid, .gid = cred.gid, .pid = cred.pid };
	return 0;
}

/* The last part of the path of its control group (version 2). Return: whether it has a name. */
static bool find_unit(pid_t pid, char *unit, size_t size)
{
	char path[32], line[512], *name = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	f = pid > 0 ? fopen(path, "re") : NULL;
	while (f && !name && fgets(line, sizeof(line), f))
		if (strncmp(line, "0::", 3) == 0)
			name = strrchr(line, '/');
	if (f)
		fclose(f);
	if (!name || !name[1] || name[1] == '\n')
		return false;
	name[strcspn(name, "\n")] = '\0';
	snprintf(unit, size, "%s", name + 1);
	/* Whoever has made the group has chosen its name. */
	for (char *c = unit; *c; c++)
		if (!isascii(*c) || (!isalnum((unsigned char)*c) && !strchr("._-@", *c)))
			*c = '_';
	return true;
}

void peer_name(const struct peer *peer, char *name, size_t size)
{
	char unit[UNIT_MAX];

	if (!find_unit(peer->pid, unit, sizeof(unit)))
		snprintf(unit, sizeof(unit), "uid%u", (unsigned int)peer->uid);
	snprintf(name, size, "%s.%d", unit, (int)peer->pid);
}
