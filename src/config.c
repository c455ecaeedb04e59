// SPDX-License-Identifier: Apache-2.0
#include "vaccel/config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vaccel/error.h"
#include "vaccel/log.h"

static const struct vaccel_config default_config = { .log_level = VACCEL_LOG_ERROR };

int vaccel_config_init(struct vaccel_config *config, const char *plugins,
		       vaccel_log_level_t log_level, const char *log_file, bool profiling_enabled,
		       bool version_ignore)
{
	struct vaccel_config new = {
		.log_level = log_level,
		.profiling_enabled = profiling_enabled,
		.version_ignore = version_ignore,
	};

	if (!config)
		return VACCEL_EINVAL;

	if (plugins) {
		new.plugins = strdup(plugins);
		if (!new.plugins)
			goto no_memory;
	}
	if (log_file) {
		new.log_file = strdup(log_file);
		if (!new.log_file)
			goto no_memory;
	}
	*config = new;
	return VACCEL_OK;

no_memory:
	free(new.plugins);
	return VACCEL_ENOMEM;
}

static const char *get_env(const char *name, const char *old_name)
{
	const char *value = getenv(name);

	if (value || !old_name)
		return value;
	value = getenv(old_name);
	/* The log is not set up yet. */
	if (value)
		fprintf(stderr, "Warning: %s is deprecated. Use %s instead.\n", old_name, name);
	return value;
}

/* Sets *number when the variable is set; what is not a number counts as 0, and is reported. */
static int get_env_number(const char *name, const char *old_name, unsigned long *number)
{
	const char *value = get_env(name, old_name);
	unsigned long n;
	char *end;

	if (!value)
		return VACCEL_OK;
	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno) {
		vaccel_error("%s=%s is not a number in range; set a small decimal number", name,
			     value);
		return VACCEL_EINVAL;
	}
	if (end == value && *value)
		vaccel_error("%s=%s is not a number: it counts as 0", name, value);
	*number = n;
	return VACCEL_OK;
}

int vaccel_config_init_from_env(struct vaccel_config *config)
{
	unsigned long level = default_config.log_level;
	unsigned long profiling = 0;
	unsigned long ignore = 0;
	int ret;

	if (!config)
		return VACCEL_EINVAL;

	ret = get_env_number("VACCEL_LOG_LEVEL", "VACCEL_DEBUG_LEVEL", &level);
	if (ret)
		return ret;
	ret = get_env_number("VACCEL_PROFILING_ENABLED", NULL, &profiling);
	if (ret)
		return ret;
	ret = get_env_number("VACCEL_VERSION_IGNORE", "VACCEL_IGNORE_VERSION", &ignore);
	if (ret)
		return ret;

	return vaccel_config_init(config, get_env("VACCEL_PLUGINS", "VACCEL_BACKENDS"),
				  (vaccel_log_level_t)(level > UINT_MAX ? UINT_MAX : level),
				  get_env("VACCEL_LOG_FILE", NULL), profiling != 0, ignore != 0);
}

int vaccel_config_init_from(struct vaccel_config *config, struct vaccel_config *config_src)
{
	if (!config_src)
		return VACCEL_EINVAL;
	return vaccel_config_init(config, config_src->plugins, config_src->log_level,
				  config_src->log_file, config_src->profiling_enabled,
				  config_src->version_ignore);
}

int vaccel_config_release(struct vaccel_config *config)
{
	if (!config)
		return VACCEL_EINVAL;
	free(config->plugins);
	free(config->log_file);
	*config = default_config;
	return VACCEL_OK;
}

/* Hands an initialised copy of *tmp (ret: result of its init) to the caller. */
static int new_from(struct vaccel_config **config, struct vaccel_config *tmp, int ret)
{
	struct vaccel_config *new;

	if (ret)
		return ret;
	new = malloc(sizeof(*new));
	if (!new) {
		vaccel_config_release(tmp);
		return VACCEL_ENOMEM;
	}
	*new = *tmp;
	*config = new;
	return VACCEL_OK;
}

int vaccel_config_new(struct vaccel_config **config, const char *plugins,
		      vaccel_log_level_t log_level, const char *log_file, bool profiling_enabled,
		      bool version_ignore)
{
	struct vaccel_config tmp;

	if (!config)
		return VACCEL_EINVAL;
	return new_from(config, &tmp,
			vaccel_config_init(&tmp, plugins, log_level, log_file, profiling_enabled,
					   version_ignore));
}

int vaccel_config_from_env(struct vaccel_config **config)
{
	struct vaccel_config tmp;

	if (!config)
		return VACCEL_EINVAL;
	return new_from(config, &tmp, vaccel_config_init_from_env(&tmp));
}

int vaccel_config_from(struct vaccel_config **config, struct vaccel_config *config_src)
{
	struct vaccel_config tmp;

	if (!config)
		return VACCEL_EINVAL;
	return new_from(config, &tmp, vaccel_config_init_from(&tmp, config_src));
}

int vaccel_config_delete(struct vaccel_config *config)
{
	int ret = vaccel_config_release(config);

	if (!ret)
		free(config);
	return ret;
}

void vaccel_config_print_debug(struct vaccel_config *config)
{
	char level[VACCEL_ENUM_STR_MAX];

	if (!config)
		return;
	vaccel_debug("Config:");
	vaccel_debug("  plugins = %s", config->plugins ? config->plugins : "(null)");
	vaccel_debug("  log_level = %s",
		     vaccel_log_level_name(config->log_level, level, sizeof(level)));
	vaccel_debug("  log_file = %s", config->log_file ? config->log_file : "(null)");
	vaccel_debug("  profiling_enabled = %s", config->profiling_enabled ? "true" : "false");
	vaccel_debug("  version_ignore = %s", config->version_ignore ? "true" : "false");
}
