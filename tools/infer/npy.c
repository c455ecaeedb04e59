// SPDX-License-Identifier: Apache-2.0
#include "npy.h"

#include <endian.h>
#include <errno.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error data is used as it is in the file
#endif

#define MAGIC	   "\x93NUMPY"
#define MAGIC_SIZE 6
#define MAX_HEADER 65536
#define ALIGN	   64 /* of the data in the file */

static const struct {
	const char *descr; /* of NumPy */
	uint32_t datatype;
} types[] = {
	{"|b1", VACCEL_INFER_BOOL},  {"|u1", VACCEL_INFER_UINT8}, {"<u2", VACCEL_INFER_UINT16},
	{"<u4", VACCEL_INFER_UINT32}, {"<u8", VACCEL_INFER_UINT64}, {"|i1", VACCEL_INFER_INT8},
	{"<i2", VACCEL_INFER_INT16}, {"<i4", VACCEL_INFER_INT32}, {"<i8", VACCEL_INFER_INT64},
	{"<f2", VACCEL_INFER_FP16},  {"<f4", VACCEL_INFER_FP32},  {"<f8", VACCEL_INFER_FP64},
	{"|V2", VACCEL_INFER_BF16},  {"<V2", VACCEL_INFER_BF16},
};
#define NR_TYPES (sizeof(types) / sizeof(types[0]))

/* ---- The header ----------------------------------------------------------------------------- */

struct header {
	char descr[32];
	bool fortran, has_descr, has_order, has_shape;
	uint32_t nr_dims;
	int64_t shape[VACCEL_INFER_MAX_DIMS];
};

static void skip_blanks(const char **at)
{
	*at += strspn(*at, " \n");
}

