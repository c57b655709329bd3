#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What the compiler and the linker were asked for is in the programs.

load lib

setup() {
	obit_setup
	! grep -q __asan_init "$OBITD" || skip "not here: the sanitizers' build is for tests alone"
}

teardown() {
	obit_teardown
}

# each PROGRAM PATTERN COMMAND...: the output of COMMAND PROGRAM has a match.
each() {
	local pattern=$1 program

	shift
	for program in "$OBITD" "$OBIT"; do
		"$@" "$program" | grep -qE -- "$pattern" || {
			echo "$program: no $pattern"
			return 1
		}
	done
}

@test "position-independent, with all relocations read-only, and no stack to execute" {
	each 'Flags:.* PIE' readelf -dW
	each 'BIND_NOW|Flags:.* NOW' readelf -dW
	each 'GNU_RELRO' readelf -lW
	each 'GNU_STACK .* RW ' readelf -lW
}

@test "guarded stacks, and checked string functions" {
	each '__stack_chk_fail' readelf --dyn-syms -W
	each '__v?snprintf_chk' readelf --dyn-syms -W
}

@test "nothing is found by a path that others could fill, and no text is writable" {
	local program
	for program in "$OBITD" "$OBIT"; do
		refute grep -qE '(RPATH|RUNPATH|TEXTREL)' <(readelf -dW "$program")
		refute grep -qE 'LOAD .* [R ]WE' <(readelf -lW "$program")
	done
}

@test "the program has none of the faults that tests inject" {
	refute grep -q OBIT_FAULTS "$OBITD"
	refute grep -q OBIT_FAULTS "$OBIT"
}
