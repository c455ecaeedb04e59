// SPDX-License-Identifier: Apache-2.0
/* Reading what resources contain, see remote.h. */
#include "remote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Memory is the program's; so is a mapping of a file that the library made, which stays as it is. */
static bool is_memory(const struct vaccel_blob *blob)
{
	return blob->data && (blob->type == VACCEL_BLOB_BUFFER || blob->path_owned || !blob->path);
}

int remote_file_open(struct remote_file *c, const struct vaccel_blob *blob)
{
	struct stat st;
	int ret;

	*c = (struct remote_file){.fd = -1};
	if (is_memory(blob)) {
		c->data = blob->data;
		c->size = blob->size;
		return VACCEL_OK;
	}
	if (!blob->path)
		return VACCEL_EINVAL;
	/* Not to wait for the other end of a named pipe. */
	c->fd = open(blob->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (c->fd < 0 || fstat(c->fd, &st)) {
		vaccel_error("[virtio] Cannot read %s: %s", blob->path, strerror(errno));
		ret = errno == ENOENT || errno == EACCES ? errno : VACCEL_EIO;
		goto fail;
	}
	if (!S_ISREG(st.st_mode)) {
		vaccel_error("[virtio] %s is not a regular file", blob->path);
		ret = VACCEL_EINVAL;
		goto fail;
	}
	c->size = (uint64_t)st.st_size;
	c->buffer = malloc(c->size < REMOTE_FILE_PIECE ? c->size + 1 : REMOTE_FILE_PIECE);
	if (c->buffer)
		return VACCEL_OK;
	ret = VACCEL_ENOMEM;
fail:
	remote_file_close(c);
	return ret;
}

void remote_file_close(struct remote_file *c)
{
	free(c->buffer);
	if (c->fd >= 0)
		close(c->fd);
}

int remote_file_get(struct remote_file *c, uint64_t offset, uint64_t len, const uint8_t **out)
{
	if (c->data) {
		*out = c->data + offset;
		return VACCEL_OK;
	}
	for (uint64_t done = 0; done < len;) {
		ssize_t n = pread(c->fd, c->buffer + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			vaccel_error("[virtio] Cannot read a file of a resource: %s",
				     n ? strerror(errno) : "it became shorter while it was in use");
			return VACCEL_EIO;
		}
		done += (uint64_t)n;
	}
	*out = c->buffer;
	return VACCEL_OK;
}
