#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in a subshell, and sets stderr
# What is written agrees with what the programs do: keys, defaults, options, commands, examples.

bats_require_minimum_version 1.5.0

load lib

ROOT=$BATS_TEST_DIRNAME/../..
CONF_PAGE=$ROOT/doc/obit.conf.5

teardown() {
	obit_teardown
}

# Two lists, one word a line, in any order; what only one of them has is shown.
expect_same_words() {
	[ -n "$1" ]
	diff -u <(sort -u <<<"$1") <(sort -u <<<"$2")
}

# ---- obit.conf(5) ----

# "root KEY", "watch KEY", "watchdog KEY", "owner KEY": the tables of what obitd accepts.
keys_of_source() {
	awk '/config_key [a-z]+_keys\[\]/ { section = $0
			sub(/.*config_key /, "", section); sub(/_keys.*/, "", section)
			sub(/^file$/, "root", section) }
		/^\};/ { section = "" }
		section && match($0, /^\t\{"[a-z0-9_]+"/) {
			print section, substr($0, RSTART + 3, RLENGTH - 4) }' \
		"$ROOT/src/core/config_schema.c"
}

# "SECTION KEY DEFAULT", with "-" for no default.
keys_of_page() {
	awk '/^\.Sh / { section = /SETTINGS/ ? "root" : /WATCHES:/ ? "watch" : /WATCHDOG/ ? "watchdog" : \
			/OWNERS/ ? "owner" : /PROBES/ ? "probe" : "" }
		section && /^\.It Ic [a-z0-9_]+ No = / {
			value = "-"
			if (match($0, / Pq Cm .*/)) value = substr($0, RSTART + 7)
			print section, $3, value }' "$CONF_PAGE"
}

@test "every key that obitd accepts is in obit.conf(5), and every key there is accepted" {
	expect_same_words "$(keys_of_source)" "$(keys_of_page | cut -d' ' -f1,2)"
}

# in_section SECTION TEXT
in_section() {
	case $1 in
	root) printf '%s\n' "$2" ;;
	watch) printf 'watch w {\n%s\n}\n' "$2" ;;
	watchdog) printf 'watchdog {\n%s\n}\n' "$2" ;;
	owner) printf 'owner o {\n%s\n}\n' "$2" ;;
	probe) printf 'watch w {\npath = /nowhere\nprobe {\n%s\n}\n}\n' "$2" ;;
	esac
}

# The value is wrong for most keys: obitd then says so, and not that it does not know the key.
@test "obitd knows each key of obit.conf(5) in its section" {
	local section key value checked=0
	while read -r section key value; do
		in_section "$section" "$key = '?'" >"$BATS_TEST_TMPDIR/key.conf"
		run "$OBITD" --check -c "$BATS_TEST_TMPDIR/key.conf"
		echo "$section $key: $output"
		[[ "$output" != *"unknown key"* && "$output" != *"does not belong here"* ]]
		[[ "$output" == *"key.conf:"* || "$output" == "configuration is good"* ]]
		checked=$((checked + 1))
	done < <(keys_of_page)
	[ "$checked" -gt 30 ]
}

@test "obitd takes each default of obit.conf(5)" {
	local section key value text
	while read -r section key value; do
		text="$key = '$value'"
		[ "$section" != watch ] || text="path = /nowhere $text"
		[ "$section" != probe ] || text="type = tcp target = '[::1]:80' $text"
		in_section "$section" "$text" >"$BATS_TEST_TMPDIR/default.conf"
		run "$OBITD" --check -c "$BATS_TEST_TMPDIR/default.conf"
		echo "$section $key = $value: $output"
		[ "$status" -eq 0 ]
	done < <(keys_of_page | grep -v -- ' -$')
}

# The lines of C that make the text, and those of the page between .Sh OWNERS and the end of its first block.
@test "the built-in owners of obit.conf(5) are those of obitd" {
	sed -n '/^const char config_builtin_owners/,/;$/s/^\t"\(.*\)\\n".*$/\1/p' "$ROOT/src/core/config_owner.c" |
		sed -e 's/\\t/\t/g' -e 's/\\"/"/g' -e 's/\\\\/\\/g' >"$BATS_TEST_TMPDIR/built-in"
	sed -n '/^\.Sh OWNERS/,/^\.Ed/p' "$CONF_PAGE" | sed -e '1,/^\.Bd/d' -e '/^\.Ed/d' -e 's/\\e/\\/g' \
		>"$BATS_TEST_TMPDIR/shown"
	[ "$(grep -c '^owner' "$BATS_TEST_TMPDIR/built-in")" -gt 10 ]
	diff -u "$BATS_TEST_TMPDIR/built-in" "$BATS_TEST_TMPDIR/shown"
	echo 'watch w { path = "/x" }' >>"$BATS_TEST_TMPDIR/shown"
	check_text "$BATS_TEST_TMPDIR/shown"
}

# The word of the page as obit show would say it.
as_shown() {
	case $1 in
	*%) awk -v n="${1%\%}" 'BEGIN { print n / 100 }' ;;
	*) echo "$1" ;;
	esac
}

@test "each default of a watch in obit.conf(5) is the one that obitd uses" {
	local key value shown
	obit_setup
	start_obitd "$(watch_text w "$T/nothing")"
	obit show w --json >"$T/show"
	while read -r key value; do
		shown=$(jq -r --arg key "$key" \
			'.watch[$key] | if type == "number" then . * 1000 | round / 1000 else . end' "$T/show")
		echo "$key: $value, obitd has $shown"
		[ "$shown" = "$(as_shown "$value")" ]
	done < <(keys_of_page | awk '$1 == "watch" && $3 != "-" { print $2, $3 }')
}

