/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plugin that runs models tells the code that such plugins share, and gets from it.
 *
 * A plugin defines one struct engine, called engine. From it, this code makes the image operations
 * (engine_image_register()), and keeps the models of other operations loaded (cache.h). Functions returning
 * int give VACCEL_OK or a code, and log what is wrong as one line. All may be used from C++.
 */
#ifndef PLUGINS_COMMON_ENGINE_H
#define PLUGINS_COMMON_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor.h"
#include "vaccel.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bytes;
struct vaccel_resource;
struct vaccel_blob;

/** Where a model comes from. Valid during engine.load(). Its bytes may be hostile, and may be anybody's. */
struct engine_source {
	const char *name; /* of the model's file, for messages */
	const char *path; /* of the file; NULL: it is in memory only */
	const void *data; /* the file's size bytes; NULL when the engine has by_path set and there is a path */
	size_t size;
	/* private: where files beside it are */
	const struct vaccel_resource *res;
	const struct vaccel_blob *blob;
};

/**
 * engine_source_file() - the bytes of another file of a model
 * @name:  relative to the directory of the model's file, "weights/a.bin"; may be hostile
 * @bytes: receives them; pair with bytes_release() of files.h
 *
 * Only files of the model's resource, in the directory of the model's file or below, can be had; for a model
 * that the environment names those beside it on the host.
 *
 * Return: VACCEL_OK; VACCEL_ENOENT; another code. Nothing is logged.
 */
int engine_source_file(const struct engine_source *source, const char *name, struct bytes *bytes);

#define ENGINE_MAX_OUTPUTS 64

/** What a run of a model gave. All zero: nothing. */
struct engine_outputs {
	size_t nr;
	struct tensor tensors[ENGINE_MAX_OUTPUTS]; /* names and data live until engine.release() */
	void *owner;				   /* the engine's own */
};

/** An engine. Members may be called from any number of threads at once, also for one model. */
struct engine {
	const char *name; /* as in "[onnx] ..." */
	const char *platform; /* of its models, in the words of the Open Inference Protocol */
	const struct vaccel_infer_ops *infer; /* what it offers of infer.h, or NULL; see infer_ops.h */
	const struct vaccel_text_ops *text;   /* the same of text.h; see text_gen.h */
	const char *file; /* what a model is: "an ONNX file" */
	const char *const *suffixes; /* of names of models, the likeliest first; NULL ends the list */
	const char *env_model;	     /* environment variable with a model for sessions that have none, or NULL */
	const char *env_labels;	     /* the same for labels; or NULL */
	bool uses_data; /* source.data is used where it is until unload() */
	bool by_path; /* load() takes source.path where there is one, and needs no data then */
	bool no_links; /* does not follow links out of a model's directory, see tree.h */
	/* Neither a layout nor sizes are known of a model that does not say them: */
	bool channels_last; /* what is usual with this engine */

	/**
	 * Loads a model. It logs what is wrong with it. EINVAL: it is no model that this engine understands.
	 * @model: receives what the other members get
	 */
	int (*load)(const struct engine_source *source, void **model);
	void (*unload)(void *model);

	/* The following may be NULL in a plugin without image operations. */

	/** How many inputs and outputs a model has. 0 outputs: it does not say. */
	int (*count)(void *model, size_t *inputs, size_t *outputs);
	/** Describes an input, or an output: all but data. The name lives as long as the model. */
	int (*describe)(void *model, bool output, size_t index, struct tensor *tensor);
	/** Runs it. inputs are as described, in order, with all dims known. EINVAL: also more than ENGINE_MAX_OUTPUTS. */
	int (*run)(void *model, const struct tensor *inputs, size_t nr_inputs,
		   struct engine_outputs *outputs);
	/** Frees what a successful run gave. */
	void (*release)(struct engine_outputs *outputs);
};

/** The plugin's. */
extern const struct engine engine;

#define engine_debug(format, ...) vaccel_debug("[%s] " format, engine.name, ##__VA_ARGS__)
#define engine_info(format, ...)  vaccel_info("[%s] " format, engine.name, ##__VA_ARGS__)
#define engine_warn(format, ...)  vaccel_warn("[%s] " format, engine.name, ##__VA_ARGS__)
#define engine_error(format, ...) vaccel_error("[%s] " format, engine.name, ##__VA_ARGS__)

/** engine_log_failure() - logs what an engine says, which may have any bytes, as one line: "WHAT NAME: MESSAGE" */
void engine_log_failure(const char *what, const char *name, const char *message);

/** engine_image_register() - offers the image operations; for the plugin's init() */
int engine_image_register(void);

/** engine_resource_unregister() - the plugin's hook: forgets the model of a resource */
int engine_resource_unregister(struct vaccel_resource *res, struct vaccel_session *sess);

/** engine_fini() - unloads all models; for the plugin's fini(), before the engine is stopped */
void engine_fini(void);

#ifdef __cplusplus
}
#endif

#endif
