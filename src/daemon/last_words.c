// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is written down for the boot after the next reset, and what was written for this one. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/protocol.h"
#include "core/reset.h"
#include "daemon/daemon.h"
#include "daemon/put.h"
#include "io/sys.h"

#define BOOT_ID_SIZE 40

/* ---- the record ---- */

static struct json_object *get(const struct daemon *daemon, const char *key)
{
	return json_object_object_get(daemon->guard.record, key);
}

static bool is_true(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);

	return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

static void read_boot_id(char id[static BOOT_ID_SIZE])
{
	_cleanup_close_ int fd = sys_open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC,
					  0);
	ssize_t n = fd < 0 ? -1 : sys_read(fd, id, BOOT_ID_SIZE - 1);

	id[n > 0 ? n : 0] = '\0';
	id[strcspn(id, "\n")] = '\0';
}

static void put_time(struct json_object *object)
{
	char now[CLOCK_RFC3339_SIZE];

	put_string(object, "time", clock_rfc3339(clock_wall_ns(), now));
}

/* Without the obituary where all of it is too long. */
static void write_down(struct daemon *daemon)
{
	struct json_object *starved = get(daemon, "starved");
	size_t length = 0;
	const char *text;

	if (!daemon->guard.scribe || !daemon->guard.record)
		return;
	text = json_object_to_json_string_length(daemon->guard.record, JSON_C_TO_STRING_PLAIN,
						 &length);
	if (length > SCRIBE_TEXT_MAX && starved) {
		put_json(starved, "death", NULL);
		text = json_object_to_json_string_length(daemon->guard.record,
							 JSON_C_TO_STRING_PLAIN, &length);
	}
	if (!text || scribe_write(daemon->guard.scribe, text, length) < 0)
		daemon_out_of_memory(daemon, "writing down why the watchdog starves");
}

static void on_written(void *arg, const char *error)
{
	struct daemon *daemon = arg;

	if (*error && strcmp(error, daemon->guard.scribe_error) != 0)
		log_error("%s; why the watchdog starves would not be known after the reset", error);
	snprintf(daemon->guard.scribe_error, sizeof(daemon->guard.scribe_error), "%s", error);
	guard_words_written(daemon);
}

/* ---- the boot before ---- */

/* The file may hold anything. */
static struct json_object *load(const struct daemon *daemon)
{
	_cleanup_free_ char *text = NULL;
	struct json_object *record = NULL;
	int r = scribe_load(daemon->options->state_dir, OBIT_WATCHDOG_FILE, &text);

	if (r < 0)
		log_warning("%s/" OBIT_WATCHDOG_FILE " cannot be read: %s",
			    daemon->options->state_dir, strerror(-r));
	if (text)
		record = json_tokener_parse(text);
	if (json_object_is_type(record, json_type_object))
		return record;
	json_object_put(record);
	return NULL;
}

static struct json_object *status_names(unsigned status)
{
	struct json_object *names = json_object_new_array();
	const char *name;

	for (unsigned n = 0; (name = reset_status_name(status, n)); n++)
		append_json(names, json_object_new_string(name));
	return names;
}

/* What is told of it from now on. */
static struct json_object *describe(struct json_object *before, enum reset_cause cause, bool told,
				    unsigned status)
{
	static const char *const kept[] = {"watch", "reason", "death"};
	struct json_object *reset = json_object_new_object(), *starved;

	starved = json_object_object_get(before, "starved");
	put_time(reset);
	put_string(reset, "cause", reset_cause_name(cause));
	put_string(reset, "what", reset_cause_words(cause));
	put_json(reset, "starved_at", json_object_get(json_object_object_get(starved, "time")));
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		put_json(reset, kept[i], json_object_get(json_object_object_get(starved, kept[i])));
	put_json(reset, "boot_status", told ? status_names(status) : NULL);
	return reset;
}

static void tell(struct json_object *reset, unsigned in_a_row)
{
	const char *reason = json_object_get_string(json_object_object_get(reset, "reason"));
	const char *what = json_object_get_string(json_object_object_get(reset, "what"));

	log_warning("%s%s%s; %u in a row", what, reason ? ": " : "", reason ? reason : "",
		    in_a_row);
}

