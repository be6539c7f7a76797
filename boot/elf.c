/*
 * elf.c - reads the kernel's ELF file and believes nothing in it.
 *
 * HOW    Checks the header, then each program header in the order of the file.
 *        Loadable segments must ascend, as the specification demands, so one
 *        comparison with the segment before shows every overlap.  Sums that
 *        could wrap are avoided by comparing with a difference.
 *
 * FAILS  By an error for each rule; the output is then half-filled.
 *
 * SOURCE System V Application Binary Interface, edition 4.1, chapter 4 "ELF
 *        Header" and chapter 5 "Program Header", with its 64-bit extension;
 *        System V ABI, AMD64 Architecture Processor Supplement 1.0, 4.1.
 *
 * TESTS  fuzz/elf.c; every error is met by a test.
 *
 * NOT    No sections, symbols, relocations, 32-bit files.
 */
#include "boot/elf.h"

#define PAGE_BYTES CAIRN_FRAME_SIZE

/* Indices into and values of e_ident. */
#define IDENT_CLASS         4
#define IDENT_BYTE_ORDER    5
#define IDENT_VERSION       6
#define CLASS_64            2
#define ORDER_LITTLE_ENDIAN 1
#define VERSION_CURRENT     1

#define KIND_EXECUTABLE 2 /* ET_EXEC */
#define KIND_DYNAMIC    3 /* ET_DYN */
#define MACHINE_X86_64  62

#define PROGRAM_LOAD        1 /* PT_LOAD */
#define PROGRAM_INTERPRETER 3 /* PT_INTERP */
#define RIGHT_EXECUTE       1u
#define RIGHT_WRITE         2u

struct file_header {
    uint8_t ident[16];
    uint16_t kind;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t program_offset;
    uint64_t section_offset;
    uint32_t flags;
    uint16_t header_bytes;
    uint16_t program_bytes;
    uint16_t program_count;
    uint16_t section_bytes;
    uint16_t section_count;
    uint16_t section_names;
};
_Static_assert(sizeof(struct file_header) == 64, "layout of Elf64_Ehdr");

struct program_header {
    uint32_t kind;
    uint32_t rights;
    uint64_t offset;
    uint64_t virt;
    uint64_t phys;
    uint64_t file_bytes;
    uint64_t memory_bytes;
    uint64_t align;
};
_Static_assert(sizeof(struct program_header) == 56, "layout of Elf64_Phdr");

static uint64_t round_down(uint64_t value)
{
    return value & ~(PAGE_BYTES - 1);
}

static uint64_t round_up(uint64_t value)
{
    return round_down(value + PAGE_BYTES - 1);
}

static uint64_t segment_end(const struct boot_elf_segment *segment)
{
    return segment->virt + segment->memory_bytes;
}

static bool has_magic(const uint8_t *ident)
{
    return ident[0] == 0x7f && ident[1] == 'E' && ident[2] == 'L' &&
           ident[3] == 'F';
}

/* What kind of file it is. */
static enum boot_elf_error check_identity(const struct file_header *header)
{
    if (!has_magic(header->ident))
        return BOOT_ELF_BAD_MAGIC;
    if (header->ident[IDENT_CLASS] != CLASS_64)
        return BOOT_ELF_BAD_CLASS;
    if (header->ident[IDENT_BYTE_ORDER] != ORDER_LITTLE_ENDIAN)
        return BOOT_ELF_BAD_BYTE_ORDER;
    if (header->ident[IDENT_VERSION] != VERSION_CURRENT ||
        header->version != VERSION_CURRENT)
        return BOOT_ELF_BAD_VERSION;
    if (header->machine != MACHINE_X86_64)
        return BOOT_ELF_BAD_MACHINE;
    if (header->kind != KIND_EXECUTABLE && header->kind != KIND_DYNAMIC)
        return BOOT_ELF_BAD_KIND;
    return BOOT_ELF_OK;
}

/* The program headers lie in the file. */
static enum boot_elf_error check_table(const struct file_header *header,
                                       uint64_t bytes)
{
    uint64_t table = (uint64_t)header->program_count * header->program_bytes;

    if (header->program_count == 0)
        return BOOT_ELF_NO_HEADERS;
    if (header->program_bytes != sizeof(struct program_header))
        return BOOT_ELF_BAD_HEADER_SIZE;
    if (header->program_offset > bytes ||
        table > bytes - header->program_offset)
        return BOOT_ELF_HEADERS_OUTSIDE;
    return BOOT_ELF_OK;
}

/* One loadable segment by itself. */
static enum boot_elf_error check_segment(const struct program_header *program,
                                         uint64_t bytes)
{
    const uint32_t both = RIGHT_WRITE | RIGHT_EXECUTE;

    if (program->memory_bytes < program->file_bytes)
        return BOOT_ELF_SEGMENT_SHRINKS;
    if (program->file_bytes > 0 &&
        (program->offset > bytes ||
         program->file_bytes > bytes - program->offset))
        return BOOT_ELF_SEGMENT_OUTSIDE;
    if (program->memory_bytes > BOOT_ELF_IMAGE_BYTES_MAX)
        return BOOT_ELF_SEGMENT_TOO_LARGE;
    if (program->virt < BOOT_ELF_LOWEST_VIRT ||
        program->virt > UINT64_MAX - PAGE_BYTES - program->memory_bytes)
        return BOOT_ELF_SEGMENT_BAD_ADDRESS;
    if ((program->virt - program->offset) % PAGE_BYTES != 0)
        return BOOT_ELF_SEGMENT_UNALIGNED;
    if ((program->rights & both) == both)
        return BOOT_ELF_SEGMENT_WRITABLE_CODE;
    return BOOT_ELF_OK;
}

