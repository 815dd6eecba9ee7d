# Salvor: plain make, out of tree in build/. `make help` lists the targets.

VERSION := 0.1.0
BUILD   ?= build
CC      ?= gcc
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)

WARN     := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Werror
CFLAGS   ?= -O2 -g
SANITIZE ?=
ALL_CFLAGS := -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DSALVOR_VERSION='"$(VERSION)"' -I. -I$(BUILD)/gen -pthread $(WARN) $(CFLAGS) $(SANITIZE)
LDLIBS   := -lparted -lblkid -lzstd -llzma -lxxhash -lnettle -ljansson -pthread

ENGINE_SRC := $(sort $(wildcard engine/*/*.c))
CLI_SRC    := $(sort $(wildcard cli/*.c))
TEST_SRC   := $(sort $(wildcard tests/unit/test_*.c))
TLIB_SRC   := $(sort $(wildcard tests/lib/*.c))

ENGINE_OBJ := $(ENGINE_SRC:%.c=$(BUILD)/obj/%.o)
CLI_OBJ    := $(CLI_SRC:%.c=$(BUILD)/obj/%.o)
TLIB_OBJ   := $(TLIB_SRC:%.c=$(BUILD)/obj/%.o)
TESTS      := $(TEST_SRC:tests/unit/%.c=$(BUILD)/unit/%)

.PHONY: all clean unit
all: $(BUILD)/libsalvor.a $(if $(CLI_SRC),$(BUILD)/salvor) $(TESTS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC      $<")
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libsalvor.a: $(ENGINE_OBJ)
	$(if $(Q),@echo "  AR      $@")
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/salvor: $(CLI_OBJ) $(BUILD)/libsalvor.a
	$(if $(Q),@echo "  LD      $@")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $(CLI_OBJ) $(BUILD)/libsalvor.a $(LDLIBS)

$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(TLIB_OBJ) $(BUILD)/libsalvor.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LD      $@")
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(TLIB_OBJ) $(BUILD)/libsalvor.a $(LDLIBS) -lcmocka

# the unit tests one after the other; the first that fails ends it
unit: all
	$(Q)for t in $(TESTS); do echo "  TEST    $$t"; $$t || exit 1; done

clean:
	rm -rf $(BUILD)

-include $(ENGINE_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(TLIB_OBJ:.o=.d) $(TEST_SRC:%.c=$(BUILD)/obj/%.d)
