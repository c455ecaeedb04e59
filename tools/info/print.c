// SPDX-License-Identifier: Apache-2.0
#include "info.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static bool offers(const struct vaccel_plugin_desc *d, unsigned int op)
{
	return d->ops & UINT64_C(1) << op;
}

static const char *op_name(unsigned int op, char *name, size_t size)
{
	return vaccel_op_type_name((vaccel_op_type_t)op, name, size);
}

/* The operations, in lines that fit a terminal. */
static void print_ops(const struct vaccel_plugin_desc *d, int indent)
{
	char name[VACCEL_ENUM_STR_MAX];
	int column = 80;

	for (unsigned int op = 0; op < VACCEL_OP_MAX; op++) {
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

void print_text(const struct info *info)
{
	printf("vAccel %s\n", VACCEL_VERSION);
	print_plugins(&info->local, 0);
	if (!info->local.nr)
		printf("no plugins: name some in VACCEL_PLUGINS\n");
	if (!info->host_asked)
		return;
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

		for (unsigned int op = 0; op < VACCEL_OP_MAX; op++)
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

void print_json(const struct info *info)
{
	struct json_object *root = json_object_new_object();

	json_object_object_add(root, "version", json_object_new_string(VACCEL_VERSION));
	json_object_object_add(root, "plugins", to_json(&info->local));
	if (info->host_asked && info->host_error)
		json_object_object_add(root, "host_error", json_object_new_int(info->host_error));
	else if (info->host_asked)
		json_object_object_add(root, "host_plugins", to_json(&info->remote));
	printf("%s\n", json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(root);
}
