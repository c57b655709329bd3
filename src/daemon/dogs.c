// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The watchdog devices: opened when they are there, fed together, and let go. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/put.h"
#include "io/holder.h"

#define RETRY_NS    (5 * NS_PER_SEC)	   /* how often a device that is not there is looked for */
#define SHUTDOWN_NS (60 * 60 * NS_PER_SEC) /* more than any shutdown takes */

struct dog {
	char *device;			 /* owned */
	struct watchdog *watchdog;	 /* NULL: it is not open */
	char error[WATCHDOG_ERROR_SIZE]; /* why it is not, as it was logged */
	int open_error;
	int feed_error; /* that was logged */
};

struct dogs {
	size_t count;
	struct dog items[];
};

static void tell_pretimeout(const struct watchdog_config *config, const char *device,
			    const struct watchdog_facts *facts)
{
	char asked[CLOCK_SPAN_SIZE], got[CLOCK_SPAN_SIZE];

	clock_span(config->pretimeout_ns, asked);
	clock_span(facts->pretimeout_ns, got);
	if (config->pretimeout_ns && !facts->pretimeout_ns)
		log_warning("%s: takes no pretimeout; there is none", device);
	else if (config->pretimeout_ns && facts->pretimeout_ns != config->pretimeout_ns)
		log_warning("%s: its pretimeout is %s, not the %s that was asked for", device, got,
			    asked);
	if (config->governor && strcmp(config->governor, facts->governor) != 0)
		log_warning("%s: has no governor %s; %s%s", device, config->governor,
			    *facts->governor ? "it stays " : "there is none", facts->governor);
}

static void tell_facts(const struct watchdog_config *config, const char *device,
		       const struct watchdog_facts *facts)
{
	char asked[CLOCK_SPAN_SIZE], got[CLOCK_SPAN_SIZE];

	clock_span(facts->asked_ns, asked);
	clock_span(facts->timeout_ns, got);
	log_info("%s%s%s: armed, resets the machine %s after the last feed", device,
		 *facts->identity ? ", " : "", facts->identity, got);
	if (facts->timeout_ns != facts->asked_ns)
		log_warning("%s: its timeout is %s, not the %s that was asked for", device, got,
			    asked);
	if (!facts->timeout_known)
		log_warning("%s: does not tell its timeout; %s is assumed", device, got);
	if (!facts->magic_close)
		log_warning(
			"%s: has no magic close; if obitd crashes, it stops instead of resetting",
			device);
	tell_pretimeout(config, device, facts);
}

/* Who it is, where that can be seen. */
static void name_holder(const char *device, char error[static WATCHDOG_ERROR_SIZE])
{
	struct holder holder;

	if (holder_find(device, &holder))
		snprintf(error, WATCHDOG_ERROR_SIZE,
			 "%s: pid %d (%s) holds it%s; expected a device for obitd alone", device,
			 holder.pid, holder.comm,
			 holder.pid == 1 ? ", perhaps by RuntimeWatchdogSec= of systemd" : "");
}

static void open_dog(const struct watchdog_config *config, struct dog *dog)
{
	char error[WATCHDOG_ERROR_SIZE];
	int r = watchdog_open(dog->device, config, &dog->watchdog, error);

	if (r == 0) {
		dog->error[0] = '\0';
		dog->open_error = 0;
		dog->feed_error = 0;
		tell_facts(config, dog->device, watchdog_facts(dog->watchdog));
		return;
	}
	dog->watchdog = NULL;
	if (r == dog->open_error)
		return;
	dog->open_error = r;
	if (r == -EBUSY)
		name_holder(dog->device, error);
	log_error("%s; it is tried again until it works", error);
	memcpy(dog->error, error, sizeof(error));
}

int dogs_new(const struct watchdog_config *config, struct dogs **ret)
{
	size_t count = config->device.count;
	struct dogs *dogs = calloc(1, sizeof(*dogs) + count * sizeof(struct dog));

	if (!dogs)
		return -ENOMEM;
	*ret = dogs;
	for (; dogs->count < count; dogs->count++) {
		dogs->items[dogs->count].device = strdup(config->device.items[dogs->count]);
		if (!dogs->items[dogs->count].device)
			return -ENOMEM;
	}
	return 0;
}

void dogs_open_running(struct dogs *dogs, const struct watchdog_config *config)
{
	for (size_t i = 0; i < dogs->count; i++)
		if (!dogs->items[i].watchdog && watchdog_runs(dogs->items[i].device))
			open_dog(config, &dogs->items[i]);
}

void dogs_open(struct dogs *dogs, const struct watchdog_config *config)
{
	for (size_t i = 0; i < dogs->count; i++)
		if (!dogs->items[i].watchdog)
			open_dog(config, &dogs->items[i]);
}

