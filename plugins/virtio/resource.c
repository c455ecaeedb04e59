// SPDX-License-Identifier: Apache-2.0
/*
 * Resources on the host. The first registration sends the files, later ones name them. The last
 * session that lets go of a resource frees it there.
 */
#include "link.h"
#include "remote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "transport/clock.h"

/* Between two lines about the sending of a file */
#define DEFAULT_PROGRESS_MS 2000
#define MAX_PROGRESS_MS	    3600000

/* Sessions that use a resource on the host, in one connection: they hold it. */
struct user_count {
	struct user_count *next;
	const struct vaccel_resource *res;
	const struct remote_link *link;
	unsigned int sessions;
};

static pthread_mutex_t users_lock = PTHREAD_MUTEX_INITIALIZER;
static struct user_count *users;

/*
 * Adds @change to the sessions of a resource in a connection. Return: what there are then, -1 when out of
 * memory.
 */
static int count_users(const struct vaccel_resource *res, const struct remote_link *l, int change)
{
	struct user_count **link, *u;
	int left;

	pthread_mutex_lock(&users_lock);
	for (link = &users; *link && ((*link)->res != res || (*link)->link != l); link = &(*link)->next)
		;
	u = *link;
	if (!u && change > 0) {
		u = calloc(1, sizeof(*u));
		if (u) {
			u->res = res;
			u->link = l;
			*link = u;
		}
	}
	left = u ? (int)u->sessions + change : change > 0 ? -1 : 0;
	if (u) {
		u->sessions = (unsigned int)left;
		if (left <= 0) {
			*link = u->next;
			free(u);
		}
	}
	pthread_mutex_unlock(&users_lock);
	return left;
}

void remote_resources_forget(void)
{
	pthread_mutex_init(&users_lock, NULL);
	users = NULL;
}

static struct remote_link *link_of(const struct vaccel_session *sess)
{
	return ((struct remote_session *)sess->priv)->link;
}

static bool is_zero(const uint8_t *data, uint64_t len)
{
	return !data[0] && !memcmp(data, data + 1, len - 1);
}

/*
 * What a request about a resource that was there has returned. These name no session, so a worker that
 * took the place of a dead one knows only that it has no such resource.
 */
static int lost_or(int ret)
{
	return ret == VACCEL_ENOENT ? VACCEL_ESESS : ret;
}

/* How far the sending of a file has come; told now and then, and in the end if it was told before */
struct progress {
	const char *name;
	uint64_t size, start_ms, told_ms;
	unsigned int pause_ms;
	bool was_told;
};

static void begin_progress(struct progress *p, const char *name, uint64_t size)
{
	*p = (struct progress){ .name = name, .size = size, .start_ms = now_ms(), .told_ms = now_ms() };
	p->pause_ms = remote_setting("VACCEL_VIRTIO_PROGRESS_MS", 0, MAX_PROGRESS_MS, DEFAULT_PROGRESS_MS);
}

static void tell_progress(struct progress *p, uint64_t done)
{
	uint64_t now = now_ms(), ms = now - p->start_ms;
	bool is_end = done >= p->size;

	if (is_end ? !p->was_told : now - p->told_ms < p->pause_ms)
		return;
	p->told_ms = now;
	p->was_told = true;
	vaccel_info("[virtio] %s: %" PRIu64 " of %" PRIu64 " MiB sent in %" PRIu64 ".%" PRIu64 " s", p->name,
		    (is_end ? p->size : done) >> 20, p->size >> 20, ms / 1000, ms % 1000 / 100);
}

/* A piece at a time: many for few round trips, each small beside the guest's memory. */
static int send_bytes(struct vaccel_session *sess, int64_t id, uint32_t index, const char *name,
		      struct remote_file *c)
{
	struct progress progress;
	const uint8_t *data;
	int ret = VACCEL_OK;

	begin_progress(&progress, name, c->size);
	for (uint64_t done = 0; done < c->size && !ret; done += REMOTE_FILE_PIECE) {
		uint64_t len = c->size - done < REMOTE_FILE_PIECE ? c->size - done : REMOTE_FILE_PIECE;

		ret = remote_file_get(c, done, len, &data);
		/* What is never written is zero: holes of a file stay holes. */
		if (!ret && !is_zero(data, len))
			ret = lost_or(remote_RESOURCE_WRITE(sess, id, index, done, data, len));
		if (!ret)
			tell_progress(&progress, done + len);
	}
	return ret;
}

/* The name of a blob on the host: below a directory its path in it, else its file name. */
static const char *wire_name(const struct vaccel_resource *res, const struct vaccel_blob *blob)
{
	size_t n;

	if (res->path_type != VACCEL_PATH_LOCAL_DIR || !res->nr_paths || !blob->path)
		return blob->name;
	n = strlen(res->paths[0]);
	if (strncmp(blob->path, res->paths[0], n))
		return blob->name;
	for (const char *p = blob->path + n;; p++)
		if (*p != '/')
			return p;
}

