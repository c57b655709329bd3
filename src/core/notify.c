// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/notify.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define ERRNO_MAX 4095
#define PID_LIMIT (UINT64_C(1) << 22)
#define SPAN_MAX  (UINT64_MAX / 8 / NS_PER_US) /* beyond it is "infinity" */

struct words {
	const char *text; /* not terminated */
	size_t length;
};

static bool is_word(struct words words, const char *word)
{
	return words.length == strlen(word) && !memcmp(words.text, word, words.length);
}

/* A decimal number without a sign, or false. */
static bool parse_number(struct words words, uint64_t *ret)
{
	uint64_t number = 0;

	if (!words.length)
		return false;
	for (size_t i = 0; i < words.length; i++) {
		unsigned digit = (unsigned char)words.text[i] - (unsigned)'0';

		if (digit > 9 || number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*ret = number;
	return true;
}

static void take_status(struct words value, struct notify_message *ret)
{
	size_t length = value.length < sizeof(ret->status) ? value.length : sizeof(ret->status) - 1;

	ret->has_status = true;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)value.text[i];

		ret->status[i] = (char)(c < ' ' || c == 0x7f ? '?' : c);
	}
	ret->status[length] = '\0';
}

static void take_error(struct words value, struct notify_message *ret)
{
	uint64_t number;

	ret->has_error = parse_number(value, &number) && number <= ERRNO_MAX;
	ret->error = ret->has_error ? (int)number : 0;
}

static void take_main_pid(struct words value, struct notify_message *ret)
{
	uint64_t number;

	if (parse_number(value, &number) && number < PID_LIMIT)
		ret->main_pid = (uint32_t)number;
}

static void take_period(struct words value, struct notify_message *ret)
{
	uint64_t usec;

	if (!parse_number(value, &usec))
		return;
	ret->has_period = true;
	ret->period_ns = usec > SPAN_MAX ? 0 : usec * NS_PER_US;
	if (ret->period_ns && ret->period_ns < NOTIFY_PERIOD_MIN)
		ret->period_ns = NOTIFY_PERIOD_MIN;
}

static void take_extension(struct words value, struct notify_message *ret)
{
	uint64_t usec;

	if (parse_number(value, &usec))
		ret->extend_ns = (usec > SPAN_MAX ? SPAN_MAX : usec) * NS_PER_US;
}

static void take_watchdog(struct words value, struct notify_message *ret)
{
	ret->alive |= is_word(value, "1");
	ret->hung |= is_word(value, "trigger");
}

#define FLAG(field)                                                                                \
	static void take_##field(struct words value, struct notify_message *ret)                   \
	{                                                                                          \
		ret->field |= is_word(value, "1");                                                 \
	}
FLAG(ready)
FLAG(reloading)
FLAG(stopping)
FLAG(forgotten)
FLAG(stores_files)

static const struct {
	const char *name;
	void (*take)(struct words value, struct notify_message *ret);
} assignments[] = {
	{"READY", take_ready},
	{"RELOADING", take_reloading},
	{"STOPPING", take_stopping},
	{"STATUS", take_status},
	{"ERRNO", take_error},
	{"MAINPID", take_main_pid},
	{"WATCHDOG", take_watchdog},
	{"WATCHDOG_USEC", take_period},
	{"EXTEND_TIMEOUT_USEC", take_extension},
	{"RESTART_RESET", take_forgotten},
	{"FDSTORE", take_stores_files},
};

static void take_line(struct words line, struct notify_message *ret)
{
	const char *equals = memchr(line.text, '=', line.length);
	struct words name = {line.text, equals ? (size_t)(equals - line.text) : 0}, value;

	if (!equals)
		return;
	value = (struct words){equals + 1, line.length - name.length - 1};
	for (size_t i = 0; i < ARRAY_SIZE(assignments); i++)
		if (is_word(name, assignments[i].name))
			assignments[i].take(value, ret);
}

int notify_parse(const char *data, size_t size, struct notify_message *ret)
{
	if (!size || size > NOTIFY_MAX || memchr(data, '\0', size))
		return -EINVAL;
	*ret = (struct notify_message){0};
	for (const char *end = data + size; data < end;) {
		const char *newline = memchr(data, '\n', (size_t)(end - data));
		size_t length = newline ? (size_t)(newline - data) : (size_t)(end - data);

		take_line((struct words){data, length}, ret);
		data += length + (newline != NULL);
	}
	return 0;
}
