# The replacement of malloc: one unit with the library, for this machine.

MALLOC := $(BUILD)/malloc
MALLOC_SOURCES := $(sort $(foreach layer,base memmap frames heap,$(wildcard src/$(layer)/*.c)) \
                         $(wildcard malloc/*.c))
# The compiler must not take malloc's own calls of memset and such for malloc.
MALLOC_FLAGS := $(COMMON) -O2 -flto -fPIC -fvisibility=hidden -fno-strict-aliasing -fno-builtin-malloc \
                -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free -pthread \
                -Iinclude -Isrc -Isim/arch -I.

$(MALLOC)/obj/%.o: %.c
	$(call say,CC malloc,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(MALLOC_FLAGS) -c $< -o $@

$(MALLOC)/libcairn-malloc.so: $(MALLOC_SOURCES:%.c=$(MALLOC)/obj/%.o)
	$(call say,LINK,$@)
	$(Q)clang -O2 -g -flto -fuse-ld=lld -shared -pthread -Wl,-z,now -Wl,-z,defs $^ -o $@

.PHONY: malloc
malloc: $(MALLOC)/libcairn-malloc.so ## malloc for programs on this machine, to be preloaded
