// SPDX-License-Identifier: Apache-2.0
/*
 * vaccel_genop with any arguments. Input, numbers little-endian: the code of an operation, the
 * numbers of arguments to read and to write (one byte each), then the arguments: type, flags
 * (1: no buffer), custom type (one byte each), size (two bytes), bytes. Bit 7 of the first number
 * says that the argument with the code is in the input, too.
 */
#include "input.h"

#include "slog.h"
#include "vaccel.h"

#define ARGS_MAX 16
#define SIZE_MAX_ARG 4096

static struct vaccel_session session;
static struct vaccel_resource resource;
static const char library[] = "not a library";

/* The library with one session, which has one resource, id 1. Kept for all inputs. */
static void start(void)
{
	struct vaccel_config config;

	if (vaccel_config_init(&config, TOUCH_PLUGIN, VACCEL_LOG_ERROR, NULL, false, false) ||
	    vaccel_bootstrap_with_config(&config) || vaccel_session_init(&session, 0) ||
	    vaccel_resource_init_from_buf(&resource, library, sizeof(library), VACCEL_RESOURCE_LIB,
					  "library", true) ||
	    vaccel_resource_register(&resource, &session))
		abort();
	vaccel_config_release(&config);
	slog_disable(SLOG_ERROR);
}

static void take_arg(struct input *in, struct vaccel_arg *arg)
{
	uint8_t flags;

	arg->type = input_u8(in) % (VACCEL_ARG_MAX + 2);
	flags = input_u8(in);
	arg->custom_type_id = input_u8(in);
	arg->size = input_u16(in) % (SIZE_MAX_ARG + 1);
	arg->buf = flags & 1 ? NULL : input_copy(in, arg->size);
	arg->owned = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct vaccel_arg *read, *write;
	static bool started;
	uint8_t code, nr_read, nr_write;
	unsigned int first;

	if (!started)
		start();
	started = true;

	code = input_u8(&in);
	nr_read = input_u8(&in);
	nr_write = input_u8(&in) % ARGS_MAX;
	first = nr_read & 0x80 ? 0 : 1;
	nr_read = (nr_read & 0x7f) % ARGS_MAX + first;

	/* Of just this size, like the buffers. */
	read = calloc(nr_read ? nr_read : 1, sizeof(*read));
	write = calloc(nr_write ? nr_write : 1, sizeof(*write));
	if (!read || !write)
		abort();
	if (first) {
		struct input only = { &code, 1 };

		read[0] = (struct vaccel_arg){
			.buf = input_copy(&only, 1), .size = 1, .type = VACCEL_ARG_UINT8
		};
	}
	for (unsigned int i = first; i < nr_read; i++)
		take_arg(&in, &read[i]);
	for (unsigned int i = 0; i < nr_write; i++)
		take_arg(&in, &write[i]);

	vaccel_genop(&session, read, nr_read, write, nr_write);

	for (unsigned int i = 0; i < nr_read; i++)
		free(read[i].buf);
	for (unsigned int i = 0; i < nr_write; i++)
		free(write[i].buf);
	free(read);
	free(write);
	return 0;
}
