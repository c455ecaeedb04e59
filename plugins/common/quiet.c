// SPDX-License-Identifier: Apache-2.0
#include "quiet.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "transport/fd.h"

#define COMPLAINT "Schema error: Trying to register schema with name"

/* Not being able to collect is no error: there will be noise. */
void quiet_start(struct quiet *quiet)
{
	quiet->stderr_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (quiet->stderr_fd < 0)
		return;
	quiet->file = fd_above_stdio(memfd_create("stderr", MFD_CLOEXEC));
	if (quiet->file >= 0 && dup2(quiet->file, STDERR_FILENO) >= 0)
		return;

	if (quiet->file >= 0)
		close(quiet->file);
	close(quiet->stderr_fd);
	quiet->stderr_fd = -1;
}

void quiet_stop(struct quiet *quiet)
{
	char *line = NULL;
	size_t size = 0;
	int complained = 0;
	FILE *file;

	if (quiet->stderr_fd < 0)
		return;
	dup2(quiet->stderr_fd, STDERR_FILENO);
	close(quiet->stderr_fd);

	lseek(quiet->file, 0, SEEK_SET);
	file = fdopen(quiet->file, "r");
	if (!file) {
		close(quiet->file);
		return;
	}
	while (getline(&line, &size, file) >= 0) {
		/* An empty line follows each of them. */
		int skip = !strncmp(line, COMPLAINT, strlen(COMPLAINT));

		if (!skip && !(complained && line[0] == '\n'))
			fputs(line, stderr);
		complained = skip;
	}
	free(line);
	fclose(file);
}
