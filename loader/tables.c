/*
 * tables.c - the page tables that the kernel starts on.
 *
 * WHAT   the kernel's image     at the place that image.c has chosen, each
 *                               segment with its own rights
 *        the window             RAM at a base (boot/places.h) plus its physical
 *                               address; writable, but for what is executable
 *                               or constant elsewhere: the image and the page
 *                               of enter_kernel
 *        the screen             at BOOT_SCREEN_HOME, writable
 *        the memory map         at CAIRN_HANDOFF_MAP_WINDOW, read-only
 *        enter_kernel's page    at its own address, executable
 *
 *        No byte of memory is writable through one mapping and executable
 *        through another.
 *
 * HOW    RAM is what the firmware's map calls so: kinds that the kernel could
 *        ever own or must read.  Devices, reserved ranges and holes stay
 *        unmapped, to the page, also where a large page would be handy: a
 *        cacheable alias of a device is worse than a fault.  So the hand-off's
 *        window_bytes is where the last RAM ends (rounded up to 2 MiB), and
 *        not all below it is there.
 *
 *        The map may be unsorted and overlap, so RAM is found by asking for
 *        the next run from an address on, which is quadratic in some hundred
 *        descriptors.
 *
 *        The tables come from one run of frames, whose length is estimated
 *        from above by walking the same pieces that will be mapped; what is
 *        left over goes back to the firmware.
 *
 *        The screen is mapped as ordinary memory: the firmware's MTRRs make it
 *        uncached or write-combining, and either is right.
 *
 * FAILS  With a message.
 */
#include "boot/tables.h"
#include "loader/loader.h"

#define WINDOW_ROUNDING (2 * CAIRN_MIB)
#define SPAN_TABLE      (2 * CAIRN_MIB) /* what one table of each level maps */
#define SPAN_DIRECTORY  CAIRN_GIB
#define SPAN_POINTERS   (512 * CAIRN_GIB)
#define SPAN_LEVEL_4    (256 * CAIRN_TIB) /* with 5 levels it is no root */

/* A part of RAM that has the same rights throughout. */
struct piece {
    uint64_t start;
    uint64_t end;
    unsigned flags;
};

/* One mapping; for messages it has a name. */
struct mapping {
    const char *name;
    uint64_t virt;
    uint64_t phys;
    uint64_t bytes;
    unsigned flags;
};

struct pool {
    uint64_t next;
    uint64_t end;
};

static uint64_t page_down(uint64_t value)
{
    return value & ~(CAIRN_FRAME_SIZE - 1);
}

static uint64_t page_up(uint64_t value)
{
    return page_down(value + CAIRN_FRAME_SIZE - 1);
}

/* ---- What is RAM --------------------------------------------------------- */

static bool is_ram(uint32_t kind)
{
    return (kind >= EFI_LOADER_CODE && kind <= EFI_CONVENTIONAL) ||
           kind == EFI_ACPI_RECLAIM || kind == EFI_ACPI_NVS;
}

/* Entry `index` of the map as a range of whole pages, empty if not RAM. */
static struct piece ram_entry(const struct memory_map *map, uint64_t index)
{
    struct efi_memory_descriptor descriptor = memory_map_entry(map, index);
    struct piece ram = {.start = page_down(descriptor.phys)};
    uint64_t pages = descriptor.pages;

    if (is_ram(descriptor.kind) && ram.start < CAIRN_PHYS_LIMIT &&
        pages <= (CAIRN_PHYS_LIMIT - ram.start) / EFI_PAGE_BYTES)
        ram.end = ram.start + pages * EFI_PAGE_BYTES;
    return ram;
}

/* The lowest address of RAM at or above `from`; UINT64_MAX if there is none. */
static uint64_t next_ram(const struct memory_map *map, uint64_t from)
{
    uint64_t lowest = UINT64_MAX;

    for (uint64_t i = 0; i < memory_map_count(map); i++) {
        struct piece ram = ram_entry(map, i);

        if (ram.start < from)
            ram.start = from;
        if (ram.start < ram.end && ram.start < lowest)
            lowest = ram.start;
    }
    return lowest;
}

/* Where the RAM ends that `from` lies in. */
static uint64_t ram_end(const struct memory_map *map, uint64_t from)
{
    uint64_t end = from;
    bool has_grown = true;

    while (has_grown) {
        has_grown = false;
        for (uint64_t i = 0; i < memory_map_count(map); i++) {
            struct piece ram = ram_entry(map, i);

            if (ram.start <= end && ram.end > end) {
                end = ram.end;
                has_grown = true;
            }
        }
    }
    return end;
}

/* ---- The window ---------------------------------------------------------- */

