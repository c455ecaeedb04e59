// SPDX-License-Identifier: Apache-2.0
/*
 * The onnx plugin: image classification with ONNX Runtime. See cache_get() for which model and
 * labels are used, image_to_tensor() for what becomes of a picture before the model sees it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "decimal.h"
#include "onnx.h"

/* Tells the library that image classification wants its full form always. */
__attribute__((visibility("default"))) const bool vaccel_plugin_takes_text = true;

static int classify(struct model *model, const void *img, size_t len_img, const char **label,
		    float *score)
{
	struct image image;
	float *tensor;
	int ret;

	ret = image_decode(img, len_img, &image);
	if (ret)
		return ret;
	ret = image_to_tensor(&image, model_input(model), &tensor);
	free(image.rgb);
	if (ret)
		return ret;
	ret = model_classify(model, tensor, label, score);
	free(tensor);
	return ret;
}

static int op_classify(struct vaccel_session *sess, const void *img, unsigned char *out_text,
		       unsigned char *out_imgname, size_t len_img, size_t len_out_text,
		       size_t len_out_imgname)
{
	char number[DECIMAL_SIZE];
	struct cached_model *entry;
	const char *label;
	float score;
	int ret;

	if (!sess)
		return VACCEL_EINVAL;
	onnx_debug("Calling Image classification for session %" PRId64, sess->id);
	if (!img || !len_img) {
		onnx_error("There is no image");
		return VACCEL_EINVAL;
	}

	ret = cache_get(sess, &entry);
	if (ret)
		return ret;
	ret = classify(cache_model(entry), img, len_img, &label, &score);
	if (!ret) {
		decimal((double)score, 4, number, sizeof(number));
		onnx_debug("%s %s", label, number);
		if (out_text && len_out_text)
			snprintf((char *)out_text, len_out_text, "%s %s", label, number);
		if (out_imgname && len_out_imgname)
			snprintf((char *)out_imgname, len_out_imgname, "%s",
				 model_name(cache_model(entry)));
	}
	cache_put(entry);
	return ret;
}

static int resource_unregister(struct vaccel_resource *res, struct vaccel_session *sess)
{
	(void)sess;
	cache_forget(res);
	return VACCEL_OK;
}

static struct vaccel_op ops[] = {
	VACCEL_OP_INIT(image_classify, VACCEL_OP_IMAGE_CLASSIFY, op_classify),
};

static int init(void)
{
	int ret = model_runtime_start();

	return ret ? ret : vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}

static int fini(void)
{
	cache_clear();
	model_runtime_stop();
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "onnx", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_CPU, .init = init, .fini = fini,
	      .resource_unregister = resource_unregister)
