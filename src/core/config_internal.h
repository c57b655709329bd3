/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of the configuration share: config_scan and config_string (is it well-formed?),
 * config_schema (which keys are there?), config_reader (libconfuse), config_words (obit watch), config_names (what is it
 * called?), config_value (is a value right?), config (the structure). Nobody else includes it. */
#ifndef OBIT_CORE_CONFIG_INTERNAL_H
#define OBIT_CORE_CONFIG_INTERNAL_H

#include "core/config.h"

#define CONFIG_BUFFER_MAX  ((size_t)1 << 20) /* bytes of one file */
#define CONFIG_WATCHES_MAX 10240	     /* in all files together */
#define CONFIG_OWNERS_MAX  256		     /* the same */
#define CONFIG_PATH_MAX	   4095		     /* bytes of a path, as PATH_MAX with its NUL */
#define CONFIG_NAME_MAX	   63		     /* bytes of the name of a watch or an owner */
#define CONFIG_PROBES_MAX  16		     /* of one watch */
#define CONFIG_KEYS_MAX	   64		     /* keys of one section */
#define CONFIG_SHOWN_SIZE  96

/* Where messages go: the file's name and the first problem. */
struct config_report {
	const char *file; /* NULL: there is none to be named */
	struct config_error *error;
	bool failed; /* `error` is filled */
};

/* Fills the error with "FILE:LINE: ...", unless one came before; line 0 is left out, and so are both without a file. Control characters
 * become \xNN. Returns -EINVAL. */
