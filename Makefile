# Salvor: plain make, out of tree in build/. `make help` lists the targets.

VERSION := 0.1.0
# of the man pages: fixed, so that two builds give the same bytes
DATE    := 2026-11-24
BUILD   ?= build
PREFIX  ?= /usr/local
ifeq ($(origin CC),default)
CC      := gcc
endif
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)

WARN     := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Werror
CFLAGS   ?= -O2 -g
SANITIZE ?=
ALL_CFLAGS := -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DSALVOR_VERSION='"$(VERSION)"' -DSALVOR_LOCALES='"$(PREFIX)/share/locale"' -I. -I$(BUILD)/gen -pthread $(WARN) $(CFLAGS) $(SANITIZE)
LDLIBS   := -lparted -lblkid -lcryptsetup -lmount -lzstd -llzma -lxxhash -lnettle -ljansson -pthread

ENGINE_SRC := $(sort $(wildcard engine/*/*.c))
CLI_SRC    := $(sort $(wildcard cli/*.c))
TUI_SRC    := $(sort $(wildcard tui/*.c))
TEST_SRC   := $(sort $(wildcard tests/unit/test_*.c))
TLIB_SRC   := $(sort $(wildcard tests/lib/*.c))
FUZZ_SRC   := $(sort $(wildcard tests/fuzz/fuzz_*.c))

MAN_SRC    := $(sort $(wildcard docs/man/*.txt))

ENGINE_OBJ := $(ENGINE_SRC:%.c=$(BUILD)/obj/%.o)
CLI_OBJ    := $(CLI_SRC:%.c=$(BUILD)/obj/%.o) $(if $(CLI_SRC),$(BUILD)/obj/gen/help_text.o)
TUI_OBJ    := $(TUI_SRC:%.c=$(BUILD)/obj/%.o)
PO_SRC     := $(sort $(wildcard po/*.po))
MO         := $(PO_SRC:po/%.po=$(BUILD)/locale/%/LC_MESSAGES/salvor.mo)
MAN        := $(patsubst docs/man/%.txt,$(BUILD)/man/salvor-%.1,$(filter-out docs/man/salvor.txt,$(MAN_SRC))) $(BUILD)/man/salvor.1 $(BUILD)/man/salvor-boot.7
TLIB_OBJ   := $(TLIB_SRC:%.c=$(BUILD)/obj/%.o)
TESTS      := $(TEST_SRC:tests/unit/%.c=$(BUILD)/unit/%)
FUZZERS    := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)

# what the runner starts; a matrix cell is a command line, hence the quotes
LINT_TESTS := $(sort $(wildcard tests/check-*.sh))
ROUNDTRIP  := $(filter-out tests/roundtrip/matrix.sh tests/roundtrip/dirty-%.sh,$(sort $(wildcard tests/roundtrip/*.sh)))
PICTURED   := $(foreach m,mono colour wide plain,"tests/screens/tour.sh $m")
SCREENS    := $(PICTURED) "tests/screens/tour.sh sizes" $(filter-out tests/screens/tour.sh,$(sort $(wildcard tests/screens/*.sh)))
INITRAMFS  := $(filter-out tests/initramfs/lib.sh,$(sort $(wildcard tests/initramfs/*.sh)))
DIRTY_LIST  := $(sort $(wildcard tests/roundtrip/dirty-*.sh))
DIRTY_SHORT := $(foreach d,$(DIRTY_LIST),"$d short")
MATRIX_FS  := ext2 ext3 ext4 ntfs fat12 fat16 fat32 xfs exfat f2fs hfsplus swap btrfs
# cells of the matrix: TABLE-SECTOR-FILESYSTEM. The short one has nearly each filesystem, each table, each size of sectors
cells      = $(foreach c,$1,"tests/roundtrip/matrix.sh $(subst -, ,$c)")
MATRIX     := $(call cells,$(foreach t,gpt msdos none,$(foreach s,512 4096,$(foreach f,$(MATRIX_FS),$t-$s-$f))))
MATRIX_SHORT := $(call cells,$(filter-out gpt-512-f2fs,$(MATRIX_FS:%=gpt-512-%)) msdos-4096-ext4 none-4096-ntfs)
# what would make `check` longer than half an hour on two cores: only in `check-whole`
LONG_ROUND := $(addprefix tests/roundtrip/,$(addsuffix .sh,bitlocker damage damage-volumes faults kills-finish lvm-devices report-disks report-f2fs \
	report-files report-inside rescue-image rescue-kills rescue-lost rescue-metadata rescue-unlock restore-order store-full volumes whole-types))
LONG_SCREENS := $(addprefix tests/screens/,$(addsuffix .sh,rescue rescue-image rescue-offers unlock wrong-disk))
LONG_GUEST := tests/guest/unplugged.sh tests/guest/fat-full.sh
LONG_CELLS := gpt-512-f2fs gpt-4096-ext2 msdos-512-fat32 msdos-4096-exfat msdos-4096-hfsplus none-512-xfs none-512-fat16 none-4096-btrfs
LONG_TESTS := $(LONG_ROUND) $(LONG_SCREENS) $(LONG_GUEST) $(foreach m,colour wide plain sizes,"tests/screens/tour.sh $m") $(call cells,$(LONG_CELLS))
RUN        := BUILD=$(BUILD) tests/run.sh
AGAIN      := $(MAKE) --no-print-directory

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: pictures all help deps check check-whole run-check run-whole check-dirty check-kills check-rescue-kills unit check-unit check-roundtrip check-screens check-matrix check-faults check-asan check-ubsan check-tsan check-screens-asan check-screens-tsan \
	lint lint-deep format demo bench fuzz fuzzers fuzzers-built fuzz-corpus coverage install clean FORCE

## all: the library, the command and the unit tests (build/)
all: $(BUILD)/libsalvor.a $(BUILD)/salvor $(MAN) $(MO) $(TESTS) $(BUILD)/faultio.so $(BUILD)/faultalloc.so $(BUILD)/sgdisk.so

## help: this list
help:
	@sed -n 's/^## \([a-z-]*\): /  \1\t/p' Makefile $(filter %.mk,$(MAKEFILE_LIST)) | expand -t 22
	@echo
	@echo '  variables: V=1 (show commands)  JOBS=N (tests at once)  BUILD=DIR  CFLAGS  PREFIX  DESTDIR'

# --- building -----------------------------------------------------------------------------------

# rewritten only when compiler or flags change, and then everything is built again
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(subst ','\'',$(ALL_CFLAGS)) $(LDLIBS)' | cmp -s - $@ || \
		printf '%s\n' '$(CC) $(subst ','\'',$(ALL_CFLAGS)) $(LDLIBS)' > $@

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC      $<")
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# a source that was removed must not live on in the archive
$(BUILD)/engine.list: FORCE
	@mkdir -p $(@D)
	@echo '$(ENGINE_SRC)' | cmp -s - $@ || echo '$(ENGINE_SRC)' > $@

$(BUILD)/libsalvor.a: $(ENGINE_OBJ) $(BUILD)/engine.list
	$(if $(Q),@echo "  AR      $@")
	$(Q)rm -f $@ && ar rcs $@ $(ENGINE_OBJ)

$(BUILD)/salvor: $(CLI_OBJ) $(TUI_OBJ) $(BUILD)/libsalvor.a
	$(if $(Q),@echo "  LD      $@")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $(CLI_OBJ) $(TUI_OBJ) $(BUILD)/libsalvor.a $(LDLIBS) -lncursesw

# tests of the command see all of it but main()
$(BUILD)/libcli.a: $(CLI_OBJ)
	$(if $(Q),@echo "  AR      $@")
	$(Q)rm -f $@ && ar rcs $@ $(filter-out %/main.o,$(CLI_OBJ))

$(BUILD)/unit/test_cli%: $(BUILD)/obj/tests/unit/test_cli%.o $(BUILD)/libcli.a $(BUILD)/libsalvor.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD      $@")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(BUILD)/libcli.a $(BUILD)/libsalvor.a $(LDLIBS) -lcmocka

# tests of the interface see all of it
$(BUILD)/libtui.a: $(TUI_OBJ)
	$(if $(Q),@echo "  AR      $@")
	$(Q)rm -f $@ && ar rcs $@ $(TUI_OBJ)

$(BUILD)/unit/test_tui%: $(BUILD)/obj/tests/unit/test_tui%.o $(BUILD)/libtui.a $(BUILD)/libsalvor.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD      $@")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(BUILD)/libtui.a $(BUILD)/libsalvor.a $(LDLIBS) -lncursesw -lcmocka

# translations of the interface
$(BUILD)/locale/%/LC_MESSAGES/salvor.mo: po/%.po
	@mkdir -p $(@D)
	$(Q)msgfmt -c -o $@ $<

# the manual: one source for man pages and --help
MAN_PARTS := $(wildcard docs/man/*.inc) build-scripts/mk-man.sh

$(BUILD)/gen/help_text.c: $(MAN_SRC) $(MAN_PARTS)
	@mkdir -p $(@D)
	$(Q)build-scripts/mk-man.sh c $(MAN_SRC) > $@

$(BUILD)/obj/gen/help_text.o: $(BUILD)/gen/help_text.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC      $<")
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/man/salvor-%.1: docs/man/%.txt $(MAN_PARTS)
	@mkdir -p $(@D)
	$(Q)build-scripts/mk-man.sh man $< $(VERSION) $(DATE) > $@

# pages that are no verb have no --help
$(BUILD)/man/salvor-%.7: docs/man7/%.txt build-scripts/mk-man.sh
	@mkdir -p $(@D)
	$(Q)build-scripts/mk-man.sh man $< $(VERSION) $(DATE) 7 > $@

$(BUILD)/man/salvor.1: docs/man/salvor.txt $(MAN_PARTS)
	@mkdir -p $(@D)
	$(Q)build-scripts/mk-man.sh man $< $(VERSION) $(DATE) > $@

$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(TLIB_OBJ) $(BUILD)/libsalvor.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD      $@")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(TLIB_OBJ) $(BUILD)/libsalvor.a $(LDLIBS) -lcmocka

$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(TLIB_OBJ) $(BUILD)/libsalvor.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD      $@")
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -o $@ $< $(TLIB_OBJ) $(BUILD)/libsalvor.a $(LDLIBS) -lcmocka

# preloaded by round trips that need failing calls; never instrumented themselves
FAULTIO    := $(wildcard tests/preload/fault[!a]*.c)
PRELOAD_CC := $(CC) -std=gnu17 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -fno-builtin-malloc -shared -fPIC

$(BUILD)/faultio.so: $(FAULTIO) tests/preload/faultio.h tests/preload/place.h
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC      $@")
	$(Q)$(PRELOAD_CC) -o $@ $(FAULTIO) -ldl -pthread

$(BUILD)/faultalloc.so: tests/preload/faultalloc.c tests/preload/place.h
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC      $@")
	$(Q)$(PRELOAD_CC) -o $@ $< -ldl

$(BUILD)/sgdisk.so: tests/preload/sgdisk.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC      $@")
	$(Q)$(PRELOAD_CC) -o $@ $< -ldl

fuzzers: $(FUZZERS)

# --- testing ------------------------------------------------------------------------------------

# missing Debian packages; returns at once when there are none
deps:
	$(Q)build-scripts/install-deps.sh

## check: everything but what is slow: lint, unit tests, round trips, a short matrix (installs missing packages first)
check: deps
	+$(Q)$(AGAIN) run-check

## check-whole: check, and what takes it half an hour more; what a release and continuous integration must pass
check-whole: deps
	+$(Q)$(AGAIN) run-whole

# makes of their own, so that they see the packages that were just installed
SHORT_TESTS = $(LINT_TESTS) $(filter-out $(LONG_GUEST),$(GUEST_SHORT)) $(ISO_TESTS) $(BOOT_SHORT) $(TESTS) tests/fuzz/short.sh $(INITRAMFS) \
	$(filter-out $(LONG_ROUND),$(ROUNDTRIP)) $(DIRTY_SHORT) "tests/screens/tour.sh mono" \
	$(filter-out tests/screens/tour.sh $(LONG_SCREENS),$(sort $(wildcard tests/screens/*.sh))) $(MATRIX_SHORT)
run-check: all fuzzers-built guest iso
	$(Q)$(RUN) $(SHORT_TESTS)

run-whole: all fuzzers-built guest iso
	$(Q)$(RUN) $(SHORT_TESTS) $(LONG_TESTS)

## check-unit: the unit tests
check-unit: all
	$(Q)$(RUN) $(TESTS)

unit: check-unit

## check-roundtrip: save, verify and restore scripts, without the matrix
check-roundtrip: all
	$(Q)$(RUN) $(ROUNDTRIP)

## check-screens: the interface, driven key by key in a terminal
check-screens: all
	$(Q)$(RUN) $(SCREENS)

## golden-screens: the pictures that check-screens compares with, drawn anew; look at the difference
.PHONY: golden-screens
golden-screens: all
	$(Q)GOLDEN=new $(RUN) $(PICTURED)
	$(Q)git status --short tests/screens/golden

## check-initramfs: the scripts of the live system, in a fake root, under dash and busybox sh
check-initramfs: all
	$(Q)$(RUN) $(INITRAMFS)

## check-matrix: {gpt, msdos, none} x {512, 4096} x every filesystem x {empty, full, fragmented, aged}
check-matrix: all
	$(Q)$(RUN) $(MATRIX)

## check-kills: 50 saves killed at random places, and at every write, sync and rename; stores full at every write
check-kills: all
	$(Q)TEST_TIMEOUT=5400 KILLS=$(or $(KILLS),50) MIBS=$(or $(MIBS),640) $(RUN) tests/roundtrip/kills.sh "tests/roundtrip/kills-finish.sh all" "tests/roundtrip/store-full.sh all"

## check-rescue-kills: 50 rescues killed at random moments, alone and in turns with GNU ddrescue
check-rescue-kills: all
	$(Q)TEST_TIMEOUT=3600 KILLS=$(or $(KILLS),50) $(RUN) tests/roundtrip/rescue-kills.sh

## check-faults: every call and every allocation of the command fails in turn (long)
check-faults: all
	$(Q)TEST_TIMEOUT=14400 $(RUN) 'tests/roundtrip/faults.sh full'

## check-dirty: copies of mounted filesystems, restored and replayed: no fsync'ed file lost; beside partclone
check-dirty: all
	$(Q)$(RUN) $(DIRTY_LIST)

SAN_FLAGS := -O1 -g -fno-omit-frame-pointer
ASAN      := BUILD=build-asan CFLAGS='$(SAN_FLAGS)' SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all'
TSAN      := BUILD=build-tsan CFLAGS='$(SAN_FLAGS)' SANITIZE='-fsanitize=thread'
# a walk through all pages is slow under them, beside other tests the more; and until it is given up, a screen may take longer
SAN_TIME  := TEST_TIMEOUT=$(or $(TEST_TIMEOUT),2700) SEE_TRIES=1800 SEE_SECONDS=180

## check-asan: unit tests, round trips and the interface under AddressSanitizer and UBSan (build-asan/)
check-asan:
	+$(Q)$(AGAIN) $(ASAN) $(SAN_TIME) run-sanitized

check-ubsan: check-asan

## check-tsan: the same under ThreadSanitizer (build-tsan/)
check-tsan:
	+$(Q)$(AGAIN) $(TSAN) $(SAN_TIME) run-sanitized

## check-screens-asan: the interface alone, driven key by key, under AddressSanitizer and UBSan
check-screens-asan:
	+$(Q)$(AGAIN) $(ASAN) $(SAN_TIME) check-screens

## check-screens-tsan: the same under ThreadSanitizer
check-screens-tsan:
	+$(Q)$(AGAIN) $(TSAN) $(SAN_TIME) check-screens

# a sanitizer has an allocator and threads of its own, and takes memory by the handful
UNSANITIZED := tests/roundtrip/faults.sh tests/roundtrip/memory.sh

.PHONY: run-sanitized
run-sanitized: all
	$(Q)$(RUN) $(TESTS) $(filter-out $(UNSANITIZED),$(ROUNDTRIP)) $(SCREENS)

## lint: format, include arrows, first lines, static analysis, shellcheck
lint: $(BUILD)/libsalvor.a
	$(Q)$(RUN) $(LINT_TESTS)

## lint-deep: clang-tidy over every C file (slow)
lint-deep:
	$(Q)build-scripts/lint-deep.sh

## format: clang-format every C file in place
format:
	$(Q)git ls-files -co --exclude-standard '*.c' '*.h' | xargs -r clang-format -i

FUZZ_SECONDS ?= 60
FUZZ_FLAGS   := BUILD=build-fuzz CC=clang CFLAGS='-O1 -g -fno-omit-frame-pointer' \
		SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'
FUZZ_COVER   := BUILD=build-fuzzcov CC=clang CFLAGS='-O1 -g' SANITIZE='-fprofile-instr-generate -fcoverage-mapping'

fuzzers-built:
	+$(Q)$(AGAIN) $(FUZZ_FLAGS) fuzzers

## fuzz: every fuzz target for FUZZ_SECONDS (60) of CPU time, and what of the parsers that reached (build-fuzz/)
fuzz: fuzzers-built
	+$(Q)$(AGAIN) $(FUZZ_COVER) fuzzers
	$(Q)build-scripts/run-fuzzers.sh build-fuzz/fuzz $(FUZZ_SECONDS)
	$(Q)build-scripts/fuzz-coverage.sh build-fuzzcov/fuzz build-fuzz/fuzz/corpus

## fuzz-corpus: commit to tests/fuzz/corpus/ the fewest of the inputs found that reach as much
fuzz-corpus: fuzzers-built
	$(Q)build-scripts/fuzz-corpus.sh build-fuzz/fuzz

## coverage: lines covered by the unit tests, file by file (build-cov/)
coverage:
	+$(Q)$(AGAIN) BUILD=build-cov CFLAGS='-O0 -g --coverage' check-unit
	$(Q)build-scripts/coverage.sh build-cov

# --- using --------------------------------------------------------------------------------------

## demo: save, verify and restore a disk before your eyes, also in a machine booted from the live image
demo: deps
	+$(Q)$(AGAIN) all
	$(Q)BUILD=$(BUILD) build-scripts/demo.sh
	+$(Q)$(AGAIN) iso
	$(Q)BUILD=$(BUILD) build-scripts/demo-live.sh

$(BUILD)/bench/libzstd: bench/libzstd.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC      $<")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< -lzstd

## bench: side by side with the peers on the same data: MIB=512 ROUNDS=3 SPARSE_GIB=1024 (installs the peers first)
bench: deps
	$(Q)build-scripts/install-deps.sh bench/packages.txt
	+$(Q)$(AGAIN) all $(BUILD)/bench/libzstd
	$(Q)BUILD=$(BUILD) bench/bench.sh

## pictures: a picture of each page of the interface, into docs/pages/ (as root)
pictures: deps
	+$(Q)$(AGAIN) all iso
	$(Q)BUILD=$(BUILD) build-scripts/pictures.sh

$(BUILD)/bench/simpre.so: bench/rescue/simpre.c tests/lib/simdisk.c engine/util/extent.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC      $@")
	$(Q)$(PRELOAD_CC) -I. -o $@ $^ -ldl -pthread

## bench-maps: what used-block maps cost: GIB=1024 FILES=1000000, filesystem by filesystem; an hour
.PHONY: bench-maps
bench-maps: all
	$(Q)BUILD=$(BUILD) bench/maps.sh

## bench-rescue: rescue beside GNU ddrescue on simulated disks, in virtual time: SEEDS=1,2,3 FAIL_S=2.5
.PHONY: bench-rescue
bench-rescue: deps
	+$(Q)$(AGAIN) all $(BUILD)/bench/simpre.so
	$(Q)mkdir -p $(BUILD)/tmp/bench-rescue
	$(Q)FAIL_S=$(or $(FAIL_S),2.5) bench/rescue/rescue.py $(abspath $(BUILD))/tmp/bench-rescue $(BUILD)/salvor $(abspath $(BUILD))/bench/simpre.so $(or $(SEEDS),1)

## install: command, man pages and completions under DESTDIR/PREFIX
install: $(BUILD)/salvor $(MAN) $(MO)
	$(Q)BUILD=$(BUILD) DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' build-scripts/install.sh

include build-scripts/iso/iso.mk
include tests/guest/guest.mk
include tests/iso/boot.mk

## clean: remove every build folder, but keep the downloaded packages of the live image
clean:
	$(Q)[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name cache -exec rm -rf {} +
	$(Q)rm -rf build-asan build-tsan build-fuzz build-fuzzcov build-cov

-include $(ENGINE_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(TUI_OBJ:.o=.d) $(TLIB_OBJ:.o=.d) $(TEST_SRC:%.c=$(BUILD)/obj/%.d) $(FUZZ_SRC:%.c=$(BUILD)/obj/%.d)
