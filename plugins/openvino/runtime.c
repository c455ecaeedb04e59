// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "library.h"
#include "openvino.h"

#define OLDEST	   "2025"
#define ENV_DEVICE "VACCEL_OPENVINO_DEVICE"

struct ov_api ov;
ov_core_t *ov_core;
static pid_t core_process;

static const char *const names[] = {
	"libopenvino_c.so",
	"/usr/local/lib/libopenvino_c.so.*",
	"/usr/lib/*/libopenvino_c.so.*",
	"/usr/lib/libopenvino_c.so.*",
	"/opt/intel/openvino*/runtime/lib/intel64/libopenvino_c.so*",
	"/usr/local/lib/python3*/dist-packages/openvino/libs/libopenvino_c.so.*",
	"/usr/local/lib/python3*/site-packages/openvino/libs/libopenvino_c.so.*",
	"/usr/lib/python3*/*-packages/openvino/libs/libopenvino_c.so.*",
	NULL,
};
static const char *const functions[] = {OV_FUNCTIONS(OV_X_NAME) NULL};
static const struct library library = {
	.plugin = "openvino",
	.engine = "OpenVINO",
	.variable = "VACCEL_OPENVINO_LIBRARY",
	.advice = "install OpenVINO's runtime (package libopenvino_c, or Python's package openvino)",
	.names = names,
	.functions = functions,
};

static const struct {
	ov_element_type_e ov;
	enum tensor_type type;
} types[] = {
	{OV_BOOLEAN, TENSOR_BOOL}, {OV_F16, TENSOR_F16}, {OV_F32, TENSOR_F32}, {OV_F64, TENSOR_F64},
	{OV_I8, TENSOR_I8},	   {OV_I16, TENSOR_I16}, {OV_I32, TENSOR_I32}, {OV_I64, TENSOR_I64},
	{OV_U8, TENSOR_U8},	   {OV_U16, TENSOR_U16}, {OV_U32, TENSOR_U32}, {OV_U64, TENSOR_U64},
};
#define NR_TYPES (sizeof(types) / sizeof(types[0]))

enum tensor_type type_from(ov_element_type_e type)
{
	for (size_t i = 0; i < NR_TYPES; i++)
		if (types[i].ov == type)
			return types[i].type;
	return TENSOR_OTHER;
}

bool type_to(enum tensor_type type, ov_element_type_e *to)
{
	for (size_t i = 0; i < NR_TYPES; i++) {
		if (types[i].type == type) {
			*to = types[i].ov;
			return true;
		}
	}
	return false;
}

void why(ov_status_e status, char text[WHY_SIZE])
{
	const char *message = ov.ov_get_last_err_msg();

	snprintf(text, WHY_SIZE, "%s", message && *message ? message : ov.ov_get_error_info(status));
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	if (message)
		ov.ov_free(message);
}

const char *runtime_device(void)
{
	const char *device = getenv(ENV_DEVICE);

	return device && *device ? device : "CPU";
}

/* ---- Start ----------------------------------------------------------------------------------- */

static int check_version(void)
{
	ov_version_t version = {0};
	int ret;

	if (ov.ov_get_openvino_version(&version))
		return library_check_version(&library, NULL, OLDEST);
	ret = library_check_version(&library, version.buildNumber, OLDEST);
	ov.ov_version_free(&version);
	return ret;
}

/* Whether the numbers of types are those that we know: by how large an element is. */
static int check_types(void)
{
	for (size_t i = 0; i < NR_TYPES; i++) {
		int64_t dim = 1;
		ov_tensor_t *tensor;
		size_t size = 0;

		if (!ov.ov_tensor_create(types[i].ov, (ov_shape_t){1, &dim}, &tensor)) {
			ov.ov_tensor_get_byte_size(tensor, &size);
			ov.ov_tensor_free(tensor);
		}
		if (size != tensor_element_size(types[i].type)) {
			engine_error("This OpenVINO has other numbers for types of elements than version 2026, "
				     "and cannot be used: install that one");
			return VACCEL_ENOTSUP;
		}
	}
	return VACCEL_OK;
}

/* "GPU" is there when "GPU.0" is. */
static bool is_device(const char *chosen, const char *there)
{
	size_t len = strlen(chosen);

	return !strncmp(chosen, there, len) && (!there[len] || there[len] == '.');
}

/* Those that are made of others say themselves what they miss. */
static bool is_compound(const char *device)
{
	return !strncmp(device, "AUTO", 4) || strchr(device, ':');
}

static int check_device(void)
{
	ov_available_devices_t list = {0};
	const char *device = runtime_device();
	char all[256] = "none";
	bool found = false;
	size_t len = 0;

	if (!strcmp(device, "CPU") || is_compound(device))
		return VACCEL_OK;
	if (ov.ov_core_get_available_devices(ov_core, &list))
		list = (ov_available_devices_t){0};
	for (size_t i = 0; i < list.size; i++) {
		found |= is_device(device, list.devices[i]);
		if (len < sizeof(all))
			len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i ? ", " : "",
						list.devices[i]);
	}
	ov.ov_available_devices_free(&list);
	if (found)
		return VACCEL_OK;
	engine_error(ENV_DEVICE "=%s: there is no such device, only: %s. Is its driver installed, and may "
		     "this process use it (--allow-path of vhost-user-accel)?", device, all);
	return VACCEL_ENODEV;
}

int runtime_start(void)
{
	char text[WHY_SIZE];
	ov_status_e status;
	int ret;

	ret = library_open(&library, &ov, sizeof(ov));
	if (!ret)
		ret = check_version();
	if (!ret)
		ret = check_types();
	if (ret)
		return ret;
	/* It stays, since libraries of devices do not survive its end; a child of fork() has not its threads. */
	if (ov_core && core_process == getpid())
		return check_device();
	core_process = getpid();
	status = ov.ov_core_create(&ov_core);
	if (status) {
		why(status, text);
		engine_error("Could not start OpenVINO: %s", text);
		ov_core = NULL;
		return VACCEL_EBACKEND;
	}
	return check_device();
}
