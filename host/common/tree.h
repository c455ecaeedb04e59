/* SPDX-License-Identifier: Apache-2.0 */
/* Removing what somebody else has made, who may not have wanted it to be removed. */
#ifndef HOST_TREE_H
#define HOST_TREE_H

/**
 * tree_remove() - removes a file, or a directory and all below it
 * @at:   the directory that it is in, open
 * @name: of the entry
 *
 * Works by descriptors alone and follows no link; what is mounted below stays. Neither the tree's depth
 * nor the rights of its directories matter: what is deep is moved up first, so that a few descriptors
 * are enough and there is no recursion. Takes as long as it takes.
 *
 * Return: 0; -ENOENT: there is no such entry; or another -errno, then something is left.
 */
int tree_remove(int at, const char *name);

#endif
