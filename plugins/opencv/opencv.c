// SPDX-License-Identifier: Apache-2.0
/*
 * The opencv plugin: functions of OpenCV, as vaccel/ops/opencv_functions.h describes them. A table says what
 * each takes; here its arguments are checked, in functions.cc it runs.
 */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../common/introduce.h"
#include "functions.h"
#include "vaccel.h"
#include "vaccel/ops/opencv_functions.h"

#define opencv_debug(format, ...) vaccel_debug("[opencv] " format, ##__VA_ARGS__)
#define opencv_error(format, ...) vaccel_error("[opencv] " format, ##__VA_ARGS__)

/* What one function takes: i, f, s, m as the header has them, p: a picture, b: the bytes of a file */
struct function {
	const char *name;
	const char *takes;
	bool sized;    /* the first two numbers are rows and columns of the result */
	size_t matrix; /* elements of m */
};

static const struct function functions[] = {
	[VACCEL_OPENCV_DECODE] = {"decode", "ib", false, 0},
	[VACCEL_OPENCV_ENCODE] = {"encode", "sip", false, 0},
	[VACCEL_OPENCV_RESIZE] = {"resize", "iiip", true, 0},
	[VACCEL_OPENCV_CONVERT_COLOR] = {"convert_color", "ip", false, 0},
	[VACCEL_OPENCV_BLUR] = {"blur", "ifp", false, 0},
	[VACCEL_OPENCV_CANNY] = {"canny", "ffp", false, 0},
	[VACCEL_OPENCV_THRESHOLD] = {"threshold", "ffip", false, 0},
	[VACCEL_OPENCV_WARP_AFFINE] = {"warp_affine", "iiimp", true, 6},
	[VACCEL_OPENCV_WARP_PERSPECTIVE] = {"warp_perspective", "iiimp", true, 9},
	[VACCEL_OPENCV_MATCH_TEMPLATE] = {"match_template", "ipp", false, 0},
	[VACCEL_OPENCV_OPTICAL_FLOW] = {"optical_flow", "iiipp", false, 0},
};
#define NR_FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

/* ---- Arguments ------------------------------------------------------------------------------- */

static bool good_size(int64_t rows, int64_t columns)
{
	return rows >= 1 && columns >= 1 && rows <= MAX_SIDE && columns <= MAX_SIDE &&
	       rows * columns <= MAX_PIXELS;
}

static int bad_size(const struct function *f, int64_t rows, int64_t columns)
{
	opencv_error("%s: a picture of %" PRId64 " rows and %" PRId64 " columns: each can be 1 to %d, and all "
		     "together %d pixels", f->name, rows, columns, MAX_SIDE, MAX_PIXELS);
	return VACCEL_EINVAL;
}

/* Of whatever type, as what fits in a buffer does not depend on it. */
static bool get_bytes(struct vaccel_arg_array *args, void **data, size_t *size)
{
	struct vaccel_arg *rest;
	size_t count;

	if (vaccel_arg_array_get_remaining(args, &rest, &count) || !count || !rest->buf)
		return false;
	*data = rest->buf;
	*size = rest->size;
	vaccel_arg_array_set_position(args, vaccel_arg_array_position(args) + 1);
	return true;
}

static int bad_argument(const struct function *f, const struct vaccel_arg_array *args)
{
	opencv_error("%s: argument %zu is missing, or is not as vaccel/ops/opencv_functions.h says", f->name,
		     vaccel_arg_array_position(args));
	return VACCEL_EINVAL;
}

