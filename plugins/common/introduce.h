/* SPDX-License-Identifier: Apache-2.0 */
/* What vaccel-info says of a plugin's engine. To be included by one file of a plugin, after engine.h if it has that. */
#ifndef PLUGINS_COMMON_INTRODUCE_H
#define PLUGINS_COMMON_INTRODUCE_H

#include <stdarg.h>
#include <stdio.h>

#include "vaccel.h"

static char introduction_text[sizeof(((struct vaccel_plugin_desc *)0)->engine)];

static const char *introduction(void)
{
	return introduction_text;
}

/**
 * introduce() - names the engine, its version and its devices, as in "ONNX Runtime 1.21.0; devices: cpu"
 *
 * For the plugin's init(), each time. Return: as vaccel_plugin_register_ext().
 */
__attribute__((format(printf, 1, 2))) static int introduce(const char *format, ...)
{
	static struct vaccel_plugin_ext ext = {.size = sizeof(ext), .engine = introduction};
	va_list args;

	va_start(args, format);
	vsnprintf(introduction_text, sizeof(introduction_text), format, args);
	va_end(args);
#ifdef PLUGINS_COMMON_ENGINE_H
	ext.infer = engine.infer;
	ext.text = engine.text;
#endif
	return vaccel_plugin_register_ext(&vaccel_this_plugin, &ext);
}

#endif
