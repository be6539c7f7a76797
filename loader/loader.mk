# loader.mk - builds the UEFI loader, $(BUILD)/loader/BOOTX64.EFI.
#
# Part of the top Makefile, which defines BUILD, Q and say.  The loader is a PE
# file, so clang and lld-link build it whatever COMPILER says.

LOADER_CC   ?= clang -target x86_64-unknown-windows
LOADER_LINK ?= lld-link

LOADER_DIR     := $(BUILD)/loader
LOADER_SOURCES := $(sort $(wildcard loader/*.c boot/*.c)) \
                  src/base/assert.c src/base/entropy.c src/base/format.c
LOADER_ASM     := $(sort $(wildcard loader/*.S))
LOADER_OBJECTS := $(LOADER_SOURCES:%.c=$(LOADER_DIR)/%.o) \
                  $(LOADER_ASM:%.S=$(LOADER_DIR)/%.o)

LOADER_CFLAGS := -ffreestanding -fshort-wchar -mno-red-zone \
    -mno-stack-arg-probe -mgeneral-regs-only -O2 -std=gnu11 \
    -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    -Iinclude -Isrc -I. -MMD -MP

$(LOADER_DIR)/%.o: %.c
	$(call say,CC loader,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(LOADER_CC) $(LOADER_CFLAGS) -c $< -o $@

$(LOADER_DIR)/%.o: %.S
	$(call say,AS loader,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(LOADER_CC) -MMD -MP -c $< -o $@

# -Brepro: no time of the build in the file.
$(LOADER_DIR)/BOOTX64.EFI: $(LOADER_OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(LOADER_LINK) -subsystem:efi_application -entry:efi_main \
	    -nodefaultlib -Brepro -out:$@ $^

-include $(LOADER_OBJECTS:.o=.d)

loader: $(LOADER_DIR)/BOOTX64.EFI
