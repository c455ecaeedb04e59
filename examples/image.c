// SPDX-License-Identifier: Apache-2.0
/*
 * An image op on a picture: classify, detect, segment, pose or depth. The build makes one program
 * of each (TITLE, CALL and OP say which), and one that goes through vaccel_genop (with GENERIC). All but
 * classify also write the picture that belongs to the answer, where a path for it is given.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vaccel.h>

#include "util.h"

#define PICTURE_SIZE (16u << 20)

#ifdef CLASSIFY
#define TEXT_SIZE 512
#define MAX_ARGS 3
#define USAGE	 "image_file [iterations] [model_path]"
#else
#define TEXT_SIZE 65536
#define MAX_ARGS 4
#define USAGE	 "image_file [iterations] [model_path] [picture_path]"
#endif

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

/* Offers memory for the picture that belongs to the answer. */
static int offer_picture(struct vaccel_session *sess, struct vaccel_resource *data, void **room)
{
	int ret;

	*room = calloc(1, PICTURE_SIZE);
	if (!*room) {
		report_error(VACCEL_ENOMEM, "Could not allocate memory for a picture");
		return VACCEL_ENOMEM;
	}
	ret = vaccel_resource_init_from_buf(data, *room, PICTURE_SIZE, VACCEL_RESOURCE_DATA,
					    "picture.png", true);
	if (!ret) {
		ret = vaccel_resource_register(data, sess);
		if (ret)
			vaccel_resource_release(data);
	}
	if (ret) {
		report_error(ret, "Could not make a resource for a picture");
		free(*room);
		*room = NULL;
	}
	return ret;
}

/* Brings the picture home, and writes as much of it to a file as the answer says. */
static int save_picture(struct vaccel_session *sess, struct vaccel_resource *data, const void *room,
			const char *text, const char *path)
{
	static const char key[] = "\"picture\":{\"format\":\"png\",\"bytes\":";
	const char *found = strstr(text, key);
	unsigned long long size = found ? strtoull(found + strlen(key), NULL, 10) : 0;
	FILE *file;
	int ret;

	ret = vaccel_resource_sync(data, sess);
	if (ret) {
		report_error(ret, "Could not bring the picture home");
		return ret;
	}
	if (!size || size > PICTURE_SIZE) {
		fprintf(stderr, "No picture came with the answer\n");
		return VACCEL_ENOENT;
	}
	file = fopen(path, "wb");
	if (!file || fwrite(room, 1, size, file) != size)
		ret = VACCEL_EIO;
	if (file && fclose(file))
		ret = VACCEL_EIO;
	if (ret)
		report_error(ret, "Could not write %s", path);
	return ret;
}

int main(int argc, char **argv)
{
	static struct answer answer;
	struct vaccel_resource model, data;
	void *room = NULL;
	struct vaccel_session sess;
	size_t size;
	void *image;
	long iterations;
	int ret;

	if (!check_args(argc, argv, 1, MAX_ARGS, USAGE, 2, &iterations))
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

	if (argc > 4) {
		ret = offer_picture(&sess, &data, &room);
		if (ret)
			goto release_model;
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
	if (!ret && room)
		ret = save_picture(&sess, &data, room, (char *)answer.imgname, argv[4]);

	if (room)
		vaccel_resource_release(&data);
	free(room);
release_model:
	if (argc > 3)
		vaccel_resource_release(&model);
release_session:
	if (vaccel_session_release(&sess))
		fprintf(stderr, "Could not release session\n");
free_image:
	free(image);
	return ret;
}
