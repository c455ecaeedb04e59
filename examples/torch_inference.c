// SPDX-License-Identifier: Apache-2.0
/* Classifies a picture with a Torch model. Its files: see vaccel-examples(1). */
#include <stdio.h>
#include <vaccel.h>

#include "inference.h"
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
		report_error(ret, "Could not make a tensor");
		return ret;
	}
	vaccel_torch_tensor_set_data(in, picture, PICTURE_BYTES);

	ret = vaccel_torch_model_run(sess, model, NULL, &in, 1, &out, 1);
	if (ret) {
		report_error(ret, "Could not run model");
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
	ret = print_prediction(labels, picture, out->data, out->size / sizeof(float));
	vaccel_torch_tensor_delete(out);
delete_in:
	vaccel_torch_tensor_delete(in);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct inference how = {
		.model_argument = "model_file",
		.channels_first = true,
		.load = vaccel_torch_model_load,
		.run = run,
	};

	return inference_main(argc, argv, &how);
}