static int send_blob(const struct vaccel_resource *res, struct vaccel_session *sess, int64_t id,
		     uint32_t index)
{
	const struct vaccel_blob *blob = res->blobs[index];
	const char *name = wire_name(res, blob);
	char unique[512];
	struct remote_file c;
	int ret = remote_file_open(&c, blob);

	if (ret)
		return ret;
	ret = remote_RESOURCE_ADD(sess, id, blob->type, c.size, name);
	if (ret == VACCEL_EEXIST) {
		/* Two directories with a file of the same name each */
		snprintf(unique, sizeof(unique), "%u-%s", index, name);
		ret = remote_RESOURCE_ADD(sess, id, blob->type, c.size, unique);
	}
	ret = lost_or(ret);
	if (!ret && (blob->type == VACCEL_BLOB_BUFFER || remote_claim(sess, id, index, &c)))
		ret = send_bytes(sess, id, index, name, &c);
	remote_file_close(&c);
	return ret;
}

/* A URL, which the host downloads, or a model that it has */
static int send_path(struct vaccel_session *sess, int64_t id, const char *path)
{
	int ret = remote_RESOURCE_ADD(sess, id, VACCEL_BLOB_FILE, 0, path);

	if (ret == VACCEL_EPERM && !strncasecmp(path, "model://", 8))
		vaccel_error("[virtio] The host does not allow %s: see --models of vhost-user-accel", path);
	else if (ret == VACCEL_EPERM)
		vaccel_error("[virtio] The host does not allow %s: see --allow=url and --model-dir of "
			     "vhost-user-accel",
			     path);
	else if (ret == VACCEL_ENOENT)
		vaccel_error("[virtio] The host has no %s: see --model-dir of vhost-user-accel", path);
	else if (ret == VACCEL_EINVAL)
		vaccel_error("[virtio] %s cannot be the name of a model: it must lie below --model-dir of "
			     "vhost-user-accel, without \"..\", and be a file or directory", path);
	return ret;
}

static int send_resource(struct vaccel_resource *res, struct vaccel_session *sess, int64_t *id)
{
	bool remote = res->path_type == VACCEL_PATH_REMOTE_FILE;
	size_t count = remote ? res->nr_paths : res->nr_blobs;
	int ret = remote_RESOURCE_CREATE(sess, res->type, res->path_type, id);

	if (ret)
		return ret;
	for (size_t i = 0; i < count && !ret; i++)
		ret = remote ? send_path(sess, *id, res->paths[i]) :
			       send_blob(res, sess, *id, (uint32_t)i);
	if (ret)
		remote_RESOURCE_DESTROY(sess, *id);
	return ret;
}

int remote_resource_register(struct vaccel_resource *res, struct vaccel_session *sess)
{
	const struct remote_link *l = link_of(sess);
	bool sent = false;
	int64_t id = res->remote_id;
	int ret = VACCEL_ENOENT;

	/* The id may be of a connection that was lost: in this one another resource may have it. */
	if (id && count_users(res, l, 0))
		ret = remote_RESOURCE_REGISTER(sess, id);
	if (ret == VACCEL_ENOENT) {
		/* Not there yet, or gone with a host process that died. */
		ret = send_resource(res, sess, &id);
		if (ret)
			return ret;
		sent = true;
		ret = remote_RESOURCE_REGISTER(sess, id);
	}
	if (!ret && count_users(res, l, 1) < 0) {
		remote_RESOURCE_UNREGISTER(sess, id);
		ret = VACCEL_ENOMEM;
	}
	if (!ret)
		res->remote_id = id;
	else if (sent)
		remote_RESOURCE_DESTROY(sess, id);
	return ret;
}

int remote_resource_unregister(struct vaccel_resource *res, struct vaccel_session *sess)
{
	struct remote_link *l = link_of(sess);
	bool lost = link_lost(l);
	int ret = lost ? VACCEL_ESESS : remote_RESOURCE_UNREGISTER(sess, res->remote_id);

	/* The id is of the last connection that it was registered in. */
	if (!count_users(res, l, -1) && !lost) {
		remote_RESOURCE_DESTROY(sess, res->remote_id);
		res->remote_id = 0;
	}
	/* A lost session, or resource, is what the caller wants. */
	return ret == VACCEL_ESESS || ret == VACCEL_ENOENT || link_lost(l) ? VACCEL_OK : ret;
}

int remote_resource_sync(struct vaccel_resource *res, struct vaccel_session *sess)
{
	int ret = remote_RESOURCE_SYNC(sess, res->remote_id);

	for (size_t i = 0; i < res->nr_blobs && !ret; i++) {
		struct vaccel_blob *blob = res->blobs[i];

		if (blob->type == VACCEL_BLOB_BUFFER)
			ret = lost_or(remote_RESOURCE_READ(sess, res->remote_id, (uint32_t)i, 0,
							   blob->data, blob->size));
	}
	return ret;
}
