/* SPDX-License-Identifier: Apache-2.0 */
/* A model's files as a directory, for engines that read them by themselves. */
#ifndef PLUGINS_COMMON_TREE_H
#define PLUGINS_COMMON_TREE_H

#include "engine.h"

struct tree {
	char *dir;  /* where the model's file is */
	char *path; /* the model's file */
	bool owned; /* it was made for this, and is removed */
};

/**
 * tree_make() - a directory with a model's files, named as in the model
 *
 * The one that the resource is; of separate files one in the run directory, with links to files (copies
 * for an engine that follows no links) and copies of what is in memory. There, files called "variables.*" are
 * in the directory variables, as in a SavedModel.
 * Pair with tree_remove(). An error is logged.
 */
int tree_make(const struct engine_source *source, struct tree *tree);
void tree_remove(struct tree *tree);

#endif