static void feed_dog(struct dog *dog)
{
	int r = watchdog_feed(dog->watchdog);

	if (r < 0 && r != dog->feed_error)
		log_error("%s: cannot feed the watchdog: %s", dog->device, strerror(-r));
	else if (r == 0 && dog->feed_error)
		log_notice("%s: can be fed again", dog->device);
	dog->feed_error = r;
	if (r != -ENODEV)
		return;
	watchdog_close(dog->watchdog, true);
	dog->watchdog = NULL;
	snprintf(dog->error, sizeof(dog->error), "%s: it is gone", dog->device);
}

void dogs_feed(struct dogs *dogs)
{
	for (size_t i = 0; i < dogs->count; i++)
		if (dogs->items[i].watchdog)
			feed_dog(&dogs->items[i]);
}

uint64_t dogs_interval_ns(const struct dogs *dogs)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < dogs->count; i++) {
		const struct watchdog *watchdog = dogs->items[i].watchdog;
		uint64_t wanted = watchdog ? watchdog_ping_interval_ns(watchdog) : RETRY_NS;

		least = wanted < least ? wanted : least;
	}
	return least;
}

/* 0: none is open. */
uint64_t dogs_timeout_ns(const struct dogs *dogs)
{
	uint64_t least = 0;

	for (size_t i = 0; i < dogs->count; i++) {
		const struct watchdog *watchdog = dogs->items[i].watchdog;

		if (watchdog && (!least || watchdog_timeout_ns(watchdog) < least))
			least = watchdog_timeout_ns(watchdog);
	}
	return least;
}

bool dogs_boot_status(const struct dogs *dogs, bool *ret_told, unsigned *ret_status)
{
	for (size_t i = 0; i < dogs->count; i++) {
		const struct watchdog_facts *facts;

		if (!dogs->items[i].watchdog)
			continue;
		facts = watchdog_facts(dogs->items[i].watchdog);
		*ret_told = facts->boot_known;
		*ret_status = facts->boot_status;
		return true;
	}
	return false;
}

static void put_span(struct json_object *object, const char *key, uint64_t span_ns)
{
	put_json(object, key, span_ns ? json_object_new_uint64(span_ns) : NULL);
}

static struct json_object *render(const struct dog *dog)
{
	struct json_object *object = json_object_new_object();
	const struct watchdog_facts none = {0}, *facts = &none;
	uint64_t left = 0;
	bool tells_left = dog->watchdog && watchdog_left_ns(dog->watchdog, &left);

	if (dog->watchdog)
		facts = watchdog_facts(dog->watchdog);
	put_string(object, "device", dog->device);
	put_bool(object, "open", dog->watchdog);
	put_string(object, "error", *dog->error ? dog->error : NULL);
	put_string(object, "identity", *facts->identity ? facts->identity : NULL);
	put_span(object, "timeout_ns", facts->timeout_ns);
	put_span(object, "pretimeout_ns", facts->pretimeout_ns);
	put_string(object, "governor", *facts->governor ? facts->governor : NULL);
	put_bool(object, "nowayout", facts->nowayout);
	put_bool(object, "magic_close", facts->magic_close);
	put_json(object, "left_ns", tells_left ? json_object_new_uint64(left) : NULL);
	return object;
}

struct json_object *dogs_render(const struct dogs *dogs)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; dogs && i < dogs->count; i++)
		append_json(array, render(&dogs->items[i]));
	return array;
}

static void stretch(struct dog *dog)
{
	char span[CLOCK_SPAN_SIZE];
	int r = watchdog_stretch(dog->watchdog, SHUTDOWN_NS);

	clock_span(watchdog_timeout_ns(dog->watchdog), span);
	if (r < 0)
		log_warning("%s: cannot be fed for the shutdown: %s", dog->device, strerror(-r));
	else
		log_notice("%s: the host goes down, and is reset in %s if it does not come to its "
			   "end",
			   dog->device, span);
}

static void close_dog(struct dog *dog, bool disarm)
{
	int r = watchdog_close(dog->watchdog, disarm);

	if (r < 0)
		log_warning("%s: %s: %s", dog->device,
			    disarm ? "cannot be disarmed, it will reset the machine"
				   : "will stop with this process",
			    strerror(-r));
}

void dogs_free(struct dogs *dogs, enum dogs_end end)
{
	if (!dogs)
		return;
	for (size_t i = 0; i < dogs->count; i++) {
		struct dog *dog = &dogs->items[i];

		if (dog->watchdog && end == DOGS_SHUTDOWN)
			stretch(dog);
		if (dog->watchdog)
			close_dog(dog, end == DOGS_DISARM);
		free(dog->device);
	}
	free(dogs);
}
