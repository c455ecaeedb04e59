// SPDX-License-Identifier: Apache-2.0
/*
 * The table of operations as text, for docs/virtio-accel.md: what each message and reply holds.
 *
 *   vop-doc                 prints it
 *   vop-doc --check FILE    fails when FILE has another text between its two marks
 *   vop-doc --update FILE   puts it there
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ops/vop.h"

#define BEGIN "<!-- made by vop-doc from src/ops/optable.h; do not edit -->\n"
#define END   "<!-- end of what vop-doc made -->\n"

/* What the table does not have as data */
#define X_OP_CALL(NAME, number, call, ...) [number] = #call,
static const char *const calls[] = {OPS(X_OP_CALL) EXT_OPS(X_OP_CALL)};

static const char *const ctypes[] = {"", "i32", "u32", "i64", "u64", "f32"};
static const char *const frameworks[] = {"TensorFlow", "TensorFlow Lite", "Torch"};

static const char *name_of(const struct vop_desc *desc, int index)
{
	return desc->params[index].name;
}

/* "`m` x 4 bytes" of a buffer, "`n` tensors" of an array */
static void print_length(FILE *out, const struct vop_desc *desc, const struct vop_param *p,
			 const char *of)
{
	const int16_t *arg = p->length.arg;

	switch (p->length.rule) {
	case VOP_LEN_OF:
		fprintf(out, "`%s`", name_of(desc, arg[0]));
		break;
	case VOP_LEN_FIXED:
		fprintf(out, "%d", arg[0]);
		break;
	case VOP_LEN_MATRIX:
		fprintf(out, "((`%s` - 1) x `%s` + `%s`)", name_of(desc, arg[0]),
			name_of(desc, arg[2]), name_of(desc, arg[1]));
		break;
	}
	if (!of)
		fprintf(out, p->elem_size == 1 ? " bytes" : " x %u bytes", p->elem_size);
	else
		fprintf(out, " %s", of);
}

static void print_buffer(FILE *out, const struct vop_desc *desc, const struct vop_param *p,
			 const char *direction)
{
	fprintf(out, "buffer %s, ", direction);
	print_length(out, desc, p, NULL);
	if (p->parsed)
		fputs(", parsed", out);
	if (p->nullable)
		fputs(", may be null", out);
}

static void print_param(FILE *out, const struct vop_desc *desc, const struct vop_param *p)
{
	fprintf(out, "| | | `%s` | ", p->name);
	switch (p->kind) {
	case VOP_VAL:
		fputs(ctypes[p->ctype], out);
		break;
	case VOP_RES:
		fputs("id of a resource", out);
		break;
	case VOP_IN:
		print_buffer(out, desc, p, "in");
		break;
	case VOP_OUT:
		print_buffer(out, desc, p, "out");
		break;
	case VOP_INOUT:
		print_buffer(out, desc, p, "in and out");
		break;
	case VOP_STR:
		fputs("string", out);
		break;
	case VOP_ARGS_IN:
		print_length(out, desc, p, "arguments in");
		break;
	case VOP_ARGS_INOUT:
		print_length(out, desc, p, "arguments in and out");
		break;
	case VOP_TENSORS_IN:
		print_length(out, desc, p, "tensors in");
		fprintf(out, " (%s)", frameworks[p->framework]);
		break;
	case VOP_TENSORS_OUT:
		print_length(out, desc, p, "tensors out");
		fprintf(out, " (%s)", frameworks[p->framework]);
		break;
	case VOP_NODES:
		print_length(out, desc, p, "nodes");
		break;
	case VOP_INFER_IN:
		print_length(out, desc, p, "named tensors in");
		break;
	case VOP_INFER_OUT:
		print_length(out, desc, p, "named tensors out");
		break;
	case VOP_MESSAGES:
		print_length(out, desc, p, "messages");
		break;
	case VOP_STATUS:
		fputs("status out", out);
		break;
	case VOP_DATA:
		fputs("buffer in of any length, parsed, may be null", out);
		break;
	}
	fputs(" |\n", out);
}

static void print_op(FILE *out, const struct vop_desc *desc)
{
	if (vop_is_op(desc->code))
		fprintf(out, "| %u | %s | | `%s` |\n", desc->code, desc->name, calls[desc->code]);
	else
		fprintf(out, "| 0x%x | %s | | |\n", desc->code, desc->name);
	for (int values = 1; values >= 0; values--)
		for (unsigned int i = 0; i < desc->nr_params; i++)
			if (vop_is_value(&desc->params[i]) == values)
				print_param(out, desc, &desc->params[i]);
}

static char *make(void)
{
	const struct vop_desc *desc;
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	fputs(BEGIN, out);
	fputs("\n| op | name | parameter | kind |\n| --- | --- | --- | --- |\n", out);
	for (size_t i = 0; (desc = vop_at(i)); i++)
		print_op(out, desc);
	fputs("\n" END, out);
	fclose(out);
	return text;
}

static char *read_file(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	struct stat st;

	if (in && !fstat(fileno(in), &st))
		text = calloc(1, (size_t)st.st_size + 1);
	if (!text || fread(text, 1, (size_t)st.st_size, in) != (size_t)st.st_size) {
		perror(path);
		exit(1);
	}
	fclose(in);
	return text;
}

int main(int argc, char **argv)
{
	char *text, *doc, *begin, *end;
	bool same;
	int ret = 0;

	if (sizeof(size_t) < sizeof(uint64_t)) {
		puts("skipped: the table names the types of machines with 64 bits");
		return 77;
	}
	text = make();
	if (argc == 1) {
		fputs(text, stdout);
		free(text);
		return 0;
	}
	if (argc != 3 || (strcmp(argv[1], "--check") && strcmp(argv[1], "--update"))) {
		fprintf(stderr, "usage: %s [--check FILE | --update FILE]\n", argv[0]);
		return 2;
	}
	doc = read_file(argv[2]);
	begin = strstr(doc, BEGIN);
	end = begin ? strstr(begin, END) : NULL;
	if (!end) {
		fprintf(stderr, "%s: the two marks of vop-doc are missing\n", argv[2]);
		return 1;
	}
	end += strlen(END);
	same = (size_t)(end - begin) == strlen(text) && !strncmp(begin, text, strlen(text));
	if (!strcmp(argv[1], "--update") && !same) {
		FILE *out = fopen(argv[2], "w");

		if (!out) {
			perror(argv[2]);
			return 1;
		}
		fprintf(out, "%.*s%s%s", (int)(begin - doc), doc, text, end);
		ret = fclose(out) ? 1 : 0;
	} else if (!same) {
		fprintf(stderr, "%s does not agree with src/ops/optable.h: run %s --update %s\n",
			argv[2], argv[0], argv[2]);
		ret = 1;
	}
	free(doc);
	free(text);
	return ret;
}
