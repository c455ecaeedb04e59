// SPDX-License-Identifier: Apache-2.0
/*
 * An image op on a picture: classify, detect, segment, pose or depth. The build makes one program
 * of each (TITLE, CALL and OP say which), and one that goes through vaccel_genop (with GENERIC).
 */
#include <stdio.h>
#include <stdlib.h>
#include <vaccel.h>

#include "util.h"

#define TEXT_SIZE 512

struct answer {
	unsigned char text[TEXT_SIZE];
	unsigned char imgname[TEXT_SIZE];
};

#ifdef GENERIC
static int run(struct vaccel_session *sess, void *image, size_t size, struct answer *answer)
{
	uint8_t op = OP;
	struct vaccel_arg_array read, write;
	int ret;

	ret = vaccel_arg_array_init(&read, 2);
	if (ret)
		return ret;
	ret = vaccel_arg_array_init(&write, 2);
	if (ret)
		goto release_read;

	ret = vaccel_arg_array_add_uint8(&read, &op);
	if (!ret)
		ret = vaccel_arg_array_add_buffer(&read, image, size);
	if (!ret)
		ret = vaccel_arg_array_add_uchar_array(&write, answer->imgname,
						       sizeof(answer->imgname));
	if (!ret && op == VACCEL_OP_IMAGE_CLASSIFY)
		ret = vaccel_arg_array_add_uchar_array(&write, answer->text, sizeof(answer->text));
	if (!ret)
		ret = vaccel_genop(sess, read.args, (int)read.count, write.args, (int)write.count);

	vaccel_arg_array_release(&write);
release_read:
	vaccel_arg_array_release(&read);
	return ret;
}
#elif defined CLASSIFY
static int run(struct vaccel_session *sess, void *image, size_t size, struct answer *answer)
{
	return vaccel_image_classification(sess, image, answer->text, answer->imgname, size,
					   sizeof(answer->text), sizeof(answer->imgname));
}
#else
static int run(struct vaccel_session *sess, void *image, size_t size, struct answer *answer)
{
	return CALL(sess, image, answer->imgname, size, sizeof(answer->imgname));
}
#endif

/* Makes the model that the op shall use known to the session. */
static int use_model(struct vaccel_session *sess, struct vaccel_resource *model, const char *path)
{
	int ret;

	ret = vaccel_resource_init(model, path, VACCEL_RESOURCE_MODEL);
	if (ret) {
		report_error(ret, "Could not make a resource of model %s", path);
		return ret;
	}
	ret = vaccel_resource_register(model, sess);
	if (ret) {
		report_error(ret, "Could not register model %s", path);
		vaccel_resource_release(model);
	}
	return ret;
}

int main(int argc, char **argv)
{
	struct answer answer = {{0}, {0}};
	struct vaccel_resource model;
	struct vaccel_session sess;
	size_t size;
	void *image;
	long iterations;
	int ret;

	if (!check_args(argc, argv, 1, 3, "image_file [iterations] [model_path]", 2, &iterations))
		return VACCEL_EINVAL;

	ret = read_file(argv[1], &image, &size);
	if (ret)
		return ret;

	ret = vaccel_session_init(&sess, 0);
	if (ret) {
		report_error(ret, "Could not initialize session");
		goto free_image;
	}
	printf("Initialized session with id: %lld\n", (long long)sess.id);

	if (argc > 3) {
		ret = use_model(&sess, &model, argv[3]);
		if (ret)
			goto release_session;
	}

	for (long i = 0; i < iterations && !ret; i++) {
		ret = run(&sess, image, size, &answer);
		if (ret)
			report_error(ret, "Could not run op");
	}

	if (!ret) {
#ifdef CLASSIFY
		printf("%s tags: %s\n", TITLE, (char *)answer.text);
#endif
		printf("%s imagename: %s\n", TITLE, (char *)answer.imgname);
	}

	if (argc > 3)
		vaccel_resource_release(&model);
release_session:
	if (vaccel_session_release(&sess))
		fprintf(stderr, "Could not release session\n");
free_image:
	free(image);
	return ret;
}
