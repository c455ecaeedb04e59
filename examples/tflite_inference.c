// SPDX-License-Identifier: Apache-2.0
/* Classifies a picture with a TensorFlow Lite model. Its files: see vaccel-examples(1). */
#include <stdio.h>
#include <vaccel.h>

#include "inference.h"
#include "picture.h"
#include "util.h"

static int run(struct vaccel_session *sess, struct vaccel_resource *model, float *picture,
	       const char *labels)
{
	const int32_t dims[] = {1, PICTURE_SIDE, PICTURE_SIDE, 3};
	struct vaccel_tflite_tensor *in, *out = NULL;
	uint8_t status = 0;
	int ret;

	ret = vaccel_tflite_tensor_new(&in, 4, dims, VACCEL_TFLITE_FLOAT32);
	if (ret) {
		report_error(ret, "Could not make a tensor");
		return ret;
	}
	vaccel_tflite_tensor_set_data(in, picture, PICTURE_BYTES);

	ret = vaccel_tflite_model_run(sess, model, &in, 1, &out, 1, &status);
	if (ret) {
		report_error(ret, "Could not run model");
		goto delete_in;
	}
	printf("Session run status: %u\n", status);
	if (!out) {
		fprintf(stderr, "The model gave no output\n");
		ret = VACCEL_EIO;
		goto delete_in;
	}
	printf("Success!\n");
	printf("Output tensor => type:%u nr_dims:%d size:%zuB\n", out->data_type, out->nr_dims,
	       out->size);
	ret = print_prediction(labels, picture, out->data, out->size / sizeof(float));
	vaccel_tflite_tensor_delete(out);
delete_in:
	vaccel_tflite_tensor_delete(in);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct inference how = {
		.model_argument = "model",
		.channels_first = false,
		.load = vaccel_tflite_model_load,
		.run = run,
		.unload = vaccel_tflite_model_unload,
	};

	return inference_main(argc, argv, &how);
}
