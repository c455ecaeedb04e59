// SPDX-License-Identifier: Apache-2.0
/*
 * What servers of the Open Inference Protocol and servers of text answer, as the plugin oip reads it, and what it asks them: a
 * question as text means the same when it is read as an answer, and events are the same however they are cut. Input: a byte that says what to do, and what that needs.
 */
#include "input.h"

#include "../../plugins/oip/oip.h"

enum action { ANSWER, DESCRIPTION, EXTENSIONS, ERROR, QUESTION, EVENTS, LISTS, NR_ACTIONS };

static volatile uint8_t sink;

/* All that is there can be read, and is what it says. */
static void touch(const struct vaccel_infer_tensor *t)
{
	if (vaccel_infer_tensor_check(t))
		abort();
	for (size_t i = 0; i < t->size; i++)
		sink ^= ((const uint8_t *)t->data)[i];
}

/* What is read before the tensors' bytes are there is what is read when they are, but for outputs that have to wait. */
static void read_ahead(const struct answer *whole, int expected, const uint8_t *data, size_t size, size_t text_size)
{
	struct answer a;
	int ret = text_size > size ? VACCEL_ENOTSUP : answer_read_ahead(&a, data, text_size, size - text_size);

	if (text_size > size)
		return;
	if (ret != expected && ret != VACCEL_ENOTSUP)
		abort();
	for (uint32_t i = 0; !ret && i < a.nr; i++)
		if (a.nr != whole->nr || a.outputs[i].size != whole->outputs[i].size ||
		    strcmp(a.outputs[i].name, whole->outputs[i].name))
			abort();
	answer_free(&a);
}

static void read_answer(const uint8_t *data, size_t size)
{
	int ret;

	size_t text_size = size < 2 ? 0 : (size_t)data[0] | (size_t)data[1] << 8;
	uint8_t *copy;
	struct answer a;

	if (size < 2)
		return;
	/* 65535: all of it, as where a server does not say */
	size -= 2;
	copy = malloc(size + 1);
	memcpy(copy, data + 2, size);
	text_size = text_size == 65535 ? size : text_size;
	ret = answer_read(&a, copy, size, text_size);
	for (uint32_t i = 0; !ret && i < a.nr; i++)
		touch(&a.outputs[i]);
	read_ahead(&a, ret, copy, size, text_size);
	answer_free(&a);
	free(copy);
}

static void read_description(const uint8_t *data, size_t size)
{
	struct description d;

	if (answer_describes(&d, data, size))
		return;
	for (uint32_t i = 0; i < d.info.nr_inputs + d.info.nr_outputs; i++)
		sink ^= (uint8_t)(strlen(d.descs[i].name) + d.descs[i].nr_dims);
	free(d.descs);
}

/* The text of a question with "inputs" is an answer if it says "outputs". */
static void read_again(const struct question *q, const struct vaccel_infer_tensor *x)
{
	static const char inputs[] = "{\"inputs\"", outputs[] = "{\"outputs\"";
	size_t size = q->text_size + 1;
	char *text = malloc(size + 1);
	struct answer a;

	if (memcmp(q->text, inputs, sizeof(inputs) - 1))
		abort();
	memcpy(text, outputs, sizeof(outputs) - 1);
	memcpy(text + sizeof(outputs) - 1, q->text + sizeof(inputs) - 1, q->text_size - (sizeof(inputs) - 1));
	if (answer_read(&a, (uint8_t *)text, size, size) || a.nr != 1 || a.outputs[0].datatype != x->datatype ||
	    a.outputs[0].size != x->size || memcmp(a.outputs[0].data, x->data, x->size))
		abort();
	answer_free(&a);
	free(text);
}

/* BOOL of other bytes than 0 and 1 does not come back as it was. */
static void make_bools(uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		data[i] &= 1;
}

static void ask_question(const uint8_t *data, size_t size)
{
	struct vaccel_infer_tensor x = {.name = "x\"\n", .nr_dims = 1}, y = {.name = "y"};
	size_t element;
	struct question q;

	if (!size)
		return;
	x.datatype = 1 + data[0] % (VACCEL_INFER_MAX - 1);
	element = vaccel_infer_datatype_size(x.datatype);
	x.size = element ? (size - 1) / element * element : size - 1;
	x.shape[0] = element ? (int64_t)(x.size / element) : 1;
	x.data = malloc(x.size + 1);
	memcpy(x.data, data + 1, x.size);
	if (x.datatype == VACCEL_INFER_BOOL)
		make_bools(x.data, x.size);
	for (int binary = 0; binary < 2 && !vaccel_infer_tensor_check(&x); binary++) {
		int ret = question_make(&q, &x, 1, &y, (uint32_t)binary, binary);

		if (binary && (ret || q.size != q.text_size + x.size))
			abort();
		if (!binary && !ret)
			read_again(&q, &x);
		question_free(&q);
	}
	free(x.data);
}

/* ---- Text ------------------------------------------------------------------------------------ */

struct seen {
	uint64_t sum;
	unsigned int nr;
};

static int on_event(void *arg, const char *data, size_t size)
{
	struct seen *seen = arg;
	struct chunk c;

	if (data[size])
		abort();
	for (size_t i = 0; i < size; i++)
		seen->sum = seen->sum * 31 + (uint8_t)data[i];
	seen->nr++;
	if (!chunk_read(&c, data, size)) {
		for (size_t i = 0; i < c.size; i++)
			sink ^= (uint8_t)c.text[i];
		sink ^= (uint8_t)(strlen(c.error) + c.tokens + c.prompt_tokens + c.finished);
	}
	chunk_free(&c);
	return seen->nr == 1000 ? VACCEL_EAGAIN : VACCEL_OK;
}

/* All at once, and in pieces of a size that the input says */
static void read_events(const uint8_t *data, size_t size)
{
	struct events whole = {.text = NULL}, cut = {.text = NULL};
	struct seen seen[2] = {{.nr = 0}, {.nr = 0}};
	int ret[2] = {0, 0};
	size_t piece;

	if (!size)
		return;
	piece = (size_t)data[0] % 7 + 1;
	data++;
	size--;
	ret[0] = events_put(&whole, data, size, on_event, &seen[0]);
	for (size_t at = 0; at < size && !ret[1]; at += piece)
		ret[1] = events_put(&cut, data + at, size - at < piece ? size - at : piece, on_event, &seen[1]);
	if (ret[0] != ret[1] || seen[0].nr != seen[1].nr || seen[0].sum != seen[1].sum)
		abort();
	events_free(&whole);
	events_free(&cut);
}

static void read_lists(const uint8_t *data, size_t size)
{
	float *values;
	uint64_t nr;

	sink ^= answer_lists(data, size, "m");
	if (!answer_embedding(data, size, &values, &nr))
		for (uint64_t i = 0; i < nr; i++)
			sink ^= values[i] > 0;
	free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[OIP_TEXT_SIZE];

	budget_set(64u << 20);
	if (!size)
		return 0;
	switch (data[0] % NR_ACTIONS) {
	case ANSWER:
		read_answer(data + 1, size - 1);
		break;
	case DESCRIPTION:
		read_description(data + 1, size - 1);
		break;
	case EXTENSIONS:
		sink ^= answer_has_binary(data + 1, size - 1);
		break;
	case ERROR:
		sink ^= (uint8_t)strlen(answer_error(text, data + 1, size - 1));
		break;
	case EVENTS:
		read_events(data + 1, size - 1);
		break;
	case LISTS:
		read_lists(data + 1, size - 1);
		break;
	default:
		ask_question(data + 1, size - 1);
	}
	return 0;
}