/* Add a checked segment behind the others. */
static enum boot_elf_error add_segment(const struct program_header *program,
                                       struct boot_elf *out)
{
    struct boot_elf_segment *segment = &out->segments[out->count];

    if (out->count == BOOT_ELF_SEGMENTS_MAX)
        return BOOT_ELF_TOO_MANY_SEGMENTS;
    if (out->count > 0 && round_down(program->virt) < out->virt_end)
        return BOOT_ELF_SEGMENT_OVERLAPS;

    segment->virt = program->virt;
    segment->memory_bytes = program->memory_bytes;
    segment->file_offset = program->offset;
    segment->file_bytes = program->file_bytes;
    segment->is_writable = program->rights & RIGHT_WRITE;
    segment->is_executable = program->rights & RIGHT_EXECUTE;

    if (out->count == 0)
        out->virt_start = round_down(segment->virt);
    out->virt_end = round_up(segment_end(segment));
    out->count++;
    return BOOT_ELF_OK;
}

static enum boot_elf_error read_program(const struct program_header *program,
                                        uint64_t bytes, struct boot_elf *out)
{
    enum boot_elf_error error;

    if (program->kind == PROGRAM_INTERPRETER)
        return BOOT_ELF_NEEDS_INTERPRETER;
    if (program->kind != PROGRAM_LOAD || program->memory_bytes == 0)
        return BOOT_ELF_OK;

    error = check_segment(program, bytes);
    return error != BOOT_ELF_OK ? error : add_segment(program, out);
}

/* The entry is a byte of the file that will be executable. */
static bool is_entry_code(const struct boot_elf *elf)
{
    for (size_t i = 0; i < elf->count; i++) {
        const struct boot_elf_segment *segment = &elf->segments[i];

        if (segment->is_executable && elf->entry >= segment->virt &&
            elf->entry - segment->virt < segment->file_bytes)
            return true;
    }
    return false;
}

/* The segments together. */
static enum boot_elf_error check_image(const struct boot_elf *elf)
{
    if (elf->count == 0)
        return BOOT_ELF_NO_SEGMENT;
    if (elf->virt_end - elf->virt_start > BOOT_ELF_IMAGE_BYTES_MAX)
        return BOOT_ELF_TOO_LARGE;
    return is_entry_code(elf) ? BOOT_ELF_OK : BOOT_ELF_BAD_ENTRY;
}

enum boot_elf_error boot_elf_read(const void *file, uint64_t bytes,
                                  struct boot_elf *out)
{
    const uint8_t *data = file;
    struct file_header header;
    enum boot_elf_error error;

    if (bytes < sizeof(header))
        return BOOT_ELF_TOO_SHORT;
    __builtin_memcpy(&header, data, sizeof(header));
    error = check_identity(&header);
    if (error == BOOT_ELF_OK)
        error = check_table(&header, bytes);

    out->entry = header.entry;
    out->is_relocatable = header.kind == KIND_DYNAMIC;
    out->count = 0;
    data += error == BOOT_ELF_OK ? header.program_offset : 0;
    for (size_t i = 0; error == BOOT_ELF_OK && i < header.program_count; i++) {
        struct program_header program;

        __builtin_memcpy(&program, data + i * sizeof(program), sizeof(program));
        error = read_program(&program, bytes, out);
    }
    return error != BOOT_ELF_OK ? error : check_image(out);
}

const char *boot_elf_error_text(enum boot_elf_error error)
{
    static const char *const texts[BOOT_ELF_ERROR_COUNT] = {
        [BOOT_ELF_OK] = "it is right",
        [BOOT_ELF_TOO_SHORT] = "it is shorter than an ELF header",
        [BOOT_ELF_BAD_MAGIC] = "it is no ELF file",
        [BOOT_ELF_BAD_CLASS] = "it is not for 64 bits",
        [BOOT_ELF_BAD_BYTE_ORDER] = "it is not little-endian",
        [BOOT_ELF_BAD_VERSION] = "it has an unknown version of ELF",
        [BOOT_ELF_BAD_MACHINE] = "it is not for x86_64",
        [BOOT_ELF_BAD_KIND] = "it is not linked to an executable",
        [BOOT_ELF_NO_HEADERS] = "it has no program headers",
        [BOOT_ELF_BAD_HEADER_SIZE] = "its program headers are not 56 bytes",
        [BOOT_ELF_HEADERS_OUTSIDE] = "its program headers are cut off",
        [BOOT_ELF_NEEDS_INTERPRETER] = "it asks for a dynamic linker",
        [BOOT_ELF_SEGMENT_SHRINKS] = "a segment is larger than its memory",
        [BOOT_ELF_SEGMENT_OUTSIDE] = "a segment is cut off",
        [BOOT_ELF_SEGMENT_TOO_LARGE] = "a segment is larger than 64 MiB",
        [BOOT_ELF_SEGMENT_BAD_ADDRESS] =
            "a segment is not in the top 2 GiB of addresses",
        [BOOT_ELF_SEGMENT_UNALIGNED] =
            "a segment's address and place in the file differ within a page",
        [BOOT_ELF_SEGMENT_WRITABLE_CODE] =
            "a segment is both writable and executable",
        [BOOT_ELF_SEGMENT_OVERLAPS] =
            "segments share a page or are not in order",
        [BOOT_ELF_TOO_MANY_SEGMENTS] = "it has more than 16 segments",
        [BOOT_ELF_NO_SEGMENT] = "it has nothing to load",
        [BOOT_ELF_TOO_LARGE] = "it takes more than 64 MiB of memory",
        [BOOT_ELF_BAD_ENTRY] = "its entry point is not in executable code",
    };

    if ((unsigned)error >= BOOT_ELF_ERROR_COUNT)
        return "unknown error";
    return texts[error];
}
