# connect-rebuild: one Makefile, no recursion into directories. `make help` lists the targets.
#
# Sources are found by wildcard, so a new file needs no entry here and a directory that is not
# there yet is simply empty. The sanitizer, coverage and fuzz targets read this same file again
# with another build directory (B) and other switches.

VERSION ?= 0.1.0
B       ?= build
PREFIX  ?= /usr/local

# Switches a person may give: V=1 (whole command lines), WERROR=1 (warnings are errors; `make check` sets it, a packager's
# newer compiler must not break the build), SANITIZE=address,undefined, COVERAGE=1,
# CHECKPOINTS=1 (compiles the test-only crash points in; never in a shipped program).
V           ?=
WERROR      ?=
SANITIZE    ?=
COVERAGE    ?=
CHECKPOINTS ?=
FUZZ_SECONDS ?= 60
COV_FLOOR    ?= 80

# All cores unless the caller said otherwise.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --jobs=$(shell nproc 2>/dev/null || echo 2)
endif
MAKEFLAGS += --no-builtin-rules --no-print-directory
# One target's output stays in one piece, so it is shown when the target is made; but what takes
# minutes shows what it does.
LIVE := bench check crash demo fuzz-run storm test-fuzz test-system test-unit
MAKEFLAGS += --output-sync=$(if $(filter $(LIVE),$(MAKECMDGOALS)),none,target)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

# ---- compiler switches ------------------------------------------------------------------------

ifeq ($(origin CC),default)
CC = gcc
endif
PKG_CONFIG ?= pkg-config
LIBRARIES  := rdkafka libcurl libcjson libpq libuv libmicrohttpd

# -Wconversion and -Wshadow find the two kinds of mistake that tests rarely do; the prototype
# warnings make sure that every global function has a header.
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla -Wundef \
	-Wswitch-enum -Wnull-dereference -Wdouble-promotion
# GCC alone knows these; clang compiles the fuzzers.
ifeq ($(findstring clang,$(CC)),)
WARNINGS += -Wlogical-op -Wduplicated-cond -Wjump-misses-init
endif

ifneq ($(SANITIZE),)
# No _FORTIFY_SOURCE here: its checked calls would hide the accesses from the sanitizer.
MODE    := -O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
LDMODE  := -fsanitize=$(SANITIZE)
else ifneq ($(COVERAGE),)
MODE    := -O0 --coverage -fprofile-update=atomic
LDMODE  := --coverage
else
# A smashed stack, an overrun libc call, or a write to the GOT ends the process.
MODE    := -O2 -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fPIE
LDMODE  := -pie -Wl,-z,relro,-z,now
endif