static int get_picture(const struct function *f, struct vaccel_arg_array *args, struct picture *p)
{
	static const size_t bytes[] = {1, 1, 2, 2, 4, 4, 8};
	int32_t *shape;
	size_t count;

	if (vaccel_arg_array_get_int32_array(args, &shape, &count) || count != VACCEL_OPENCV_SHAPE_SIZE)
		return bad_argument(f, args);
	memcpy(p->shape, shape, sizeof(p->shape));
	if (!good_size(p->shape[0], p->shape[1]))
		return bad_size(f, p->shape[0], p->shape[1]);
	if (p->shape[2] < 1 || p->shape[2] > 4 || p->shape[3] < 0 || p->shape[3] > VACCEL_OPENCV_FLOAT64) {
		opencv_error("%s: a picture of %d channels of type %d: there are 1 to 4, of types 0 to %d",
			     f->name, p->shape[2], p->shape[3], VACCEL_OPENCV_FLOAT64);
		return VACCEL_EINVAL;
	}
	if (!get_bytes(args, &p->data, &p->size) ||
	    p->size != (size_t)p->shape[0] * (size_t)p->shape[1] * (size_t)p->shape[2] * bytes[p->shape[3]]) {
		opencv_error("%s: a picture has not as many bytes as its shape says", f->name);
		return VACCEL_EINVAL;
	}
	return VACCEL_OK;
}

static int get_file(const struct function *f, struct vaccel_arg_array *args, struct call *call)
{
	uint32_t rows, columns;
	void *data;

	if (!get_bytes(args, &data, &call->file_size) || call->file_size > INT_MAX)
		return bad_argument(f, args);
	call->file = data;
	if (file_pixels(data, call->file_size, &rows, &columns)) {
		opencv_error("%s: this is no JPEG, PNG or BMP file", f->name);
		return VACCEL_EINVAL;
	}
	return good_size(rows, columns) ? VACCEL_OK : bad_size(f, rows, columns);
}

static int get_matrix(const struct function *f, struct vaccel_arg_array *args, struct call *call)
{
	double *all;
	size_t count;

	if (vaccel_arg_array_get_double_array(args, &all, &count) || count != f->matrix)
		return bad_argument(f, args);
	for (size_t i = 0; i < count; i++) {
		if (isfinite(all[i]))
			continue;
		opencv_error("%s: the matrix is not finite", f->name);
		return VACCEL_EINVAL;
	}
	call->matrix = all;
	return VACCEL_OK;
}

static int get_one(const struct function *f, char kind, struct vaccel_arg_array *args, struct call *call,
		   int at[3])
{
	char *text;
	double *number;

	switch (kind) {
	case 'i':
		if (vaccel_arg_array_get_int32(args, &call->ints[at[0]++]))
			return bad_argument(f, args);
		return VACCEL_OK;
	case 'f':
		number = &call->floats[at[1]++];
		if (vaccel_arg_array_get_double(args, number) || !isfinite(*number))
			return bad_argument(f, args);
		return VACCEL_OK;
	case 's':
		if (vaccel_arg_array_get_string(args, &text))
			return bad_argument(f, args);
		call->text = text;
		return VACCEL_OK;
	case 'm':
		return get_matrix(f, args, call);
	case 'b':
		return get_file(f, args, call);
	default:
		return get_picture(f, args, &call->in[at[2]++]);
	}
}

static int get_all(const struct function *f, struct vaccel_arg_array *args, struct call *call)
{
	int at[3] = {0, 0, 0}, ret;

	for (const char *kind = f->takes; *kind; kind++) {
		ret = get_one(f, *kind, args, call, at);
		if (ret)
			return ret;
	}
	if (vaccel_arg_array_remaining_count(args)) {
		opencv_error("%s: there are more arguments than it has", f->name);
		return VACCEL_EINVAL;
	}
	return f->sized && !good_size(call->ints[0], call->ints[1]) ?
		       bad_size(f, call->ints[0], call->ints[1]) :
		       VACCEL_OK;
}

/*
 * What OpenCV does not check, but works without an end or without memory when it is large. Windows of 255 are
 * far above what is of use.
 */
static int check_work(const struct call *call)
{
	const int32_t *i = call->ints;
	bool good = true;

	if (call->function == VACCEL_OPENCV_DECODE)
		good = i[0] >= -1 && i[0] <= 1;
	else if (call->function == VACCEL_OPENCV_BLUR)
		good = i[0] >= 1 && i[0] <= 255 && i[0] % 2 && call->floats[0] >= 0 && call->floats[0] <= 255;
	else if (call->function == VACCEL_OPENCV_OPTICAL_FLOW)
		good = i[0] >= 1 && i[0] <= 16 && i[1] >= 1 && i[1] <= 255 && i[2] >= 1 && i[2] <= 100;
	if (good)
		return VACCEL_OK;
	opencv_error("%s: a number is out of its range: modes are -1 to 1, windows 1 to 255 (odd ones for blur), "
		     "sigma 0 to 255, levels 1 to 16, iterations 1 to 100", functions[call->function].name);
	return VACCEL_EINVAL;
}