/* Cut `piece` so that it is inside or outside of [start, end). */
static void cut_read_only(struct piece *piece, uint64_t start, uint64_t end)
{
    if (piece->start >= start && piece->start < end) {
        piece->flags &= ~BOOT_TABLES_WRITABLE;
        if (piece->end > end)
            piece->end = end;
    } else if (piece->start < start && piece->end > start) {
        piece->end = start;
    }
}

/* The physical pages of a segment of the image. */
static struct mapping segment_mapping(const struct loader *loader, size_t index)
{
    const struct boot_elf_segment *segment = &loader->kernel.segments[index];
    uint64_t virt = page_down(segment->virt);
    struct mapping mapping = {
        .name = "the kernel",
        .virt = virt + loader->slide,
        .phys = loader->handoff->kernel_phys + virt - loader->kernel.virt_start,
        .bytes = page_up(segment->virt + segment->memory_bytes) - virt,
        .flags = BOOT_TABLES_GLOBAL,
    };

    if (segment->is_writable)
        mapping.flags |= BOOT_TABLES_WRITABLE;
    if (segment->is_executable)
        mapping.flags |= BOOT_TABLES_EXECUTABLE;
    return mapping;
}

/* Choose where the window is; it reaches to where the last RAM ends. */
static efi_status place_window(struct loader *loader)
{
    struct cairn_handoff *handoff = loader->handoff;
    struct boot_place place;
    uint64_t end = 0, next, room;

    while ((next = next_ram(&loader->map, end)) != UINT64_MAX)
        end = ram_end(&loader->map, next);
    end = (end + WINDOW_ROUNDING - 1) & ~(WINDOW_ROUNDING - 1);
    room = end > BOOT_WINDOW_BYTES_MIN ? end : BOOT_WINDOW_BYTES_MIN;
    if (!boot_place_choose(&boot_slide_window, room, loader->chance, &place))
        return console_fail(EFI_UNSUPPORTED,
                            "no addresses to show %llu GiB of memory at.\n"
                            "  Take some of it out, please.\n",
                            end / CAIRN_GIB);
    handoff->window_base = place.start;
    handoff->window_bytes = end;
    handoff->window_places = place.places;
    return EFI_SUCCESS;
}

/* Step from one piece of the window to the next, beginning with {0, 0}. */
static bool next_piece(const struct loader *loader, struct piece *piece)
{
    piece->start = next_ram(&loader->map, piece->end);
    if (piece->start == UINT64_MAX)
        return false;
    piece->end = ram_end(&loader->map, piece->start);
    piece->flags = BOOT_TABLES_WRITABLE | BOOT_TABLES_GLOBAL;

    cut_read_only(piece, enter_page(), enter_page() + EFI_PAGE_BYTES);
    for (size_t i = 0; i < loader->kernel.count; i++) {
        struct mapping segment = segment_mapping(loader, i);

        if (!loader->kernel.segments[i].is_writable)
            cut_read_only(piece, segment.phys, segment.phys + segment.bytes);
    }
    return true;
}

/* ---- How many tables, at most -------------------------------------------- */

static uint64_t spans(uint64_t start, uint64_t bytes, uint64_t span)
{
    return (start + bytes - 1) / span - start / span + 1;
}

/* If all of it is mapped by small pages. */
static uint64_t count_small(const struct mapping *mapping)
{
    return spans(mapping->virt, mapping->bytes, SPAN_TABLE) +
           spans(mapping->virt, mapping->bytes, SPAN_DIRECTORY) +
           spans(mapping->virt, mapping->bytes, SPAN_POINTERS) +
           spans(mapping->virt, mapping->bytes, SPAN_LEVEL_4);
}

/* Small pages only at both ends, as virtual and physical are congruent. */
static uint64_t count_window(const struct loader *loader)
{
    struct piece piece = {0, 0, 0};
    uint64_t count = 0;

    while (next_piece(loader, &piece)) {
        uint64_t bytes = piece.end - piece.start;

        count += 2 + spans(piece.start, bytes, SPAN_DIRECTORY) +
                 spans(piece.start, bytes, SPAN_POINTERS) +
                 spans(piece.start, bytes, SPAN_LEVEL_4);
    }
    return count;
}

/* ---- Mapping ------------------------------------------------------------- */

static bool take_frame(void *context, uint64_t *phys)
{
    struct pool *pool = context;

    if (pool->next == pool->end)
        return false;
    *phys = pool->next;
    pool->next += CAIRN_FRAME_SIZE;
    return true;
}

