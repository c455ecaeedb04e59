// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "library.h"
#include "llama.h"

#define OLDEST "0.5"

struct llama_api llama;

static const char *const names[] = {
	"libllama.so.0",
	"libllama.so",
	"/usr/local/lib/libllama.so*",
	"/usr/lib/*/libllama.so*",
	"/usr/local/lib/python3*/dist-packages/llama_cpp/lib/libllama.so",
	"/usr/local/lib/python3*/site-packages/llama_cpp/lib/libllama.so",
	NULL,
};
static const char *const functions[] = {LLAMA_FUNCTIONS(LLAMA_X_NAME) NULL};
static const struct library library = {
	.plugin = "llama",
	.engine = "llama.cpp",
	.variable = "VACCEL_LLAMA_LIBRARY",
	.advice = "install llama.cpp 0.5's libllama.so, such as that of Python's package llama-cpp-python 0.3.36",
	.names = names,
	.functions = functions,
};

/* ---- What it says ---------------------------------------------------------------------------- */

static _Thread_local char complaint[WHY_SIZE];

void runtime_forget_why(void)
{
	complaint[0] = '\0';
}

const char *runtime_why(void)
{
	return *complaint ? complaint : "no reason was given";
}

static void keep_line(const char *text)
{
	size_t i;

	for (i = 0; i + 1 < WHY_SIZE && text[i] && text[i] != '\n'; i++)
		complaint[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
	complaint[i] = '\0';
}

static void log_line(int level, const char *text, void *arg)
{
	(void)arg;
	if (level == GGML_LOG_ERROR && !*complaint)
		keep_line(text);
}

/* The library ends the process then: what it is about is to be in the log, and no debugger to be looked for. */
static void log_end(const char *message)
{
	engine_error("llama.cpp gives up, and ends this process: %s", message);
}

/* ---- Start ----------------------------------------------------------------------------------- */

static bool has_model_defaults(void)
{
	struct llama_model_params p = llama.llama_model_default_params();

	return !p.devices && p.n_gpu_layers == -1 && p.split_mode == 1 && p.load_mode == -1 &&
	       p.lazy_mode == 1 && !p.main_gpu && !p.tensor_split && !p.progress_callback && !p.kv_overrides &&
	       !p.vocab_only && !p.check_tensors && p.use_extra_bufts && !p.no_host && !p.no_alloc;
}

static bool has_context_defaults(void)
{
	struct llama_context_params p = llama.llama_context_default_params();
	const float unset = -1;

	return p.n_ctx == 512 && p.n_batch == 2048 && p.n_ubatch == 512 && p.n_seq_max == 1 &&
	       !p.n_outputs_max && p.n_outputs_max_per_seq == 1 && p.n_threads == p.n_threads_batch &&
	       p.pooling_type == -1 && p.attention_type == -1 && !memcmp(&p.defrag_thold, &unset, sizeof(unset)) &&
	       p.type_k == 1 && p.type_v == 1 && !p.abort_callback && !p.embeddings && p.offload_kqv &&
	       p.no_perf && p.op_offload && p.swa_full && !p.kv_unified && !p.samplers && !p.n_samplers;
}

static int check_processor(void)
{
#if defined(__x86_64__)
	if (llama.ggml_cpu_has_avx2() && !__builtin_cpu_supports("avx2")) {
		engine_error("This llama.cpp is built for processors with AVX2, which this one lacks: build it with "
			     "-DGGML_AVX2=OFF -DGGML_FMA=OFF -DGGML_BMI2=OFF -DGGML_F16C=OFF -DGGML_AVX=OFF");
		return VACCEL_ENOTSUP;
	}
#endif
	return VACCEL_OK;
}

int runtime_start(void)
{
	int ret;

	setenv("GGML_NO_BACKTRACE", "1", 0);
	ret = library_open(&library, &llama, sizeof(llama));
	if (!ret)
		ret = library_check_version(&library, llama.llama_version(), OLDEST);
	if (!ret)
		ret = check_processor();
	if (ret)
		return ret;
	if (!has_model_defaults() || !has_context_defaults()) {
		engine_error("This llama.cpp (%s) has other parameters than version 0.5, and cannot be used: %s",
			     llama.llama_version(), library.advice);
		return VACCEL_ENOTSUP;
	}
	llama.llama_log_set(log_line, NULL);
	llama.ggml_set_abort_callback(log_end);
	llama.llama_backend_init();
	return VACCEL_OK;
}
