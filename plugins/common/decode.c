// SPDX-License-Identifier: Apache-2.0
#include "decode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *decode_label(const struct decode *d, uint32_t class, char *text, size_t size)
{
	const struct labels *labels = &d->description->labels;

	if (class < labels->count && *labels->names[class])
		return labels->names[class];
	snprintf(text, size, "%u", class);
	return text;
}

bool decode_is_named(const struct tensor *tensor, const char *name)
{
	const char *slash = tensor->name ? strrchr(tensor->name, '/') : NULL;
	const char *own = slash ? slash + 1 : tensor->name;
	size_t len = strlen(name);

	return own && !strncasecmp(own, name, len) && (!own[len] || own[len] == ':');
}

const struct tensor *decode_find(const struct decode *d, const char *name)
{
	for (size_t i = 0; i < d->outputs->nr; i++)
		if (decode_is_named(&d->outputs->tensors[i], name))
			return &d->outputs->tensors[i];
	return NULL;
}

int decode_bad(const struct decode *d, const struct tensor *tensor, const char *why)
{
	char text[TENSOR_TEXT_SIZE];

	engine_error("The output %.100s of model %s, %s, %s", tensor->name ? tensor->name : "(no name)",
		     d->model, tensor_text(tensor, text, sizeof(text)), why);
	return VACCEL_EINVAL;
}

int decode_refuse(const struct decode *d, const char *what)
{
	char list[600] = "", text[TENSOR_TEXT_SIZE];
	size_t at = 0;

	for (size_t i = 0; i < d->outputs->nr && at < sizeof(list); i++) {
		const struct tensor *t = &d->outputs->tensors[i];

		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%.60s %s", i ? ", " : "",
				       t->name ? t->name : "(no name)", tensor_text(t, text, sizeof(text)));
	}
	engine_error("Model %s has no outputs that are known as %s%s%s: %s. See docs/engines.md for those "
		     "that are", d->model, what, *d->description->decoder ? " of " : "",
		     d->description->decoder, *list ? list : "none at all");
	return VACCEL_EINVAL;
}

int decode_values(const struct decode *d, const struct tensor *tensor, const float **values, float **owned,
		  size_t *count)
{
	int ret = tensor_floats(tensor, values, owned, count);

	if (ret == VACCEL_ENOMEM)
		return ret;
	if (ret)
		return decode_bad(d, tensor, "has no numbers");
	for (size_t i = 0; i < *count; i++) {
		if (isfinite((*values)[i]))
			continue;
		ret = decode_bad(d, tensor, isnan((*values)[i]) ?
					 "has a value that is no number (NaN): the weights are damaged, or "
					 "the model does not expect pictures like this one" :
					 "has a value that is infinite: the weights are damaged, or the "
					 "model does not expect pictures like this one");
		free(*owned);
		*owned = NULL;
		return ret;
	}
	return VACCEL_OK;
}

bool decode_must_be(const struct decode *d, const char *decoder)
{
	return !strcasecmp(d->description->decoder, decoder);
}

bool decode_may_be(const struct decode *d, const char *decoder)
{
	return !*d->description->decoder || decode_must_be(d, decoder);
}

bool decode_planes_last(const int64_t *dims)
{
	if ((dims[1] == 1) != (dims[3] == 1))
		return dims[3] == 1;
	if ((dims[1] == dims[2]) != (dims[2] == dims[3]))
		return dims[1] == dims[2];
	return engine.channels_last;
}

static float within(double value, double end)
{
	return (float)(!(value > 0) ? 0 : value > end ? end : value); /* what is no number is 0 */
}

float decode_x(const struct geometry *g, double x)
{
	return within(g->left + x * g->scale_x, g->width);
}

float decode_y(const struct geometry *g, double y)
{
	return within(g->top + y * g->scale_y, g->height);
}
