// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* obitd --simulate: recorded deaths through another configuration. It needs no daemon, and does nothing. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/lines.h"
#include "base/log.h"
#include "base/protocol.h"
#include "base/text.h"
#include "core/match.h"
#include "core/replay.h"
#include "daemon/daemon.h"
#include "daemon/put.h"
#include "io/proc.h"

#define REFUSAL_START  "not respawned: "
#define STOPPED_START  "stopped by "
#define OPERATOR_START STOPPED_START "the operator"

/* What is taken for one instance: lives of one user, each begun after the one before it had ended. */
struct chain {
	struct replay replay;
	uint64_t died_ns;
	uint32_t uid;
};

struct tally {
	struct chain *chains; /* owned */
	size_t chain_count;
	unsigned deaths, otherwise, never, buried, respawned, left;
	int64_t wait_ns; /* by how much longer it would have been waited */
};

struct simulation {
	struct config config;
	struct match_people people;
	struct tally *tallies; /* owned, parallel to the watches; one more for what none matches */
	struct json_tokener *tokener;
	struct json_object *seen; /* what was written twice stands there once */
	struct json_object *differences;
	bool json;
	unsigned deaths, unreadable, future;
	uint64_t now_ns; /* by the wall clock */
	int error;
};

/* ---- reading an obituary ---- */

static const char *word_of(struct json_object *death, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(death, key, &value) &&
			       json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : NULL;
}