int config_fail(struct config_report *report, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for a lack of memory, whatever came before. Returns -ENOMEM. */
int config_fail_memory(struct config_report *report);

/* "FILE:LINE: ..." for the caller to tell, from a file that is taken all the same. 0 or -ENOMEM. */
int config_warn(struct config *config, const char *file, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* A foreign word for a message: printable, and cut where it is long. Returns buf. */
const char *config_shown(const char *text, char buf[static CONFIG_SHOWN_SIZE]);

/* Where a section begins: the word in front of its brace. */
struct config_opening {
	const struct config_section *section; /* NULL: there is none of that name */
	unsigned line;
};

/* What the scan leaves behind. */
struct config_scanned {
	char *text;			 /* the file with its comments blanked out; owned */
	struct config_opening *openings; /* of each section; owned */
	size_t section_count;
};

/* Refuses what is too long, or has a NUL in it. 0 or -EINVAL. */
int config_check_buffer(struct config_report *report, const char *text, size_t length);

/* Refuses what libconfuse takes in silence or reports at the wrong line. 0, -EINVAL or -ENOMEM. */
int config_scan(struct config_report *report, const char *text, size_t length,
		struct config_scanned *ret);
void config_scanned_free(struct config_scanned *scanned);

/* Moves *text, which stands at a quote, behind the string, and *line along with it. 0 or -EINVAL. */
int config_scan_string(struct config_report *report, const char **text, unsigned *line);

/* Not iscntrl(3), which asks the locale about UTF-8's bytes. */
bool config_is_control(char c);

/* One value of one key, as it was written. */
struct config_value {
	struct config_report *report;
	unsigned line;
	const char *key;
	const char *text;
	size_t position; /* in its list; 0 in front, and for what is no list */
};

/* What a setter of several keys must know of the one. */
struct config_limits {
	uint64_t min, max;	  /* of a number or a duration in ns */
	const char *expected;	  /* these limits in words */
	const char *const *words; /* NULL-terminated */
	bool or_none;		  /* of a size or a duration: 0 is fine, too */
	bool or_path;		  /* of a program: an absolute path or glob is fine, too */
};

/* Checks the value and stores it in `field`, of which the type is the setter's own: 0, -EINVAL with
 * the report filled, or -ENOMEM. A string that was there is released. */
typedef int config_setter(const struct config_value *value, const struct config_limits *limits,
			  void *field);

config_setter config_set_word;	    /* an enum or int: min + the word's place in `words` */
config_setter config_set_bool;	    /* bool: the word's place in `words` is odd */
config_setter config_set_count;	    /* unsigned */
config_setter config_set_size;	    /* uint64_t, bytes */
config_setter config_set_duration;  /* uint64_t, ns */
config_setter config_set_fraction;  /* double, 0 to 1 */
config_setter config_set_factor;    /* double, 1 to 1000 */
config_setter config_set_signal;    /* int */
config_setter config_add_status;    /* struct status_set */
config_setter config_set_string;    /* char *, not empty */
config_setter config_set_args;	    /* char *, a glob, may be empty */
config_setter config_set_path;	    /* char *, absolute and tidy, no glob */
config_setter config_set_directory; /* char *, absolute */
config_setter config_set_cgroup;    /* char *, not the root */
config_setter config_set_hook;	    /* char *, a command line that begins with an absolute path */
config_setter config_set_order;	 /* char *, an owner's: also with a name, and with placeholders */
config_setter config_set_choice; /* char *, one of `words` */
config_setter
	config_add_program; /* struct string_list of names of processes, or with `or_path` paths */
config_setter config_add_path;	    /* struct string_list of absolute paths and globs */
config_setter config_add_env;	    /* struct string_list of NAME=VALUE */
config_setter config_add_uid;	    /* struct uid_rule */
config_setter config_set_container; /* struct watch_config: two fields of it */
config_setter config_set_name;	    /* char *, of a watch */
config_setter config_set_pid;	    /* uint32_t */

struct config_key {
	const char *name;
	config_setter *set;
	size_t offset; /* of the field in the section's structure */
	bool list;
	struct config_limits limits;
};

struct config_section {
	const char *name; /* "root" is what stands outside of sections: libconfuse's word */
	const struct config_key *keys;
	size_t count;
	const char *where; /* in messages */
};

#define CONFIG_SECTIONS 5
extern const struct config_section config_file_section;	    /* fields of struct config */
extern const struct config_section config_watch_section;    /* of struct watch_config */
extern const struct config_section config_watchdog_section; /* of struct watchdog_config */
extern const struct config_section config_owner_section;    /* of struct owner_config */
extern const struct config_section config_probe_section;    /* of struct probe_config */

const struct config_section *config_find_section(const char *name); /* NULL: none */
const struct config_key *config_find_key(const struct config_section *section, const char *name);

/* The key of the section that is spelled most like `name`, or NULL. */
const char *config_nearest_key(const struct config_section *section, const char *name);

/* Where a key or section of that name may stand, in words, of several the one that is nearest to `section`; NULL:
 * nowhere. */
const char *config_key_place(const struct config_section *section, const char *name);

/* Reports a key of that name in the section, with what was meant perhaps. Returns -EINVAL. */
int config_fail_unknown(struct config_report *report, unsigned line,
			const struct config_section *section, const char *name);

/* True for what `runtime` of an owner may be: docker, podman and so on. */
bool config_is_runtime(const char *word);

/* Appends a copy of `item`: 0 or -ENOMEM. */
int config_list_add(struct string_list *list, const char *item);
void config_list_free(struct string_list *list);

/* Reads one file's text into `next`: its watches and include alone, and the global settings over those
 * that are there. `base` holds the watches of the files before. */
int config_read(struct config_report *report, const struct config *base, struct config *next,
		const struct config_scanned *scanned);

/* Defaults; what has none is NULL, or no type. */
void config_probe_init(struct probe_config *probe);
void config_probe_free(struct probe_config *probe);
/* What can be said when all keys of a probe are read: `lines` has where each was set, in the order of
 * config_probe_section, 0 where it was not; `line` is that of the section. 0, -EINVAL or -ENOMEM. */
int config_probe_check(struct config_report *report, unsigned line, const unsigned *lines,
		       struct probe_config *probe);
/* Appends the probe and takes it. 0 or -ENOMEM. */
int config_probe_append(struct watch_config *watch, struct probe_config *probe);
/* Replaces the probes, which belong to another watch, by copies of them. 0, or -ENOMEM: then those that were copied are
 * there. */
int config_probes_own(struct watch_config *watch);
void config_probes_free(struct watch_config *watch);

/* 0, or -EINVAL where `what` ("a watch") cannot be called that. */
int config_check_name(struct config_report *report, unsigned line, const char *what,
		      const char *name);
/* The last component without a special character, with '_' for what a name may not hold. `pattern` begins with '/'. */
void config_name_of_pattern(const char *pattern, char name[static CONFIG_NAME_MAX + 1]);

/* Which names are taken. */
struct config_names {
	struct config_name *names; /* owned */
};

/* Those of the configuration. 0 or -ENOMEM. Free them. */
int config_names_of(const struct config *config, struct config_names *ret);
void config_names_free(struct config_names *names);
bool config_names_have(const struct config_names *names, const char *name);
/* Takes a name of config_name_of_pattern(), with "-2", "-3" and so on behind it where it is taken. 0 or -ENOMEM. */
int config_names_take(struct config_names *names, char name[static CONFIG_NAME_MAX + 1]);

/* The watch of that name, or NULL. */
const struct watch_config *config_find_watch(const struct config *config, const char *name);

/* Appends a watch and takes it. 0 or -ENOMEM. */
int config_append(struct config *config, struct watch_config *watch);
/* Appends an initialised watch of that name, which was written in `file` at `line`. 0 or -ENOMEM. */
int config_add_watch(struct config *config, const char *name, const char *file, unsigned line);

/* Makes room. 0 or -ENOMEM. */
int config_reserve_owners(struct config *config, size_t more);
/* Appends an empty owner of that name, which was written in `file` at `line`. 0 or -ENOMEM. */
int config_add_owner(struct config *config, const char *name, const char *file, unsigned line);

/* Replaces a pointer to what another structure owns by one to a copy, or by NULL. 0 or -ENOMEM. */
int config_own_string(char **string);
int config_own_account(struct account **account);
int config_own_list(struct string_list *list);

/* Appends a watch with all defaults on the path or glob that `value` is, named after it and written where it
 * says. 0, -EINVAL with the report filled, or -ENOMEM. */
int config_add_path_watch(struct config *config, struct config_names *names,
			  const struct config_value *value);

#endif
