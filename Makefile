# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# GNU make. `make help` lists the targets. Everything is built under $(BUILD); V=1 shows the commands.

BUILD  ?= build
PREFIX ?= /usr/local
DESTDIR ?=
SBINDIR ?= $(PREFIX)/sbin
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/obit
UNITDIR ?= $(PREFIX)/lib/systemd/system

# For another machine: CROSS_COMPILE=aarch64-linux-gnu- SYSROOT=DIRECTORY, which holds its headers and libraries.
CROSS_COMPILE ?=
SYSROOT ?=
ifeq ($(origin CC),default)
CC := $(if $(or $(CROSS_COMPILE),$(shell command -v gcc)),$(CROSS_COMPILE)gcc,clang)
endif
ifneq ($(CROSS_COMPILE),)
AR := $(CROSS_COMPILE)ar
endif
ifneq ($(SYSROOT),)
override CC += --sysroot=$(SYSROOT)
export PKG_CONFIG_SYSROOT_DIR := $(SYSROOT)
export PKG_CONFIG_LIBDIR := $(subst $() ,:,$(foreach directory,lib/$(shell $(CC) -print-multiarch 2>/dev/null) lib64 lib share,\
	$(SYSROOT)/usr/$(directory)/pkgconfig))
endif
CLANG      ?= clang
NM := $(CROSS_COMPILE)nm
BPFTOOL    ?= $(or $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v bpftool),bpftool)
LLVM_STRIP ?= $(or $(shell command -v llvm-strip),$(firstword $(wildcard /usr/lib/llvm-*/bin/llvm-strip)),llvm-strip)
PKG_CONFIG ?= pkg-config
CLANG_FORMAT ?= clang-format
CLANG_TIDY ?= clang-tidy

# What the sanitizers add takes the compiler half as long again at -O2.
OPTIMIZE ?= $(if $(SANITIZE),-O1,-O2)
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wformat=2 -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla \
	-Wimplicit-fallthrough -Wnull-dereference -Wconversion -Wno-sign-conversion
ifneq ($(findstring clang,$(shell $(CC) --version 2>/dev/null | head -n 1)),)
WARNINGS += -Wno-gnu
else
# Statement expressions and the rest of gnu17, which -Wpedantic refuses, are the language here.
WARNINGS += -Wno-pedantic -Wlogical-op -Wduplicated-cond
endif
WERROR ?= -Werror
CFLAGS ?= $(OPTIMIZE) -g
MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
# tests/system/built.bats looks for them in what was built.
HARDENING := -fstack-protector-strong -fstack-clash-protection \
	$(if $(filter x86_64,$(MACHINE)),-fcf-protection=full) \
	$(if $(filter aarch64,$(MACHINE)),-mbranch-protection=standard)
# The C library says so where it knows no 3.
FORTIFY := $(if $(shell echo '\#include <stdio.h>' | \
	$(CC) -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -Werror -E - >/dev/null 2>&1 && echo yes),3,2)
OBIT_CFLAGS := -std=gnu17 -D_GNU_SOURCE $(WARNINGS) $(WERROR) -Isrc -I. -I$(BUILD) \
	$(HARDENING) -fno-strict-aliasing -MMD -MP
ifneq ($(SANITIZE),)
OBIT_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OBIT_LDFLAGS := -fsanitize=address,undefined
else
OBIT_CFLAGS += -fPIE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(FORTIFY)
OBIT_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
endif

lib = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)
DAEMON_LIBS = $(call lib,libbpf) -lelf -lz $(call lib,libconfuse) $(call lib,json-c)
CLI_LIBS = $(call lib,json-c)

BPF_ARCH := $(subst x86_64,x86,$(subst aarch64,arm64,$(MACHINE)))
BPF_INCLUDES := -Ivmlinux -Ibpf $(if $(SYSROOT),-idirafter $(SYSROOT)/usr/include)

