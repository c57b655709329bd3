// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The probes of a watch: what their keys must agree on, and who owns them. */
#include "core/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

void config_probe_init(struct probe_config *probe)
{
	*probe = (struct probe_config){
		.type = _PROBE_TYPE_MAX,
		.interval_ns = 10 * NS_PER_SEC,
		.timeout_ns = 2 * NS_PER_SEC,
		.threshold = 3,
		.grace_ns = 10 * NS_PER_SEC,
	};
}

void config_probe_free(struct probe_config *probe)
{
	free(probe->target);
	free(probe->expect);
	free(probe->user);
	free(probe->account);
	*probe = (struct probe_config){0};
}

/* ---- what it says as a whole ---- */

static unsigned line_of(const unsigned *lines, const char *key)
{
	return lines[config_find_key(&config_probe_section, key) - config_probe_section.keys];
}

static int check_target(struct config_report *report, unsigned line, struct probe_config *probe)
{
	char shown[CONFIG_SHOWN_SIZE];
	struct config_value value = {
		.report = report, .line = line, .key = "target", .text = probe->target};
	char *command = NULL;
	struct probe_target target;
	const char *expected;
	int r;

	if (probe->type == PROBE_COMMAND) {
		r = config_set_hook(&value, NULL, &command);
		free(command);
		return r;
	}
	if (probe_parse_target(probe->type, probe->target, &target, &expected) == 0)
		return 0;
	return config_fail(report, line, "target: '%s' is wrong; expected %s",
			   config_shown(probe->target, shown), expected);
}

/* A key that another type has no use for. */
static int check_use(struct config_report *report, const unsigned *lines, const char *key,
		     const struct probe_config *probe, enum probe_type type)
{
	if (!line_of(lines, key) || probe->type == type)
		return 0;
	return config_fail(report, line_of(lines, key),
			   "'%s' means nothing to a probe of type %s; expected it with type = %s",
			   key, probe_type_name(probe->type), probe_type_name(type));
}

/* Two at a time would say the same. */
static int check_times(struct config_report *report, const unsigned *lines,
		       struct probe_config *probe)
{
	char timeout[CLOCK_SPAN_SIZE], interval[CLOCK_SPAN_SIZE];

	if (!line_of(lines, "timeout") && probe->timeout_ns > probe->interval_ns)
		probe->timeout_ns = probe->interval_ns;
	if (probe->timeout_ns <= probe->interval_ns)
		return 0;
	return config_fail(report, line_of(lines, "timeout"),
			   "timeout: %s is longer than the interval; expected at most %s",
			   clock_span(probe->timeout_ns, timeout),
			   clock_span(probe->interval_ns, interval));
}

int config_probe_check(struct config_report *report, unsigned line, const unsigned *lines,
		       struct probe_config *probe)
{
	int r;

	if (probe->type == _PROBE_TYPE_MAX)
		return config_fail(report, line,
				   "the probe has no type; expected tcp, unix, http or command");
	if (!probe->target)
		return config_fail(report, line,
				   "the probe has no target; expected an address, a path, a URL or "
				   "a command, as its type says");
	probe->target_line = line_of(lines, "target");
	probe->user_line = line_of(lines, "user");
	r = check_target(report, probe->target_line, probe);
	if (r >= 0)
		r = check_use(report, lines, "expect", probe, PROBE_HTTP);
	if (r >= 0)
		r = check_use(report, lines, "user", probe, PROBE_COMMAND);
	return r < 0 ? r : check_times(report, lines, probe);
}

/* ---- who owns it ---- */

int config_probe_append(struct watch_config *watch, struct probe_config *probe)
{
	struct probe_config *probes = reallocarray(watch->probes, watch->probe_count + 1,
						   sizeof(*probes));

	if (!probes)
		return -ENOMEM;
	watch->probes = probes;
	probes[watch->probe_count++] = *probe;
	*probe = (struct probe_config){0};
	return 0;
}

int config_probes_own(struct watch_config *watch)
{
	const struct probe_config *theirs = watch->probes;
	size_t count = watch->probe_count;
	int r = 0;

	watch->probes = NULL;
	watch->probe_count = 0;
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct probe_config copy = theirs[i];

		r = config_own_string(&copy.target);
		r = config_own_string(&copy.expect) < 0 ? -ENOMEM : r;
		r = config_own_string(&copy.user) < 0 ? -ENOMEM : r;
		r = config_own_account(&copy.account) < 0 ? -ENOMEM : r;
		if (r == 0)
			r = config_probe_append(watch, &copy);
		config_probe_free(&copy);
	}
	return r;
}

void config_probes_free(struct watch_config *watch)
{
	for (size_t i = 0; i < watch->probe_count; i++)
		config_probe_free(&watch->probes[i]);
	free(watch->probes);
	watch->probes = NULL;
	watch->probe_count = 0;
}
