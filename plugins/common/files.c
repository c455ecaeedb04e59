// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

#define MAX_LABELS_SIZE (16u << 20)

/* Reads and does not map: a file that shrinks meanwhile must not end the process. */
static int read_all(int fd, char *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (!n)
			return EIO; /* it became shorter */
		done += (size_t)n;
	}
	return 0;
}

int bytes_of_file(const char *path, struct bytes *bytes)
{
	struct stat st;
	char *data = NULL;
	int fd, ret;

	/* Not to wait for the other end of a named pipe. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno;
	if (fstat(fd, &st)) {
		ret = errno;
		goto fail;
	}
	ret = EINVAL;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		goto fail;
	ret = EFBIG;
	if ((uint64_t)st.st_size > FILE_MAX_SIZE)
		goto fail;
	ret = ENOMEM;
	data = malloc((size_t)st.st_size);
	if (!data)
		goto fail;
	ret = read_all(fd, data, (size_t)st.st_size);
	if (ret)
		goto fail;
	close(fd);
	*bytes = (struct bytes){data, (size_t)st.st_size, data};
	return 0;

fail:
	free(data);
	close(fd);
	return ret;
}

int bytes_of_blob(const struct vaccel_blob *blob, struct bytes *bytes)
{
	/* A file of somebody else may be mapped and become shorter; it is read. */
	if (blob->data && blob->size && (!blob->path || blob->path_owned)) {
		*bytes = (struct bytes){blob->data, blob->size, NULL};
		return 0;
	}
	return blob->path ? bytes_of_file(blob->path, bytes) : EINVAL;
}

void bytes_release(struct bytes *bytes)
{
	free(bytes->owned);
	*bytes = (struct bytes){0};
}

void file_state(const char *path, struct file_state *state)
{
	struct stat st;

	memset(state, 0, sizeof(*state));
	if (stat(path, &st))
		return;
	state->device = st.st_dev;
	state->inode = st.st_ino;
	state->size = (uint64_t)st.st_size;
	state->seconds = st.st_mtim.tv_sec;
	state->nanoseconds = st.st_mtim.tv_nsec;
}

void labels_release(struct labels *labels)
{
	free(labels->names);
	free(labels->text);
	*labels = (struct labels){0};
}

/* Ends each line with a NUL, makes it printable, and notes where it starts. Return: lines. */
static size_t split(char *text, size_t size, char **names)
{
	size_t count = 0, start = 0;

	for (size_t i = 0; i < size; i++) {
		if (text[i] != '\n') {
			/* not iscntrl(): in some locales it takes parts of UTF-8 for such characters */
			if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
				text[i] = ' ';
			continue;
		}
		text[i] = '\0';
		for (size_t end = i; end > start && text[end - 1] == ' ';)
			text[--end] = '\0';
		names[count++] = &text[start];
		start = i + 1;
	}
	return count;
}

/*
 * Leaves out the mark that some editors put before UTF-8, and makes each kind of line end '\n'. Return:
 * the new size, 0 after a message.
 */
static size_t plain_text(char *text, size_t size)
{
	if (size >= 2 && (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2))) {
		onnx_error("The labels file is in UTF-16: save it as UTF-8");
		return 0;
	}
	if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		size -= 3;
		memmove(text, text + 3, size);
	}
	for (size_t i = 0; i < size; i++)
		if (text[i] == '\r')
			text[i] = i + 1 < size && text[i + 1] == '\n' ? ' ' : '\n';
	while (size && strchr("\n \t", text[size - 1]) && text[size - 1])
		size--;
	if (!size)
		onnx_error("The labels file is empty");
	return size;
}

int labels_parse(const struct bytes *bytes, struct labels *labels)
{
	size_t size = bytes->size, lines = 0;

	*labels = (struct labels){0};
	if (size > MAX_LABELS_SIZE) {
		onnx_error("The labels file has more than %u bytes", MAX_LABELS_SIZE);
		return VACCEL_EINVAL;
	}
	labels->text = malloc(size + 1);
	if (!labels->text)
		return VACCEL_ENOMEM;
	memcpy(labels->text, bytes->data, size);
	size = plain_text(labels->text, size);
	if (!size) {
		labels_release(labels);
		return VACCEL_EINVAL;
	}
	labels->text[size++] = '\n';

	for (size_t i = 0; i < size; i++)
		lines += labels->text[i] == '\n';
	labels->names = malloc(lines * sizeof(*labels->names));
	if (!labels->names) {
		labels_release(labels);
		return VACCEL_ENOMEM;
	}
	labels->count = split(labels->text, size, labels->names);
	return VACCEL_OK;
}
