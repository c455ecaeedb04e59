// SPDX-License-Identifier: Apache-2.0
#include "info.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

/* Bits of vaccel_plugin_desc.ops */
#define NR_OPS 64

static bool offers(const struct vaccel_plugin_desc *d, unsigned int op)
{
	return d->ops & UINT64_C(1) << op;
}

/* An operation that this program does not know has a number for a name. */
static const char *op_name(unsigned int op, char *name, size_t size)
{
	bool infer = op >= VACCEL_OP_INFER_LOAD && op < VACCEL_OP_INFER_MAX;
	bool text = op >= VACCEL_OP_TEXT_BEGIN && op < VACCEL_OP_TEXT_MAX;

	if (op >= VACCEL_OP_MAX && !infer && !text) {
		snprintf(name, size, "%u", op);
		return name;
	}
	/* Not vaccel_op_type_name(), which is the library's. */
	snprintf(name, size, "%s%s", infer ? "infer_" : text ? "text_" : "",
		 infer ? vaccel_op_infer_to_base_str((vaccel_op_infer_t)op) :
		 text  ? vaccel_op_text_to_base_str((vaccel_op_text_t)op) :
			 vaccel_op_type_to_base_str((vaccel_op_type_t)op));
	for (char *c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return name;
}

/* The operations, in lines that fit a terminal. */
static void print_ops(const struct vaccel_plugin_desc *d, int indent)
{
	char name[VACCEL_ENUM_STR_MAX];
	int column = 80;

	for (unsigned int op = 0; op < NR_OPS; op++) {
		if (!offers(d, op))
			continue;
		op_name(op, name, sizeof(name));
		if (column + 1 + (int)strlen(name) > 78) {
			printf("%s%*s", column == 80 ? "" : "\n", indent, "");
			column = indent;
		}
		column += printf(" %s", name);
	}
	printf("%s", column == 80 ? "" : "\n");
}

static void print_plugins(const struct plugins *plugins, int indent)
{
	for (size_t i = 0; i < plugins->nr; i++) {
		const struct vaccel_plugin_desc *d = &plugins->list[i];

		printf("%*splugin %s %s%s%s\n", indent, "", d->name, d->version,
		       *d->engine ? ": " : "", d->engine);
		if (d->is_virtio)
			printf("%*s operations: those of the host\n", indent + 2, "");
		else
			print_ops(d, indent + 2);
	}
}

static void print_transport(const struct info *info)
{
	const struct virtio_accel_info *l = &info->limits;

	if (info->native) {
		printf("transport: vhost-user, without a VM: %s\n", info->target);
		return;
	}
	printf("transport: driver " SYSTEM_MODULE " %s, device %s %s\n", info->device.version,
	       info->device.bus, info->target);
	if (info->limits_known)
		printf("device: version %u, %u queues; at most %u segments, messages of %u bytes, replies of %u "
		       "bytes%s\n", l->version, l->num_queues, l->max_segments, l->max_message, l->max_reply,
		       l->features & UINT64_C(1) << VIRTIO_ACCEL_F_MEMORY ? "; registered memory" : "");
}

void print_text(const struct info *info)
{
	printf("vAccel %s\n", VACCEL_VERSION);
	printf("library: %s\nrun directory: %s\n", info->lib.path, info->lib.vaccel_rundir());
	print_plugins(&info->local, 0);
	if (!info->local.nr)
		printf("no plugins: name some in VACCEL_PLUGINS\n");
	if (!info->host_asked)
		return;
	print_transport(info);
	if (info->host_error) {
		printf("host: cannot be asked: %s (%d)\n", strerror(info->host_error),
		       info->host_error);
		return;
	}
	printf("host\n");
	print_plugins(&info->remote, 2);
}

static struct json_object *to_json(const struct plugins *plugins)
{
	struct json_object *array = json_object_new_array();
	char name[VACCEL_ENUM_STR_MAX];

	for (size_t i = 0; i < plugins->nr; i++) {
		const struct vaccel_plugin_desc *d = &plugins->list[i];
		struct json_object *plugin = json_object_new_object();
		struct json_object *ops = json_object_new_array();

		for (unsigned int op = 0; op < NR_OPS; op++)
			if (!d->is_virtio && offers(d, op))
				json_object_array_add(ops, json_object_new_string(
					op_name(op, name, sizeof(name))));
		json_object_object_add(plugin, "name", json_object_new_string(d->name));
		json_object_object_add(plugin, "version", json_object_new_string(d->version));
		json_object_object_add(plugin, "engine", json_object_new_string(d->engine));
		json_object_object_add(plugin, "remote", json_object_new_boolean(d->is_virtio));
		json_object_object_add(plugin, "operations", ops);
		json_object_array_add(array, plugin);
	}
	return array;
}

static void add_text(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, json_object_new_string(text));
}

static struct json_object *limits_to_json(const struct virtio_accel_info *l)
{
	struct json_object *limits = json_object_new_object();
	const struct {
		const char *key;
		int64_t value;
	} numbers[] = {
		{ "version", l->version }, { "queues", l->num_queues }, { "segments", l->max_segments },
		{ "message_bytes", l->max_message }, { "reply_bytes", l->max_reply },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		json_object_object_add(limits, numbers[i].key, json_object_new_int64(numbers[i].value));
	json_object_object_add(limits, "registered_memory", json_object_new_boolean(
		!!(l->features & UINT64_C(1) << VIRTIO_ACCEL_F_MEMORY)));
	return limits;
}

static struct json_object *transport_to_json(const struct info *info)
{
	struct json_object *transport = json_object_new_object();

	add_text(transport, "kind", info->native ? "vhost-user" : "driver");
	add_text(transport, "path", info->target);
	if (info->native)
		return transport;
	add_text(transport, "driver_version", info->device.version);
	add_text(transport, "device", info->device.bus);
	if (info->limits_known)
		json_object_object_add(transport, "limits", limits_to_json(&info->limits));
	return transport;
}

void print_json(const struct info *info)
{
	struct json_object *root = json_object_new_object();

	json_object_object_add(root, "version", json_object_new_string(VACCEL_VERSION));
	add_text(root, "library", info->lib.path);
	add_text(root, "run_directory", info->lib.vaccel_rundir());
	json_object_object_add(root, "plugins", to_json(&info->local));
	if (info->host_asked)
		json_object_object_add(root, "transport", transport_to_json(info));
	if (info->host_asked && info->host_error)
		json_object_object_add(root, "host_error", json_object_new_int(info->host_error));
	else if (info->host_asked)
		json_object_object_add(root, "host_plugins", to_json(&info->remote));
	printf("%s\n", json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
}
