// SPDX-License-Identifier: Apache-2.0
#include "jit.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <caffe2/serialize/in_memory_adapter.h>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/print_handler.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/csrc/api/include/torch/version.h>
#include <vector>

using torch::jit::IValue;

struct jit_model {
	torch::jit::Module module;
	bool changes; /* a run sets attributes of the module */
	std::vector<std::string> inputs; /* names */
	size_t outputs; /* 0: it does not say */
};

static const std::vector<std::string> output_names = [] {
	std::vector<std::string> names;

	for (int i = 0; i < ENGINE_MAX_OUTPUTS; i++)
		names.push_back("OUTPUT__" + std::to_string(i));
	return names;
}();

static c10::Device device(c10::kCPU);
static void (*log_line)(const char *line);

/* ---- Errors ---------------------------------------------------------------------------------- */

/* One line of a text. The interpreter shows the program first, and says at the end what is wrong with it. */
static int explain(const std::string &text, int code, char *why)
{
	bool at_end = text.find("TorchScript") != std::string::npos;
	std::string line = text;
	size_t end;

	while (!line.empty() && isspace((unsigned char)line.back()))
		line.pop_back();
	end = at_end ? line.rfind('\n') : line.find('\n');
	if (end != std::string::npos)
		line = at_end ? line.substr(end + 1) : line.substr(0, end);
	for (char &c : line)
		if ((unsigned char)c < ' ' || c == 127)
			c = ' ';
	snprintf(why, JIT_WHY_SIZE, "%s", line.c_str());
	return code;
}

/* Runs something and makes a code of what it throws; other is for what is not the machine's fault. */
template <typename Function> static int caught(int other, char *why, Function function)
{
	try {
		return function();
	} catch (const std::bad_alloc &) {
		return explain("there is not enough memory", VACCEL_ENOMEM, why);
	} catch (const c10::Error &error) {
		std::string text = error.what_without_backtrace();
		bool memory = text.find("allocate memory") != std::string::npos ||
			      text.find("out of memory") != std::string::npos;

		return explain(text, memory ? VACCEL_ENOMEM : other, why);
	} catch (const std::exception &error) {
		bool memory = strstr(error.what(), "allocate memory") ||
			      strstr(error.what(), "out of memory");

		return explain(error.what(), memory ? VACCEL_ENOMEM : other, why);
	} catch (...) {
		return explain("an exception of an unknown kind", VACCEL_EBACKEND, why);
	}
}

/* ---- Start ----------------------------------------------------------------------------------- */

/* Each line of what a model prints. */
static void print(const std::string &text)
{
	std::string line;

	for (char c : text + "\n") {
		if (c != '\n') {
			line += (unsigned char)c < ' ' ? ' ' : c;
			continue;
		}
		if (!line.empty() && log_line)
			log_line(line.c_str());
		line.clear();
	}
}

class log_warning : public c10::WarningHandler {
	void process(const c10::Warning &warning) override
	{
		print(warning.msg());
	}
};

const char *jit_version(void)
{
	return TORCH_VERSION;
}

int jit_start(const char *name, int threads, void (*log)(const char *line), char *why)
{
	static log_warning warnings;

	return caught(VACCEL_ENODEV, why, [&]() -> int {
		log_line = log;
		torch::jit::setPrintHandler(print);
		c10::WarningUtils::set_warning_handler(&warnings);
		/* A model that changes while it runs for the first times gives other bits then. */
		torch::jit::getExecutorMode() = false;
		torch::jit::getProfilingMode() = false;
		at::set_num_interop_threads(threads);
		device = c10::Device(name);
		at::zeros({1}, device); /* fails where the device is missing */
		return VACCEL_OK;
	});
}

void jit_use_threads(int threads)
{
	at::set_num_threads(threads);
}

/* ---- Models ---------------------------------------------------------------------------------- */

static bool sets_attributes(const torch::jit::Block *block)
{
	for (const torch::jit::Node *node : block->nodes()) {
		if (node->kind() == torch::jit::prim::SetAttr)
			return true;
		for (const torch::jit::Block *inner : node->blocks())
			if (sets_attributes(inner))
				return true;
	}
	return false;
}

/* How many tensors a value of a type consists of. 0: that depends, or it is none. */
static size_t count_tensors(const c10::Type &type)
{
	size_t sum = 0;

	if (type.kind() == c10::TypeKind::TensorType)
		return 1;
	if (type.kind() != c10::TypeKind::TupleType)
		return 0;
	for (const c10::TypePtr &element : type.containedTypes()) {
		size_t nr = count_tensors(*element);

		if (!nr)
			return 0;
		sum += nr;
	}
	return sum <= ENGINE_MAX_OUTPUTS ? sum : 0;
}

/* Which inputs and outputs there are; the first argument is the module. */
static void describe(struct jit_model *model, const c10::FunctionSchema &schema)
{
	for (size_t i = 1; i < schema.arguments().size(); i++)
		model->inputs.push_back(schema.arguments()[i].name());
	if (schema.returns().size() == 1)
		model->outputs = count_tensors(*schema.returns()[0].type());
}

int jit_load(const void *data, size_t size, struct jit_model **out, char *why)
{
	return caught(VACCEL_EINVAL, why, [&]() -> int {
		auto adapter = std::make_shared<caffe2::serialize::MemoryReadAdapter>(data, (off_t)size);
		std::unique_ptr<jit_model> model(new jit_model());

		model->module = torch::jit::load(adapter, device);
		model->module.eval();
		if (!model->module.find_method("forward"))
			return explain("it has no forward()", VACCEL_EINVAL, why);

		torch::jit::Method forward = model->module.get_method("forward");
		std::shared_ptr<torch::jit::Graph> graph = forward.graph()->copy();

		torch::jit::Inline(*graph);
		model->changes = sets_attributes(graph->block());
		describe(model.get(), forward.function().getSchema());
		*out = model.release();
		return VACCEL_OK;
	});
}