/* ---- Results --------------------------------------------------------------------------------- */

static int give(const struct function *f, struct call *call, struct vaccel_arg *write, int nr_write)
{
	size_t size = call->out.size;

	if (nr_write > 1 && (!write[1].buf || write[1].size < size)) {
		opencv_error("%s: the result has %zu bytes, and there is room for %zu", f->name, size,
			     write[1].buf ? write[1].size : 0);
		return VACCEL_ENOSPC;
	}
	if (call->function == VACCEL_OPENCV_ENCODE)
		memcpy(write[0].buf, &(uint64_t){size}, sizeof(uint64_t));
	else
		memcpy(write[0].buf, call->out.shape, sizeof(call->out.shape));
	if (nr_write > 1 && size)
		memcpy(write[1].buf, call->out.data, size);
	return VACCEL_OK;
}

/* Before the work: what the result's first part is written to */
static int check_results(const struct function *f, bool is_file, const struct vaccel_arg *write, int nr_write)
{
	vaccel_arg_type_t type = is_file ? VACCEL_ARG_UINT64 : VACCEL_ARG_INT32_ARRAY;
	size_t size = is_file ? sizeof(uint64_t) : VACCEL_OPENCV_SHAPE_SIZE * sizeof(int32_t);

	if (nr_write >= 1 && nr_write <= 2 && write && write[0].buf && write[0].type == type &&
	    write[0].size == size)
		return VACCEL_OK;
	opencv_error("%s: its results are %s and a buffer", f->name,
		     is_file ? "the size of a file (a uint64)" : "the shape of a picture (4 int32)");
	return VACCEL_EINVAL;
}

static int op_opencv(struct vaccel_session *sess, struct vaccel_arg *read, int nr_read,
		     struct vaccel_arg *write, int nr_write)
{
	struct vaccel_arg_array args;
	const struct function *f;
	struct call call = {0};
	uint8_t code;
	int ret;

	if (!sess)
		return VACCEL_EINVAL;
	if (nr_read < 1 || !read || nr_write < 0 || vaccel_arg_array_wrap(&args, read, (size_t)nr_read) ||
	    vaccel_arg_array_get_uint8(&args, &code)) {
		opencv_error("The first argument is no code of a function (a uint8)");
		return VACCEL_EINVAL;
	}
	if (!code || code >= NR_FUNCTIONS) {
		opencv_error("There is no function %u; there are 1 to %zu", code, NR_FUNCTIONS - 1);
		return VACCEL_ENOTSUP;
	}
	f = &functions[code];
	call.function = code;
	opencv_debug("Calling %s for session %" PRId64, f->name, sess->id);
	ret = get_all(f, &args, &call);
	if (!ret)
		ret = check_work(&call);
	if (!ret)
		ret = check_results(f, code == VACCEL_OPENCV_ENCODE, write, nr_write);
	if (ret)
		return ret;
	ret = functions_run(&call);
	if (ret) {
		opencv_error("%s: %s", f->name, call.why);
		return ret;
	}
	ret = give(f, &call, write, nr_write);
	functions_release(&call);
	return ret;
}

static struct vaccel_op ops[] = {VACCEL_OP_INIT(opencv, VACCEL_OP_OPENCV, op_opencv)};

static int init(void)
{
	cpu_set_t cpus;
	int ret;

	functions_start(sched_getaffinity(0, sizeof(cpus), &cpus) ? 1 : CPU_COUNT(&cpus));
	ret = introduce("OpenCV %s", functions_version());
	return ret ? ret : vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}

static int fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "opencv", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_CPU, .init = init, .fini = fini)
