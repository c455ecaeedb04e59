// SPDX-License-Identifier: Apache-2.0
#include "cache_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"
#include "wire/possession.h"

#define HASH_SIZE 32
/* 16 digits of the size, a dash, 64 of the hash */
#define NAME_SIZE (16 + 1 + 2 * HASH_SIZE + 1)
#define LOCK_NAME ".lock"
/* Held for a few unlink() and link() calls; longer than this only by a process that is stopped. */
#define LOCK_MS 2000
/* How many files of the right size one claim is tried on. */
#define MAX_TRIES 8
/* More files than this are not looked at: a member of the group may make any number. */
#define MAX_ENTRIES 65536

/* A content in the directory. */
struct entry {
	char name[NAME_SIZE];
	uint64_t size;
	struct timespec used;
};

/* Whether users of a group have the directory together, each with processes of its own. */
static bool is_shared(const struct stat *st)
{
	return st->st_mode & 070;
}

int cache_dir_check(int dir, const char **why)
{
	struct stat st;
	int fd, ret;

	*why = "it cannot be examined";
	if (fstat(dir, &st))
		return -errno;
	*why = "it is not a directory";
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	*why = "it must belong to root or to the user who runs this process";
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return -EPERM;
	*why = "others may use it; remove their rights (chmod 700, or 2770 for users of its group)";
	if (st.st_mode & 007)
		return -EPERM;
	*why = "its group has some rights, but not those that sharing takes; chmod 2770 to share it among "
	       "users of this group, or chmod 700";
	if (is_shared(&st) && ((st.st_mode & 070) != 070 ||
			       (!(st.st_mode & S_ISGID) && st.st_gid != getegid())))
		return -EPERM;
	*why = "others' files in it cannot be removed; chmod -t";
	if (is_shared(&st) && st.st_mode & S_ISVTX)
		return -EPERM;
	fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0400);
	if (fd < 0) {
		ret = -errno;
		*why = ret == -EACCES || ret == -EROFS ?
			       "this process may not write to it; is it in the directory's group?" :
			       "files without a name (O_TMPFILE) cannot be made in it; use another "
			       "file system";
		return ret;
	}
	close(fd);
	return 0;
}

/*
 * Lets all users of the directory have a new file of this process, whose group is the directory's
 * already. They may read it, and note that they have used it, which takes the right to write. Whoever
 * writes does no more harm than one who replaces the file, as each of them can.
 */
static int share(int dir, int fd)
{
	struct stat st;

	if (fstat(dir, &st))
		return -errno;
	return is_shared(&st) && fchmod(fd, 0660) ? -errno : 0;
}

/* ---- Bytes ---------------------------------------------------------------------------------- */

static void hex(const uint8_t *bytes, size_t size, char *text)
{
	for (size_t i = 0; i < size; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
}

static int hash_piece(void *arg, const uint8_t *data, size_t len, uint64_t at)
{
	(void)at;
	return EVP_DigestUpdate(arg, data, len) ? 0 : -EIO;
}

static int hash_file(int fd, uint64_t size, uint8_t hash[HASH_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ret = -ENOMEM;

	if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL))
		ret = bytes_for_pieces(fd, size, hash_piece, ctx);
	if (!ret && !EVP_DigestFinal_ex(ctx, hash, NULL))
		ret = -EIO;
	EVP_MD_CTX_free(ctx);
	return ret;
}

/* ---- The directory -------------------------------------------------------------------------- */

/* An open and locked file, or a negative errno value. */
static int lock_dir(int dir)
{
	const struct timespec pause = { 0, 1000000 };
	int fd = openat(dir, LOCK_NAME, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			0400);

	if (fd < 0)
		return -errno;
	/* Only its owner can, and one that was killed here will the next time. */
	(void)share(dir, fd);
	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB); waited++) {
		int ret = errno == EWOULDBLOCK ? -EBUSY : -errno;

		if (ret != -EBUSY || waited == LOCK_MS) {
			close(fd);
			return ret;
		}
		nanosleep(&pause, NULL);
	}
	return fd;
}

static bool is_content(const char *name)
{
	for (size_t i = 0; i < NAME_SIZE - 1; i++)
		if (i == 16 ? name[i] != '-' : !strchr("0123456789abcdef", name[i] ? name[i] : '-'))
			return false;
	return !name[NAME_SIZE - 1];
}

