// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One setter for each type of value. Each says what was expected when the value is wrong. */
#include "core/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/units.h"
#include "core/command.h"
#include "core/glob.h"
#include "core/owner.h"

#define FACTOR_MAX 1000
#define PID_LIMIT  (1U << 22)
#define UID_NONE   UINT32_MAX /* (uid_t)-1 is nobody's */
#define WORDS_SIZE 128

static int fail(const struct config_value *value, const char *expected)
{
	char shown[CONFIG_SHOWN_SIZE];

	return config_fail(value->report, value->line, "%s: '%s' is wrong; expected %s", value->key,
			   config_shown(value->text, shown), expected);
}

/* "no, always or never", as much as fits. */
static void join_words(const char *const *words, char buf[static WORDS_SIZE])
{
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; words[i]; i++) {
		const char *glue = !i ? "" : words[i + 1] ? ", " : " or ";

		if (used + strlen(glue) + strlen(words[i]) >= WORDS_SIZE)
			return;
		used = (size_t)(stpcpy(stpcpy(buf + used, glue), words[i]) - buf);
	}
}

static int find_word(const struct config_value *value, const char *const *words, unsigned *ret)
{
	char shown[CONFIG_SHOWN_SIZE], all[WORDS_SIZE];
	const char *nearest;

	for (unsigned i = 0; words[i]; i++)
		if (strcmp(words[i], value->text) == 0) {
			*ret = i;
			return 0;
		}
	join_words(words, all);
	nearest = text_nearest(value->text, words);
	return config_fail(value->report, value->line, "%s: '%s' is wrong; expected %s%s%s%s",
			   value->key, config_shown(value->text, shown), all,
			   nearest ? " (did you mean '" : "", nearest ? nearest : "",
			   nearest ? "'?)" : "");
}

int config_set_word(const struct config_value *value, const struct config_limits *limits,
		    void *field)
{
	unsigned word = 0;
	int r = find_word(value, limits->words, &word);

	if (r < 0)
		return r;
	*(unsigned *)field = (unsigned)limits->min + word;
	return 0;
}

int config_set_bool(const struct config_value *value, const struct config_limits *limits,
		    void *field)
{
	unsigned word = 0;
	int r = find_word(value, limits->words, &word);

	if (r < 0)
		return r;
	*(bool *)field = word % 2;
	return 0;
}

/* A decimal integer. units_parse_size() alone would take "1KiB" as a count. */
static int parse_integer(const char *text, uint64_t *ret)
{
	if (!*text || text[strspn(text, "0123456789")])
		return -EINVAL;
	return units_parse_size(text, ret);
}

int config_set_count(const struct config_value *value, const struct config_limits *limits,
		     void *field)
{
	uint64_t number = 0;

	if (parse_integer(value->text, &number) < 0 || number < limits->min || number > limits->max)
		return fail(value, limits->expected);
	*(unsigned *)field = (unsigned)number;
	return 0;
}

int config_set_size(const struct config_value *value, const struct config_limits *limits,
		    void *field)
{
	uint64_t bytes = 0;
	int r = units_parse_size(value->text, &bytes);

	if (r == -EINVAL && strspn(value->text, "0123456789"))
		return fail(value, "a size such as 512KiB, 16MiB or 1GiB (units: B KiB MiB GiB)");
	if (r < 0 || ((bytes || !limits->or_none) && (bytes < limits->min || bytes > limits->max)))
		return fail(value, limits->expected);
	*(uint64_t *)field = bytes;
	return 0;
}

int config_set_duration(const struct config_value *value, const struct config_limits *limits,
			void *field)
{
	uint64_t ns = 0;
	int r = units_parse_duration(value->text, &ns);

	if (r == -EINVAL && !value->text[strspn(value->text, "0123456789.")])
		return fail(value, "a unit behind the number: us, ms, s, min, h or d");
	if (r == -EINVAL)
		return fail(value, "a duration such as 200ms, 10s or 1h 30min "
				   "(units: us ms s min h d)");
	if (r < 0 || ((ns || !limits->or_none) && (ns < limits->min || ns > limits->max)))
		return fail(value, limits->expected);
	*(uint64_t *)field = ns;
	return 0;
}

int config_set_fraction(const struct config_value *value, const struct config_limits *limits,
			void *field)
{
	(void)limits;
	if (units_parse_fraction(value->text, field) < 0)
		return fail(value, "a share from 0% to 100%, or from 0 to 1");
	return 0;
}

int config_set_factor(const struct config_value *value, const struct config_limits *limits,
		      void *field)
{
	double number = 0;

	(void)limits;
	if (units_parse_number(value->text, &number) < 0 || number < 1 || number > FACTOR_MAX)
		return fail(value, "a number from 1 to 1000");
	*(double *)field = number;
	return 0;
}

