// SPDX-License-Identifier: Apache-2.0
#include "inference.h"

#include <stdio.h>
#include <stdlib.h>

#include "picture.h"
#include "util.h"

static int with_session(struct vaccel_session *sess, struct vaccel_resource *model, float *picture,
			const char *labels, long iterations, const struct inference *how)
{
	int ret = vaccel_resource_register(model, sess);

	if (ret) {
		report_error(ret, "Could not register model");
		return ret;
	}
	ret = how->load(sess, model);
	if (ret) {
		report_error(ret, "Could not load model");
		return ret;
	}
	for (long i = 0; i < iterations && !ret; i++)
		ret = how->run(sess, model, picture, labels);
	if (how->unload && how->unload(sess, model))
		fprintf(stderr, "Could not unload model\n");
	return ret;
}

int inference_main(int argc, char **argv, const struct inference *how)
{
	struct vaccel_resource model;
	struct vaccel_session sess;
	char usage[64];
	float *picture;
	long iterations;
	int ret;

	snprintf(usage, sizeof(usage), "image %s labels [iterations]", how->model_argument);
	if (!check_args(argc, argv, 3, 4, usage, 4, &iterations))
		return VACCEL_EINVAL;

	picture = load_picture(argv[1], how->channels_first);
	if (!picture)
		return VACCEL_EINVAL;

	ret = vaccel_resource_init(&model, argv[2], VACCEL_RESOURCE_MODEL);
	if (ret) {
		report_error(ret, "Could not make a resource of model %s", argv[2]);
		goto free_picture;
	}
	printf("Initialized model resource %lld\n", (long long)model.id);
	ret = vaccel_session_init(&sess, 0);
	if (ret) {
		report_error(ret, "Could not initialize session");
		goto release_model;
	}
	printf("Initialized vAccel session %lld\n", (long long)sess.id);
	ret = with_session(&sess, &model, picture, argv[3], iterations, how);
	if (vaccel_session_release(&sess))
		fprintf(stderr, "Could not release session\n");
release_model:
	vaccel_resource_release(&model);
free_picture:
	free(picture);
	return ret;
}