# CPPFLAGS, CFLAGS, LDFLAGS stay free for the caller and come last, so that they win.
ALL_CPPFLAGS = -I. -D_GNU_SOURCE $(if $(CHECKPOINTS),-DCHECKPOINTS) $(PKG_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS   = -std=gnu11 -g $(MODE) $(WARNINGS) $(if $(WERROR),-Werror) -pthread $(CFLAGS)
# --as-needed: each program is linked to every library, and needs few of them.
ALL_LDFLAGS  = $(LDMODE) -pthread -Wl,--as-needed $(LDFLAGS)

# ---- what there is ----------------------------------------------------------------------------

COMMON_SRC   := $(sort $(wildcard common/*/*.c))
PRODUCER_SRC := $(filter-out producer/main.c,$(sort $(wildcard producer/*.c producer/*/*.c)))
WORKER_SRC   := $(filter-out worker/main.c,$(sort $(wildcard worker/*.c worker/*/*.c)))
SIM_SRC      := $(sort $(wildcard tests/simulator/*.c))
# These are linked on purpose only: they replace libpq, the event loop or C11 threads, or bring their
# own main().
SUPPORT_SRC  := $(filter-out tests/support/pq_%.c tests/support/fuzz_main.c \
	tests/support/tsan_threads.c,$(sort $(wildcard tests/support/*.c)))
TEST_SRC     := $(sort $(wildcard tests/unit/test_*.c))
PQ_SRC       := $(sort $(wildcard tests/unit/pq_*.c))
ALLOC_SRC    := $(sort $(wildcard tests/unit/alloc_*.c))
FUZZ_SRC     := $(sort $(wildcard tests/fuzz/fuzz_*.c))
MIGRATIONS   := $(sort $(wildcard deploy/schema/[0-9][0-9][0-9][0-9]-*.sql)) \
	$(wildcard deploy/schema/roles.sql)
SCHEMAS      := $(sort $(wildcard deploy/schema/events/*.json))

MAIN_SRC     := $(wildcard producer/main.c worker/main.c)
ALL_SRC      := $(COMMON_SRC) $(PRODUCER_SRC) $(WORKER_SRC) $(MAIN_SRC) $(SIM_SRC) \
	$(sort $(wildcard tests/support/*.c)) $(TEST_SRC) $(PQ_SRC) $(ALLOC_SRC) $(FUZZ_SRC)

PROGRAMS := $(if $(wildcard producer/main.c),$(B)/rebuild-producer) \
	$(if $(wildcard worker/main.c),$(B)/rebuild-worker) \
	$(if $(SIM_SRC),$(B)/connect-simulator)
UNIT_TESTS  := $(patsubst tests/unit/%.c,$(B)/tests/%,$(TEST_SRC) $(PQ_SRC) $(ALLOC_SRC))
FUZZERS     := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(FUZZ_SRC))

objects       = $(patsubst %.c,$(B)/%.o,$1)
COMMON_OBJ   := $(call objects,$(COMMON_SRC)) $(B)/gen/version.o
PRODUCER_OBJ := $(call objects,$(PRODUCER_SRC)) $(B)/gen/migrations.o $(B)/gen/schemas.o
WORKER_OBJ   := $(call objects,$(WORKER_SRC))
TEST_LIBS    := $(B)/libsupport.a $(B)/libworker.a $(B)/libproducer.a $(B)/libcommon.a

# ---- set-up, only for goals that compile --------------------------------------------------------

# `make deps`, `demo` and `check` must run on a machine that has no library yet: they start scripts
# that install first and call make again.
NO_BUILD := check clean crash demo deps distclean format help lint lint-quick lint-cppcheck test-system \
	san storm tsan cov fuzz bench
ifneq ($(filter-out $(NO_BUILD),$(or $(MAKECMDGOALS),all)),)

ifneq ($(shell $(PKG_CONFIG) --exists $(LIBRARIES) && echo found),found)
$(error $(shell $(PKG_CONFIG) --print-errors --exists $(LIBRARIES) 2>&1 | head -1); \
	`make deps SET=build` installs what a build needs)
endif
# -isystem: our warnings are for our code, not for the libraries' headers.
PKG_CFLAGS := $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags $(LIBRARIES)))
PQ_LIBS    := $(shell $(PKG_CONFIG) --libs libpq)
OTHER_LIBS := $(shell $(PKG_CONFIG) --libs $(filter-out libpq,$(LIBRARIES))) -lm
REVISION   := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

# $(call stamp,FILE,TEXT) rewrites FILE only when TEXT differs, so what depends on it is remade
# then and only then: after other switches, or when a source came or went.
stamp = $(shell mkdir -p $(dir $1); printf '%s\n' '$2' | cmp -s - $1 || printf '%s\n' '$2' >$1)
$(call stamp,$(B)/gen/flags,$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS))
$(call stamp,$(B)/gen/files,$(ALL_SRC) $(MIGRATIONS) $(SCHEMAS))
$(call stamp,$(B)/gen/version,$(VERSION) $(REVISION))

endif

# ---- building ---------------------------------------------------------------------------------

# A line for each file, or with V=1 the command itself.
show = $(if $(V),@set -x;,@echo '  $1 $(patsubst $(B)/%,%,$@)';)

all: $(PROGRAMS) ## build the programs (default)

$(B)/%.o: %.c $(B)/gen/flags
	@mkdir -p $(@D)
	$(call show,CC)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/gen/%.o: $(B)/gen/%.c $(B)/gen/flags
	$(call show,CC)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# An archive is made anew, so that an object whose source is gone does not live on in it.
archive = rm -f $@ && $(AR) rcsD $@ $(filter %.o,$^)
$(B)/libcommon.a: $(COMMON_OBJ) $(B)/gen/files
	@$(archive)
$(B)/libproducer.a: $(PRODUCER_OBJ) $(B)/gen/files
	@$(archive)
$(B)/libworker.a: $(WORKER_OBJ) $(B)/gen/files
	@$(archive)
$(B)/libsupport.a: $(call objects,$(SUPPORT_SRC)) $(B)/gen/files
	@$(archive)

link = $(call show,LD)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^)
$(B)/rebuild-producer: $(B)/producer/main.o $(B)/libproducer.a $(B)/libcommon.a
	$(link) $(PQ_LIBS) $(OTHER_LIBS)
$(B)/rebuild-worker: $(B)/worker/main.o $(B)/libworker.a $(B)/libcommon.a
	$(link) $(PQ_LIBS) $(OTHER_LIBS)
$(B)/connect-simulator: $(call objects,$(SIM_SRC)) $(B)/libcommon.a $(B)/gen/files
	$(link) $(PQ_LIBS) $(OTHER_LIBS)

# The program carries its migrations and its event schemas, so one file is all that is shipped.
$(B)/gen/migrations.c: deploy/schema/embed.sh $(MIGRATIONS) $(B)/gen/files
	@deploy/schema/embed.sh migrations $(MIGRATIONS) >$@
$(B)/gen/schemas.c: deploy/schema/embed.sh $(SCHEMAS) $(B)/gen/files
	@deploy/schema/embed.sh schemas $(SCHEMAS) >$@
$(B)/gen/version.c: $(B)/gen/version Makefile
	@printf '#include "common/base/version.h"\n\nconst char rebuild_version[] = "%s";\n\
	const char rebuild_revision[] = "%s";\n' '$(VERSION)' '$(REVISION)' >$@

install: all ## install the two programs under $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(B)/rebuild-producer $(B)/rebuild-worker $(DESTDIR)$(PREFIX)/bin

# ---- unit tests and fuzzers --------------------------------------------------------------------

CMOCKA_LIBS = $(shell $(PKG_CONFIG) --libs cmocka)
tests: $(UNIT_TESTS) ## build the unit tests

# TSan does not know the C11 threads of librdkafka; this tells it.
TSAN_OBJ := $(if $(filter thread,$(SANITIZE)),$(B)/tests/support/tsan_threads.o)
$(B)/tests/test_%: $(B)/tests/unit/test_%.o $(TSAN_OBJ) $(TEST_LIBS)
	$(link) $(CMOCKA_LIBS) $(PQ_LIBS) $(OTHER_LIBS)
# The script of expected calls stands in for libpq, which therefore must not be linked, and pq_loop
# for the event loop.
PQ_SUPPORT := $(call objects,$(sort $(wildcard tests/support/pq_*.c)))
$(B)/tests/pq_%: $(B)/tests/unit/pq_%.o $(PQ_SUPPORT) $(TEST_LIBS)
	$(link) $(CMOCKA_LIBS) $(OTHER_LIBS)
# The test decides which allocation fails; the product knows nothing of it.
$(B)/tests/alloc_%: $(B)/tests/unit/alloc_%.o $(TEST_LIBS)
	$(link) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup \
		$(CMOCKA_LIBS) $(PQ_LIBS) $(OTHER_LIBS)

# Replays a kept corpus. `make fuzz` links libFuzzer instead of this main().
FUZZ_MAIN = $(if $(LIBFUZZER),,$(B)/tests/support/fuzz_main.o)
$(B)/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(B)/libworker.a $(B)/libproducer.a \
		$(B)/libcommon.a
	$(link) $(LIBFUZZER) $(PQ_LIBS) $(OTHER_LIBS)

test-unit: $(UNIT_TESTS) ## run the unit tests
	@tests/run-checks unit $(UNIT_TESTS)

test-fuzz: $(FUZZERS) ## replay the kept fuzz corpora
	@tests/run-checks corpora $(FUZZERS)

san: ## unit tests and fuzz corpora under ASan and UBSan
	$(MAKE) B=build/san SANITIZE=address,undefined test-unit test-fuzz

tsan: ## unit tests under ThreadSanitizer
	$(MAKE) B=build/tsan SANITIZE=thread test-unit

# fuzzer-no-link instruments the code under test; only the last link brings libFuzzer's main().
fuzz: ## fuzz each target with libFuzzer for FUZZ_SECONDS
	deploy/local/install-deps fuzz
	$(MAKE) B=build/fuzz CC=$$(command -v clang-14 || command -v clang) \
		SANITIZE=fuzzer-no-link,address LIBFUZZER=-fsanitize=fuzzer fuzz-run
fuzz-run: $(FUZZERS)
	@tests/run-checks fuzz $(FUZZ_SECONDS) $(FUZZERS)

cov: build/venv/ok ## line coverage of the unit tests; fails under COV_FLOOR
	@find build/cov -name '*.gcda' -delete 2>/dev/null || true
	$(MAKE) B=build/cov COVERAGE=1 test-unit
	build/venv/bin/gcovr --root . --filter 'common/|producer/|worker/' --exclude-unreachable-branches \
		--print-summary --txt-metric line --fail-under-line $(COV_FLOOR) build/cov

# ---- everything else --------------------------------------------------------------------------

check: ## install what is missing, build, lint, run every test; last line: N passed, N failed
	@command -v python3 >/dev/null || deploy/local/install-deps check
	@tests/run-checks all

demo: ## the whole system on this machine, a worker killed half-way (KEEP=1 leaves it up)
	@command -v python3 >/dev/null || deploy/local/install-deps demo
	@deploy/local/demo

test-system: build/venv/ok ## system tests (real Kafka, real PostgreSQL); ARGS= goes to pytest
	$(MAKE) all
	build/venv/bin/pytest tests/system $(ARGS)

storm: build/venv/ok ## five minutes of kills, freezes and lost servers; SECONDS=, SEED=, RUNS=
	$(MAKE) all
	build/venv/bin/python tests/system/storm.py --seconds $(or $(SECONDS),300) \
		--runs $(or $(RUNS),1) $(if $(SEED),--seed $(SEED))

crash: build/venv/ok ## the programs killed, and frozen, at each passing of each checkpoint
	$(MAKE) all
	CRASH_ALL=$(or $(CRASH_ALL),1) build/venv/bin/pytest tests/system/test_crash_matrix.py \
		tests/system/test_requeue_crash.py $(ARGS)

bench: ## benchmarks beside their peers
	@if [ -x tests/bench/run ]; then $(MAKE) all && tests/bench/run $(ARGS); \
	else echo 'tests/bench/run is not there yet'; fi

build/venv/ok: tests/requirements.txt
	deploy/local/install-deps venv

SET ?= check
deps: ## install what is missing; SET=build|demo|check|fuzz (default check)
	@deploy/local/install-deps $(SET)

# clang-tidy is the slow part: one stamp per file, remade when the object (so any header) changed.
# The analyzer gives a function up after so many states; its default, 225,000, takes twice as long
# over the whole tree, most of it in the loops of uthash, and has found nothing more.
TIDY = $(ALL_SRC:%.c=$(B)/tidy/%.ok)
TIDY_STATES = -Xclang -analyzer-config -Xclang max-nodes=$(if $(filter tests/%,$*),25000,75000)
CLANG_TIDY   ?= $(shell command -v clang-tidy-14 || echo clang-tidy)
CLANG_FORMAT ?= $(shell command -v clang-format-14 || echo clang-format)
export CLANG_FORMAT
lint: ## layers, budgets, banned calls, format, static analysis; shows every finding
	@$(MAKE) --keep-going lint-quick lint-readme lint-cppcheck lint-tidy
lint-quick: build/venv/ok ## the part of lint that takes a second or two
	@rc=0; tests/lint/layers.py || rc=1; tests/lint/banned.py || rc=1; \
	tests/lint/checkpoints.py || rc=1; \
	build/venv/bin/python tests/lint/budgets.py || rc=1; \
	tests/lint/format.sh || rc=1; tests/lint/shell.sh || rc=1; exit $$rc
# Asks the programs, so they are built first; lint-quick must run where nothing can be built yet.
lint-readme: $(PROGRAMS)
	@B=$(B) CC='$(CC)' tests/lint/readme.py
lint-cppcheck:
	@tests/lint/cppcheck.sh
lint-tidy: $(TIDY)
$(B)/tidy/%.ok: $(B)/%.o .clang-tidy
	@mkdir -p $(@D)
	@echo '  TIDY $*.c'; \
	$(CLANG_TIDY) --quiet $*.c -- -std=gnu11 $(ALL_CPPFLAGS) $(TIDY_STATES) 2>/dev/null
	@touch $@

docs: $(PROGRAMS) ## write the README's tables (options, verbs, errors, metrics) from the code
	@B=$(B) CC='$(CC)' tests/lint/readme.py --write

format: ## rewrite the C files in the house style
	@tests/lint/format.sh --fix

clean: ## remove what was built (the Python environment stays: it is slow to make)
	@if [ -d build ]; then find build -mindepth 1 -maxdepth 1 ! -name venv -exec rm -rf {} +; fi
distclean: ## remove the whole build directory
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: all bench check clean cov crash demo deps distclean docs format fuzz fuzz-run help install lint \
	lint-cppcheck lint-quick lint-readme lint-tidy san storm test-fuzz test-system test-unit tests tsan

-include $(ALL_SRC:%.c=$(B)/%.d)