int config_set_signal(const struct config_value *value, const struct config_limits *limits,
		      void *field)
{
	int signal = signal_from_name(value->text);

	(void)limits;
	if (signal < 0)
		return fail(value, "a signal such as SIGTERM, SIGRTMIN+3 or 15");
	*(int *)field = signal;
	return 0;
}

int config_add_status(const struct config_value *value, const struct config_limits *limits,
		      void *field)
{
	int r = status_set_add(field, value->text);

	(void)limits;
	if (r == -ERANGE)
		return fail(value, "exit statuses from 0 to 255, the lower one first");
	if (r < 0)
		return fail(value, "an exit status, a range such as 100-103, or a signal's name");
	return 0;
}

/* ---- strings ---- */

static int store_string(const char *text, char **field)
{
	char *copy = strndup(text, strlen(text));

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

int config_set_string(const struct config_value *value, const struct config_limits *limits,
		      void *field)
{
	(void)limits;
	if (!*value->text)
		return fail(value, "at least one character");
	return store_string(value->text, field);
}

static int check_glob(const struct config_value *value)
{
	if (glob_check(value->text) < 0)
		return fail(value,
			    "a glob: each '[' closed, no '\\' at the end, at most 4095 bytes");
	return 0;
}

int config_set_args(const struct config_value *value, const struct config_limits *limits,
		    void *field)
{
	int r = check_glob(value);

	(void)limits;
	return r < 0 ? r : store_string(value->text, field);
}

/* A path that can be compared with what the kernel says: each component between two single slashes, and
 * none of them "." or "..". */
static int check_path(const struct config_value *value)
{
	const char *component = value->text;

	if (*component != '/')
		return fail(value, "an absolute path");
	if (strlen(value->text) > CONFIG_PATH_MAX)
		return fail(value, "at most 4095 bytes");
	while (*component) {
		size_t length = strcspn(++component, "/");

		if (!length)
			return fail(value, component[0] ? "one '/' between two components"
							: "no '/' at the end");
		if ((length == 1 && component[0] == '.') ||
		    (length == 2 && component[0] == '.' && component[1] == '.'))
			return fail(value, "a path without '.' and '..'");
		component += length;
	}
	return 0;
}

int config_set_path(const struct config_value *value, const struct config_limits *limits,
		    void *field)
{
	int r = check_path(value);

	(void)limits;
	return r < 0 ? r : store_string(value->text, field);
}

int config_set_directory(const struct config_value *value, const struct config_limits *limits,
			 void *field)
{
	(void)limits;
	if (value->text[0] != '/' || strlen(value->text) > CONFIG_PATH_MAX)
		return fail(value, "an absolute path");
	return store_string(value->text, field);
}

/* True for a path that names one thing in one way: no empty word, no "." and no ".." is in it. */
static bool is_plain_path(const char *path)
{
	size_t length = 0;

	for (; *path == '/'; path += 1 + length) {
		length = strcspn(path + 1, "/");
		if (!length || (length <= 2 && strspn(path + 1, ".") >= length))
			return false;
	}
	return length && !*path;
}

int config_set_cgroup(const struct config_value *value, const struct config_limits *limits,
		      void *field)
{
	(void)limits;
	if (!is_plain_path(value->text) || strlen(value->text) > CONFIG_PATH_MAX)
		return fail(value, "the path of a cgroup below the root, as /obit");
	return store_string(value->text, field);
}

/* 0, -ENOMEM, or -EINVAL after it is told; `expected` is said of a text without a word. */
static int split_command(const struct config_value *value, char **ret_words, const char ***ret_argv,
			 const char *expected)
{
	int r = command_split(value->text, ret_words, ret_argv);

	if (r == -EILSEQ)
		return fail(value, "each quote inside of it to be closed");
	return r == -EINVAL ? fail(value, expected) : r;
}

int config_set_hook(const struct config_value *value, const struct config_limits *limits,
		    void *field)
{
	static const char expected[] = "a command that begins with an absolute path";
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ char *words = NULL;
	int r = split_command(value, &words, &argv, expected);

	(void)limits;
	if (r < 0)
		return r;
	if (argv[0][0] != '/' || strlen(argv[0]) > CONFIG_PATH_MAX)
		return fail(value, expected);
	return store_string(value->text, field);
}

/* By its path, or by a name in PATH. */
static bool can_be_found(const char *program)
{
	return *program && strlen(program) <= CONFIG_PATH_MAX &&
	       (*program == '/' || !strchr(program, '/'));
}

int config_set_order(const struct config_value *value, const struct config_limits *limits,
		     void *field)
{
	static const char expected[] = "a command that begins with an absolute path or a name";
	_cleanup_free_ const char **argv = NULL;
	_cleanup_free_ char *words = NULL;
	int r = split_command(value, &words, &argv, expected);

	(void)limits;
	if (r < 0)
		return r;
	if (!can_be_found(argv[0]))
		return fail(value, expected);
	for (size_t i = 0; argv[i]; i++) {
		if (owner_has_unknown(argv[i]))
			return fail(value, "no placeholders but " OWNER_PLACEHOLDERS);
		/* A shell would run what the placeholder stands for. */
		if (owner_has_placeholder(argv[i]) && strpbrk(argv[i], " \t\n;&|$`"))
			return fail(value, "placeholders in words of their own, such as sh -c "
					   "'... \"$1\"' sh {id}");
	}
	return store_string(value->text, field);
}

int config_set_choice(const struct config_value *value, const struct config_limits *limits,
		      void *field)
{
	unsigned place = 0;
	int r = find_word(value, limits->words, &place);

	return r < 0 ? r : store_string(value->text, field);
}

int config_set_name(const struct config_value *value, const struct config_limits *limits,
		    void *field)
{
	int r = config_check_name(value->report, value->line, "a watch", value->text);

	(void)limits;
	return r < 0 ? r : store_string(value->text, field);
}

int config_set_pid(const struct config_value *value, const struct config_limits *limits,
		   void *field)
{
	uint64_t pid = 0;

	(void)limits;
	if (parse_integer(value->text, &pid) < 0 || !pid || pid > PID_LIMIT)
		return fail(value, "the pid of a process");
	*(uint32_t *)field = (uint32_t)pid;
	return 0;
}

/* ---- lists ---- */

int config_list_add(struct string_list *list, const char *item)
{
	_cleanup_free_ char *copy = strndup(item, strlen(item));
	char **items;

	if (!copy)
		return -ENOMEM;
	items = reallocarray(list->items, list->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->count++] = TAKE_PTR(copy);
	return 0;
}

void config_list_free(struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct string_list){0};
}

