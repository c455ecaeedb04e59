// SPDX-License-Identifier: Apache-2.0
/* Tensors of strings: TensorFlow has an array of its own strings, the protocol its form of BYTES. */
#include <stdlib.h>
#include <string.h>

#include "datatypes.h"
#include "tf.h"

/* For TF_NewTensor(): a model may keep what it is given longer than the call. */
static void free_strings(void *data, size_t size, void *unused)
{
	TF_TString *strings = data;

	(void)unused;
	for (size_t i = 0; i < size / sizeof(*strings); i++)
		tf.TF_StringDealloc(&strings[i]);
	free(data);
}

TF_Tensor *strings_make(const struct tensor *from)
{
	const uint8_t *at = from->data, *end = at + from->size, *text;
	TF_TString *strings;
	uint64_t count;
	size_t length;

	/* Each has its length at least, so this is no more than six times what there is. */
	if (!tensor_count(from, &count) || count > from->size / BYTES_HEAD)
		return NULL;
	strings = calloc((size_t)count + 1, sizeof(*strings));
	if (!strings)
		return NULL;
	for (uint64_t i = 0; i < count; i++) {
		tf.TF_StringInit(&strings[i]);
		text = bytes_next(&at, end, &length);
		if (text)
			tf.TF_StringCopy(&strings[i], (const char *)text, length);
	}
	return tf.TF_NewTensor(VACCEL_TF_STRING, from->dims, from->nr_dims, strings,
			       (size_t)count * sizeof(*strings), free_strings, NULL);
}

int strings_read(const TF_Tensor *value, struct tensor *t, uint8_t **owned)
{
	const TF_TString *strings = tf.TF_TensorData(value);
	uint64_t count;
	size_t size = 0;
	uint8_t *to;

	t->data = NULL;
	t->size = 0;
	if (!tensor_count(t, &count))
		return VACCEL_OK; /* it has too many dimensions, which is told where it is used */
	if (count != tf.TF_TensorByteSize(value) / sizeof(*strings))
		return VACCEL_EBACKEND;
	for (uint64_t i = 0; i < count; i++) {
		size_t length = tf.TF_StringGetSize(&strings[i]);

		if (length > UINT32_MAX || __builtin_add_overflow(size, BYTES_HEAD + length, &size))
			return VACCEL_EBACKEND;
	}
	*owned = to = malloc(size + 1);
	if (!to)
		return VACCEL_ENOMEM;
	for (uint64_t i = 0; i < count; i++)
		to = bytes_put(to, tf.TF_StringGetDataPointer(&strings[i]), tf.TF_StringGetSize(&strings[i]));
	t->data = *owned;
	t->size = size;
	return VACCEL_OK;
}
