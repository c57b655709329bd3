// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/fault.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/alloc.h"
#include "cli/value.h"

#define CODE_KERNEL	  0x80	/* SI_KERNEL */
#define NULL_POINTERS_END 65536 /* the usual vm.mmap_min_addr: nothing is mapped below */

#define INVALID_INSTRUCTION                                                                        \
	"an invalid instruction (a failed check in the program, or a build for another CPU)"

/* The numbers are the kernel's, and differ by signal. */
static const struct fault_words {
	const char *signal;
	int64_t code;
	const char *name;
	const char *words;
} fault_table[] = {
	{"SIGSEGV", 1, "SEGV_MAPERR", "nothing is mapped there"},
	{"SIGSEGV", 2, "SEGV_ACCERR", "what is mapped there does not permit it"},
	{"SIGSEGV", 3, "SEGV_BNDERR", "it is outside the bounds"},
	{"SIGSEGV", 4, "SEGV_PKUERR", "a protection key forbids it"},
	{"SIGSEGV", 8, "SEGV_MTEAERR", "its memory tag is another"},
	{"SIGSEGV", 9, "SEGV_MTESERR", "its memory tag is another"},
	{"SIGBUS", 1, "BUS_ADRALN", "it is not aligned"},
	{"SIGBUS", 2, "BUS_ADRERR", "no memory is behind it, as after the end of a mapped file"},
	{"SIGBUS", 3, "BUS_OBJERR", "the hardware failed"},
	{"SIGBUS", 4, "BUS_MCEERR_AR", "the memory there is broken: a hardware error"},
	{"SIGBUS", 5, "BUS_MCEERR_AO", "the memory there is broken: a hardware error"},
	{"SIGFPE", 1, "FPE_INTDIV", "an integer was divided by zero"},
	{"SIGFPE", 2, "FPE_INTOVF", "an integer overflowed"},
	{"SIGFPE", 3, "FPE_FLTDIV", "a floating point number was divided by zero"},
	{"SIGFPE", 4, "FPE_FLTOVF", "a floating point number overflowed"},
	{"SIGFPE", 7, "FPE_FLTINV", "an invalid floating point operation"},
	{"SIGILL", 1, "ILL_ILLOPC", INVALID_INSTRUCTION},
	{"SIGILL", 2, "ILL_ILLOPN", INVALID_INSTRUCTION},
	{"SIGILL", 5, "ILL_PRVOPC", "an instruction that only the kernel may use"},
	{"SIGTRAP", 1, "TRAP_BRKPT", "a breakpoint or a trap instruction"},
};

static bool member_is(struct json_object *object, const char *key, const char *word)
{
	return strcmp(member_word(object, key), word) == 0;
}

static bool code_is(struct json_object *fault, int64_t expected)
{
	int64_t code;

	return member_int(fault, "code", &code) && code == expected;
}

static const struct fault_words *find_fault(struct json_object *death, struct json_object *fault)
{
	for (size_t i = 0; i < ARRAY_SIZE(fault_table); i++)
		if (member_is(death, "signal", fault_table[i].signal) &&
		    (code_is(fault, fault_table[i].code) ||
		     member_is(fault, "name", fault_table[i].name)))
			return &fault_table[i];
	return NULL;
}

/* Its address would be 0, and is none: the general protection fault of x86, or, on every machine, a signal whose handler
 * had no place on the stack. */
static bool is_without_address(struct json_object *death, struct json_object *fault)
{
	return member_is(death, "signal", "SIGSEGV") && code_is(fault, CODE_KERNEL);
}

char *fault_address(struct json_object *death)
{
	struct json_object *fault = member_object(death, "fault");
	int64_t address;

	if (is_without_address(death, fault))
		return NULL;
	if (member_int(fault, "address", &address))
		return must_printf("0x%" PRIx64, (uint64_t)address);
	return value_text(member(fault, "address"));
}

static bool is_null_pointer(const char *address)
{
	char *end;
	unsigned long long value = strtoull(address, &end, 16);

	return strncmp(address, "0x", 2) == 0 && end > address + 2 && !*end &&
	       value < NULL_POINTERS_END;
}

/* Whether it was a read, a write or a jump is not told. */
static char *data_words(const struct fault_words *known, const char *address)
{
	if (!address)
		return must_printf("it accessed memory, but %s", known->words);
	return must_printf("it accessed address %s (%s%s)", address, known->words,
			   strcmp(known->name, "SEGV_MAPERR") == 0 && is_null_pointer(address)
				   ? ": a null pointer"
				   : "");
}

/* Of some signals the address is that of the data, of the others that of the instruction. */
static bool is_about_data(const struct fault_words *known)
{
	return strcmp(known->signal, "SIGSEGV") == 0 || strcmp(known->signal, "SIGBUS") == 0;
}

char *fault_words(struct json_object *death)
{
	struct json_object *fault = member_object(death, "fault");
	const struct fault_words *known = find_fault(death, fault);
	_cleanup_free_ char *address = fault_address(death);

	if (is_without_address(death, fault))
		return must_printf(
			"a fault without an address: a wild pointer (x86's general "
			"protection fault), or no room on the stack for a signal handler");
	if (!known)
		return fault_code(death);
	return is_about_data(known) ? data_words(known, address) : must_printf("%s", known->words);
}

char *fault_code(struct json_object *death)
{
	struct json_object *fault = member_object(death, "fault");
	const struct fault_words *known = find_fault(death, fault);
	_cleanup_free_ char *address = fault_address(death), *code = NULL;
	char *name = value_text(member(fault, "name"));

	if (!name && known)
		name = must_printf("%s", known->name);
	if (!name && (code = value_text(member(fault, "code"))))
		name = must_printf("code %s", code);
	if (name && address) {
		_cleanup_free_ char *bare = name;

		return must_printf("%s at %s", bare, address);
	}
	return name;
}
