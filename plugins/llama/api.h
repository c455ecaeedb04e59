/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the plugin uses of llama.cpp's C interface, which is found at run time: names, types and numbers as
 * version 0.5 has them. Its structures of parameters are passed by value and grow with time, so runtime_start()
 * looks whether the defaults are where they are expected.
 */
#ifndef PLUGINS_LLAMA_API_H
#define PLUGINS_LLAMA_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct llama_model;
struct llama_vocab;
struct llama_context;
struct llama_sampler;
struct ggml_threadpool;

typedef int32_t llama_token;

#define LLAMA_LOAD_NONE	   0 /* reads the file */
#define LLAMA_LOAD_MMAP	   1
#define LLAMA_POOLING_NONE 0
#define LLAMA_POOLING_MEAN 1
#define LLAMA_POOLING_RANK 4
#define GGML_LOG_WARN	   3
#define GGML_LOG_ERROR	   4
#define GGML_LOG_CONT	   5 /* goes on with the line before */
#define LLAMA_DECODE_ABORTED 2

#define LLAMA_ROOM 256 /* bytes by which a structure may be larger in a library that is refused then */

struct llama_model_params {
	void *devices;
	const void *tensor_buft_overrides;
	int32_t n_gpu_layers;
	int split_mode;
	int load_mode;
	int lazy_mode;
	int32_t main_gpu;
	const float *tensor_split;
	bool (*progress_callback)(float progress, void *arg);
	void *progress_callback_user_data;
	const void *kv_overrides;
	bool vocab_only;
	bool check_tensors;
	bool use_extra_bufts;
	bool no_host;
	bool no_alloc;
	bool load_mtp;
	char room[LLAMA_ROOM];
};

struct llama_context_params {
	uint32_t n_ctx;
	uint32_t n_batch;
	uint32_t n_ubatch;
	uint32_t n_seq_max;
	uint32_t n_rs_seq;
	uint32_t n_outputs_max;
	uint32_t n_outputs_max_per_seq;
	int32_t n_threads;
	int32_t n_threads_batch;
	int ctx_type;
	int rope_scaling_type;
	int pooling_type;
	int attention_type;
	int flash_attn_type;
	float rope_freq_base;
	float rope_freq_scale;
	float yarn_ext_factor;
	float yarn_attn_factor;
	float yarn_beta_fast;
	float yarn_beta_slow;
	uint32_t yarn_orig_ctx;
	float defrag_thold;
	void *cb_eval;
	void *cb_eval_user_data;
	int type_k;
	int type_v;
	bool (*abort_callback)(void *arg);
	void *abort_callback_data;
	bool embeddings;
	bool offload_kqv;
	bool no_perf;
	bool op_offload;
	bool swa_full;
	bool kv_unified;
	void *samplers;
	size_t n_samplers;
	void *ctx_other;
	char room[LLAMA_ROOM];
};

struct llama_batch {
	int32_t n_tokens;
	llama_token *token;
	float *embd;
	int32_t *pos;
	int32_t *n_seq_id;
	int32_t **seq_id;
	int8_t *logits;
};

struct llama_chat_message {
	const char *role;
	const char *content;
};

struct llama_sampler_chain_params {
	bool no_perf;
};

#define GGML_MAX_PROCESSORS 512

struct ggml_threadpool_params {
	bool cpumask[GGML_MAX_PROCESSORS];
	int n_threads;
	int prio;
	uint32_t poll;
	bool strict_cpu;
	bool paused;
	char room[LLAMA_ROOM];
};