static int older_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct entry *)a)->used;
	const struct timespec *y = &((const struct entry *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/*
 * The contents whose names start with @prefix, the one that was not used for longest first. The
 * caller frees *list.
 */
static int list_dir(int dir, const char *prefix, struct entry **list, size_t *nr)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	int ret = stream ? 0 : -errno;

	*list = NULL;
	*nr = 0;
	while (stream && !ret && *nr < MAX_ENTRIES && (d = readdir(stream))) {
		struct entry *more;
		struct stat st;

		if (strncmp(d->d_name, prefix, strlen(prefix)) || !is_content(d->d_name) ||
		    fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		more = reallocarray(*list, *nr + 1, sizeof(**list));
		if (!more) {
			ret = -ENOMEM;
			break;
		}
		*list = more;
		memcpy(more[*nr].name, d->d_name, NAME_SIZE);
		more[*nr].size = (uint64_t)st.st_size;
		more[*nr].used = st.st_mtim;
		++*nr;
	}
	if (stream)
		closedir(stream);
	else if (fd >= 0)
		close(fd);
	if (*nr)
		qsort(*list, *nr, sizeof(**list), older_first);
	return ret;
}

/* With the directory locked: removes contents until the others have at most @bytes. */
static int make_room(int dir, uint64_t bytes)
{
	struct entry *list;
	uint64_t sum = 0;
	size_t nr;
	int ret = list_dir(dir, "", &list, &nr);

	for (size_t i = 0; i < nr; i++)
		sum += list[i].size;
	for (size_t i = 0; i < nr && !ret && sum > bytes; i++) {
		if (!unlinkat(dir, list[i].name, 0) || errno == ENOENT)
			sum -= list[i].size;
		else
			ret = -errno;
	}
	free(list);
	return ret;
}

/* ---- Insertion ------------------------------------------------------------------------------ */

/* Whether the directory has the content, undamaged. */
static bool has(int dir, const char *name, uint64_t size, const uint8_t *hash)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint8_t is[HASH_SIZE];
	struct stat st;
	bool good;

	if (fd < 0)
		return false;
	good = !fstat(fd, &st) && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size &&
	       !hash_file(fd, size, is) && !memcmp(is, hash, HASH_SIZE);
	if (good)
		futimens(fd, NULL);
	close(fd);
	return good;
}

/* Gives a file without a name its name, in place of what has it. */
static int give_name(int dir, int fd, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (unlinkat(dir, name, 0) && errno != ENOENT)
		return -errno;
	return linkat(AT_FDCWD, path, dir, name, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

int cache_dir_insert(int dir, uint64_t max_bytes, int from, uint64_t size)
{
	uint8_t hash[HASH_SIZE];
	char name[NAME_SIZE];
	int fd, lock, ret;

	if (size > max_bytes)
		return -EFBIG;
	ret = hash_file(from, size, hash);
	if (ret)
		return ret;
	sprintf(name, "%016" PRIx64 "-", size);
	hex(hash, HASH_SIZE, name + 17);
	if (has(dir, name, size, hash))
		return 0;

	/* Without a name until it is complete: the kernel removes it when we die. */
	fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0400);
	if (fd < 0)
		return -errno;
	ret = ftruncate(fd, (off_t)size) ? -errno : bytes_for_pieces(from, size, bytes_copy_piece, &fd);
	if (!ret)
		ret = share(dir, fd);
	if (!ret) {
		lock = lock_dir(dir);
		ret = lock < 0 ? lock : make_room(dir, max_bytes - size);
		if (!ret)
			ret = give_name(dir, fd, name);
		if (lock >= 0)
			close(lock);
	}
	close(fd);
	return ret;
}

/* ---- Claims --------------------------------------------------------------------------------- */

struct claim {
	struct possession *p;
	int to;
};

static int claim_piece(void *arg, const uint8_t *data, size_t len, uint64_t at)
{
	struct claim *c = arg;

	return possession_add(c->p, data, len) ? bytes_copy_piece(&c->to, data, len, at) : -EIO;
}

/* Copies the file and looks whether the copy has the tag. Return: 0, -ENOENT, ... */
static int try_file(int dir, const char *name, const uint8_t *key, const uint8_t *tag, int to,
		    uint64_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), ret;
	struct claim c = { .to = to };
	uint8_t is[POSSESSION_TAG_SIZE];
	struct stat st;

	/* It may have been removed meanwhile. */
	if (fd < 0)
		return -ENOENT;
	ret = fstat(fd, &st) || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != size ? -ENOENT : 0;
	if (!ret) {
		c.p = possession_begin(key);
		ret = c.p ? bytes_for_pieces(fd, size, claim_piece, &c) : -ENOMEM;
		if (c.p && !possession_end(c.p, ret ? NULL : is) && !ret)
			ret = -EIO;
		if (!ret && CRYPTO_memcmp(is, tag, sizeof(is)))
			ret = -ENOENT;
		if (ret == 0)
			futimens(fd, NULL);
		else if (ftruncate(to, 0) || ftruncate(to, (off_t)size))
			ret = -errno;
	}
	close(fd);
	return ret;
}

int cache_dir_claim(int dir, const uint8_t *key, const uint8_t *tag, int to, uint64_t size)
{
	char prefix[18];
	struct entry *list;
	size_t nr;
	int ret;

	snprintf(prefix, sizeof(prefix), "%016" PRIx64 "-", size);
	ret = list_dir(dir, prefix, &list, &nr);
	if (!ret)
		ret = -ENOENT;
	for (size_t tries = 0; tries < MAX_TRIES && tries < nr && ret == -ENOENT; tries++)
		ret = try_file(dir, list[nr - 1 - tries].name, key, tag, to, size);
	free(list);
	return ret;
}
