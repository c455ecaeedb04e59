// SPDX-License-Identifier: Apache-2.0
/*
 * Paths, URLs and file names given to resources and blobs. Input: a byte that says what to do,
 * then lines. An "@" at the start of a line, or after "file://", stands for a directory with a
 * few files, which is also the working directory. Nothing outside of it is opened for more than a
 * look, and nothing is downloaded.
 */
#include "input.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "slog.h"
#include "vaccel.h"

#define LINES_MAX 8

enum action { ONE_PATH, MANY_PATHS, BUFFER, BUFFER_IN_MEMORY, BLOB_PATH, BLOB_BUFFER, NR_ACTIONS };

static struct vaccel_session session;
static char sandbox[64] = "/tmp/vaccel-fuzz-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_sandbox(void)
{
	nftw(sandbox, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void make_file(const char *name, const char *content)
{
	FILE *file = fopen(name, "w");

	if (!file || fputs(content, file) < 0 || fclose(file))
		abort();
}

static void start(void)
{
	struct vaccel_config config;

	/* Links in the name of the directory would look like ways out of it. */
	if (!mkdtemp(sandbox) || atexit(remove_sandbox) || chdir(sandbox) || mkdir("d", 0700) ||
	    mkdir("d/c", 0700) || mkdir("empty", 0700) || mkdir("out", 0700) ||
	    mkfifo("p", 0600) || symlink("a", "l") || symlink("nowhere", "x"))
		abort();
	make_file("a", "file");
	make_file("e", "");
	make_file("d/b", "file in a directory");
	make_file("d/c/f", "file in a deeper directory");

	if (vaccel_config_init(&config, TOUCH_PLUGIN, VACCEL_LOG_ERROR, NULL, false, false) ||
	    vaccel_bootstrap_with_config(&config) || vaccel_session_init(&session, 0))
		abort();
	vaccel_config_release(&config);
	slog_disable(SLOG_ERROR);
	slog_disable(SLOG_WARN);
}

/* A line with the directory's name for "@"; the caller frees it. */
static char *expand(const char *line)
{
	static const char scheme[] = "file://";
	size_t at = strncmp(line, scheme, sizeof(scheme) - 1) ? 0 : sizeof(scheme) - 1;
	char *path = malloc(strlen(line) + sizeof(sandbox));

	if (!path)
		abort();
	if (line[at] == '@')
		sprintf(path, "%.*s%s%s", (int)at, line, sandbox, line + at + 1);
	else
		strcpy(path, line);
	return path;
}

static bool inside(const char *path)
{
	char real[PATH_MAX];

	return realpath(path, real) && !strncmp(real, sandbox, strlen(sandbox)) &&
	       real[strlen(sandbox)] != '\0';
}

/* What programs do with a resource that could be made. */
static void use(struct vaccel_resource *res)
{
	char dir[64], *allocated = NULL;
	bool safe = res->path_type != VACCEL_PATH_REMOTE_FILE;

	for (size_t i = 0; i < res->nr_paths; i++)
		safe = safe && inside(res->paths[i]);
	vaccel_resource_directory(res, dir, sizeof(dir), NULL);
	if (!vaccel_resource_directory(res, NULL, 0, &allocated))
		free(allocated);
	if (safe && !vaccel_resource_register(res, &session)) {
		for (size_t i = 0; i < res->nr_blobs; i++)
			vaccel_blob_data(res->blobs[i], NULL);
		vaccel_resource_sync(res, &session);
		if (vaccel_resource_unregister(res, &session))
			abort();
	}
	if (vaccel_resource_release(res) || res->id || res->paths || res->blobs)
		abort();
}

static void use_blob(struct vaccel_blob *blob)
{
	size_t size;

	if (!vaccel_blob_valid(blob))
		abort();
	if (inside(vaccel_blob_path(blob) ? vaccel_blob_path(blob) : "")) {
		vaccel_blob_data(blob, &size);
		vaccel_blob_persist(blob, "out", blob->name, false);
	}
	if (vaccel_blob_release(blob))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t content[] = "content";
	static bool started;
	char *lines[LINES_MAX] = { NULL }, *text, *at;
	struct vaccel_resource res;
	struct vaccel_blob blob;
	size_t nr = 0;

	if (!size)
		return 0;
	if (!started)
		start();
	started = true;

	text = malloc(size);
	if (!text)
		abort();
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	for (at = text; at && nr < LINES_MAX; nr++) {
		char *line = strsep(&at, "\n");

		lines[nr] = expand(line);
	}

	memset(&res, 0, sizeof(res));
	switch (data[0] % NR_ACTIONS) {
	case ONE_PATH:
		if (!vaccel_resource_init(&res, lines[0], VACCEL_RESOURCE_DATA))
			use(&res);
		break;
	case MANY_PATHS:
		if (!vaccel_resource_init_multi(&res, (const char **)lines, nr,
						VACCEL_RESOURCE_MODEL))
			use(&res);
		break;
	case BUFFER:
	case BUFFER_IN_MEMORY:
		if (!vaccel_resource_init_from_buf(&res, content, sizeof(content),
						   VACCEL_RESOURCE_LIB, lines[0],
						   data[0] % NR_ACTIONS == BUFFER_IN_MEMORY))
			use(&res);
		break;
	case BLOB_PATH:
		if (!vaccel_blob_init(&blob, lines[0]))
			use_blob(&blob);
		break;
	case BLOB_BUFFER:
		if (!vaccel_blob_init_from_buf(&blob, content, sizeof(content), nr > 1, lines[0],
					       nr > 2 ? "out" : NULL, nr > 3))
			use_blob(&blob);
		break;
	}

	for (size_t i = 0; i < nr; i++)
		free(lines[i]);
	free(text);
	return 0;
}
