// SPDX-License-Identifier: Apache-2.0
/* Classifies a picture with a TensorFlow model. Its files: see vaccel-examples(1). */
#include <stdio.h>
#include <stdlib.h>
#include <vaccel.h>

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
		fprintf(stderr, "Could not make a tensor: %d\n", ret);
		return ret;
	}
	vaccel_tf_tensor_set_data(in, picture, PICTURE_BYTES);

	ret = vaccel_tf_model_run(sess, model, NULL, &in_node, &in, 1, &out_node, &out, 1, &status);
	if (ret) {
		fprintf(stderr, "Could not run model: %d\n", ret);
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
	ret = print_prediction(labels, out->data, out->size / sizeof(float));
	vaccel_tf_tensor_delete(out);
delete_in:
	vaccel_tf_tensor_delete(in);
	return ret;
}

int main(int argc, char **argv)
{
	struct vaccel_tf_status status = {0, NULL};
	struct vaccel_resource model;
	struct vaccel_session sess;
	float *picture;
	long iterations;
	int ret;

	if (!check_args(argc, argv, 3, 4, "image model_dir labels [iterations]", 4, &iterations))
		return VACCEL_EINVAL;

	picture = load_picture(argv[1], false);
	if (!picture)
		return VACCEL_EINVAL;

	ret = vaccel_resource_init(&model, argv[2], VACCEL_RESOURCE_MODEL);
	if (ret) {
		fprintf(stderr, "Could not make a resource of model %s: %d\n", argv[2], ret);
		goto free_picture;
	}
	printf("Initialized model resource %lld\n", (long long)model.id);
	ret = vaccel_session_init(&sess, 0);
	if (ret) {
		fprintf(stderr, "Could not initialize session: %d\n", ret);
		goto release_model;
	}
	printf("Initialized vAccel session %lld\n", (long long)sess.id);
	ret = vaccel_resource_register(&model, &sess);
	if (ret) {
		fprintf(stderr, "Could not register model: %d\n", ret);
		goto release_session;
	}

	ret = vaccel_tf_model_load(&sess, &model, &status);
	if (ret) {
		fprintf(stderr, "Could not load model: %d\n", ret);
		goto release_session;
	}
	print_status("load", &status);

	for (long i = 0; i < iterations && !ret; i++)
		ret = run(&sess, &model, picture, argv[3]);

	if (vaccel_tf_model_unload(&sess, &model, &status))
		fprintf(stderr, "Could not unload model\n");
	else
		print_status("delete", &status);
release_session:
	if (vaccel_session_release(&sess))
		fprintf(stderr, "Could not release session\n");
release_model:
	vaccel_resource_release(&model);
free_picture:
	free(picture);
	return ret;
}
