// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "library.h"
#include "tf.h"
#include "tf_ops.h"
#include "threads.h"

#define OLDEST	    "2.4"
#define ENV_THREADS "VACCEL_TF_THREADS"
#define ENV_DEVICE  "VACCEL_TF_DEVICE"

struct tf_api tf;

static const char *const names[] = {
	"libtensorflow.so.2",
	"libtensorflow_cc.so.2",
	"/usr/local/lib/python3*/dist-packages/tensorflow/libtensorflow_cc.so.2",
	"/usr/local/lib/python3*/site-packages/tensorflow/libtensorflow_cc.so.2",
	"/usr/lib/python3*/*-packages/tensorflow/libtensorflow_cc.so.2",
	NULL,
};
static const char *const functions[] = {TF_FUNCTIONS(TF_X_NAME) NULL};
static const struct library library = {
	.plugin = "tf",
	.engine = "TensorFlow",
	.variable = "VACCEL_TF_LIBRARY",
	.advice = "install TensorFlow's C library (libtensorflow.so.2), or its Python package "
		  "(tensorflow-cpu), which has libtensorflow_cc.so.2",
	.names = names,
	.functions = functions,
};

int runtime_start(void)
{
	int ret;

	/* Its remarks on the processor go to standard error, whatever one asks it; errors come as such. */
	setenv("TF_CPP_MIN_LOG_LEVEL", "2", 0);
	ret = library_open(&library, &tf, sizeof(tf));
	return ret ? ret : library_check_version(&library, tf.TF_Version(), OLDEST);
}

/* ---- Options --------------------------------------------------------------------------------- */

/* The device of the environment: a kind, and for a GPU its number. Return: whether it can be one. */
enum device { DEVICE_ANY, DEVICE_CPU, DEVICE_GPU, DEVICE_BAD };

static enum device chosen_device(unsigned int *number)
{
	const char *text = getenv(ENV_DEVICE);
	unsigned long value;
	char *end;

	*number = 0;
	if (!text || !*text)
		return DEVICE_ANY;
	if (!strcasecmp(text, "cpu"))
		return DEVICE_CPU;
	if (!strcasecmp(text, "gpu"))
		return DEVICE_GPU;
	if (strncasecmp(text, "gpu:", 4) || !isdigit((unsigned char)text[4]))
		return DEVICE_BAD;
	value = strtoul(text + 4, &end, 10);
	if (*end || value > 999)
		return DEVICE_BAD;
	*number = (unsigned int)value;
	return DEVICE_GPU;
}

/* A ConfigProto, byte by byte: field numbers and kinds as in tensorflow/core/protobuf/config.proto */
struct proto {
	unsigned char bytes[128];
	size_t size;
};

static void put_varint(struct proto *p, uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		p->bytes[p->size++] = (unsigned char)(value | 0x80);
	p->bytes[p->size++] = (unsigned char)value;
}

static void put_number(struct proto *p, unsigned int field, int64_t value)
{
	put_varint(p, field << 3);
	put_varint(p, (uint64_t)value);
}

static void put_bytes(struct proto *p, unsigned int field, const void *bytes, size_t size)
{
	put_varint(p, field << 3 | 2);
	put_varint(p, size);
	memcpy(p->bytes + p->size, bytes, size);
	p->size += size;
}

static void make_config(struct proto *config, enum device device, unsigned int number)
{
	unsigned int all = threads_processors();
	struct proto part = {.size = 0};
	char text[16];

	put_number(config, 2, threads_for(ENV_THREADS, all)); /* intra_op_parallelism_threads */
	put_number(config, 5, -1); /* inter_op_parallelism_threads: a call's own thread starts them */
	if (device == DEVICE_CPU) { /* device_count["GPU"] = 0 */
		put_bytes(&part, 1, "GPU", 3);
		put_number(&part, 2, 0);
		put_bytes(config, 1, part.bytes, part.size);
	} else if (device == DEVICE_GPU) { /* gpu_options.visible_device_list */
		snprintf(text, sizeof(text), "%u", number);
		put_bytes(&part, 5, text, strlen(text));
		put_bytes(config, 6, part.bytes, part.size);
	}
}

TF_SessionOptions *runtime_options(void)
{
	struct proto config = {.size = 0};
	unsigned int number;
	enum device device = chosen_device(&number);
	TF_SessionOptions *options;
	TF_Status *status;
	TF_Code code;

	if (device == DEVICE_BAD) {
		engine_error(ENV_DEVICE "=%s is no device: cpu, gpu, gpu:0, gpu:1, ... are",
			     getenv(ENV_DEVICE));
		return NULL;
	}
	make_config(&config, device, number);
	options = tf.TF_NewSessionOptions();
	status = tf.TF_NewStatus();
	tf.TF_SetConfig(options, config.bytes, config.size, status);
	code = tf.TF_GetCode(status);
	if (code)
		engine_error("Could not set options: %s", tf.TF_Message(status));
	tf.TF_DeleteStatus(status);
	if (!code)
		return options;
	tf.TF_DeleteSessionOptions(options);
	return NULL;
}

int runtime_check_device(TF_Session *session)
{
	unsigned int number;
	TF_DeviceList *list;
	TF_Status *status;
	int gpus = 0;

	if (chosen_device(&number) != DEVICE_GPU)
		return VACCEL_OK;
	status = tf.TF_NewStatus();
	list = tf.TF_SessionListDevices(session, status);
	for (int i = 0; list && i < tf.TF_DeviceListCount(list); i++) {
		const char *type = tf.TF_DeviceListType(list, i, status);

		gpus += type && !strcmp(type, "GPU");
	}
	if (list)
		tf.TF_DeleteDeviceList(list);
	tf.TF_DeleteStatus(status);
	if (gpus)
		return VACCEL_OK;
	return tf_fail(VACCEL_ENODEV, TF_CODE_NOT_FOUND,
		       ENV_DEVICE "=%s: this TensorFlow has no such device. Is it built for GPUs, and does the "
		       "driver work? " ENV_DEVICE "=cpu does without", getenv(ENV_DEVICE));
}
