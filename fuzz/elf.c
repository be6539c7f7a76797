/*
 * fuzz/elf.c - any bytes as the kernel's ELF file.
 *
 * INPUT  The file, at any alignment.
 *
 * What boot_elf_read lets pass is loaded as the loader would: each byte of each
 * segment is read, and the segments must fit into the image without sharing a
 * page.
 */
#include "fuzz.h"

#include "boot/elf.h"

static uint64_t page_of(uint64_t address)
{
    return address / FUZZ_PAGE;
}

/* Read a byte for nothing but the access. */
static void touch(const volatile uint8_t *byte)
{
    (void)*byte;
}

/* One segment by itself, and every byte that the loader would copy. */
static void check_segment(const struct fuzz_input *input,
                          const struct boot_elf *elf,
                          const struct boot_elf_segment *segment)
{
    uint64_t last = segment->virt + (segment->memory_bytes - 1);

    FUZZ_CHECK(segment->memory_bytes >= 1);
    FUZZ_CHECK(segment->memory_bytes >= segment->file_bytes);
    FUZZ_CHECK(segment->virt >= elf->virt_start && last < elf->virt_end);
    FUZZ_CHECK(last >= segment->virt);
    FUZZ_CHECK(!segment->is_writable || !segment->is_executable);
    FUZZ_CHECK(segment->file_bytes <= input->size);
    for (uint64_t i = 0; i < segment->file_bytes; i++)
        touch(&input->bytes[segment->file_offset + i]);
}

static void check_image(const struct boot_elf *elf)
{
    bool is_entry_found = false;

    FUZZ_CHECK(elf->count >= 1 && elf->count <= BOOT_ELF_SEGMENTS_MAX);
    FUZZ_CHECK(elf->virt_start >= BOOT_ELF_LOWEST_VIRT);
    FUZZ_CHECK(elf->virt_start < elf->virt_end);
    FUZZ_CHECK(elf->virt_start % FUZZ_PAGE == 0);
    FUZZ_CHECK(elf->virt_end % FUZZ_PAGE == 0);
    FUZZ_CHECK(elf->virt_end - elf->virt_start <= BOOT_ELF_IMAGE_BYTES_MAX);
    for (size_t i = 0; i < elf->count; i++) {
        const struct boot_elf_segment *segment = &elf->segments[i];
        uint64_t offset = elf->entry - segment->virt;

        if (i > 0)
            FUZZ_CHECK(
                page_of(segment->virt) >
                page_of(segment[-1].virt + segment[-1].memory_bytes - 1));
        if (segment->is_executable && offset < segment->file_bytes)
            is_entry_found = true;
    }
    FUZZ_CHECK(is_entry_found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_place(data, size, 1);
    struct boot_elf elf;
    enum boot_elf_error error = boot_elf_read(input.bytes, input.size, &elf);

    FUZZ_CHECK((unsigned)error < BOOT_ELF_ERROR_COUNT);
    FUZZ_CHECK(boot_elf_error_text(error)[0] != '\0');
    if (error != BOOT_ELF_OK)
        return 0;
    check_image(&elf);
    for (size_t i = 0; i < elf.count; i++)
        check_segment(&input, &elf, &elf.segments[i]);
    return 0;
}