static bool take_char(const char **at, char c)
{
	skip_blanks(at);
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* A string in quotes, of either kind. */
static bool take_string(const char **at, char *to, size_t size)
{
	const char *end;
	size_t len;

	skip_blanks(at);
	if (**at != '\'' && **at != '"')
		return false;
	end = strchr(*at + 1, **at);
	if (!end)
		return false;
	len = (size_t)(end - *at - 1);
	if (len >= size)
		return false;
	memcpy(to, *at + 1, len);
	to[len] = '\0';
	*at = end + 1;
	return true;
}

static bool take_word(const char **at, const char *word)
{
	skip_blanks(at);
	if (strncmp(*at, word, strlen(word)) != 0)
		return false;
	*at += strlen(word);
	return true;
}

/* "(2, 3)", "(2,)" or "()" */
static bool take_shape(const char **at, struct header *h)
{
	if (!take_char(at, '('))
		return false;
	while (!take_char(at, ')')) {
		char *end;

		skip_blanks(at);
		if (**at < '0' || **at > '9' || h->nr_dims == VACCEL_INFER_MAX_DIMS)
			return false;
		errno = 0;
		h->shape[h->nr_dims++] = strtoll(*at, &end, 10);
		if (errno)
			return false;
		*at = end;
		if (!take_char(at, ',') && **at != ')')
			return false;
	}
	return true;
}

/* {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } */
static bool parse(const char *at, struct header *h)
{
	char key[16];

	if (!take_char(&at, '{'))
		return false;
	while (!take_char(&at, '}')) {
		if (!take_string(&at, key, sizeof(key)) || !take_char(&at, ':'))
			return false;
		if (!strcmp(key, "descr")) {
			h->has_descr = take_string(&at, h->descr, sizeof(h->descr));
		} else if (!strcmp(key, "fortran_order")) {
			h->fortran = take_word(&at, "True");
			h->has_order = h->fortran || take_word(&at, "False");
		} else if (!strcmp(key, "shape")) {
			h->has_shape = take_shape(&at, h);
		} else {
			return false;
		}
		if (!take_char(&at, ',') && *at != '}')
			return false;
	}
	return h->has_descr && h->has_order && h->has_shape;
}

/* The file's header, terminated, to be freed. */
static char *read_header(FILE *file, const char *path)
{
	uint8_t start[MAGIC_SIZE + 2], size[4] = {0};
	size_t len;
	char *text;

	if (fread(start, 1, sizeof(start), file) != sizeof(start) || memcmp(start, MAGIC, MAGIC_SIZE) != 0) {
		warnx("%s: it is no file of numpy.save()", path);
		return NULL;
	}
	if (start[MAGIC_SIZE] < 1 || start[MAGIC_SIZE] > 3) {
		warnx("%s: its format version %d.%d is not known: 1 to 3 are", path, start[MAGIC_SIZE],
		      start[MAGIC_SIZE + 1]);
		return NULL;
	}
	len = fread(size, 1, start[MAGIC_SIZE] == 1 ? 2 : 4, file);
	len = (size_t)size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
	text = len && len <= MAX_HEADER ? malloc(len + 1) : NULL;
	if (!text || fread(text, 1, len, file) != len || memchr(text, '\0', len)) {
		warnx("%s: its header is damaged", path);
		free(text);
		return NULL;
	}
	text[len] = '\0';
	return text;
}

/* ---- Strings -------------------------------------------------------------------------------- */

/* Writes a character as UTF-8. Return: bytes; 0: it is none. */
static size_t put_utf8(uint32_t c, uint8_t *to)
{
	if (c < 0x80) {
		to[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (uint8_t)(0xc0 | c >> 6);
		to[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (uint8_t)(0xe0 | c >> 12);
		to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		to[2] = (uint8_t)(0x80 | (c & 0x3f));
		return c >= 0xd800 && c < 0xe000 ? 0 : 3;
	}
	to[0] = (uint8_t)(0xf0 | c >> 18);
	to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	to[3] = (uint8_t)(0x80 | (c & 0x3f));
	return c > 0x10ffff ? 0 : 4;
}

/* An element of NumPy, width units padded with zeros, as an element of BYTES. Return: its bytes; 0: bad. */
static size_t put_element(const uint8_t *from, size_t width, bool wide, uint8_t *to)
{
	size_t unit = wide ? 4 : 1, at = 4;

	while (width && !memcmp(from + (width - 1) * unit, "\0\0\0\0", unit))
		width--;
	for (size_t i = 0; i < width; i++) {
		uint32_t c;
		size_t n;

		if (!wide) {
			to[at++] = from[i];
			continue;
		}
		memcpy(&c, from + 4 * i, sizeof(c));
		n = put_utf8(c, to + at);
		if (!n)
			return 0;
		at += n;
	}
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)((at - 4) >> 8 * i);
	return at;
}

/* ---- Reading -------------------------------------------------------------------------------- */

/* Bytes of an element in the file, and its datatype; 0: there is no such one. */
static size_t element_of(const char *descr, uint32_t *datatype)
{
	unsigned long long width;
	char *end;

	for (size_t i = 0; i < NR_TYPES; i++) {
		if (strcmp(types[i].descr, descr) != 0)
			continue;
		*datatype = types[i].datatype;
		return vaccel_infer_datatype_size(*datatype);
	}
	*datatype = VACCEL_INFER_BYTES;
	if (strncmp(descr, "|S", 2) != 0 && strncmp(descr, "<U", 2) != 0)
		return 0;
	width = strtoull(descr + 2, &end, 10);
	if (*end || descr[2] < '0' || descr[2] > '9' || width > UINT32_MAX / 8)
		return 0;
	return (size_t)width * (descr[1] == 'U' ? 4 : 1);
}

static int check_header(const char *path, const struct header *h)
{
	if (h->descr[0] == '>') {
		warnx("%s: its type %s is big-endian: save a.astype(a.dtype.newbyteorder('<'))", path,
		      h->descr);
		return EX_DATAERR;
	}
	if (h->fortran && h->nr_dims > 1) {
		warnx("%s: it is in Fortran order: save numpy.ascontiguousarray(a)", path);
		return EX_DATAERR;
	}
	return 0;
}

/* The strings that follow the header. */
static int read_strings(FILE *file, const char *path, uint64_t count, size_t element, bool wide,
			void *(*alloc)(size_t), struct vaccel_infer_tensor *t)
{
	size_t one = 4 + element, room, at = 0;
	uint8_t *from, *to;

	if (__builtin_mul_overflow((size_t)count, one, &room) || room > SIZE_MAX - 1) {
		warnx("%s: it is too large", path);
		return EX_DATAERR;
	}
	from = malloc(element + 1);
	to = alloc(room + 1);
	if (!from || !to) {
		warnx("%s: there is no memory for %zu bytes", path, room);
		free(from);
		return EX_OSERR;
	}
	t->data = to;
	for (uint64_t i = 0; i < count; i++) {
		size_t len;

		if (fread(from, 1, element, file) != element) {
			warnx("%s: it is shorter than its header says", path);
			break;
		}
		len = put_element(from, wide ? element / 4 : element, wide, to + at);
		if (!len) {
			warnx("%s: element %" PRIu64 " has what is no character", path, i);
			break;
		}
		at += len;
		t->size = at;
		if (i + 1 == count)
			count = 0;
	}
	free(from);
	return count ? EX_DATAERR : 0;
}

static int read_data(FILE *file, const char *path, const struct header *h, void *(*alloc)(size_t),
		     struct vaccel_infer_tensor *t)
{
	size_t element = element_of(h->descr, &t->datatype), size;
	uint64_t count = 1;

	t->size = 0;
	t->nr_dims = h->nr_dims;
	memcpy(t->shape, h->shape, sizeof(t->shape));
	for (uint32_t i = 0; i < h->nr_dims; i++)
		if (__builtin_mul_overflow(count, (uint64_t)h->shape[i], &count))
			count = SIZE_MAX;
	if (!element && (t->datatype != VACCEL_INFER_BYTES || strchr("SU", h->descr[1]) == NULL ||
			 strcmp(h->descr + 2, "0") != 0)) {
		warnx("%s: its type %s is no datatype of the protocol: bool, int, uint, float, S and U are",
		      path, h->descr);
		return EX_DATAERR;
	}
	if (count > SIZE_MAX / 2 || __builtin_mul_overflow((size_t)count, element, &size) ||
	    size > PTRDIFF_MAX) {
		warnx("%s: its shape has more elements than can be counted", path);
		return EX_DATAERR;
	}
	if (t->datatype == VACCEL_INFER_BYTES)
		return read_strings(file, path, count, element, h->descr[1] == 'U', alloc, t);
	t->data = alloc(size ? size : 1);
	if (!t->data) {
		warnx("%s: there is no memory for %zu bytes", path, size);
		return EX_OSERR;
	}
	if (fread(t->data, 1, size, file) != size) {
		warnx("%s: it is shorter than its header says", path);
		return EX_DATAERR;
	}
	t->size = size;
	return 0;
}

int npy_read(const char *path, void *(*alloc)(size_t size), struct vaccel_infer_tensor *t)
{
	FILE *file = fopen(path, "rb");
	struct header h = {.nr_dims = 0};
	char *text;
	int ret;

	if (!file) {
		warn("%s", path);
		return EX_NOINPUT;
	}
	text = read_header(file, path);
	if (!text) {
		fclose(file);
		return EX_DATAERR;
	}
	ret = parse(text, &h) ? 0 : EX_DATAERR;
	if (ret)
		warnx("%s: its header is not understood; arrays of plain types with up to %d dimensions can be "
		      "read", path, VACCEL_INFER_MAX_DIMS);
	free(text);
	if (!ret)
		ret = check_header(path, &h);
	if (!ret)
		ret = read_data(file, path, &h, alloc, t);
	if (!ret && fgetc(file) != EOF) {
		warnx("%s: it is longer than its header says", path);
		ret = EX_DATAERR;
	}
	fclose(file);
	return ret;
}

/* ---- Writing -------------------------------------------------------------------------------- */

/* The length of an element of BYTES, whose form was checked. */
static size_t length_at(const uint8_t *at)
{
	return (size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
}

/* The width of the longest string, or -1 when NumPy would lose the end of one. */
static int64_t width_of(const struct vaccel_infer_tensor *t)
{
	const uint8_t *at = t->data, *end = at + t->size;
	size_t width = 1;

	while (at < end) {
		size_t len = length_at(at);

		if (len && !at[4 + len - 1])
			return -1;
		width = len > width ? len : width;
		at += 4 + len;
	}
	return (int64_t)width;
}

static void write_header(FILE *file, const struct vaccel_infer_tensor *t, int64_t width)
{
	char text[1024], descr[32] = "";
	size_t len, padded;

	for (size_t i = NR_TYPES; i-- > 0;)
		if (types[i].datatype == t->datatype)
			snprintf(descr, sizeof(descr), "%s", types[i].descr);
	if (t->datatype == VACCEL_INFER_BYTES)
		snprintf(descr, sizeof(descr), "|S%" PRId64, width);
	len = (size_t)snprintf(text, sizeof(text), "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
	for (uint32_t i = 0; i < t->nr_dims; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%" PRId64 "%s", i ? " " : "",
					t->shape[i], i + 1 < t->nr_dims || !i ? "," : "");
	len += (size_t)snprintf(text + len, sizeof(text) - len, "), }");
	padded = (MAGIC_SIZE + 4 + len + 1 + ALIGN - 1) / ALIGN * ALIGN - MAGIC_SIZE - 4;
	memset(text + len, ' ', padded - len);
	text[padded - 1] = '\n';
	fwrite(MAGIC "\1", 1, MAGIC_SIZE + 2, file);
	putc((int)(padded & 0xff), file);
	putc((int)(padded >> 8), file);
	fwrite(text, 1, padded, file);
}

static void write_strings(FILE *file, const struct vaccel_infer_tensor *t, int64_t width)
{
	const uint8_t *at = t->data, *end = at + t->size;

	while (at < end) {
		size_t len = length_at(at);

		fwrite(at + 4, 1, len, file);
		for (size_t i = len; i < (size_t)width; i++)
			putc('\0', file);
		at += 4 + len;
	}
}

int npy_write(const char *path, const struct vaccel_infer_tensor *t)
{
	int64_t width = t->datatype == VACCEL_INFER_BYTES ? width_of(t) : 0;
	FILE *file;
	bool failed;

	if (width < 0) {
		warnx("%s: not written, since NumPy cannot hold strings that end in a zero byte", path);
		return EX_DATAERR;
	}
	file = fopen(path, "wb");
	if (!file) {
		warn("%s", path);
		return EX_CANTCREAT;
	}
	write_header(file, t, width);
	if (t->datatype == VACCEL_INFER_BYTES)
		write_strings(file, t, width);
	else if (t->size)
		fwrite(t->data, 1, t->size, file);
	failed = ferror(file);
	if (fclose(file) || failed) {
		warn("%s", path);
		return EX_CANTCREAT;
	}
	return 0;
}
