// SPDX-License-Identifier: Apache-2.0
#include "config_file.h"

#include <errno.h>
#include <grp.h>
#include <ini.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "log.h"

/* Nobody writes one of this size. */
#define MAX_FILE ((size_t)4 << 20)

/* One pass over the file, for one of its sections. */
struct pass {
	const char *wanted; /* section to apply, NULL: all are only checked */
	const char *vm;	    /* NULL, or whose section is looked for */
	struct config_sections *found;
	struct config_clients *clients; /* NULL, or to be filled */
	struct policy *policy;
	struct policy scratch;	/* of the section that is being checked */
	char section[128];	/* the scratch's */
	FILE *file;
	unsigned int line;	/* the last one that was read */
	bool too_long;
	unsigned int failed; /* the first line that on_value() refused, 0: none */
	char why[512]; /* what is wrong with the first bad line */
};

bool config_file_name_ok(const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(name);

	return len && len <= CONFIG_NAME_MAX && strspn(name, ok) == len && strcmp(name, CONFIG_DEFAULTS) != 0;
}

static const char user_prefix[] = "user:", group_prefix[] = "group:";

/* Return: the name of the user or group whose section it is, else NULL */
static const char *client_name(const char *section)
{
	if (strncmp(section, user_prefix, strlen(user_prefix)) == 0)
		return section + strlen(user_prefix);
	if (strncmp(section, group_prefix, strlen(group_prefix)) == 0)
		return section + strlen(group_prefix);
	return NULL;
}

static bool section_ok(const char *section)
{
	const char *name = client_name(section);

	return config_file_name_ok(name ? name : section) || strcmp(section, CONFIG_DEFAULTS) == 0;
}

/* One line of the file, which names a section for clients: it is kept once. */
static void note_client(struct config_clients *clients, const char *section, size_t len)
{
	struct config_client *c = &clients->of[clients->nr];

	if (clients->nr == CONFIG_MAX_CLIENTS || len >= sizeof(c->section))
		return;
	memcpy(c->section, section, len);
	c->section[len] = '\0';
	for (unsigned int i = 0; i < clients->nr; i++)
		if (strcmp(clients->of[i].section, c->section) == 0)
			return;
	clients->nr++;
}

/* Sections without a line in them are sections, too, which the parser does not tell of. */
static void note_section(struct pass *pass, const char *line)
{
	size_t len;

	if (pass->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0) /* a byte-order mark */
		line += 3;
	line += strspn(line, " \t");
	len = *line == '[' ? strcspn(++line, "]") : 0;
	if (!len || line[len] != ']')
		return;
	if (client_name(line)) {
		if (pass->clients)
			note_client(pass->clients, line, len);
		return;
	}
	if (!pass->found)
		return;
	if (pass->vm && strlen(pass->vm) == len && !memcmp(line, pass->vm, len))
		pass->found->vm = true;
	else if (strlen(CONFIG_DEFAULTS) != len || memcmp(line, CONFIG_DEFAULTS, len) != 0)
		pass->found->others = true;
}

/* The parser counts a line that does not fit its buffer as two: such lines are refused. */
static char *read_line(char *to, int size, void *opaque)
{
	struct pass *pass = opaque;
	char *line = fgets(to, size, pass->file);
	size_t len = line ? strlen(line) : 0;

	if (!line)
		return NULL;
	pass->line++;
	if (len == (size_t)size - 1 && line[len - 1] != '\n' && !feof(pass->file)) {
		pass->too_long = true;
		return NULL;
	}
	note_section(pass, line);
	return line;
}

/* Return: 0 makes inih report the line. */
static int fail(struct pass *pass, const char *fmt, ...)
{
	va_list ap;

	if (pass->failed)
		return 0;
	pass->failed = pass->line;
	va_start(ap, fmt);
	vsnprintf(pass->why, sizeof(pass->why), fmt, ap);
	va_end(ap);
	return 0;
}

static int on_value(void *opaque, const char *section, const char *name, const char *value)
{
	struct pass *pass = opaque;
	enum policy_rule rule = policy_find(name);
	struct policy *p;
	char why[400];

	if (!section_ok(section))
		return fail(pass, "'%s' before a section, or in one of a bad name: [%s] or a "
				  "section with a VM's name, [user:NAME] or [group:NAME] is expected",
			    name, CONFIG_DEFAULTS);
	if (rule == POLICY_NR_RULES)
		return fail(pass, "there is no rule '%s'; --help lists them", name);

	if (strcmp(section, pass->section) != 0) {
		snprintf(pass->section, sizeof(pass->section), "%s", section);
		policy_init(&pass->scratch);
	}
	p = pass->wanted && !strcmp(section, pass->wanted) ? pass->policy : &pass->scratch;
	if (policy_is_set(p, rule) && policy_rules[rule].kind != POLICY_OPS &&
	    policy_rules[rule].kind != POLICY_TEXT)
		return fail(pass, "%s is there twice", name);
	if (policy_set(p, rule, value, why, sizeof(why)))
		return fail(pass, "%s = %s: %s", name, value, why);
	if (rule == POLICY_cache_dir && pass->found)
		pass->found->cache_dir = true;
	return 1;
}