int config_add_path(const struct config_value *value, const struct config_limits *limits,
		    void *field)
{
	int r = check_path(value);

	(void)limits;
	if (r >= 0)
		r = check_glob(value);
	return r < 0 ? r : config_list_add(field, value->text);
}

int config_add_program(const struct config_value *value, const struct config_limits *limits,
		       void *field)
{
	if (limits->or_path && *value->text == '/')
		return config_add_path(value, limits, field);
	if (!*value->text || strchr(value->text, '/'))
		return fail(value, limits->or_path
					   ? "the name of a process, or an absolute path or glob"
					   : "the name of a process");
	return config_list_add(field, value->text);
}

int config_add_env(const struct config_value *value, const struct config_limits *limits,
		   void *field)
{
	size_t name = strspn(value->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					  "0123456789_");

	(void)limits;
	if (!name || value->text[name] != '=' || (*value->text >= '0' && *value->text <= '9'))
		return fail(value, "NAME=VALUE");
	return config_list_add(field, value->text);
}

static int add_uid_number(const struct config_value *value, struct uid_rule *rule)
{
	uint64_t uid = 0;
	uint32_t *uids;

	/* A name needs the user database, which is not read here. */
	if (parse_integer(value->text, &uid) < 0 || uid >= UID_NONE)
		return fail(value, "service, any, or uids as numbers (id -u NAME prints one)");
	uids = reallocarray(rule->uids, rule->uid_count + 1, sizeof(*uids));
	if (!uids)
		return -ENOMEM;
	rule->uids = uids;
	uids[rule->uid_count++] = (uint32_t)uid;
	rule->match = UID_LIST;
	return 0;
}

int config_add_uid(const struct config_value *value, const struct config_limits *limits,
		   void *field)
{
	struct uid_rule *rule = field;
	bool service = strcmp(value->text, "service") == 0;

	(void)limits;
	if (!service && strcmp(value->text, "any") != 0) {
		if (value->position && rule->match != UID_LIST)
			return fail(value, "service or any to stand alone");
		return add_uid_number(value, rule);
	}
	if (value->position)
		return fail(value, "service or any to stand alone");
	rule->match = service ? UID_SERVICE : UID_ANY;
	return 0;
}

int config_set_container(const struct config_value *value, const struct config_limits *limits,
			 void *field)
{
	static const char *const not_names[] = {"yes", "true", "false", ""};
	struct watch_config *watch = field;
	int r;

	(void)limits;
	for (size_t i = 0; i < ARRAY_SIZE(not_names); i++)
		if (strcmp(value->text, not_names[i]) == 0)
			return fail(value, "no, any, or a glob on the container's id (of LXC, "
					   "nspawn and ctr: its name)");
	if (strcmp(value->text, "no") == 0 || strcmp(value->text, "any") == 0) {
		watch->container = *value->text == 'n' ? CONTAINER_NO : CONTAINER_ANY;
		return 0;
	}
	r = check_glob(value);
	if (r >= 0)
		r = store_string(value->text, &watch->container_glob);
	if (r >= 0)
		watch->container = CONTAINER_GLOB;
	return r;
}