@test "each default of a probe in obit.conf(5) is the one that obitd uses" {
	local key value shown
	obit_setup
	start_obitd "$(watch_text w "$T/nothing" "probe { type = tcp target = '127.0.0.1:1' }")"
	obit show w --json >"$T/show"
	while read -r key value; do
		shown=$(jq -r --arg key "$key" '.watch.probe[0][$key]' "$T/show")
		echo "$key: $value, obitd has $shown"
		[ "$shown" = "$value" ]
	done < <(keys_of_page | awk '$1 == "probe" && $3 != "-" { print $2, $3 }')
}

# ---- options and commands ----

# The options of a help text, with their dashes.
options_of_help() {
	grep -oE '^ +(-[a-z], +)?--[a-z-]+' <<<"$1" | grep -oE -- '-[a-z-]+'
}

# The options that are items of a page's list. In mdoc a "Fl" puts the first dash.
options_of_page() {
	grep '^\.It Fl' "$1" | grep -oE 'Fl( Fl)? [a-zA-Z-]+' |
		sed -e 's/Fl Fl /--/' -e 's/Fl /-/'
}

@test "the options of obitd --help are those of obitd(8)" {
	expect_same_words "$(options_of_help "$("$OBITD" --help)")" "$(options_of_page "$ROOT/doc/obitd.8")"
}

@test "the options of obit help are those of obit(1)" {
	expect_same_words "$(options_of_help "$("$OBIT" help)")" "$(options_of_page "$ROOT/doc/obit.1")"
}

@test "help fits into 80 columns" {
	local command
	"$OBIT" help >"$BATS_TEST_TMPDIR/help"
	for command in $("$OBIT" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		"$OBIT" help "$command" >>"$BATS_TEST_TMPDIR/help"
	done
	"$OBITD" --help >>"$BATS_TEST_TMPDIR/help"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/help")" -gt 150 ]
	refute grep -E '.{81}' "$BATS_TEST_TMPDIR/help"
}

@test "the commands of obit help are those of obit(1), each with an example" {
	local commands command
	commands=$("$OBIT" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
	expect_same_words "$commands" "$(sed -n 's/^\.It Ic \([a-z]*\).*/\1/p' "$ROOT/doc/obit.1")"
	for command in $commands; do
		echo "$command"
		grep -qE "^\.Dl [#$] obit $command( |\$)" "$ROOT/doc/obit.1"
	done
}

@test "the names of the JSON output are in obit(1)" {
	local name
	obit_setup
	copy_victim victim
	start_obitd "$(watch_text w "$T/victim" "restart = no")"
	start_program "$T/victim" exit 3
	retry_until 10 has_died w
	{
		obit ls --json
		obit why w --json
		obit show w --json | jq 'del(.watch)'
		obit stats --json
		obit status w --json || true
		obit version --json
	} | jq -r '.. | objects | keys[]' | sort -u >"$T/names"
	[ "$(wc -l <"$T/names")" -gt 60 ]
	while read -r name; do
		echo "$name"
		grep -qE "^\.(It )?(Cm|Ic)( .*)? $name( |\$)|^\.(It )?(Cm|Ic) $name( |\$)" "$ROOT/doc/obit.1"
	done <"$T/names"
}

# ---- examples ----

# check_text FILE: as root would have it; a clone may belong to anybody.
check_text() {
	install -m 0644 "$1" "$BATS_TEST_TMPDIR/checked.conf"
	run --separate-stderr "$OBITD" --check -c "$BATS_TEST_TMPDIR/checked.conf"
	echo "$1: $output $stderr"
	[ "$status" -eq 0 ]
	[[ "$output" =~ ^configuration\ is\ good:\ [1-9] ]]
}

@test "the example configurations are good" {
	local file
	for file in "$ROOT"/examples/*.conf; do
		check_text "$file"
	done
}

@test "what README shows of the configuration is good" {
	awk -v out="$BATS_TEST_TMPDIR/readme" '/^```conf$/ { n++; inside = 1; next }
		/^```/ { inside = 0 }
		inside { print >(out "." n) }' "$ROOT/README.md"
	[ -e "$BATS_TEST_TMPDIR/readme.1" ]
	local file
	for file in "$BATS_TEST_TMPDIR"/readme.*; do
		check_text "$file"
	done
}

@test "the examples of obit.conf(5) are good" {
	awk -v out="$BATS_TEST_TMPDIR/page" '/^\.Bd -literal/ { n++; inside = 1; next }
		/^\.Ed/ { inside = 0 }
		inside { gsub(/\\e/, "\\"); print >(out "." n) }' "$CONF_PAGE"
	[ -e "$BATS_TEST_TMPDIR/page.1" ]
	local file
	for file in "$BATS_TEST_TMPDIR"/page.*; do
		check_text "$file"
	done
}

@test "the documents that README and its neighbours point to are there" {
	local file target
	for file in README CONTRIBUTING SECURITY CHANGELOG; do
		while read -r target; do
			echo "$file.md: $target"
			[ -e "$ROOT/$target" ]
		done < <(grep -oE '\]\([a-zA-Z/._-]+\)' "$ROOT/$file.md" | tr -d ']()')
	done
}
