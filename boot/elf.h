/*
 * elf.h - reads the kernel's ELF file and believes nothing in it.
 *
 * Accepts what a kernel of ours is: x86_64, little-endian, ET_EXEC or ET_DYN,
 * linked into the top 2 GiB, needing no relocation there, with segments whose
 * pages are disjoint and never both writable and executable.  Pure code: it
 * reads the file's bytes, writes its output, and calls nothing.
 *
 *   error = boot_elf_read(file, bytes, &elf);
 *   if (error != BOOT_ELF_OK)
 *       say(boot_elf_error_text(error));
 *   for each of elf.segments: copy file_bytes bytes from file + file_offset to
 *   image + (virt - elf.virt_start); the rest of the image is zero.
 */
#ifndef BOOT_ELF_H
#define BOOT_ELF_H

#include <cairn/types.h>

#define BOOT_ELF_SEGMENTS_MAX    16
#define BOOT_ELF_IMAGE_BYTES_MAX (64 * CAIRN_MIB)
#define BOOT_ELF_LOWEST_VIRT     ((uint64_t)0xffffffff80000000)

/* A part of the image with rights of its own. */
struct boot_elf_segment {
    uint64_t virt;         /* any alignment; pages of segments are disjoint */
    uint64_t memory_bytes; /* at least 1 and file_bytes; the rest is zero */
    uint64_t file_offset;
    uint64_t file_bytes;
    bool is_writable;
    bool is_executable; /* never both */
};

struct boot_elf {
    uint64_t virt_start; /* of the image; whole pages */
    uint64_t virt_end;   /* exclusive */
    uint64_t entry;      /* virtual, in a segment that is executable */
    bool is_relocatable; /* it may run elsewhere, too */
    struct boot_elf_segment segments[BOOT_ELF_SEGMENTS_MAX]; /* ascending */
    size_t count;
};

/* What is wrong with a file; one value for each rule. */
enum boot_elf_error {
    BOOT_ELF_OK = 0,
    BOOT_ELF_TOO_SHORT,
    BOOT_ELF_BAD_MAGIC,
    BOOT_ELF_BAD_CLASS,
    BOOT_ELF_BAD_BYTE_ORDER,
    BOOT_ELF_BAD_VERSION,
    BOOT_ELF_BAD_MACHINE,
    BOOT_ELF_BAD_KIND,
    BOOT_ELF_NO_HEADERS,
    BOOT_ELF_BAD_HEADER_SIZE,
    BOOT_ELF_HEADERS_OUTSIDE,
    BOOT_ELF_NEEDS_INTERPRETER,
    BOOT_ELF_SEGMENT_SHRINKS,
    BOOT_ELF_SEGMENT_OUTSIDE,
    BOOT_ELF_SEGMENT_TOO_LARGE,
    BOOT_ELF_SEGMENT_BAD_ADDRESS,
    BOOT_ELF_SEGMENT_UNALIGNED,
    BOOT_ELF_SEGMENT_WRITABLE_CODE,
    BOOT_ELF_SEGMENT_OVERLAPS,
    BOOT_ELF_TOO_MANY_SEGMENTS,
    BOOT_ELF_NO_SEGMENT,
    BOOT_ELF_TOO_LARGE,
    BOOT_ELF_BAD_ENTRY,
    BOOT_ELF_ERROR_COUNT
};

/*
 * Read the file's headers.
 *
 *   file   `bytes` bytes at any alignment, NULL only if there are none
 *   out    meaningful only if the result is BOOT_ELF_OK
 *
 * Returns  the first rule found broken.
 * Cost     linear in the number of program headers.
 */
CAIRN_MUST_CHECK enum boot_elf_error
boot_elf_read(const void *file, uint64_t bytes, struct boot_elf *out);

/* Half a sentence about the file, for messages; never NULL. */
const char *boot_elf_error_text(enum boot_elf_error error);

#endif
