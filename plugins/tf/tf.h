/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the tf plugin. */
#ifndef PLUGINS_TF_TF_H
#define PLUGINS_TF_TF_H

#include <stdbool.h>

#include "api.h"
#include "engine.h"

/* A SavedModel is a directory with this file. */
#define SAVED_MODEL_NAME "saved_model.pb"

/** The functions of TensorFlow, once runtime_start() has succeeded. */
extern struct tf_api tf;

/** runtime_start() - finds TensorFlow. VACCEL_ENOENT, VACCEL_ENOTSUP: see library.h. */
int runtime_start(void);

/**
 * runtime_options() - options for a session: its threads, and the device that the operator chose
 *
 * Return: NULL: no memory, or a choice that is none, after a message.
 */
TF_SessionOptions *runtime_options(void);

/** runtime_check_device() - whether a session has the device that was chosen. VACCEL_ENODEV. */
int runtime_check_device(TF_Session *session);

/** An input or output of a model: what there is to say of it, and where in the graph it is. */
struct port {
	struct tensor tensor; /* without data; the name is the port's */
	TF_Output at;
};

/** The inputs (0) and outputs (1) of a model, sorted by name where a signature has them. */
struct ports {
	struct port *all[2];
	size_t nr[2];
};

#define MAX_PORTS 256 /* of one of the two */

struct model {
	char *name;
	TF_Graph *graph;
	TF_Session *session;
	struct ports ports;
};

/** model_check() - logs what a status says as "WHAT NAME: MESSAGE". Return: the code for it */
int model_check(const char *what, const char *name, const TF_Status *status);

/** model_find_output() - the output of a graph that "name:1" means. Return: whether there is one */
bool model_find_output(const struct model *model, const char *name, TF_Output *output);

/**
 * signature_read() - makes the ports of a SavedModel from its MetaGraphDef
 *
 * Of several signatures, serving_default is taken, else the first one that has outputs. EINVAL: the signature
 * is damaged, or names what the graph does not have. None at all: there are no ports.
 */
int signature_read(struct model *model, const void *data, size_t size);

/** ports_of_graph() - of a graph, which has no signature: what it is fed with, and what it does not use itself */
int ports_of_graph(struct model *model);

/** ports_add() - appends one; the name is copied. The caller fills in the rest of *port. */
int ports_add(struct model *model, bool output, const char *name, size_t size, struct port **port);
void ports_free(struct ports *ports);

/** type_from() - what a data type of TensorFlow is */
enum tensor_type type_from(TF_DataType type);

/** strings_make() - TensorFlow's tensor of one of BYTES. NULL: no memory. */
TF_Tensor *strings_make(const struct tensor *from);

/**
 * strings_read() - the data of a tensor of BYTES whose dimensions are known
 * @owned: receives it; the caller frees it, also after a failure. EBACKEND, ENOMEM
 */
int strings_read(const TF_Tensor *value, struct tensor *t, uint8_t **owned);

/* struct engine's members; see there. */
int model_load(const struct engine_source *source, void **model);
void model_unload(void *model);
int model_count(void *model, size_t *inputs, size_t *outputs);
int model_describe(void *model, bool output, size_t index, struct tensor *tensor);
int model_run(void *model, const struct tensor *inputs, size_t nr_inputs,
	      struct engine_outputs *outputs);
void model_release(struct engine_outputs *outputs);

#endif
