// SPDX-License-Identifier: Apache-2.0
#include "text_model.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH TEXT_MODEL_WIDTH
#define ALIGN 32
#define ROOM  (1 << 17)
#define MODEL_KEYS 17

/* Numbers of GGUF */
enum { G_U16 = 2, G_U32 = 4, G_I32 = 5, G_F32 = 6, G_BOOL = 7, G_STRING = 8, G_ARRAY = 9 };
enum { T_NORMAL = 1, T_UNKNOWN = 2, T_CONTROL = 3, T_BYTE = 6 };
enum { UNKNOWN, BEGIN, END, BYTES, WORDS = BYTES + 256 };

#define SPACE "\342\226\201" /* how tokens have a space */
static const char *const words[] = {SPACE "The", SPACE "answer", SPACE "is", SPACE "gr", "n", ".",
				    SPACE "la", SPACE "li", SPACE "Hello"};
enum { THE = WORDS, ANSWER, IS, GR, N, DOT, LA, LI, HELLO, TOKENS };

/* What follows what: how likely it is beside others */
static const struct {
	uint32_t from, to;
	float weight;
} follows[] = {
	{BYTES + '?', THE, 2},	{THE, ANSWER, 2},      {ANSWER, IS, 2},	    {IS, GR, 2},
	{GR, BYTES + 0xc3, 2},	{BYTES + 0xc3, BYTES + 0xbc, 2}, {BYTES + 0xbc, N, 2}, {N, DOT, 2},
	{DOT, END, 2},		{BYTES + '!', LA, 2},  {BYTES + '!', LI, 1.9F}, {LA, LA, 2},
	{LA, LI, 1.9F},		{LI, LA, 2},	       {LI, LI, 1.9F},	    {BYTES + '\n', HELLO, 2},
	{HELLO, DOT, 2},
};
#define NR_FOLLOWS (sizeof(follows) / sizeof(follows[0]))

struct out {
	uint8_t *data;
	size_t size;
};

static void put(struct out *o, const void *data, size_t size)
{
	memcpy(o->data + o->size, data, size);
	o->size += size;
}

static void put_u32(struct out *o, uint32_t value)
{
	put(o, &value, sizeof(value));
}

static void put_u64(struct out *o, uint64_t value)
{
	put(o, &value, sizeof(value));
}

static void put_string(struct out *o, const char *text)
{
	put_u64(o, strlen(text));
	put(o, text, strlen(text));
}

static void key(struct out *o, const char *name, uint32_t type)
{
	put_string(o, name);
	put_u32(o, type);
}

static void key_u32(struct out *o, const char *name, uint32_t value)
{
	key(o, name, G_U32);
	put_u32(o, value);
}

static void key_string(struct out *o, const char *name, const char *text)
{
	key(o, name, G_STRING);
	put_string(o, text);
}

static void key_array(struct out *o, const char *name, uint32_t type)
{
	key(o, name, G_ARRAY);
	put_u32(o, type);
	put_u64(o, TOKENS);
}

static void put_token(struct out *o, uint32_t token)
{
	char byte[16];

	snprintf(byte, sizeof(byte), "<0x%02X>", token - BYTES);
	put_string(o, token == UNKNOWN ? "<unk>" : token == BEGIN ? "<s>" : token == END ? "</s>" :
		      token < WORDS ? byte : words[token - WORDS]);
}

static uint32_t kind_of(uint32_t token)
{
	return token == UNKNOWN ? T_UNKNOWN : token < BYTES ? T_CONTROL : token < WORDS ? T_BYTE : T_NORMAL;
}

static void put_tokenizer(struct out *o)
{
	const float score = 0;

	key_string(o, "tokenizer.ggml.model", "llama");
	key_array(o, "tokenizer.ggml.tokens", G_STRING);
	for (uint32_t i = 0; i < TOKENS; i++)
		put_token(o, i);
	key_array(o, "tokenizer.ggml.scores", G_F32);
	for (uint32_t i = 0; i < TOKENS; i++)
		put(o, &score, sizeof(score));
	key_array(o, "tokenizer.ggml.token_type", G_I32);
	for (uint32_t i = 0; i < TOKENS; i++)
		put_u32(o, kind_of(i));
	key_u32(o, "tokenizer.ggml.bos_token_id", BEGIN);
	key_u32(o, "tokenizer.ggml.eos_token_id", END);
	key_u32(o, "tokenizer.ggml.unknown_token_id", UNKNOWN);
	key(o, "tokenizer.ggml.add_space_prefix", G_BOOL);
	put(o, &(bool){false}, 1);
	key_string(o, "tokenizer.chat_template", "<|im_start|>");
}

/* ---- Tensors --------------------------------------------------------------------------------- */

static float embeddings[TOKENS][WIDTH], output[TOKENS][WIDTH], ones[WIDTH], zeros[WIDTH * WIDTH];

