/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of contents that several vhost-user-accel processes share (--cache-dir). Each file is
 * named after its size and SHA-256 and never changes; it appears whole or not at all, also when its
 * writer dies. Nothing in it is believed: a claim is checked against the very bytes that it gets.
 *
 * It belongs to one user (mode 700), or to users of a group (mode 2770) of whom none trusts another: what
 * each of them can do is to remove files, and to keep others from storing.
 *
 * All functions may be called from any thread and process. Other files in the directory are left alone.
 */
#ifndef HOST_CACHE_DIR_H
#define HOST_CACHE_DIR_H

#include <stdint.h>

/**
 * cache_dir_check() - whether a directory can be used
 * @dir: open
 * @why: receives what is wrong with it, in words
 *
 * Return: 0 or a negative errno value.
 */
int cache_dir_check(int dir, const char **why);

/**
 * cache_dir_insert() - puts a content into the directory
 * @max_bytes: of all contents in it; the least recently used ones make room
 * @from:      its file, which does not change meanwhile, with @size bytes
 *
 * Return: 0 (also when it is there already), -EFBIG (larger than all may be), -EBUSY (another
 * process does not let go of the directory), -ENOSPC or another negative errno value.
 */
int cache_dir_insert(int dir, uint64_t max_bytes, int from, uint64_t size);

/**
 * cache_dir_claim() - copies the content of which the claimant has this tag
 * @key: and @tag: see wire/possession.h
 * @to:  a file of @size zero bytes; it is so again after a failure
 *
 * Return: 0, -ENOENT when there is none, or another negative errno value.
 */
int cache_dir_claim(int dir, const uint8_t *key, const uint8_t *tag, int to, uint64_t size);

#endif