static bool number_of(struct json_object *death, const char *key, uint64_t *ret)
{
	struct json_object *value;

	if (!json_object_object_get_ex(death, key, &value) ||
	    !json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return false;
	*ret = json_object_get_uint64(value);
	return true;
}

/* Our own RFC 3339: "2026-11-21T10:37:51.123456+01:00". */
static bool parse_time(const char *text, uint64_t *ret_ns)
{
	unsigned micros, hours, minutes;
	struct tm tm = {0};
	const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	char sign;
	time_t seconds;

	if (!rest || sscanf(rest, ".%6u%c%2u:%2u", &micros, &sign, &hours, &minutes) != 4)
		return false;
	seconds = timegm(&tm) + (sign == '-' ? 1 : -1) * (time_t)(hours * 3600 + minutes * 60);
	if (seconds < 0)
		return false;
	*ret_ns = (uint64_t)seconds * NS_PER_SEC + micros * NS_PER_US;
	return true;
}

static enum policy_verdict verdict_of(struct json_object *death)
{
	const char *action = word_of(death, "action");

	for (int i = 0; action && i < _POLICY_VERDICT_MAX; i++)
		if (strcmp(action, policy_verdict_name(i)) == 0)
			return i;
	return VERDICT_NONE;
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length >= tail && strcmp(text + length - tail, end) == 0;
}

static bool was_asked(struct json_object *death, const struct watch_config *watch)
{
	const char *signal = word_of(death, "signal");
	struct json_object *asked;
	uint64_t before = 0;

	if (!json_object_object_get_ex(death, "asked_by", &asked) ||
	    !json_object_is_type(asked, json_type_object))
		return false;
	number_of(asked, "before_ns", &before);
	return before <= watch->stop_grace_ns || (signal && strcmp(signal, "SIGKILL") == 0);
}

/* What hung and was left alone has died of something else. */
static bool was_stopped_hung(struct json_object *death)
{
	struct json_object *hung, *stopped;

	return json_object_object_get_ex(death, "hung", &hung) &&
	       json_object_is_type(hung, json_type_object) &&
	       json_object_object_get_ex(hung, "stopped", &stopped) &&
	       json_object_get_boolean(stopped);
}

/* False for what is no obituary of a main process. */
static bool read_death(struct json_object *death, struct replay_death *ret)
{
	const char *detail = word_of(death, "action_detail");
	uint64_t status = 0;

	*ret = (struct replay_death){
		.verdict = verdict_of(death), .done = true, .hung = was_stopped_hung(death)};
	if (!parse_time(word_of(death, "time"), &ret->died_ns) ||
	    !number_of(death, "lived_ns", &ret->lived_ns) ||
	    !number_of(death, "wait_status", &status) || ret->lived_ns > ret->died_ns)
		return false;
	ret->wait_status = (uint32_t)status;
	if (!detail)
		return true;
	ret->done = !ends_with(detail, OBIT_UNDONE_REMARK);
	ret->by_operator = starts_with(detail, OPERATOR_START);
	ret->by_owner = !ret->by_operator && starts_with(detail, STOPPED_START);
	if (ret->verdict == VERDICT_REPORT || ret->verdict == VERDICT_ASK_OWNER ||
	    ret->verdict == VERDICT_RESTART_BY_OWNER)
		ret->refusal = starts_with(detail, REFUSAL_START) ? detail + strlen(REFUSAL_START)
								  : detail;
	return true;
}

/* ---- matching ---- */

static int fill_argv(struct recipe *recipe, struct json_object *death)
{
	struct json_object *argv;
	size_t count, size = 0;
	char *bytes;

	if (!json_object_object_get_ex(death, "argv", &argv) ||
	    !json_object_is_type(argv, json_type_array))
		return 0;
	count = json_object_array_length(argv);
	for (size_t i = 0; i < count; i++) {
		const char *word = json_object_get_string(json_object_array_get_idx(argv, i));
		size_t length = strlen(word ? word : "") + 1;

		bytes = realloc(recipe->argv.bytes, size + length);
		if (!bytes)
			return -ENOMEM;
		recipe->argv.bytes = bytes;
		memcpy(bytes + size, word ? word : "", length);
		recipe->argv.size = size += length;
	}
	return 0;
}

/* What the obituary tells of how it was executed. The path of a script is not recorded: it stands behind that of
 * its interpreter. */
static struct recipe *recipe_of(struct json_object *death)
{
	struct recipe *recipe = recipe_new(RECIPE_EXEC);
	const char *path = word_of(death, "path"), *cgroup = word_of(death, "cgroup"), *script;
	uint64_t uid = 0;
	size_t position = 0;

	if (!recipe)
		return NULL;
	number_of(death, "uid", &uid);
	recipe->facts->euid = (uint32_t)uid;
	recipe->facts->exe_uid = UINT32_MAX;
	recipe->facts->flags = OBIT_EXEC_HOST_PIDNS | OBIT_EXEC_HOST_MNT_OWNER;
	recipe->exe = strdup(path ? path : "");
	recipe->cgroup = strdup(cgroup ? cgroup : "");
	if (!recipe->exe || !recipe->cgroup || fill_argv(recipe, death) < 0) {
		recipe_free(recipe);
		return NULL;
	}
	strings_next(&recipe->argv, &position);
	script = strings_next(&recipe->argv, &position);
	if (script && *script == '/')
		recipe->script_path = strdup(script);
	return recipe;
}

/* ---- telling ---- */

static void add_difference(struct simulation *sim, struct json_object *death, const char *watch,
			   const char *verdict, const char *detail)
{
	struct json_object *object = json_object_new_object();
	uint64_t pid = 0;

	number_of(death, "pid", &pid);
	put_string(object, "time", word_of(death, "time"));
	put_string(object, "watch", watch);
	put_number(object, "pid", pid);
	put_string(object, "was_watch", word_of(death, "watch"));
	put_string(object, "was", word_of(death, "action"));
	put_string(object, "was_detail", word_of(death, "action_detail"));
	put_string(object, "would", verdict);
	put_string(object, "would_detail", *detail ? detail : NULL);
	append_json(sim->differences, object);
}

static void print_difference(struct json_object *death, const char *watch,
			     const struct replay_death *then, const char *would)
{
	char line[2048], shown[4096], words[WAIT_STATUS_WORDS_SIZE], span[CLOCK_SPAN_SIZE];
	const char *detail = word_of(death, "action_detail"), *time = word_of(death, "time");
	const char *own = word_of(death, "watch");

	snprintf(line, sizeof(line), "%.10s %.8s  %.63s  %s after %s: %.400s -> %.400s", time,
		 time + 11,
		 watch ? watch
		 : own ? own
		       : "-",
		 wait_status_words(then->wait_status, words), clock_span(then->lived_ns, span),
		 detail ? detail : "left alone", would);
	text_printable(shown, sizeof(shown), line, strlen(line));
	puts(shown);
}

static void tell(struct simulation *sim, struct json_object *death, const char *watch,
		 const struct replay_death *then, const char *verdict, const char *would)
{
	if (sim->json)
		add_difference(sim, death, watch, verdict, would);
	else
		print_difference(death, watch, then, *would ? would : "left alone");
}

/* ---- one death ---- */

static int find_chain(struct simulation *sim, size_t watch, const struct replay_death *death,
		      uint32_t uid, struct chain **ret)
{
	struct tally *tally = &sim->tallies[watch];
	uint64_t born = death->died_ns - death->lived_ns + NS_PER_MS; /* times are rounded */
	struct chain *best = NULL, *chains;

	for (size_t i = 0; i < tally->chain_count; i++) {
		struct chain *chain = &tally->chains[i];

		if (chain->uid == uid && chain->died_ns <= born &&
		    (!best || chain->died_ns > best->died_ns))
			best = chain;
	}
	if (!best) {
		chains = realloc(tally->chains, (tally->chain_count + 1) * sizeof(*chains));
		if (!chains)
			return -ENOMEM;
		tally->chains = chains;
		best = &chains[tally->chain_count];
		*best = (struct chain){.uid = uid};
		if (replay_init(&best->replay, &sim->config.watches[watch]) < 0)
			return -ENOMEM;
		tally->chain_count++;
	}
	best->died_ns = death->died_ns;
	*ret = best;
	return 0;
}

static void count(struct tally *tally, const struct replay_result *result)
{
	if (result->waited)
		tally->wait_ns += (int64_t)(result->wait_ns - result->real_wait_ns);
	if (result->fate == REPLAY_SAME)
		return;
	tally->otherwise++;
	if (result->fate == REPLAY_NEVER)
		tally->never++;
	else if (result->verdict == VERDICT_BURY)
		tally->buried++;
	else if (result->verdict == VERDICT_RESPAWN || result->verdict == VERDICT_STOP_MEMBERS)
		tally->respawned++;
	else
		tally->left++;
}

static int replay_death(struct simulation *sim, size_t watch, struct json_object *death,
			struct replay_death *then)
{
	const struct watch_config *config = &sim->config.watches[watch];
	struct replay_result result;
	struct chain *chain;
	uint64_t uid = 0;
	int r;

	number_of(death, "uid", &uid);
	then->asked = was_asked(death, config);
	r = find_chain(sim, watch, then, (uint32_t)uid, &chain);
	if (r < 0)
		return r;
	replay_step(&chain->replay, then, &result);
	count(&sim->tallies[watch], &result);
	if (result.fate == REPLAY_NEVER)
		tell(sim, death, config->name, then, "never", "would not have happened");
	else if (result.fate == REPLAY_OTHERWISE)
		tell(sim, death, config->name, then, policy_verdict_name(result.verdict),
		     result.detail);
	return 0;
}

/* Nothing is asked of a process that handed over: its instance lives on. */
static int take_death(struct simulation *sim, struct json_object *death)
{
	struct replay_death then;
	struct recipe *recipe;
	ssize_t watch;

	if (!read_death(death, &then)) {
		sim->unreadable++;
		return 0;
	}
	if (then.verdict == VERDICT_HAND_OVER)
		return 0;
	sim->future += then.died_ns > sim->now_ns + NS_PER_SEC;
	sim->deaths++;
	recipe = recipe_of(death);
	if (!recipe)
		return -ENOMEM;
	watch = match_watch(&sim->config, &sim->people, recipe);
	recipe_free(recipe);
	sim->tallies[watch < 0 ? (ssize_t)sim->config.watch_count : watch].deaths++;
	if (watch >= 0)
		return replay_death(sim, (size_t)watch, death, &then);
	tell(sim, death, NULL, &then, "unwatched", "would not be watched");
	return 0;
}

static bool is_repeated(struct simulation *sim, struct json_object *death)
{
	const char *time = word_of(death, "time");
	char key[80];
	uint64_t pid = 0;

	number_of(death, "pid", &pid);
	snprintf(key, sizeof(key), "%" PRIu64 " %.40s", pid, time ? time : "");
	if (json_object_object_get_ex(sim->seen, key, NULL))
		return true;
	put_json(sim->seen, key, NULL);
	return false;
}

static bool take_line(void *arg, const char *line, size_t length)
{
	struct simulation *sim = arg;
	_cleanup_json_ struct json_object *death = NULL;
	const char *role;

	json_tokener_reset(sim->tokener);
	death = json_tokener_parse_ex(sim->tokener, line, (int)length);
	if (!json_object_is_type(death, json_type_object)) {
		sim->unreadable++;
		return true;
	}
	role = word_of(death, "role");
	if (role && strcmp(role, "main") == 0 && !is_repeated(sim, death))
		sim->error = take_death(sim, death);
	return sim->error == 0;
}

/* ---- the history ---- */

static void check_end(struct simulation *sim, int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char last = '\n';

	if (size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n')
		sim->unreadable++; /* a line that is torn, or still being written */
}

static int read_file(struct simulation *sim, int fd)
{
	size_t skipped = 0;
	int r = lines_read(fd, 0, OBIT_HISTORY_LINE_MAX, take_line, sim, &skipped);

	sim->unreadable += (unsigned)skipped;
	check_end(sim, fd);
	return r < 0 ? r : sim->error;
}

static int open_history(const struct options *options, int fds[static 2])
{
	struct stat st;

	if (!options->history)
		return lines_open(options->state_dir, OBIT_HISTORY_OLDER_FILE, OBIT_HISTORY_FILE,
				  fds);
	fds[0] = -1;
	fds[1] = open(options->history, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fds[1] < 0)
		return -errno;
	if (fstat(fds[1], &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	close(TAKE_FD(fds[1]));
	return -EINVAL;
}

static int tell_failure(const struct options *options, int r)
{
	const char *where = options->history ? options->history : options->state_dir;

	if (r == -EACCES)
		log_error("%s: permission denied (root and the group " OBIT_READERS_GROUP
			  " may read the history)",
			  where);
	else if (r == -ENOENT && options->history)
		log_error("%s: there is no such file; expected a history", where);
	else if (r == -ENOENT)
		log_error("there is no history in %s", where);
	else if (r == -EINVAL)
		log_error("%s: not a regular file; expected a history", where);
	else
		log_error("%s: the history cannot be read: %s", where, strerror(-r));
	return r;
}

static int read_history(struct simulation *sim, const struct options *options)
{
	int fds[2], r = open_history(options, fds);

	if (r == 0 && fds[0] < 0 && fds[1] < 0)
		r = -ENOENT;
	for (int i = 0; i < 2 && r != -ENOENT; i++) {
		if (r == 0 && fds[i] >= 0)
			r = read_file(sim, fds[i]);
		if (fds[i] >= 0)
			close(fds[i]);
	}
	return r < 0 ? tell_failure(options, r) : 0;
}

static void warn(const struct simulation *sim)
{
	if (sim->unreadable)
		log_warning("%u line%s of the history %s no obituary, and %s left out",
			    sim->unreadable, sim->unreadable == 1 ? "" : "s",
			    sim->unreadable == 1 ? "is" : "are",
			    sim->unreadable == 1 ? "was" : "were");
	if (sim->future)
		log_warning("%u death%s of the history lie%s in the future: it was recorded under "
			    "another clock",
			    sim->future, sim->future == 1 ? "" : "s", sim->future == 1 ? "s" : "");
}

/* ---- the summary ---- */

static void print_part(unsigned number, const char *what)
{
	if (number)
		printf("; %u %s", number, what);
}

static void print_tally(const char *name, const struct tally *tally)
{
	int64_t wait = tally->wait_ns;
	char span[CLOCK_SPAN_SIZE];

	printf("%s: %u death%s: %u otherwise", name, tally->deaths, tally->deaths == 1 ? "" : "s",
	       tally->otherwise);
	print_part(tally->buried, "would be buried");
	print_part(tally->respawned, "would be respawned");
	print_part(tally->left, "would be left alone");
	print_part(tally->never, "would not have happened");
	if (wait >= (int64_t)NS_PER_SEC || -wait >= (int64_t)NS_PER_SEC)
		printf("; back-off would have waited %s %s",
		       clock_span((uint64_t)(wait < 0 ? -wait : wait), span),
		       wait < 0 ? "less" : "more");
	putchar('\n');
}

static void print_summary(const struct simulation *sim)
{
	unsigned unwatched = sim->tallies[sim->config.watch_count].deaths;

	for (size_t i = 0; i < sim->config.watch_count; i++)
		if (sim->tallies[i].deaths)
			print_tally(sim->config.watches[i].name, &sim->tallies[i]);
	if (unwatched)
		printf("no watch: %u death%s\n", unwatched, unwatched == 1 ? "" : "s");
	if (!sim->deaths)
		puts("the history has no death of a main process");
}

static struct json_object *tally_to_json(const char *name, const struct tally *tally)
{
	struct json_object *object = json_object_new_object();

	put_string(object, "name", name);
	put_number(object, "deaths", tally->deaths);
	put_number(object, "otherwise", tally->otherwise);
	put_number(object, "buried", tally->buried);
	put_number(object, "respawned", tally->respawned);
	put_number(object, "left_alone", tally->left);
	put_number(object, "never", tally->never);
	put_json(object, "waited_longer_ns", json_object_new_int64(tally->wait_ns));
	return object;
}

static void print_json(struct simulation *sim)
{
	_cleanup_json_ struct json_object *object = json_object_new_object();
	struct json_object *watches = json_object_new_array();

	for (size_t i = 0; i < sim->config.watch_count; i++)
		append_json(watches, tally_to_json(sim->config.watches[i].name, &sim->tallies[i]));
	put_number(object, "deaths", sim->deaths);
	put_number(object, "unwatched", sim->tallies[sim->config.watch_count].deaths);
	put_number(object, "unreadable", sim->unreadable);
	put_number(object, "future", sim->future);
	put_json(object, "watches", watches);
	put_json(object, "differences", json_object_get(sim->differences));
	text_print_json(stdout, json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
}

/* ---- all of it ---- */

static int prepare(struct simulation *sim, const struct options *options)
{
	struct config_error error;

	if (settings_load(options, &sim->config, &error) < 0) {
		log_error("%s", error.text);
		return -EINVAL;
	}
	/* The same each time. */
	for (size_t i = 0; i < sim->config.watch_count; i++)
		sim->config.watches[i].backoff_jitter = 0;
	proc_login_uids(&sim->people.uid_min, &sim->people.uid_max);
	sim->tallies = calloc(sim->config.watch_count + 1, sizeof(*sim->tallies));
	sim->tokener = json_tokener_new();
	sim->seen = json_object_new_object();
	sim->differences = json_object_new_array();
	if (sim->tallies && sim->tokener && sim->seen && sim->differences)
		return 0;
	log_error("out of memory");
	return -ENOMEM;
}

static void clean_up(struct simulation *sim)
{
	for (size_t i = 0; sim->tallies && i < sim->config.watch_count; i++) {
		for (size_t c = 0; c < sim->tallies[i].chain_count; c++)
			replay_free(&sim->tallies[i].chains[c].replay);
		free(sim->tallies[i].chains);
	}
	free(sim->tallies);
	if (sim->tokener)
		json_tokener_free(sim->tokener);
	json_object_put(sim->seen);
	json_object_put(sim->differences);
	config_free(&sim->config);
}

int simulate(const struct options *options)
{
	struct simulation sim = {.json = options->json, .now_ns = clock_wall_ns()};
	int r;

	config_init(&sim.config);
	r = prepare(&sim, options);
	if (r == 0)
		r = read_history(&sim, options);
	if (r == 0) {
		warn(&sim);
		if (sim.json)
			print_json(&sim);
		else
			print_summary(&sim);
		r = fflush(stdout) == 0 ? 0 : -EIO;
	}
	clean_up(&sim);
	return r;
}