BASE   := $(wildcard src/base/*.c)
CORE   := $(wildcard src/core/*.c)
IO     := $(wildcard src/io/*.c)
DAEMON := $(wildcard src/daemon/*.c)
CLI    := $(wildcard src/cli/*.c)
UNIT    := $(wildcard tests/unit/test_*.c)
VICTIMS := $(wildcard tests/victims/*.c)
BENCH   := $(wildcard tests/bench/*.c)
FUZZ    := $(wildcard tests/fuzz/fuzz_*.c)
FAULTS  := $(wildcard tests/faults/*.c)
BPF_SOURCES := $(wildcard bpf/*.c bpf/*.h vmlinux/*.h)
C_SOURCES := $(BASE) $(CORE) $(IO) $(DAEMON) $(CLI) $(UNIT) $(VICTIMS) $(BENCH) $(FUZZ) $(FAULTS)
C_HEADERS := $(wildcard bpf/*.h src/*/*.h tests/*/*.h tests/unit/fake/io/*.h)

object = $(patsubst %.c,$(BUILD)/%.o,$(1))
# The kernel side is for obitd alone: unit tests have none.
BPF_SOURCE := $(wildcard src/io/bpf_source*.c)
LIB_SOURCES := $(BASE) $(CORE) $(filter-out $(BPF_SOURCE),$(IO)) \
	$(filter-out src/daemon/main.c,$(DAEMON))

ifneq ($(V),1)
Q := @
say = @printf '  %-8s %s\n' '$(1)' '$(2)'
else
say = @:
endif

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all arm64 deps help demo check check-unit check-system check-kernels check-containers check-vm check-faults asan bench bpf-all fuzz \
	soak install uninstall format format-check tidy lint clean victims

all: $(BUILD)/obitd $(BUILD)/obit ## obitd and obit (the default)

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

deps: ## install what build, tests, demo and lints need (apt or dnf, as root)
	$(Q)scripts/deps all

# ---- the kernel side ----

$(BUILD)/.tools: scripts/check-tools Makefile
	@mkdir -p $(@D)
	$(Q)CC='$(CC)' CLANG='$(CLANG)' BPFTOOL='$(BPFTOOL)' LLVM_STRIP='$(LLVM_STRIP)' \
		PKG_CONFIG='$(PKG_CONFIG)' scripts/check-tools
	@touch $@

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_SOURCES) $(BUILD)/.tools
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -O2 -g -target bpf -mcpu=v2 -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Wextra \
		-Wno-unused-parameter -Werror $(BPF_INCLUDES) -c $< -o $@
	$(Q)$(LLVM_STRIP) -g $@

$(BUILD)/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf >$@.new && mv $@.new $@

# The kernel side has no word of any architecture in it: it is compiled for each.
bpf-all: $(BUILD)/bpf-x86/obit.o $(BUILD)/bpf-arm64/obit.o ## compile the kernel side for every architecture

$(BUILD)/bpf-%/obit.o: bpf/obit.bpf.c $(BPF_SOURCES) $(BUILD)/.tools
	$(call say,BPF,$< ($*))
	@mkdir -p $(@D)
	$(Q)$(CLANG) -O2 -g -target bpf -mcpu=v2 -D__TARGET_ARCH_$* -Wall -Wextra \
		-Wno-unused-parameter -Werror $(BPF_INCLUDES) -c $< -o $@

# ---- user space ----

$(BUILD)/src/io/bpf_source.o: $(BUILD)/obit.skel.h

$(BUILD)/%.o: %.c $(BUILD)/.tools
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OBIT_CFLAGS) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

# The same sources of io/ with the system behind the seam replaced.
$(BUILD)/fake/%.o: %.c $(BUILD)/.tools
	$(call say,CC,$< (fake system))
	@mkdir -p $(@D)
	$(Q)$(CC) -Itests/unit/fake $(OBIT_CFLAGS) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(BUILD)/libobit.a: $(call object,$(LIB_SOURCES))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/obitd: $(call object,src/daemon/main.c $(BPF_SOURCE)) $(BUILD)/libobit.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(OBIT_LDFLAGS) $(LDFLAGS) $^ $(DAEMON_LIBS) -o $@

# What the system tests need of the following.
OBITD_VARIANTS := $(BUILD)/obitd-clock $(BUILD)/obitd-heap $(BUILD)/obitd-halt

# The same, with each call of the system counted, and made to fail on demand: tests/faults/run.
$(BUILD)/obitd-faults: $(call object,tests/faults/inject.c)
# The same, with a wall clock that jumps: tests/system/clock.bats.
$(BUILD)/obitd-clock: $(call object,tests/faults/clock.c)
# The same, with a watchdog that is none, and memory that is counted, or refused: tests/system/guard.bats.
$(BUILD)/obitd-heap: $(call object,tests/faults/heap.c)
# The same, and stops where it is told to, or takes the kernel for another one: notify.bats, storm.bats, takeover.bats,
# truth.bats in tests/system.
$(BUILD)/obitd-halt: $(call object,tests/faults/halt.c)
$(BUILD)/obitd-faults $(OBITD_VARIANTS): $(call object,src/daemon/main.c $(BPF_SOURCE)) $(BUILD)/libobit.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(OBIT_LDFLAGS) $(LDFLAGS) $^ $(DAEMON_LIBS) -o $@ \
		$$($(NM) $(filter $(BUILD)/tests/%,$^) | sed -n 's/.* T __wrap_/-Wl,--wrap=/p')

$(BUILD)/obit: $(call object,$(BASE) $(CLI))
	$(call say,LINK,$@)
	$(Q)$(CC) $(OBIT_LDFLAGS) $(LDFLAGS) $^ $(CLI_LIBS) -o $@

install: all ## install under $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 \
		$(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(DOCDIR)/schema $(DESTDIR)$(UNITDIR)
	install -m 0755 $(BUILD)/obitd $(DESTDIR)$(SBINDIR)/obitd
	install -m 0755 $(BUILD)/obit $(DESTDIR)$(BINDIR)/obit
	install -m 0644 doc/obit.1 $(DESTDIR)$(MANDIR)/man1/obit.1
	install -m 0644 doc/obit.conf.5 $(DESTDIR)$(MANDIR)/man5/obit.conf.5
	install -m 0644 doc/obitd.8 $(DESTDIR)$(MANDIR)/man8/obitd.8
	install -m 0644 README.md CHANGELOG.md SECURITY.md LICENSE examples/obit.conf $(DESTDIR)$(DOCDIR)
	install -m 0644 $(wildcard doc/schema/*.json) $(DESTDIR)$(DOCDIR)/schema
	sed 's|@SBINDIR@|$(SBINDIR)|; s|@BINDIR@|$(BINDIR)|' dist/obitd.service.in >$(DESTDIR)$(UNITDIR)/obitd.service
	chmod 0644 $(DESTDIR)$(UNITDIR)/obitd.service

uninstall: ## remove what install put there (the configuration stays)
	rm -f $(DESTDIR)$(SBINDIR)/obitd $(DESTDIR)$(BINDIR)/obit $(DESTDIR)$(MANDIR)/man1/obit.1 \
		$(DESTDIR)$(MANDIR)/man5/obit.conf.5 $(DESTDIR)$(MANDIR)/man8/obitd.8 \
		$(DESTDIR)$(UNITDIR)/obitd.service
	rm -rf $(DESTDIR)$(DOCDIR)

# ---- the demo ----

demo: ## install what is missing, build, and watch the main job with your own eyes
	$(Q)scripts/deps build demo
	$(Q)$(MAKE) --no-print-directory all $(BUILD)/examples/moribund
	$(Q)scripts/demo $(BUILD)

$(BUILD)/examples/%: $(BUILD)/examples/%.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(OBIT_LDFLAGS) $(LDFLAGS) $^ -o $@

# ---- tests ----

UNIT_PROGRAMS   := $(patsubst %.c,$(BUILD)/%,$(UNIT))
VICTIM_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(VICTIMS))
BENCH_PROGRAMS  := $(patsubst %.c,$(BUILD)/%,$(BENCH))
# Tests of a source of io/, by that source's name: with the system behind the seam replaced in all of io/.
FAKE_TESTS := $(filter $(patsubst src/io/%.c,test_%,$(IO)),$(patsubst tests/unit/%.c,%,$(UNIT)))

check: ## install what the tests miss, build, run every test
	$(Q)scripts/deps build test
	$(Q)$(MAKE) --no-print-directory all test-programs
	$(Q)scripts/check-layers
	$(Q)scripts/check-words
	$(Q)tests/run $(BUILD) all

check-unit: all $(UNIT_PROGRAMS) ## the unit tests alone (no root needed)
	$(Q)tests/run $(BUILD) unit

check-system: all $(VICTIM_PROGRAMS) $(OBITD_VARIANTS) ## the system tests alone, on the running kernel
	$(Q)tests/run $(BUILD) system

# Without KERNELS: all of this architecture.
check-kernels: ## system tests on Linux 5.10, 6.1, 6.12, the newest, in virtual machines (hours; QUICK=1: some; KERNELS=arm64-6.1)
	$(Q)scripts/deps build test vm
	$(if $(filter-out arm64-%,$(or $(KERNELS),all)),$(Q)$(MAKE) --no-print-directory all test-programs)
	$(if $(filter arm64-%,$(KERNELS)),$(Q)$(MAKE) --no-print-directory arm64)
	$(Q)tests/kernels/run $(BUILD) $(KERNELS)

check-containers: ## what a dockerd of its own keeps in containers (installs docker)
	$(Q)scripts/deps build test docker
	$(Q)$(MAKE) --no-print-directory all test-programs
	$(Q)BUILD=$(abspath $(BUILD)) bats tests/containers

arm64: ## cross-compile for Debian 12 on arm64, into $(BUILD)/arm64
	$(Q)scripts/deps build vm vm-arm64
	$(Q)sysroot=$$(scripts/vm sysroot arm64) && $(MAKE) --no-print-directory BUILD=$(BUILD)/arm64 \
		CROSS_COMPILE=aarch64-linux-gnu- SYSROOT="$$sysroot" all test-programs

# Without SCENARIOS: all. VM_KERNEL=6.12: on that one.
check-vm: ## the hardware watchdog, where it resets a virtual machine (SCENARIOS="killed buried": those alone)
	$(Q)scripts/deps build test vm
	$(Q)$(MAKE) --no-print-directory all test-programs
	$(Q)tests/vm/run $(BUILD) $(SCENARIOS)

.PHONY: test-programs
test-programs: $(UNIT_PROGRAMS) $(VICTIM_PROGRAMS) $(OBITD_VARIANTS)

asan: export UBSAN_OPTIONS ?= print_stacktrace=1
asan: export PATIENCE ?= 3
asan: ## the same suite under AddressSanitizer and UndefinedBehaviorSanitizer
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/asan SANITIZE=1 check

$(addprefix $(BUILD)/tests/unit/,$(FAKE_TESTS)): $(BUILD)/tests/unit/test_%: \
		$(BUILD)/fake/tests/unit/test_%.o $(BUILD)/libobit-fake.a $(BUILD)/libobit.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(OBIT_LDFLAGS) $(LDFLAGS) $^ -lcmocka $(DAEMON_LIBS) -o $@

$(BUILD)/tests/unit/test_%: $(BUILD)/tests/unit/test_%.o $(BUILD)/libobit.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(OBIT_LDFLAGS) $(LDFLAGS) $^ -lcmocka $(DAEMON_LIBS) -o $@

$(BUILD)/tests/unit/test_cli_%: $(BUILD)/tests/unit/test_cli_%.o \
		$(call object,$(filter-out src/cli/main.c,$(CLI)) $(BASE))
	$(call say,LINK,$@)
	$(Q)$(CC) $(OBIT_LDFLAGS) $(LDFLAGS) $^ -lcmocka $(CLI_LIBS) -o $@

$(BUILD)/libobit-fake.a: $(patsubst src/%.c,$(BUILD)/fake/src/%.o,$(filter-out $(BPF_SOURCE),$(IO)))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# The pictures and fixtures are read from where the source is, wherever the test runs.
$(BUILD)/tests/unit/test_cli_why.o: OBIT_CFLAGS += -DDATA_DIR='"$(CURDIR)/tests/unit/data"'

# Victims must die as written: no sanitizer catches their signals for them.
$(BUILD)/tests/victims/%: tests/victims/%.c $(wildcard tests/victims/*.h) $(BUILD)/.tools
	$(call say,VICTIM,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE $(WARNINGS) $(WERROR) -O1 -g -pthread $< -o $@

$(BUILD)/tests/bench/%: tests/bench/%.c tests/bench/bench.h $(BUILD)/.tools
	$(call say,BENCH,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE $(WARNINGS) $(WERROR) -O2 -g $< -o $@

victims: $(VICTIM_PROGRAMS)

bench: ## measure obit beside its peers, in one run (PARTS="recovery memory": those alone)
	$(Q)scripts/deps build bench $(if $(filter systemd audit,$(or $(PARTS),systemd)),vm)
	$(Q)$(MAKE) --no-print-directory all $(VICTIM_PROGRAMS) $(BENCH_PROGRAMS)
	$(Q)tests/bench/run $(BUILD) $(PARTS)

soak: all $(VICTIM_PROGRAMS) ## an hour of kills, storms, reloads and take-overs (SOAK_SECONDS=300: so long)
	$(Q)tests/soak/run $(BUILD) $(SOAK_SECONDS)
	$(Q)tests/soak/takeover $(BUILD) $(SOAK_KILLS)

check-faults: export UBSAN_OPTIONS ?= print_stacktrace=1
check-faults: ## make each call of the system fail once, under the sanitizers (FAULTS_OPTIONS=--every-error: with each errno)
	$(Q)scripts/deps build test
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/asan SANITIZE=1 $(BUILD)/asan/obitd-faults victims
	$(Q)tests/faults/run $(BUILD)/asan $(FAULTS_OPTIONS)

fuzz: ## run each fuzzer for FUZZ_SECONDS (60) on its corpus
	$(Q)CLANG='$(CLANG)' tests/fuzz/run $(BUILD)/fuzz $(or $(FUZZ_SECONDS),60)

# ---- looks and lints ----

format: ## rewrite the C sources with clang-format
	$(CLANG_FORMAT) -i $(C_SOURCES) $(C_HEADERS) $(wildcard bpf/*.c examples/*.c)

format-check: ## fail on a C source that clang-format would change
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(C_SOURCES) $(C_HEADERS) $(wildcard bpf/*.c examples/*.c)

tidy: $(BUILD)/obit.skel.h ## clang-tidy over src/
	$(Q)printf '%s\n' $(BASE) $(CORE) $(IO) $(DAEMON) $(CLI) | xargs -P "$$(nproc)" -I {} \
		$(CLANG_TIDY) --quiet {} -- -std=gnu17 -D_GNU_SOURCE -Isrc -I. -I$(BUILD)

SHELL_SCRIPTS := $(wildcard scripts/* .ci/run tests/run tests/soak/* tests/fuzz/run \
	tests/kernels/run tests/kernels/init tests/vm/run tests/vm/guest) \
	$(filter-out %.c %.h,$(wildcard tests/bench/*))
lint: ## shellcheck, mandoc, layers and words
	$(Q)shellcheck $(SHELL_SCRIPTS) $(wildcard tests/system/*.bats tests/system/*.bash tests/containers/*.bats)
	$(Q)for page in doc/*.[158]; do mandoc -T lint -W warning $$page || exit 1; done
	$(Q)scripts/check-layers
	$(Q)scripts/check-words

clean: ## remove $(BUILD)
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -path $(BUILD)/vm -prune -o -name '*.d' -print 2>/dev/null)
