// SPDX-License-Identifier: Apache-2.0
/* vaccel-infer: runs a model on arrays of NumPy and on pictures, here or on the host. */
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "model.h"
#include "tool.h"

#define MAX_REPEAT 1000000

const char *argp_program_version = "vaccel-infer " VACCEL_PROJECT_VERSION;

static const char doc[] =
	"Runs MODEL, a file or directory, or host://NAME for a model of the host, or model://NAME for one of a server, with the plugins that "
	"VACCEL_PLUGINS names. Inputs and outputs are files of NumPy; an input can be a picture.\v"
	"Exit status: 0; 64 wrong options; 65 the model or an input is bad, or they do not fit each other; 66 a "
	"file cannot be read; 69 no plugin runs models, or its host is not there; 73 a file cannot be written; "
	"70 otherwise.";

static const struct argp_option options[] = {
	{"input", 'i', "NAME=@FILE", 0, "Give this input the array, or the picture (JPEG, PNG), in FILE; once for each input", 0},
	{"output", 'o', "NAME=FILE", 0, "Write this output to FILE; without any all are printed", 0},
	{"metadata", 'm', NULL, 0, "Print what the model says of itself, and run nothing", 0},
	{"list", 'l', NULL, 0, "Print inputs and outputs, one on each line, and run nothing", 0},
	{"repeat", 'r', "N", 0, "Run it N times more, and tell how long that took", 0},
	{"plugin", 'p', "NAME", 0, "Use this plugin; virtio:NAME is the host's", 0},
	{"json", 'j', NULL, 0, "Print JSON", 0},
	{0},
};

static void add_file(struct argp_state *state, struct file *files, size_t *nr, char *arg, char mark)
{
	char *equals = strchr(arg, '=');

	if (!equals || equals == arg || (mark && equals[1] != mark) || !equals[1 + !!mark]) {
		argp_error(state, "'%s' is not NAME=%sFILE", arg, mark ? "@" : "");
		return;
	}
	if (*nr == MAX_FILES) {
		argp_error(state, "there are more than %d files", MAX_FILES);
		return;
	}
	*equals = '\0';
	files[(*nr)++] = (struct file){arg, equals + 1 + !!mark};
}

static void set_repeat(struct argp_state *state, struct options *o, const char *arg)
{
	char *end;

	errno = 0;
	o->repeat = strtoul(arg, &end, 10);
	if (errno || *end || *arg < '0' || *arg > '9' || !o->repeat || o->repeat > MAX_REPEAT)
		argp_error(state, "--repeat takes a number from 1 to %d", MAX_REPEAT);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'i':
		add_file(state, o->inputs, &o->nr_inputs, arg, '@');
		return 0;
	case 'o':
		add_file(state, o->outputs, &o->nr_outputs, arg, '\0');
		return 0;
	case 'm':
		o->metadata = true;
		return 0;
	case 'l':
		o->list = true;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case 'p':
		o->plugin = arg;
		return 0;
	case 'r':
		set_repeat(state, o, arg);
		return 0;
	case ARGP_KEY_ARG:
		if (o->model)
			argp_error(state, "there is more than one model: '%s'", arg);
		o->model = arg;
		return 0;
	case ARGP_KEY_END:
		if (!o->model)
			argp_error(state, "the model is missing");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static int describe(struct inference *i, const char *model)
{
	uint32_t nr;
	int ret = vaccel_infer_metadata(&i->sess, i->model, &i->info, NULL, 0);

	if (ret)
		return fail(model, ret);
	if (__builtin_add_overflow(i->info.nr_inputs, i->info.nr_outputs, &nr) ||
	    nr > 2 * VACCEL_INFER_MAX_TENSORS) {
		warnx("%s: it has too many inputs or outputs", model);
		return EX_DATAERR;
	}
	i->descs = calloc(nr + 1, sizeof(*i->descs));
	if (!i->descs)
		return fail(model, VACCEL_ENOMEM);
	ret = vaccel_infer_metadata(&i->sess, i->model, &i->info, i->descs, nr);
	return ret ? fail(model, ret) : 0;
}

/* With the model loaded */
static int use_model(struct inference *i, const struct options *o)
{
	int ret = describe(i, o->model);

	if (ret)
		return ret;
	if (o->metadata)
		print_metadata(i, o->json);
	else if (o->list)
		print_list(i);
	else
		ret = run_model(i, o);
	if (!ret && !o->metadata && !o->list)
		print_results(i, o);
	release_model_run(i);
	return ret;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {.options = options, .parser = parse, .args_doc = "MODEL", .doc = doc};
	static struct options o;
	struct inference i = {.model = NULL};
	int ret;

	argp_err_exit_status = EX_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &o);

	ret = model_open(&i.sess, &i.model, o.model, o.plugin);
	if (ret)
		return ret;
	ret = use_model(&i, &o);
	model_close(&i.sess, i.model);
	free(i.descs);
	return ret;
}
