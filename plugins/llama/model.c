// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "llama.h"
#include "tree.h"

#define ENV_CONTEXT   "VACCEL_LLAMA_CONTEXT"
#define USUAL_CONTEXT 4096
#define MOST_CONTEXT  (1 << 20)
#define MOST_TEXT     (2 * VACCEL_TEXT_MAX_PROMPT) /* bytes of a prompt: a template adds to messages */
/* The end of the name of a part of a model: -00001-of-00003.gguf */
#define PART_FORMAT  "-%05u-of-%05u.gguf"
#define PART_SIZE    20
#define PART_NUMBER  1 /* where the numbers are in it */
#define PARTS_NUMBER 10

/* ---- Files ----------------------------------------------------------------------------------- */

/*
 * How a model is loaded: all of its memory is the file's, and shared with whoever else maps it, where nobody can
 * change it; else it is read. Layouts of weights that suit a processor better would be copies.
 */
static struct llama_model_params params_for(bool map)
{
	struct llama_model_params params = llama.llama_model_default_params();

	params.n_gpu_layers = 0;
	params.load_mode = map ? LLAMA_LOAD_MMAP : LLAMA_LOAD_NONE;
	params.lazy_mode = 0;
	params.use_extra_bufts = false;
	return params;
}

/* Return: a file descriptor, or -1 after a message */
static int open_file(const char *name, const char *path)
{
	struct stat st;
	/* Not to wait for the other end of a named pipe. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	if (fd >= 0) {
		close(fd);
		engine_error("Could not load %s: it is no file", name);
	} else {
		engine_error("Could not open the model %s: %m", name);
	}
	return -1;
}

/* What is in memory, as a file that nobody changes. Return: as open_file() */
static int make_file(const struct engine_source *source)
{
	int fd = memfd_create("model", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const char *data = source->data;

	for (size_t done = 0; fd >= 0 && done < source->size;) {
		ssize_t n = write(fd, data + done, source->size - done);

		if (n <= 0) {
			close(fd);
			fd = -1;
		} else {
			done += (size_t)n;
		}
	}
	if (fd >= 0 && !lseek(fd, 0, SEEK_SET) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW))
		return fd;
	engine_error("Could not keep the model %s of %zu bytes: %m", source->name, source->size);
	if (fd >= 0)
		close(fd);
	return -1;
}

static int load_file(struct model *model, int fd)
{
	FILE *file = fdopen(fd, "r");

	if (!file) {
		close(fd);
		return VACCEL_ENOMEM;
	}
	runtime_forget_why();
	model->llama = llama.llama_model_load_from_file_ptr(file, params_for(file_is_constant(fd)));
	fclose(file);
	return VACCEL_OK;
}

/* ---- Models in several files ----------------------------------------------------------------- */

/* How many files a model of this name is; 1 where the name does not say. */
static unsigned int count_parts(const char *name)
{
	size_t len = strlen(name);
	unsigned int part, parts;
	char end[PART_SIZE + 1];

	if (len <= PART_SIZE)
		return 1;
	part = (unsigned int)strtoul(name + len - PART_SIZE + PART_NUMBER, NULL, 10);
	parts = (unsigned int)strtoul(name + len - PART_SIZE + PARTS_NUMBER, NULL, 10);
	snprintf(end, sizeof(end), PART_FORMAT, part, parts);
	return parts && !strcmp(end, name + len - PART_SIZE) ? parts : 1;
}

static bool is_constant(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool constant = fd >= 0 && file_is_constant(fd);

	if (fd >= 0)
		close(fd);
	return constant;
}

static int load_paths(struct model *model, const char *first, unsigned int parts)
{
	int prefix = (int)(strlen(first) - PART_SIZE);
	char **paths = calloc(parts, sizeof(*paths));
	bool constant = true;
	int ret = paths ? VACCEL_OK : VACCEL_ENOMEM;

	for (unsigned int i = 0; !ret && i < parts; i++) {
		if (asprintf(&paths[i], "%.*s" PART_FORMAT, prefix, first, i + 1, parts) < 0) {
			paths[i] = NULL;
			ret = VACCEL_ENOMEM;
		} else {
			constant = constant && is_constant(paths[i]);
		}
	}
	runtime_forget_why();
	if (!ret)
		model->llama = llama.llama_model_load_from_splits((const char **)paths, parts, params_for(constant));
	for (unsigned int i = 0; paths && i < parts; i++)
		free(paths[i]);
	free(paths);
	return ret;
}

static int load_parts(struct model *model, const struct engine_source *source, unsigned int parts)
{
	struct tree tree;
	int ret = tree_make(source, &tree);

	if (!ret)
		ret = load_paths(model, tree.path, parts);
	if (!ret || tree.dir)
		tree_remove(&tree);
	return ret;
}

/* ---- Loading --------------------------------------------------------------------------------- */

static uint32_t context_of(const struct model *model)
{
	const char *text = getenv(ENV_CONTEXT);
	int32_t trained = llama.llama_model_n_ctx_train(model->llama);
	long most = USUAL_CONTEXT;
	char *end;

	if (text && *text) {
		most = strtol(text, &end, 10);
		if (*end || most < 16 || most > MOST_CONTEXT) {
			engine_warn(ENV_CONTEXT "=%s is not a number of tokens from 16 to %d; there will be %d", text,
				    MOST_CONTEXT, USUAL_CONTEXT);
			most = USUAL_CONTEXT;
		}
	}
	return trained > 0 && trained < most ? (uint32_t)trained : (uint32_t)most;
}

static bool has_form(const struct llama_model *model)
{
	struct llama_chat_message any = {"user", "x"};
	const char *template = llama.llama_model_chat_template(model, NULL);

	return template && llama.llama_chat_apply_template(template, &any, 1, true, NULL, 0) >= 0;
}

static int load(struct model *model, const struct engine_source *source)
{
	unsigned int parts = count_parts(source->name);
	int fd, ret;

	if (parts > 1) {
		ret = load_parts(model, source, parts);
	} else {
		fd = source->path ? open_file(source->name, source->path) : make_file(source);
		ret = fd < 0 ? VACCEL_ENOENT : load_file(model, fd);
	}
	if (ret)
		return ret;
	if (!model->llama) {
		engine_error("Could not load %s: it is no GGUF file that llama.cpp knows, or damaged: %s", model->name,
			     runtime_why());
		return VACCEL_EINVAL;
	}
	model->vocab = llama.llama_model_get_vocab(model->llama);
	model->context = context_of(model);
	model->has_form = has_form(model->llama);
	return VACCEL_OK;
}

int model_load(const struct engine_source *source, void **out)
{
	struct model *model = calloc(1, sizeof(*model));
	int ret = VACCEL_ENOMEM;

	if (!model)
		return VACCEL_ENOMEM;
	model->name = strdup(source->name);
	if (model->name)
		ret = load(model, source);
	if (ret) {
		model_unload(model);
		return ret;
	}
	engine_debug("Loaded %s: a context of %" PRIu32 " tokens", model->name, model->context);
	*out = model;
	return VACCEL_OK;
}

void model_unload(void *arg)
{
	struct model *model = arg;

	if (model->llama)
		llama.llama_model_free(model->llama);
	free(model->name);
	free(model);
}

/* Text is no tensor. */
int model_count(void *model, size_t *inputs, size_t *outputs)
{
	(void)model;
	*inputs = *outputs = 0;
	return VACCEL_OK;
}

/* ---- Texts ----------------------------------------------------------------------------------- */

int model_tokenize(const struct model *model, const char *text, size_t size, struct tokens *tokens)
{
	int32_t room, nr;

	if (size > MOST_TEXT) {
		engine_error("A prompt of %zu bytes is too long: %s has a context of %" PRIu32 " tokens", size,
			     model->name, model->context);
		return VACCEL_ERANGE;
	}
	room = (int32_t)size + 16;
	tokens->all = calloc((size_t)room, sizeof(*tokens->all));
	if (!tokens->all)
		return VACCEL_ENOMEM;
	nr = llama.llama_tokenize(model->vocab, text, (int32_t)size, tokens->all, room, true, true);
	if (nr > 0 && (uint32_t)nr < model->context) {
		tokens->nr = (uint32_t)nr;
		return VACCEL_OK;
	}
	free(tokens->all);
	tokens->all = NULL;
	if (nr > 0)
		engine_error("The prompt has %" PRId32 " tokens, and there is to be one of the answer: %s has a context "
			     "of %" PRIu32 ". Shorten it, or raise " ENV_CONTEXT " where the model was trained for more",
			     nr, model->name, model->context);
	else
		engine_error("%s makes no token of a prompt of %zu bytes", model->name, size);
	return nr > 0 ? VACCEL_ERANGE : VACCEL_EINVAL;
}

/* llama.cpp says how long a text is, and writes as much of it, without its end, as there is room for. */
static int apply(const char *template, const struct llama_chat_message *all, size_t nr, char **prompt)
{
	int32_t size = llama.llama_chat_apply_template(template, all, nr, true, NULL, 0);

	*prompt = size < 0 ? NULL : calloc(1, (size_t)size + 1);
	if (!*prompt)
		return size < 0 ? VACCEL_EBACKEND : VACCEL_ENOMEM;
	llama.llama_chat_apply_template(template, all, nr, true, *prompt, size);
	return VACCEL_OK;
}

int model_template(const struct model *model, const struct vaccel_text_message *messages, size_t nr,
		   char **prompt)
{
	struct llama_chat_message *all = calloc(nr, sizeof(*all));
	int ret;

	if (!all)
		return VACCEL_ENOMEM;
	for (size_t i = 0; i < nr; i++)
		all[i] = (struct llama_chat_message){messages[i].role, messages[i].content};
	ret = apply(llama.llama_model_chat_template(model->llama, NULL), all, nr, prompt);
	free(all);
	return ret;
}