/* Into a record of this boot. */
static void begin_boot(struct daemon *daemon, struct json_object *before, bool told,
		       unsigned status)
{
	struct json_object *starved = json_object_object_get(before, "starved"), *reset;
	struct reset_before facts = {
		.armed = is_true(before, "armed"),
		.ended = is_true(before, "ended"),
		.starved = json_object_is_type(starved, json_type_object),
		.rebooted = is_true(before, "rebooted"),
	};
	enum reset_cause cause = reset_judge(&facts, told, status);
	int64_t in_a_row = json_object_get_int64(json_object_object_get(before, "in_a_row"));

	in_a_row = in_a_row < 0 || in_a_row > 1000000 ? 0 : in_a_row;
	in_a_row += reset_counts(cause);
	reset = json_object_get(json_object_object_get(before, "last_reset"));
	if (cause != RESET_NONE) {
		json_object_put(reset);
		reset = describe(before, cause, told, status);
		tell(reset, (unsigned)in_a_row);
	}
	put_number(daemon->guard.record, "in_a_row", (uint64_t)in_a_row);
	put_json(daemon->guard.record, "last_reset", reset);
}

void words_judge(struct daemon *daemon, bool told, unsigned status)
{
	struct json_object *before = daemon->guard.record, *record = json_object_new_object();
	const char *old = json_object_get_string(json_object_object_get(before, "boot_id"));
	char id[BOOT_ID_SIZE];

	read_boot_id(id);
	daemon->guard.record = record;
	put_string(record, "boot_id", id);
	put_bool(record, "armed", true);
	put_bool(record, "ended", false);
	put_bool(record, "rebooted", false);
	put_json(record, "starved", NULL);
	if (!old || strcmp(old, id) != 0) {
		begin_boot(daemon, before, told, status);
	} else {
		put_json(record, "in_a_row",
			 json_object_get(json_object_object_get(before, "in_a_row")));
		put_json(record, "last_reset",
			 json_object_get(json_object_object_get(before, "last_reset")));
	}
	json_object_put(before);
	write_down(daemon);
}

unsigned words_in_a_row(const struct daemon *daemon)
{
	return (unsigned)json_object_get_int64(get(daemon, "in_a_row"));
}

/* ---- this boot ---- */

static struct json_object *last_death_of(const struct daemon *daemon, const char *watch)
{
	ssize_t index = watch ? match_named(&daemon->match, watch) : MATCH_NONE;

	return index < 0 ? NULL : json_object_get(daemon->watches[index].last_death);
}

void words_starve(struct daemon *daemon, const char *watch, const char *reason)
{
	struct json_object *starved = json_object_new_object();

	put_time(starved);
	put_string(starved, "watch", watch);
	put_string(starved, "reason", reason);
	put_json(starved, "death", last_death_of(daemon, watch));
	put_json(daemon->guard.record, "starved", starved);
	write_down(daemon);
}

void words_take_back(struct daemon *daemon)
{
	put_json(daemon->guard.record, "starved", NULL);
	write_down(daemon);
}

void words_reboot(struct daemon *daemon)
{
	put_bool(daemon->guard.record, "rebooted", true);
	write_down(daemon);
}

void words_end(struct daemon *daemon)
{
	if (!daemon->guard.judged) /* nothing was armed */
		return;
	put_bool(daemon->guard.record, "ended", true);
	write_down(daemon);
}

void words_settle(struct daemon *daemon)
{
	if (!words_in_a_row(daemon))
		return;
	put_number(daemon->guard.record, "in_a_row", 0);
	write_down(daemon);
}

struct json_object *words_last_reset(const struct daemon *daemon)
{
	return json_object_get(get(daemon, "last_reset"));
}

struct json_object *words_starved(const struct daemon *daemon)
{
	return get(daemon, "starved");
}

/* ---- the process ---- */

void words_open(struct daemon *daemon, const struct config *config)
{
	int r;

	if (!config->watchdog.device.count || daemon->options->observe ||
	    !daemon->options->state_dir)
		return;
	r = scribe_new(daemon->options->state_dir, OBIT_WATCHDOG_FILE, on_written, daemon,
		       &daemon->guard.scribe);
	if (r == 0)
		r = scribe_start(daemon->guard.scribe);
	if (r < 0)
		log_error("cannot start the process that writes down why the watchdog starves: %s",
			  strerror(-r));
}

void words_attach(struct daemon *daemon)
{
	int r;

	if (!daemon->guard.scribe)
		return;
	daemon->guard.record = load(daemon);
	r = scribe_attach(daemon->guard.scribe, daemon->loop);
	if (r < 0)
		log_error("cannot hear the process that writes down why the watchdog starves: %s",
			  strerror(-r));
}

void words_reaped(struct daemon *daemon, pid_t pid)
{
	if (!daemon->guard.scribe || pid != scribe_pid(daemon->guard.scribe))
		return;
	log_warning("the process that writes down why the watchdog starves has died; starting "
		    "another");
	scribe_start(daemon->guard.scribe);
}

void words_close(struct daemon *daemon)
{
	scribe_free(daemon->guard.scribe);
	json_object_put(daemon->guard.record);
	daemon->guard.scribe = NULL;
	daemon->guard.record = NULL;
}
