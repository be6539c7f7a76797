# Cairn: library, reference kernel, loader, tests.  `make help` lists targets.
#
# Everything is built below $(BUILD); nothing outside of it is written.
#   COMPILER=gcc|clang   who compiles library and kernel (default gcc)
#   BUILD=dir            where to (default build)
#   V=1                  show every command

BUILD    ?= build
COMPILER ?= gcc
V        ?= 0

ifeq ($(V),0)
Q   := @
say = @printf '  %-7s %s\n' '$(1)' '$(2)'
else
Q   :=
say = @:
endif

CC_gcc   := gcc
CC_clang := clang
CC       := $(CC_$(COMPILER))
ifeq ($(CC),)
$(error COMPILER=$(COMPILER) is unknown: use gcc or clang)
endif
LD_KERNEL := ld.lld
PYTHON    := python3

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:

# ---- Flags -------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
            -Wmissing-prototypes -Wpointer-arith -Wundef -Wvla -Wwrite-strings \
            -Wconversion -Wno-sign-conversion
COMMON   := -std=gnu11 -g $(WARNINGS) -MMD -MP
INCLUDES := -Iinclude -Isrc -Iarch/x86
FREESTANDING := -ffreestanding -O2 -fno-stack-protector -fno-strict-aliasing \
            -fno-omit-frame-pointer -fno-asynchronous-unwind-tables \
            -fstack-clash-protection -ffunction-sections -fdata-sections -mgeneral-regs-only \
            -fcf-protection=none
FLAGS_x86_64 := $(FREESTANDING) -m64 -mno-red-zone -fpie -fvisibility=hidden
FLAGS_i386   := $(FREESTANDING) -m32 -march=i686 -fno-pie

