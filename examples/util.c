// SPDX-License-Identifier: Apache-2.0
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void print_usage(FILE *out, const char *program, const char *usage)
{
	fprintf(out, "Usage: %s %s\n", program, usage);
}

bool check_args(int argc, char **argv, int min, int max, const char *usage, int index,
		long *iterations)
{
	char *end;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		print_usage(stdout, argv[0], usage);
		exit(0);
	}
	*iterations = 1;
	if (argc - 1 < min || argc - 1 > max)
		goto wrong;
	if (argc > index) {
		*iterations = strtol(argv[index], &end, 10);
		if (*end || end == argv[index] || *iterations < 0) {
			fprintf(stderr, "\"%s\" is not a number of iterations\n", argv[index]);
			goto wrong;
		}
	}
	return true;

wrong:
	print_usage(stderr, argv[0], usage);
	return false;
}

int read_file(const char *path, void **data, size_t *size)
{
	struct stat st;
	void *buf = NULL;
	FILE *file;
	int ret;

	file = fopen(path, "rb");
	if (!file) {
		ret = errno;
		goto out;
	}
	ret = EINVAL;
	if (fstat(fileno(file), &st) || !S_ISREG(st.st_mode) || st.st_size <= 0)
		goto out;
	ret = ENOMEM;
	buf = malloc((size_t)st.st_size);
	if (!buf)
		goto out;
	ret = EIO;
	if (fread(buf, 1, (size_t)st.st_size, file) != (size_t)st.st_size)
		goto out;
	*data = buf;
	*size = (size_t)st.st_size;
	buf = NULL;
	ret = 0;
out:
	if (ret)
		fprintf(stderr, "Could not read %s: %s\n", path,
			ret == EINVAL ? "it is not a file with content" : strerror(ret));
	free(buf);
	if (file)
		fclose(file);
	return ret;
}
