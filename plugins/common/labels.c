// SPDX-License-Identifier: Apache-2.0
#include "labels.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "files.h"

#define MAX_LABELS_SIZE (16u << 20)

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
		engine_error("The labels file is in UTF-16: save it as UTF-8");
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
		engine_error("The labels file is empty");
	return size;
}

int labels_parse(const struct bytes *bytes, struct labels *labels)
{
	size_t size = bytes->size, lines = 0;

	*labels = (struct labels){0};
	if (size > MAX_LABELS_SIZE) {
		engine_error("The labels file has more than %u bytes", MAX_LABELS_SIZE);
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