void jit_unload(struct jit_model *model)
{
	char why[JIT_WHY_SIZE];

	caught(VACCEL_EBACKEND, why, [&]() -> int {
		delete model;
		return VACCEL_OK;
	});
}

size_t jit_inputs(const struct jit_model *model)
{
	return model->inputs.size();
}

size_t jit_outputs(const struct jit_model *model)
{
	return model->outputs;
}

const char *jit_name(const struct jit_model *model, bool output, size_t index)
{
	const std::vector<std::string> &names = output ? output_names : model->inputs;

	return index < names.size() ? names[index].c_str() : nullptr;
}

/* ---- Tensors --------------------------------------------------------------------------------- */

static const struct {
	enum tensor_type type;
	at::ScalarType scalar;
} types[] = {
	{TENSOR_F32, at::kFloat}, {TENSOR_F16, at::kHalf}, {TENSOR_F64, at::kDouble},
	{TENSOR_U8, at::kByte},	  {TENSOR_I8, at::kChar},  {TENSOR_I16, at::kShort},
	{TENSOR_I32, at::kInt},	  {TENSOR_I64, at::kLong}, {TENSOR_BOOL, at::kBool},
	{TENSOR_BF16, at::kBFloat16},
};

/* Always a copy: aligned the same in every process, and nobody else writes to it. */
static at::Tensor to_torch(const struct tensor &in)
{
	for (const auto &t : types)
		if (t.type == in.type)
			return at::from_blob(in.data, at::IntArrayRef(in.dims, (size_t)in.nr_dims), t.scalar)
				.clone()
				.to(device);
	TORCH_CHECK(false, "tensors of this type cannot be given to it");
}

static void from_torch(const at::Tensor &in, struct tensor &out)
{
	out = {};
	out.type = TENSOR_OTHER;
	for (const auto &t : types)
		if (t.scalar == in.scalar_type())
			out.type = t.type;
	TORCH_CHECK(out.type != TENSOR_OTHER, "it gives a tensor of ", c10::toString(in.scalar_type()),
		    ", which cannot be handed on: have it convert that to float");
	TORCH_CHECK(in.dim() <= TENSOR_MAX_DIMS, "it gives a tensor of ", in.dim(), " dimensions; up to ",
		    TENSOR_MAX_DIMS, " are possible");
	out.nr_dims = (int)in.dim();
	for (int i = 0; i < out.nr_dims; i++)
		out.dims[i] = in.size(i);
	out.data = in.data_ptr();
	out.size = in.nbytes();
}

/* All tensors of a value, in order. */
static void collect(const IValue &value, std::vector<at::Tensor> &all)
{
	if (value.isTensor()) {
		at::Tensor t = value.toTensor();

		TORCH_CHECK(t.defined() && t.layout() == at::kStrided, "it gives a tensor without plain data");
		all.push_back(t.to(at::kCPU).contiguous().resolve_conj().resolve_neg());
	} else if (value.isTuple()) {
		for (const IValue &element : value.toTupleRef().elements())
			collect(element, all);
	} else if (value.isList()) {
		for (const IValue &element : value.toListRef())
			collect(element, all);
	} else {
		TORCH_CHECK(false, "it gives a value of type ", value.type()->repr_str(),
			    ": only tensors, and tuples and lists of them, can be handed on");
	}
	TORCH_CHECK(all.size() <= ENGINE_MAX_OUTPUTS, "it gives more than ", ENGINE_MAX_OUTPUTS, " tensors");
}

int jit_run(struct jit_model *model, const struct tensor *inputs, size_t nr_inputs,
	    struct engine_outputs *outputs, char *why)
{
	return caught(VACCEL_EINVAL, why, [&]() -> int {
		c10::InferenceMode guard;
		std::unique_ptr<std::vector<at::Tensor>> all(new std::vector<at::Tensor>());
		std::vector<IValue> arguments;

		for (size_t i = 0; i < nr_inputs; i++)
			arguments.emplace_back(to_torch(inputs[i]));
		/* What a run keeps in the module stays in a copy, which shares the weights. */
		collect(model->changes ? model->module.copy().forward(std::move(arguments)) :
					 model->module.forward(std::move(arguments)),
			*all);
		for (size_t i = 0; i < all->size(); i++) {
			from_torch((*all)[i], outputs->tensors[i]);
			outputs->tensors[i].name = output_names[i].c_str();
		}
		outputs->nr = all->size();
		outputs->owner = all.release();
		return VACCEL_OK;
	});
}

void jit_release(struct engine_outputs *outputs)
{
	delete static_cast<std::vector<at::Tensor> *>(outputs->owner);
	*outputs = {};
}

int jit_product(const float *const in[3], int64_t m, int64_t n, int64_t k, float *out, char *why)
{
	return caught(VACCEL_EBACKEND, why, [&]() -> int {
		c10::InferenceMode guard;
		const int64_t dims[3][2] = {{m, k}, {k, n}, {m, n}};
		at::Tensor all[3], sum;

		for (int i = 0; i < 3; i++)
			all[i] = at::from_blob(const_cast<float *>(in[i]), at::IntArrayRef(dims[i], 2), at::kFloat)
					 .clone()
					 .to(device);
		sum = at::addmm(all[2], all[0], all[1]).to(at::kCPU).contiguous();
		memcpy(out, sum.data_ptr(), sum.nbytes());
		return VACCEL_OK;
	});
}