int config_file_read(const char *path, struct config_file *file)
{
	FILE *from = fopen(path, "re");
	size_t room = 0;
	bool failed;

	*file = (struct config_file){ .path = path };
	while (from && !feof(from) && !ferror(from) && file->len < MAX_FILE) {
		char *more = room == file->len ? realloc(file->text, room += 4096) : file->text;

		if (!more)
			break;
		file->text = more;
		file->len += fread(more + file->len, 1, room - file->len, from);
	}
	failed = !from || !feof(from);
	if (failed && from && file->len >= MAX_FILE)
		log_error("%s is too large", path);
	else if (failed)
		log_error("cannot read %s: %s", path, strerror(errno));
	if (from)
		fclose(from);
	if (!failed)
		return 0;
	failed = file->len >= MAX_FILE;
	config_file_free(file);
	return failed ? EX_CONFIG : EX_NOINPUT;
}

void config_file_free(struct config_file *file)
{
	free(file->text);
	*file = (struct config_file){ 0 };
}

/* Goes through the file once. Return: 0 or an exit status. */
static int read_file(const struct config_file *file, const struct pass *first)
{
	const char *path = file->path;
	struct pass pass = *first;
	int line;

	if (pass.policy)
		policy_begin_layer(pass.policy);
	/* An empty one could not be opened. */
	pass.file = file->len ? fmemopen(file->text, file->len, "r") : fopen("/dev/null", "re");
	if (!pass.file) {
		log_error("cannot read %s: %s", path, strerror(errno));
		return EX_NOINPUT;
	}
	line = ini_parse_stream(read_line, &pass, on_value, &pass);
	fclose(pass.file);
	if (pass.too_long && (!line || (unsigned int)line >= pass.line)) {
		log_error("%s:%u: the line is too long; write lists as several lines", path,
			  pass.line);
		return EX_CONFIG;
	}
	if (!line)
		return 0;
	log_error("%s:%d: %s", path, line > 0 ? line : 0,
		  pass.failed == (unsigned int)line ? pass.why : "neither [section] nor name = value");
	return EX_CONFIG;
}

int config_file_load(const struct config_file *file, const char *vm, struct policy *p,
		     struct config_sections *found)
{
	struct pass pass = { .wanted = CONFIG_DEFAULTS, .vm = vm, .policy = p, .found = found };
	int ret;

	memset(found, 0, sizeof(*found));
	ret = read_file(file, &pass);
	pass.wanted = vm;
	return ret || !vm ? ret : read_file(file, &pass);
}

int config_file_apply(const struct config_file *file, const char *section, struct policy *p)
{
	const struct pass pass = { .wanted = section, .policy = p };

	return read_file(file, &pass);
}

/* The number of a user or a group, given as such or by name. Return: whether it is there */
static bool find_id(const char *section, id_t *id)
{
	const char *name = client_name(section);
	bool is_user = strncmp(section, user_prefix, strlen(user_prefix)) == 0;
	const struct passwd *user = is_user ? getpwnam(name) : NULL;
	const struct group *group = is_user ? NULL : getgrnam(name);
	char *end;

	if (user || group) {
		*id = user ? user->pw_uid : group->gr_gid;
		return true;
	}
	errno = 0;
	*id = (id_t)strtoul(name, &end, 10);
	return *name >= '0' && *name <= '9' && !*end && !errno;
}

static int groups_first(const void *a, const void *b)
{
	const struct config_client *x = a, *y = b;

	/* 'g' comes before 'u'; among groups the order does not depend on the file's. */
	return strcmp(x->section, y->section);
}

int config_file_clients(const struct config_file *file, struct config_clients *clients)
{
	const struct pass pass = { .clients = clients };
	int ret;

	memset(clients, 0, sizeof(*clients));
	ret = read_file(file, &pass);
	if (ret)
		return ret;
	if (clients->nr == CONFIG_MAX_CLIENTS) {
		log_error("%s has too many sections of users and groups: %d are understood", file->path,
			  CONFIG_MAX_CLIENTS - 1);
		return EX_CONFIG;
	}
	qsort(clients->of, clients->nr, sizeof(clients->of[0]), groups_first);
	for (unsigned int i = 0; i < clients->nr; i++) {
		struct config_client *c = &clients->of[i];

		if (!find_id(c->section, &c->id)) {
			log_error("%s: [%s]: there is no such user or group", file->path, c->section);
			return EX_CONFIG;
		}
		clients->nr_groups += strncmp(c->section, group_prefix, strlen(group_prefix)) == 0;
	}
	return 0;
}
