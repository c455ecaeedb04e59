// SPDX-License-Identifier: Apache-2.0
#include "description.h"

#include <stdlib.h>
#include <string.h>

#include "files.h"

static int read_labels(const struct engine_source *source, struct labels *labels)
{
	const char *env = engine.env_labels ? getenv(engine.env_labels) : NULL;
	struct bytes bytes = {0};
	int ret;

	ret = engine_source_file(source, LABELS_NAME, &bytes);
	/* What a resource has counts more than the environment; of a model of the environment, less. */
	if (env && (ret == VACCEL_ENOENT || !source->res)) {
		bytes_release(&bytes);
		ret = bytes_of_file(env, &bytes);
		if (ret)
			engine_error("Could not read the labels %s that %s names: %s", env,
				     engine.env_labels, strerror(ret));
	} else if (ret == VACCEL_ENOENT) {
		return VACCEL_OK;
	} else if (ret) {
		engine_error("Could not read %s beside model %s: %s", LABELS_NAME, source->name,
			     strerror(ret));
	}
	if (!ret)
		ret = labels_parse(&bytes, labels);
	bytes_release(&bytes);
	return ret;
}

/* The state of a file beside a model of the host. */
static void add_state(const char *path, size_t dir, const char *name, struct content_id *state)
{
	struct file_state file = {0};
	char *beside = malloc(dir + strlen(name) + 1);

	if (beside) {
		memcpy(beside, path, dir);
		strcpy(beside + dir, name);
		file_state(beside, &file);
		free(beside);
	}
	content_add(state, &file, sizeof(file));
}

void description_state(const struct engine_source *source, struct content_id *state)
{
	const char *labels = engine.env_labels ? getenv(engine.env_labels) : NULL;
	size_t dir = (size_t)(source->name - source->path);

	*state = (struct content_id){0};
	add_state(source->path, dir, source->name, state);
	if (labels)
		add_state("", 0, labels, state);
	else
		add_state(source->path, dir, LABELS_NAME, state);
}

int description_read(const struct engine_source *source, struct description *description)
{
	*description = (struct description){0};
	return read_labels(source, &description->labels);
}

void description_release(struct description *description)
{
	labels_release(&description->labels);
}
