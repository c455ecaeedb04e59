// SPDX-License-Identifier: Apache-2.0
#include "util.h"

#include <errno.h>
#include <stdarg.h>
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

void report_error(int code, const char *fmt, ...)
{
	static const struct {
		int code;
		const char *name, *advice;
	} known[] = {
		{ EPERM, "EPERM", "the host's policy does not allow it: see --allow of vhost-user-accel" },
		{ ENOENT, "ENOENT", "a file, library or model is missing: the lines above name it" },
		{ EAGAIN, "EAGAIN", "the host has no worker at the moment: its log says why; try again" },
		{ ENOMEM, "ENOMEM", "memory is short, or a limit was reached that the host's log names" },
		{ EACCES, "EACCES", "a permission is missing: the lines above, or the host's log, say which" },
		{ EBUSY, "EBUSY", "it is in use: end the other program, or start another vhost-user-accel" },
		{ ENODEV, "ENODEV", "the host process or the device is gone: start it again" },
		{ EINVAL, "EINVAL", "an argument or a file is not right: the lines above say which" },
		{ EUSERS, "EUSERS", "a limit of the host was reached: its log says which" },
		{ ENOTSUP, "ENOTSUP",
		  "no plugin has this operation: name one that has in VACCEL_PLUGINS, here or on the host" },
		{ ECONNRESET, "ECONNRESET",
		  "the session was lost, as the host's worker ended: run the program again" },
	};
	va_list args;
	size_t i = 0;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	while (i < sizeof(known) / sizeof(known[0]) && known[i].code != code)
		i++;
	if (i < sizeof(known) / sizeof(known[0]))
		fprintf(stderr, ": %d (%s), %s\n", code, known[i].name, known[i].advice);
	else
		fprintf(stderr, ": %d (%s), VACCEL_LOG_LEVEL=4 shows each step\n", code, strerror(code));
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