static const struct {
	const char *name;
	const float *data;
	uint64_t columns, rows; /* rows 0: it has one dimension */
} tensors[] = {
	{"token_embd.weight", embeddings[0], WIDTH, TOKENS},
	{"output_norm.weight", ones, WIDTH, 0},
	{"output.weight", output[0], WIDTH, TOKENS},
	{"blk.0.attn_norm.weight", ones, WIDTH, 0},
	{"blk.0.ffn_norm.weight", ones, WIDTH, 0},
	/* What the layer adds is nothing. */
	{"blk.0.attn_q.weight", zeros, WIDTH, WIDTH},
	{"blk.0.attn_k.weight", zeros, WIDTH, WIDTH},
	{"blk.0.attn_v.weight", zeros, WIDTH, WIDTH},
	{"blk.0.attn_output.weight", zeros, WIDTH, WIDTH},
	{"blk.0.ffn_gate.weight", zeros, WIDTH, WIDTH},
	{"blk.0.ffn_up.weight", zeros, WIDTH, WIDTH},
	{"blk.0.ffn_down.weight", zeros, WIDTH, WIDTH},
};
#define NR_TENSORS (sizeof(tensors) / sizeof(tensors[0]))
#define FIRST_PART 3 /* tensors of the first file of two */

/* Which number of an embedding stands for a token */
static uint32_t place_of(uint32_t token)
{
	static const uint32_t bytes[] = {BYTES + '?', BYTES + '!', BYTES + '\n', BYTES + 0xc3, BYTES + 0xbc};

	for (uint32_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		if (bytes[i] == token)
			return i;
	return token >= WORDS ? 8 + token - WORDS : WIDTH - 1;
}

static void make_tensors(void)
{
	for (uint32_t i = 0; i < WIDTH; i++)
		ones[i] = 1;
	for (uint32_t i = 0; i < TOKENS; i++)
		embeddings[i][place_of(i)] = 1;
	for (size_t i = 0; i < NR_FOLLOWS; i++)
		output[follows[i].to][place_of(follows[i].from)] = follows[i].weight;
}

static size_t size_of(size_t tensor)
{
	return tensors[tensor].columns * (tensors[tensor].rows ? tensors[tensor].rows : 1) * sizeof(float);
}

static void put_tensors(struct out *o, size_t from, size_t to)
{
	uint64_t offset = 0;

	for (size_t i = from; i < to; i++) {
		put_string(o, tensors[i].name);
		put_u32(o, tensors[i].rows ? 2 : 1);
		put_u64(o, tensors[i].columns);
		if (tensors[i].rows)
			put_u64(o, tensors[i].rows);
		put_u32(o, 0); /* floats */
		put_u64(o, offset);
		offset += size_of(i);
	}
	o->size = (o->size + ALIGN - 1) / ALIGN * ALIGN;
	for (size_t i = from; i < to; i++)
		put(o, tensors[i].data, size_of(i));
}

/* ---- Files ----------------------------------------------------------------------------------- */

static void put_model(struct out *o, uint32_t context)
{
	const float epsilon = 1e-6F;

	key_string(o, "general.architecture", "llama");
	key_string(o, "general.name", "by hand");
	key_u32(o, "llama.context_length", context);
	key_u32(o, "llama.embedding_length", WIDTH);
	key_u32(o, "llama.block_count", 1);
	key_u32(o, "llama.feed_forward_length", WIDTH);
	key_u32(o, "llama.attention.head_count", 1);
	key(o, "llama.attention.layer_norm_rms_epsilon", G_F32);
	put(o, &epsilon, sizeof(epsilon));
	put_tokenizer(o);
}

static void put_part(struct out *o, uint16_t part)
{
	const uint16_t parts = 2;

	key(o, "split.no", G_U16);
	put(o, &part, sizeof(part));
	key(o, "split.count", G_U16);
	put(o, &parts, sizeof(parts));
	key(o, "split.tensors.count", G_I32);
	put_u32(o, NR_TENSORS);
}

static void begin(struct out *o, size_t nr_tensors, size_t nr_keys)
{
	put(o, "GGUF", 4);
	put_u32(o, 3);
	put_u64(o, nr_tensors);
	put_u64(o, nr_keys);
}

uint8_t *text_model(uint32_t context, size_t *size)
{
	struct out o = {.data = calloc(1, ROOM)};

	if (!o.data)
		return NULL;
	make_tensors();
	begin(&o, NR_TENSORS, MODEL_KEYS);
	put_model(&o, context);
	put_tensors(&o, 0, NR_TENSORS);
	*size = o.size;
	return o.data;
}

uint8_t *text_model_part(int part, size_t *size)
{
	struct out o = {.data = calloc(1, ROOM)};

	if (!o.data)
		return NULL;
	make_tensors();
	begin(&o, part ? NR_TENSORS - FIRST_PART : FIRST_PART, part ? 3 : MODEL_KEYS + 3);
	if (!part)
		put_model(&o, 4096);
	put_part(&o, (uint16_t)part);
	put_tensors(&o, part ? FIRST_PART : 0, part ? NR_TENSORS : FIRST_PART);
	*size = o.size;
	return o.data;
}
