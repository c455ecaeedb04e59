// SPDX-License-Identifier: Apache-2.0
/* Data types of the TensorFlow operations. */

#include "vaccel/ops/tf.h"

#define TENSOR vaccel_tf_tensor
#define DATA_TYPE enum vaccel_tf_data_type
#define NR int
#define DIM int64_t
#include "tensor_template.h"

#define BUFFER vaccel_tf_buffer
#define DATA void *
#include "buffer_template.h"

int vaccel_tf_node_init(struct vaccel_tf_node *node, const char *name, int id)
{
	char *copy;

	if (!node || !name)
		return VACCEL_EINVAL;
	copy = strdup(name);
	if (!copy)
		return VACCEL_ENOMEM;

	node->name = copy;
	node->id = id;
	return VACCEL_OK;
}

int vaccel_tf_node_release(struct vaccel_tf_node *node)
{
	if (!node)
		return VACCEL_EINVAL;

	free(node->name);
	node->name = NULL;
	node->id = -1;
	return VACCEL_OK;
}

int vaccel_tf_node_new(struct vaccel_tf_node **node, const char *name, int id)
{
	struct vaccel_tf_node *new;
	int ret;

	if (!node)
		return VACCEL_EINVAL;
	new = malloc(sizeof(*new));
	if (!new)
		return VACCEL_ENOMEM;

	ret = vaccel_tf_node_init(new, name, id);
	if (ret) {
		free(new);
		return ret;
	}
	*node = new;
	return VACCEL_OK;
}

int vaccel_tf_node_delete(struct vaccel_tf_node *node)
{
	int ret = vaccel_tf_node_release(node);

	if (!ret)
		free(node);
	return ret;
}

int vaccel_tf_status_init(struct vaccel_tf_status *status, uint8_t code, const char *message)
{
	char *copy;

	if (!status || !message)
		return VACCEL_EINVAL;
	copy = strdup(message);
	if (!copy)
		return VACCEL_ENOMEM;

	status->code = code;
	status->message = copy;
	return VACCEL_OK;
}

int vaccel_tf_status_release(struct vaccel_tf_status *status)
{
	if (!status)
		return VACCEL_EINVAL;

	free(status->message);
	status->message = NULL;
	status->code = 0;
	return VACCEL_OK;
}

int vaccel_tf_status_new(struct vaccel_tf_status **status, uint8_t code, const char *message)
{
	struct vaccel_tf_status *new;
	int ret;

	if (!status)
		return VACCEL_EINVAL;
	new = malloc(sizeof(*new));
	if (!new)
		return VACCEL_ENOMEM;

	ret = vaccel_tf_status_init(new, code, message);
	if (ret) {
		free(new);
		return ret;
	}
	*status = new;
	return VACCEL_OK;
}

int vaccel_tf_status_delete(struct vaccel_tf_status *status)
{
	int ret = vaccel_tf_status_release(status);

	if (!ret)
		free(status);
	return ret;
}
