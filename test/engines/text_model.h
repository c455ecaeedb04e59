/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A language model of 100 KB, worked out by hand, as a GGUF file: the next token depends on the last one alone. It knows
 * the tokens of bytes, and some words that only its answers have:
 *
 *	after "?"   " The answer is grün." and the end; the ü is two tokens
 *	after "!"   " la" or, a little less likely, " li", again and again, without an end
 *	in a chat   " Hello." and the end; the form is that of ChatML
 */
#ifndef TEST_ENGINES_TEXT_MODEL_H
#define TEST_ENGINES_TEXT_MODEL_H

#include <stddef.h>
#include <stdint.h>

#define TEXT_MODEL_ANSWER " The answer is gr\303\274n."
#define TEXT_MODEL_HELLO  " Hello."
#define TEXT_MODEL_WIDTH  32 /* of its embeddings */
/* The embedding of "?" is the mean of two tokens': this is its first and its last number, the others are 0. */
#define TEXT_MODEL_MEAN 2.8284F

/**
 * text_model() - makes it
 * @context: tokens that it says to be trained for
 * @size: receives the size in bytes
 *
 * Return: the file, to be freed by the caller; NULL: no memory
 */
uint8_t *text_model(uint32_t context, size_t *size);

/** text_model_part() - the same as two files, part 0 and 1, that are called ...-00001-of-00002.gguf and so on */
uint8_t *text_model_part(int part, size_t *size);

#endif
