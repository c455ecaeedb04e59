// SPDX-License-Identifier: Apache-2.0
/* Classifies a picture with a Torch model. Its files: see vaccel-examples(1). */
#include <stdio.h>
#include <stdlib.h>
#include <vaccel.h>

#include "picture.h"
#include "util.h"

static int run(struct vaccel_session *sess, struct vaccel_resource *model, float *picture,
	       const char *labels)
{
	const int64_t dims[] = {1, 3, PICTURE_SIDE, PICTURE_SIDE};
	struct vaccel_torch_tensor *in, *out = NULL;
	int ret;

	ret = vaccel_torch_tensor_new(&in, 4, dims, VACCEL_TORCH_FLOAT);
	if (ret) {
		fprintf(stderr, "Could not make a tensor: %d\n", ret);
		return ret;
	}
	vaccel_torch_tensor_set_data(in, picture, PICTURE_BYTES);

	ret = vaccel_torch_model_run(sess, model, NULL, &in, 1, &out, 1);
	if (ret) {
		fprintf(stderr, "Could not run model: %d\n", ret);
		goto delete_in;
	}
	if (!out) {
		fprintf(stderr, "The model gave no output\n");
		ret = VACCEL_EIO;
		goto delete_in;
	}
	printf("Success!\n");
	printf("Result Tensor :\n");
	printf("Output tensor => type:%u nr_dims:%lld size:%zuB\n", out->data_type,
	       (long long)out->nr_dims, out->size);
	ret = print_prediction(labels, out->data, out->size / sizeof(float));
	vaccel_torch_tensor_delete(out);
delete_in:
	vaccel_torch_tensor_delete(in);
	return ret;
}

int main(int argc, char **argv)
{
	struct vaccel_resource model;
	struct vaccel_session sess;
	float *picture;
	long iterations;
	int ret;

	if (!check_args(argc, argv, 3, 4, "image model_file labels [iterations]", 4, &iterations))
		return VACCEL_EINVAL;

	picture = load_picture(argv[1], true);
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

	ret = vaccel_torch_model_load(&sess, &model);
	if (ret) {
		fprintf(stderr, "Could not load model: %d\n", ret);
		goto release_session;
	}

	for (long i = 0; i < iterations && !ret; i++)
		ret = run(&sess, &model, picture, argv[3]);

release_session:
	if (vaccel_session_release(&sess))
		fprintf(stderr, "Could not release session\n");
release_model:
	vaccel_resource_release(&model);
free_picture:
	free(picture);
	return ret;
}