LIB_SOURCES := $(sort $(wildcard src/*.c src/*/*.c))
# What only a kernel can execute; the simulated machine has its own (sim/arch.c).
ARCH_SOURCES := $(sort $(wildcard arch/x86/*.c))

# ---- The library, for both word sizes -------------------------------------------

define library
$(BUILD)/$(1)/lib/%.o: %.c
	$$(call say,CC $(1),$$<)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(COMMON) $$(FLAGS_$(1)) $$(INCLUDES) -c $$< -o $$@

LIB_OBJECTS_$(1) := $$(LIB_SOURCES:%.c=$(BUILD)/$(1)/lib/%.o) \
                    $$(ARCH_SOURCES:%.c=$(BUILD)/$(1)/lib/%.o)

$(BUILD)/$(1)/libcairn.a: $$(LIB_OBJECTS_$(1))
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@
	$$(Q)ar rcsD $$@ $$^
endef
$(eval $(call library,x86_64))
$(eval $(call library,i386))

# ---- Generated sources -------------------------------------------------------------

GEN := $(BUILD)/gen
MAPS := $(sort $(wildcard tests/maps/*.map))

$(GEN)/maps.c: tools/maps2c $(MAPS)
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(PYTHON) tools/maps2c $(MAPS) > $@

$(GEN)/font.c: tools/font2c
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(PYTHON) tools/font2c > $@

# ---- The kernel -----------------------------------------------------------------------

KERNEL := $(BUILD)/kernel
KERNEL_SOURCES := $(sort $(wildcard kernel/*.c kernel/*/*.c)) boot/places.c boot/tables.c
KERNEL_ASM     := $(sort $(wildcard kernel/*/*.S))
TEST_SOURCES   := $(sort $(wildcard tests/*.c)) tests/harness/test.c
KERNEL_TEST_PORT := $(sort $(wildcard tests/kernel/*.c))
KERNEL_INCLUDES := -Iinclude -Ikernel -I.
KERNEL_TEST_INCLUDES := $(INCLUDES) -Ikernel -Itests -I.

KERNEL_OBJECTS := $(KERNEL_SOURCES:%.c=$(KERNEL)/%.o) \
                  $(KERNEL_TEST_PORT:%.c=$(KERNEL)/%.o) \
                  $(KERNEL_ASM:%.S=$(KERNEL)/%.o) \
                  $(TEST_SOURCES:%.c=$(KERNEL)/%.o) \
                  $(KERNEL)/gen/font.o $(KERNEL)/gen/maps.o

$(KERNEL)/kernel/%.o: kernel/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) $(FLAGS_x86_64) $(KERNEL_INCLUDES) -c $< -o $@

$(KERNEL)/boot/%.o: boot/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) $(FLAGS_x86_64) $(KERNEL_INCLUDES) -c $< -o $@

$(KERNEL)/kernel/%.o: kernel/%.S
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -m64 -g -MMD -MP -Ikernel -c $< -o $@

$(KERNEL)/tests/%.o: tests/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) $(FLAGS_x86_64) $(KERNEL_TEST_INCLUDES) -c $< -o $@

$(KERNEL)/gen/%.o: $(GEN)/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) $(FLAGS_x86_64) $(KERNEL_TEST_INCLUDES) -c $< -o $@

# The kernel carries the names of its functions, for backtraces.  They are
# known after a first link; the table lies behind all code, so that the second
# link, with the table in place, moves no function.
LINK_KERNEL = $(LD_KERNEL) -pie --no-dynamic-linker -z text -z max-page-size=4096 \
              --apply-dynamic-relocs --build-id=none --hash-style=sysv \
              --gc-sections -T kernel/kernel.ld

$(KERNEL)/pass1.elf: $(KERNEL_OBJECTS) $(BUILD)/x86_64/libcairn.a kernel/kernel.ld
	$(call say,LINK,$@)
	$(Q)$(LINK_KERNEL) $(KERNEL_OBJECTS) $(BUILD)/x86_64/libcairn.a -o $@

$(GEN)/symbols.c: $(KERNEL)/pass1.elf tools/symbols2c
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)nm -n $< | $(PYTHON) tools/symbols2c > $@

$(KERNEL)/cairn.elf: $(KERNEL)/pass1.elf $(KERNEL)/gen/symbols.o tools/kernelcheck
	$(call say,LINK,$@)
	$(Q)$(LINK_KERNEL) $(KERNEL_OBJECTS) $(KERNEL)/gen/symbols.o \
	    $(BUILD)/x86_64/libcairn.a -o $@.tmp
	$(Q)$(PYTHON) tools/kernelcheck $@.tmp $(GEN)/symbols.c
	$(Q)mv $@.tmp $@

-include loader/loader.mk
-include malloc/malloc.mk
-include tests/languages/languages.mk

# ---- Tests on the host: clang for 64 bits, gcc for 32 -------------------------------------

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
HOST_INCLUDES := $(INCLUDES) -Itests -Ikernel -I.
HOST_SOURCES := $(LIB_SOURCES) $(sort $(wildcard sim/*.c)) $(TEST_SOURCES) \
                $(sort $(wildcard tests/host/*.c)) tests/harness/host.c \
                boot/elf.c boot/places.c boot/tables.c kernel/monitor/editor.c \
                $(sort $(wildcard kernel/systems/*.c))

CC_host64 := clang -m64
CC_host32 := gcc -m32
CC_threads := clang -m64
SANITIZE_host64 := $(SANITIZE)
SANITIZE_host32 := $(SANITIZE)
SANITIZE_threads := -fsanitize=thread

define host
$(BUILD)/$(1)/%.o: %.c
	$$(call say,CC $(1),$$<)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC_$(1)) $$(COMMON) -O1 -fno-omit-frame-pointer \
	    $$(SANITIZE_$(1)) -Isim/arch $$(HOST_INCLUDES) -c $$< -o $$@

$(BUILD)/$(1)/gen/%.o: $(GEN)/%.c
	$$(call say,CC $(1),$$<)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC_$(1)) $$(COMMON) -O1 $$(SANITIZE_$(1)) $$(HOST_INCLUDES) -c $$< -o $$@

OBJECTS_$(1) := $$(HOST_SOURCES:%.c=$(BUILD)/$(1)/%.o) $(BUILD)/$(1)/gen/maps.o

$(BUILD)/$(1)/tests/tests: $$(OBJECTS_$(1))
	$$(call say,LINK,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC_$(1)) $$(SANITIZE_$(1)) -pthread $$^ -o $$@
endef
$(eval $(call host,host64))
$(eval $(call host,host32))
$(eval $(call host,threads))

# ---- Fuzzers --------------------------------------------------------------------------------

FUZZ := $(BUILD)/fuzz
FUZZERS := $(patsubst fuzz/%.c,%,$(sort $(wildcard fuzz/*.c)))
FUZZ_FLAGS := $(COMMON) -O1 $(SANITIZE) -fsanitize=fuzzer-no-link -Isim/arch $(HOST_INCLUDES) \
              -Itests/host
FUZZ_SOURCES := $(LIB_SOURCES) $(sort $(wildcard sim/*.c)) boot/elf.c \
                kernel/monitor/editor.c tests/frames_build.c \
                tests/frames_model.c
FUZZ_PAGING := tests/host/paging_build.c $(sort $(wildcard tests/host/paging_model*.c))
RUNS ?= 20000
F ?= $(FUZZERS)

$(FUZZ)/obj/%.o: %.c
	$(call say,CC fuzz,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) -c $< -o $@

$(FUZZ)/paging: $(FUZZ_PAGING:%.c=$(FUZZ)/obj/%.o)

$(FUZZ)/%: $(FUZZ)/obj/fuzz/%.o $(FUZZ_SOURCES:%.c=$(FUZZ)/obj/%.o)
	$(call say,LINK,$@)
	$(Q)clang $(SANITIZE) -fsanitize=fuzzer $^ -o $@

# ---- Benchmarks: one unit with the library and the simulated machine -----------------------------

BENCH := $(BUILD)/bench
BENCHES := $(patsubst bench/%.c,%,$(shell grep -ls '^int main\b' bench/*.c))
B ?= $(BENCHES)
BENCH_ARGS ?=
BENCH_FLAGS := $(COMMON) -O2 -falign-functions=64 -flto -march=native -fno-strict-aliasing \
               $(HOST_INCLUDES)
BENCH_SOURCES := $(LIB_SOURCES) $(sort $(wildcard sim/*.c)) \
                 $(filter-out $(BENCHES:%=bench/%.c),$(sort $(wildcard bench/*.c)))

# What some of them compare with: tools/setup bench.  Asked for when it is there.
$(BENCH)/obj/bench/ranges.o: BENCH_EXTRA = $(shell pkg-config --cflags glib-2.0)
$(BENCH)/ranges: BENCH_LIBRARIES = -lJudy $(shell pkg-config --libs glib-2.0)
$(BENCH)/obj/bench/ranges.o: | bench-libraries
$(BENCH)/obj/bench/heap.o: | bench-libraries
$(BENCH)/heap: BENCH_LIBRARIES = -ldl
$(BENCH)/heap: | malloc

.PHONY: bench-libraries
bench-libraries:
	$(Q)tools/setup bench

$(BENCH)/obj/%.o: %.c
	$(call say,CC bench,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(BENCH_FLAGS) $(BENCH_EXTRA) -c $< -o $@

$(BENCH)/%: $(BENCH)/obj/bench/%.o $(BENCH_SOURCES:%.c=$(BENCH)/obj/%.o)
	$(call say,LINK,$@)
	$(Q)clang -O2 -flto -march=native -fuse-ld=lld -pthread $< \
	    -Wl,--start-lib $(filter-out $<,$^) -Wl,--end-lib \
	    $(BENCH_LIBRARIES) -lm -o $@

.PHONY: bench
bench: $(B:%=$(BENCH)/%) ## measure: B="frames" BENCH_ARGS="--only pair --details"
	$(Q)status=0; for one in $^; do $$one $(BENCH_ARGS) || status=1; done; exit $$status

.PHONY: counts
counts: kernel ## count the instructions of operations, in QEMU
	$(Q)$(PYTHON) tools/counts

# ---- Targets ----------------------------------------------------------------------------------

.PHONY: all lib kernel loader host64 host32 threads check prove test fuzz fuzz-smoke fuzzers clean help

all: lib kernel loader ## library for both word sizes, kernel and loader (default)

lib: $(BUILD)/x86_64/libcairn.a $(BUILD)/i386/libcairn.a ## libcairn.a for x86_64 and i386

kernel: $(KERNEL)/cairn.elf ## the reference kernel

loader: $(BUILD)/loader/BOOTX64.EFI ## the UEFI loader

host64: $(BUILD)/host64/tests/tests ## test program, 64 bits (clang, sanitizers)

host32: $(BUILD)/host32/tests/tests ## test program, 32 bits (gcc, sanitizers)

threads: $(BUILD)/threads/tests/tests ## test program, 64 bits (clang, thread sanitizer)

fuzzers: $(FUZZERS:%=$(FUZZ)/%) ## all fuzzers, not run

fuzz: $(F:%=$(FUZZ)/%) ## run fuzzers: F="memmap uefi" RUNS=1000000
	$(Q)$(PYTHON) tools/fuzz --runs $(RUNS) --build $(FUZZ) $(F)

fuzz-smoke: fuzz ## every fuzzer for RUNS inputs (default 20000)

check: lib ## layers, style, names, formatting, static analysis
	$(Q)$(PYTHON) tools/check --self-test
	$(Q)$(PYTHON) tools/check

prove: ## check the Spin models in proofs/ and their mutants
	$(Q)tools/prove

test: ## everything that CI runs; see ./test --help
	$(Q)./test

clean: ## remove what was built
	$(Q)rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | \
	    sort | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