#define LLAMA_FUNCTIONS(X)                                                                               \
	X(const char *, llama_version, (void))                                                           \
	X(void, llama_backend_init, (void))                                                              \
	X(void, llama_log_set, (void (*log)(int level, const char *text, void *arg), void *arg))         \
	X(struct llama_model_params, llama_model_default_params, (void))                                 \
	X(struct llama_context_params, llama_context_default_params, (void))                             \
	X(struct llama_model *, llama_model_load_from_file_ptr,                                          \
	  (FILE * file, struct llama_model_params params))                                               \
	X(struct llama_model *, llama_model_load_from_splits,                                            \
	  (const char **paths, size_t nr, struct llama_model_params params))                             \
	X(void, llama_model_free, (struct llama_model * model))                                          \
	X(const struct llama_vocab *, llama_model_get_vocab, (const struct llama_model *model))          \
	X(int32_t, llama_model_n_ctx_train, (const struct llama_model *model))                           \
	X(int32_t, llama_model_n_embd_out, (const struct llama_model *model))                            \
	X(bool, llama_model_has_encoder, (const struct llama_model *model))                              \
	X(bool, llama_model_has_decoder, (const struct llama_model *model))                              \
	X(const char *, llama_model_chat_template, (const struct llama_model *model, const char *name))  \
	X(struct llama_context *, llama_init_from_model,                                                 \
	  (struct llama_model * model, struct llama_context_params params))                              \
	X(void, llama_free, (struct llama_context * context))                                            \
	X(int, llama_pooling_type, (const struct llama_context *context))                                \
	X(void, llama_attach_threadpool,                                                                 \
	  (struct llama_context * context, struct ggml_threadpool * pool, struct ggml_threadpool * batch)) \
	X(struct llama_batch, llama_batch_get_one, (llama_token * tokens, int32_t nr))                   \
	X(int32_t, llama_decode, (struct llama_context * context, struct llama_batch batch))             \
	X(float *, llama_get_embeddings_seq, (struct llama_context * context, int32_t sequence))         \
	X(bool, llama_vocab_is_eog, (const struct llama_vocab *vocab, llama_token token))                \
	X(int32_t, llama_vocab_n_tokens, (const struct llama_vocab *vocab))                              \
	X(int32_t, llama_tokenize,                                                                       \
	  (const struct llama_vocab *vocab, const char *text, int32_t size, llama_token *tokens,         \
	   int32_t room, bool add_special, bool parse_special))                                          \
	X(int32_t, llama_token_to_piece,                                                                 \
	  (const struct llama_vocab *vocab, llama_token token, char *text, int32_t room, int32_t lstrip, \
	   bool special))                                                                                \
	X(int32_t, llama_chat_apply_template,                                                            \
	  (const char *template, const struct llama_chat_message *messages, size_t nr, bool assistant,   \
	   char *text, int32_t room))                                                                    \
	X(struct llama_sampler *, llama_sampler_chain_init, (struct llama_sampler_chain_params params))  \
	X(void, llama_sampler_chain_add, (struct llama_sampler * chain, struct llama_sampler * sampler)) \
	X(struct llama_sampler *, llama_sampler_init_greedy, (void))                                     \
	X(struct llama_sampler *, llama_sampler_init_dist, (uint32_t seed))                              \
	X(struct llama_sampler *, llama_sampler_init_top_k, (int32_t k))                                 \
	X(struct llama_sampler *, llama_sampler_init_top_p, (float p, size_t min_keep))                  \
	X(struct llama_sampler *, llama_sampler_init_temp, (float temperature))                          \
	X(llama_token, llama_sampler_sample,                                                             \
	  (struct llama_sampler * sampler, struct llama_context * context, int32_t index))               \
	X(void, llama_sampler_free, (struct llama_sampler * sampler))                                    \
	X(struct ggml_threadpool_params, ggml_threadpool_params_default, (int threads))                  \
	X(struct ggml_threadpool *, ggml_threadpool_new, (struct ggml_threadpool_params * params))       \
	X(int, ggml_cpu_has_avx2, (void))                                                                \
	X(void (*)(const char *message), ggml_set_abort_callback, (void (*callback)(const char *message)))

#define LLAMA_X_MEMBER(type, name, parameters) __typeof__(type)(*name) parameters;
#define LLAMA_X_NAME(type, name, parameters) #name,

struct llama_api {
	LLAMA_FUNCTIONS(LLAMA_X_MEMBER)
};

#endif