static efi_status map(struct boot_tables *tables, const struct mapping *mapping)
{
    if (boot_tables_map(tables, mapping->virt, mapping->phys, mapping->bytes,
                        mapping->flags))
        return EFI_SUCCESS;
    return console_fail(
        EFI_LOAD_ERROR,
        "cannot map %s: %llu KiB at 0x%llx to 0x%llx.\n"
        "  Report this with the memory map of the machine, please.\n",
        mapping->name, mapping->bytes / CAIRN_KIB, mapping->virt,
        mapping->phys);
}

static efi_status map_window(struct loader *loader, struct boot_tables *tables)
{
    struct piece piece = {0, 0, 0};
    efi_status status = EFI_SUCCESS;

    while (status == EFI_SUCCESS && next_piece(loader, &piece)) {
        struct mapping mapping = {
            .name = "memory",
            .virt = loader->handoff->window_base + piece.start,
            .phys = piece.start,
            .bytes = piece.end - piece.start,
            .flags = piece.flags,
        };

        status = map(tables, &mapping);
    }
    return status;
}

/* Everything but the window: the image, and these. */
enum {
    MAPPING_MEMORY_MAP,
    MAPPING_ENTER,
    MAPPING_SCREEN,
    MAPPING_COUNT
};

static void fill_mappings(const struct loader *loader,
                          struct mapping mappings[MAPPING_COUNT])
{
    const struct cairn_handoff *handoff = loader->handoff;
    uint64_t screen = page_down(handoff->framebuffer_base);

    mappings[MAPPING_MEMORY_MAP] = (struct mapping){
        .name = "the memory map",
        .virt = CAIRN_HANDOFF_MAP_WINDOW,
        .phys = loader->map.base,
        .bytes = loader->map.capacity,
        .flags = BOOT_TABLES_GLOBAL,
    };
    mappings[MAPPING_ENTER] = (struct mapping){
        .name = "the way to the kernel",
        .virt = enter_page(),
        .phys = enter_page(),
        .bytes = EFI_PAGE_BYTES,
        .flags = BOOT_TABLES_EXECUTABLE,
    };
    mappings[MAPPING_SCREEN] = (struct mapping){
        .name = "the screen",
        .virt = BOOT_SCREEN_HOME,
        .phys = screen,
        .bytes =
            page_up(handoff->framebuffer_base + handoff->framebuffer_bytes) -
            screen,
        .flags = BOOT_TABLES_WRITABLE | BOOT_TABLES_GLOBAL,
    };
}

static uint64_t count_all(const struct loader *loader)
{
    struct mapping mappings[MAPPING_COUNT];
    uint64_t count = 1 + count_window(loader);

    fill_mappings(loader, mappings);
    for (size_t i = 0; i < MAPPING_COUNT; i++)
        if (mappings[i].bytes > 0)
            count += count_small(&mappings[i]);
    for (size_t i = 0; i < loader->kernel.count; i++) {
        struct mapping segment = segment_mapping(loader, i);

        count += count_small(&segment);
    }
    return count;
}

static efi_status map_all(struct loader *loader, struct boot_tables *tables)
{
    struct mapping mappings[MAPPING_COUNT];
    efi_status status = map_window(loader, tables);

    fill_mappings(loader, mappings);
    for (size_t i = 0; status == EFI_SUCCESS && i < MAPPING_COUNT; i++)
        status = map(tables, &mappings[i]);
    for (size_t i = 0; status == EFI_SUCCESS && i < loader->kernel.count; i++) {
        struct mapping segment = segment_mapping(loader, i);

        status = map(tables, &segment);
    }
    return status;
}

efi_status tables_build(struct loader *loader)
{
    struct pool pool;
    struct boot_tables tables = {
        .levels = loader->levels, .alloc = take_frame, .context = &pool};
    uint64_t start, bytes;
    efi_status status = memory_map_take(loader);

    if (status != EFI_SUCCESS)
        return console_fail(status, "cannot get the memory map: %s.\n",
                            console_status_text(status));
    status = place_window(loader);
    if (status != EFI_SUCCESS)
        return status;
    bytes = count_all(loader) * CAIRN_FRAME_SIZE;
    status = memory_alloc(loader, "page tables", bytes, &start);
    if (status != EFI_SUCCESS)
        return status;
    pool.next = start;
    pool.end = start + bytes;

    if (!boot_tables_init(&tables))
        return EFI_OUT_OF_RESOURCES; /* cannot be: one frame is there */
    status = map_all(loader, &tables);
    if (status != EFI_SUCCESS)
        return status;
    loader->root = tables.root;
    memory_free(loader, start, tables.frames * CAIRN_FRAME_SIZE);
    console_print("[cairn] page tables: %llu KiB, window of %llu MiB\n",
                  tables.frames * CAIRN_FRAME_SIZE / CAIRN_KIB,
                  loader->handoff->window_bytes / CAIRN_MIB);
    return EFI_SUCCESS;
}
