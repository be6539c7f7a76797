# languages.mk - programs in other languages on the heap: build/languages/*.
#
# Part of the top Makefile, which defines BUILD, Q, say, INCLUDES and WARNINGS.
# They link libcairn.a, as a kernel does.

LANGUAGES := $(BUILD)/languages
RUSTC     ?= rustc

$(LANGUAGES)/host.o: tests/languages/host.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(COMMON) -O1 -Iinclude -c $< -o $@

$(LANGUAGES)/new.o: tests/languages/new.cpp
	$(call say,C++,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang++ -std=c++17 -g -O1 -Wall -Wextra -Werror -MMD -MP \
	    -ffreestanding -fno-exceptions -fno-rtti -fno-builtin \
	    -fsized-deallocation -Iinclude -c $< -o $@

# No library of C++.
$(LANGUAGES)/new: $(LANGUAGES)/new.o $(LANGUAGES)/host.o $(BUILD)/x86_64/libcairn.a
	$(call say,LINK,$@)
	$(Q)clang $^ -o $@

$(LANGUAGES)/libcairn_alloc.rlib: examples/rust/src/lib.rs
	$(call say,RUST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)env -u MAKEFLAGS -u MFLAGS $(RUSTC) --edition 2021 -O -C panic=abort -D warnings \
	    --crate-name cairn_alloc --crate-type rlib $< -o $@

$(LANGUAGES)/libglobal.a: tests/languages/global.rs $(LANGUAGES)/libcairn_alloc.rlib
	$(call say,RUST,$<)
	$(Q)env -u MAKEFLAGS -u MFLAGS $(RUSTC) --edition 2021 -O -C panic=abort -D warnings \
	    --crate-type staticlib -L $(LANGUAGES) --extern \
	    cairn_alloc=$(LANGUAGES)/libcairn_alloc.rlib $< -o $@

$(LANGUAGES)/global: $(LANGUAGES)/libglobal.a $(LANGUAGES)/host.o $(BUILD)/x86_64/libcairn.a
	$(call say,LINK,$@)
	$(Q)clang $(LANGUAGES)/host.o $(LANGUAGES)/libglobal.a \
	    $(BUILD)/x86_64/libcairn.a -Wl,--gc-sections -o $@

.PHONY: languages
languages: $(LANGUAGES)/new ## the heap under C++; `make build/languages/global`: under Rust
