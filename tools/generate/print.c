// SPDX-License-Identifier: Apache-2.0
/* What vaccel-generate prints: text as it comes, when it has come, or JSON. */
#include <ctype.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

struct output {
	const struct options *o;
	FILE *all; /* writes to text */
	char *text;
	size_t size;
	double begun, first, last; /* ms */
	uint64_t nr_pieces;
	bool is_terminal;
	struct json_object *pieces;
};

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

struct output *output_new(const struct options *o)
{
	struct output *out = calloc(1, sizeof(*out));

	if (!out)
		return NULL;
	out->o = o;
	out->all = open_memstream(&out->text, &out->size);
	out->is_terminal = isatty(STDOUT_FILENO);
	out->pieces = json_object_new_array();
	out->begun = now_ms();
	if (out->all)
		return out;
	json_object_put(out->pieces);
	free(out);
	return NULL;
}

/* What a terminal would take for a command: a model may have made it of anybody's text. */
static size_t control_size(const char *c, size_t len)
{
	if (((unsigned char)*c < ' ' && *c != '\n' && *c != '\t') || *c == 0x7f)
		return 1;
	return len > 1 && (unsigned char)c[0] == 0xc2 && (unsigned char)c[1] < 0xa0 ? 2 : 0;
}

static void print_text(const struct output *out, const char *text, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = out->is_terminal ? control_size(text + i, len - i) : 0;
		if (n) {
			fputs("\xef\xbf\xbd", stdout);
		} else {
			putchar(text[i]);
			n = 1;
		}
	}
}

static struct json_object *text_json(const char *text, size_t len)
{
	return json_object_new_string_len(text, (int)len);
}

/* A line for each piece: when, and what, as JSON has it */
static void print_time(const struct output *out, const char *text, size_t len)
{
	struct json_object *string = text_json(text, len);

	printf("%10.3f ms  %s\n", out->last - out->begun,
	       json_object_to_json_string_ext(string, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(string);
}

static void keep_time(struct output *out, const char *text, size_t len)
{
	struct json_object *piece = json_object_new_object();

	json_object_object_add(piece, "ms", json_object_new_double(out->last - out->begun));
	json_object_object_add(piece, "text", text_json(text, len));
	json_object_array_add(out->pieces, piece);
}

void output_piece(struct output *out, const char *text, size_t len)
{
	if (!len)
		return;
	fwrite(text, 1, len, out->all);
	out->last = now_ms();
	if (!out->nr_pieces++)
		out->first = out->last;
	if (out->o->json) {
		keep_time(out, text, len);
		return;
	}
	if (out->o->times)
		print_time(out, text, len);
	else
		print_text(out, text, len);
	fflush(stdout);
}

/* In lower case, as in "stop" */
static const char *reason(const struct vaccel_text_status *status)
{
	static char name[VACCEL_ENUM_STR_MAX];

	snprintf(name, sizeof(name), "%s",
		 vaccel_text_finished_to_base_str((vaccel_text_finished_t)status->finished));
	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return name;
}

static void print_json(struct output *out, const struct vaccel_text_status *status)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "text", text_json(out->text, out->size));
	json_object_object_add(object, "finished", json_object_new_string(reason(status)));
	json_object_object_add(object, "prompt_tokens", json_object_new_int64((int64_t)status->prompt_tokens));
	json_object_object_add(object, "tokens", json_object_new_int64((int64_t)status->tokens));
	if (out->o->times)
		json_object_object_add(object, "pieces", json_object_get(out->pieces));
	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

static void print_summary(const struct output *out, const struct vaccel_text_status *status)
{
	double rest = out->last - out->first;

	fprintf(stderr, "%" PRIu64 " tokens of the prompt, %" PRIu64 " made, the first after %.3f ms", status->prompt_tokens,
		status->tokens, out->nr_pieces ? out->first - out->begun : 0);
	if (status->tokens > 1 && rest > 0)
		fprintf(stderr, ", then %.1f in a second", (double)(status->tokens - 1) * 1e3 / rest);
	fprintf(stderr, "; finished: %s\n", reason(status));
}

char *output_end(struct output *out, const struct vaccel_text_status *status)
{
	char *text;

	fclose(out->all);
	text = out->text;
	if (status && out->o->json)
		print_json(out, status);
	else if (status && !out->o->times)
		putchar('\n');
	fflush(stdout);
	if (status && out->o->times)
		print_summary(out, status);
	json_object_put(out->pieces);
	free(out);
	return text;
}

void print_embedding(const struct options *o, const float *values, uint64_t nr)
{
	if (o->json)
		printf("{\"embedding\":[");
	for (uint64_t i = 0; i < nr; i++)
		printf("%s%.9g%s", o->json && i ? "," : "", (double)values[i], o->json ? "" : "\n");
	if (o->json)
		printf("]}\n");
}
