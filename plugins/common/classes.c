// SPDX-License-Identifier: Apache-2.0
/* The class of a picture: one score per label. */
#include <math.h>
#include <stdlib.h>

#include "decode.h"

#define MAX_CLASSES 1000000

/*
 * Whether a class has a score. Infinitely improbable is one, but that of the best: it is what a model
 * says of all classes when something has gone wrong.
 */
static int check_scores(const struct decode *d, const float *values)
{
	const struct labels *labels = &d->description->labels;
	size_t best = 0;

	for (size_t i = 0; i < labels->count; i++) {
		if (isnan(values[i]) || (isinf(values[i]) && values[i] > 0)) {
			best = i;
			break;
		}
		if (values[i] > values[best])
			best = i;
	}
	if (isfinite(values[best]))
		return VACCEL_OK;
	engine_error("Model %s gives %s for class %s, which is no score: its weights are damaged, or it "
		     "does not expect pictures like this one", d->model,
		     isnan(values[best]) ? "no number (NaN)" :
		     values[best] > 0	 ? "infinity" :
					   "minus infinity",
		     labels->names[best]);
	return VACCEL_EINVAL;
}

/* The largest value as a probability: as it is when all of them are probabilities, else softmax. */
static size_t best_of(const float *values, size_t count, float *score)
{
	bool probabilities = true;
	double sum = 0, sum_exp = 0;
	size_t best = 0;

	for (size_t i = 0; i < count; i++) {
		if (values[i] > values[best])
			best = i;
		if (!(values[i] >= 0 && values[i] <= 1))
			probabilities = false;
		sum += (double)values[i];
	}
	if (probabilities && fabs(sum - 1) < 1e-3) {
		*score = values[best];
		return best;
	}
	for (size_t i = 0; i < count; i++)
		sum_exp += exp((double)values[i] - (double)values[best]);
	*score = (float)(1 / sum_exp);
	return best;
}

int decode_class(const struct decode *d, uint32_t *class, float *score)
{
	const struct labels *labels = &d->description->labels;
	const struct tensor *output = d->outputs->nr ? &d->outputs->tensors[0] : NULL;
	const float *values = NULL;
	float *owned = NULL;
	size_t count = 0;
	int ret = VACCEL_EINVAL;

	if (output)
		ret = tensor_floats(output, &values, &owned, &count);
	if (ret == VACCEL_ENOMEM)
		return ret;
	if (ret || !count || count > MAX_CLASSES) {
		ret = output ? decode_bad(d, output, "is no classifier's: it is not one number per class") :
			       decode_refuse(d, "a classifier's");
	} else if (count != labels->count) {
		engine_error("Model %s has %zu classes, but there are %zu labels: use the labels "
			     "file that belongs to it", d->model, count, labels->count);
		ret = VACCEL_EINVAL;
	}
	if (!ret)
		ret = check_scores(d, values);
	if (!ret)
		*class = (uint32_t)best_of(values, count, score);
	free(owned);
	return ret;
}
