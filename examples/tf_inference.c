// SPDX-License-Identifier: Apache-2.0
/* Classifies a picture with a TensorFlow model. Its files: see vaccel-examples(1). */
#include <stdio.h>
#include <vaccel.h>

#include "inference.h"
#include "picture.h"
#include "util.h"

static char in_name[] = "serving_default_input_1", out_name[] = "StatefulPartitionedCall";

static void print_status(const char *what, struct vaccel_tf_status *status)
{
	printf("Session %s status => code:%u message:%s\n", what, status->code,
	       status->message ? status->message : "");
	vaccel_tf_status_release(status);
}

static int run(struct vaccel_session *sess, struct vaccel_resource *model, float *picture,
	       const char *labels)
{
	const struct vaccel_tf_node in_node = {in_name, 0}, out_node = {out_name, 0};
	const int64_t dims[] = {1, PICTURE_SIDE, PICTURE_SIDE, 3};
	struct vaccel_tf_tensor *in, *out = NULL;
	struct vaccel_tf_status status = {0, NULL};
	int ret;

	ret = vaccel_tf_tensor_new(&in, 4, dims, VACCEL_TF_FLOAT);
	if (ret) {
		report_error(ret, "Could not make a tensor");
		return ret;
	}
	vaccel_tf_tensor_set_data(in, picture, PICTURE_BYTES);

	ret = vaccel_tf_model_run(sess, model, NULL, &in_node, &in, 1, &out_node, &out, 1, &status);
	if (ret) {
		report_error(ret, "Could not run model");
		goto delete_in;
	}
	print_status("run", &status);
	if (!out) {
		fprintf(stderr, "The model gave no output\n");
		ret = VACCEL_EIO;
		goto delete_in;
	}
	printf("Success!\n");
	printf("Output tensor => type:%u nr_dims:%d size:%zuB\n", out->data_type, out->nr_dims,
	       out->size);
	ret = print_prediction(labels, picture, out->data, out->size / sizeof(float));
	vaccel_tf_tensor_delete(out);
delete_in:
	vaccel_tf_tensor_delete(in);
	return ret;
}

static int load(struct vaccel_session *sess, struct vaccel_resource *model)
{
	struct vaccel_tf_status status = {0, NULL};
	int ret = vaccel_tf_model_load(sess, model, &status);

	if (!ret)
		print_status("load", &status);
	return ret;
}

static int unload(struct vaccel_session *sess, struct vaccel_resource *model)
{
	struct vaccel_tf_status status = {0, NULL};
	int ret = vaccel_tf_model_unload(sess, model, &status);

	if (!ret)
		print_status("delete", &status);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct inference how = {
		.model_argument = "model_dir",
		.channels_first = false,
		.load = load,
		.run = run,
		.unload = unload,
	};

	return inference_main(argc, argv, &how);
}
