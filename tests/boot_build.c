/*
 * boot_build.c - boot structures as the loaders write them; see boot_build.h.
 *
 * HOW    All pieces of a test lie in one block, taken from its start upwards.
 *        Numbers are written byte by byte at the offsets of the specification,
 *        so nothing here depends on how a compiler lays out a structure,
 *        except for Limine, whose structures hold pointers.
 *
 * SOURCE as named in the adapters, src/memmap/.
 */
#include "boot_build.h"

#include "base/memory.h"
#include <cairn/format.h>
#include <cairn/init.h>
#include <cairn/platform.h>

struct cairn_boot build_boot;
struct cairn_boot build_other;
struct cairn_early build_early;

#define PAGE CAIRN_FRAME_SIZE

/* ---- Memory -------------------------------------------------------------- */

void build_begin(struct build *build)
{
    build->size = BUILD_BYTES;
    build->used = 0;
    build->is_spread = false;
    build->bytes = test_memory(BUILD_BYTES, &build->phys);
}

void build_clear(struct build *build)
{
    build_fill(build, 0);
    build->used = 0;
}

void build_fill(struct build *build, uint8_t value)
{
    memset(build->bytes, value, build->used);
}

uint64_t build_take(struct build *build, size_t bytes, size_t align)
{
    uint64_t phys = build->phys + build->used;
    size_t offset;

    if (build->is_spread && align < PAGE)
        align = PAGE;
    phys = (phys + align - 1) & ~(uint64_t)(align - 1);
    offset = (size_t)(phys - build->phys);
    if (offset > build->size || bytes > build->size - offset)
        test_fail(__FILE__, __LINE__, "out of memory for boot structures");
    build->used = offset + bytes;
    return phys;
}

uint64_t build_take_end(struct build *build, size_t bytes)
{
    build->used = build->size;
    return build->phys + build->size - bytes;
}

bool build_has_end(const struct build *build)
{
    cairn_phys end = {build->phys + build->size};

    return cairn_platform_phys_to_virt(end, 1) == NULL;
}

uint8_t *build_at(const struct build *build, uint64_t phys)
{
    return build->bytes + (size_t)(phys - build->phys);
}

static void put(const struct build *build, uint64_t phys, uint64_t value,
                size_t bytes)
{
    uint8_t *to = build_at(build, phys);

    for (size_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

void build_put16(const struct build *build, uint64_t phys, uint16_t value)
{
    put(build, phys, value, 2);
}

void build_put32(const struct build *build, uint64_t phys, uint32_t value)
{
    put(build, phys, value, 4);
}

void build_put64(const struct build *build, uint64_t phys, uint64_t value)
{
    put(build, phys, value, 8);
}

static size_t text_bytes(const char *text)
{
    size_t bytes = 1;

    while (text[bytes - 1] != '\0')
        bytes++;
    return bytes;
}

uint64_t build_text(struct build *build, const char *text)
{
    uint64_t phys;

    if (text == NULL)
        return 0;
    phys = build_take(build, text_bytes(text), 1);
    memcpy(build_at(build, phys), text, text_bytes(text));
    return phys;
}

uint32_t build_nowhere_32(void)
{
    uint32_t address = 0xfff00000u;

    if (cairn_platform_phys_to_virt(cairn_phys_make(address), 1) == NULL)
        return address;
    return 0;
}

static uint32_t stride_of(const struct build_input *input, uint32_t usual)
{
    return input->stride != 0 ? input->stride : usual;
}

/* ---- Multiboot 1 --------------------------------------------------------- */

static void put_mb1_map(struct build *build, uint64_t info,
                        const struct build_input *input)
{
    uint32_t stride = stride_of(input, 24);
    size_t bytes = input->count * stride;
    uint64_t at = build_take(build, bytes, 4);

    build_put32(build, info + MB1_MAP, (uint32_t)at);
    build_put32(build, info + MB1_MAP_BYTES, (uint32_t)bytes);
    for (size_t i = 0; i < input->count; i++, at += stride) {
        build_put32(build, at, stride - 4);
        build_put64(build, at + 4, input->entries[i].base);
        build_put64(build, at + 12, input->entries[i].length);
        build_put32(build, at + 20, input->entries[i].number);
    }
}

static void put_mb1_modules(struct build *build, uint64_t info,
                            const struct build_input *input)
{
    uint64_t at = build_take(build, input->module_count * 16, 4);

    build_put32(build, info + MB1_MODULES, (uint32_t)at);
    build_put32(build, info + MB1_MODULE_COUNT, (uint32_t)input->module_count);
    for (size_t i = 0; i < input->module_count; i++, at += 16) {
        const struct build_module *module = &input->modules[i];

        build_put32(build, at, (uint32_t)module->start);
        build_put32(build, at + 4, (uint32_t)(module->start + module->bytes));
        build_put32(build, at + 8, (uint32_t)build_text(build, module->name));
    }
}

static void put_mb1_screen(const struct build *build, uint64_t info,
                           const struct build_screen *screen)
{
    uint8_t *colours = build_at(build, info + MB1_SCREEN_COLOURS);

    build_put64(build, info + MB1_SCREEN_BASE, screen->base);
    build_put32(build, info + MB1_SCREEN_PITCH, screen->pitch_bytes);
    build_put32(build, info + MB1_SCREEN_WIDTH, screen->width);
    build_put32(build, info + MB1_SCREEN_HEIGHT, screen->height);
    *build_at(build, info + MB1_SCREEN_BITS) = screen->bits;
    *build_at(build, info + MB1_SCREEN_TYPE) = 1;
    colours[0] = screen->red_shift;
    colours[2] = screen->green_shift;
    colours[4] = screen->blue_shift;
    colours[1] = colours[3] = colours[5] = 8;
}

uint64_t build_multiboot1(struct build *build, const struct build_input *input)
{
    bool has_screen = input->screen != NULL;
    size_t bytes = has_screen ? MB1_BYTES : MB1_BYTES_SHORT;
    uint64_t info = build_take(build, bytes, 4);
    uint32_t flags = MB1_HAS_MAP | (has_screen ? MB1_HAS_SCREEN : 0);

    put_mb1_map(build, info, input);
    if (has_screen)
        put_mb1_screen(build, info, input->screen);
    if (input->module_count > 0) {
        put_mb1_modules(build, info, input);
        flags |= MB1_HAS_MODULES;
    }
    if (input->command_line != NULL)
        flags |= MB1_HAS_COMMAND_LINE;
    if (input->loader != NULL)
        flags |= MB1_HAS_LOADER_NAME;
    build_put32(build, info + MB1_COMMAND_LINE,
                (uint32_t)build_text(build, input->command_line));
    build_put32(build, info + MB1_LOADER_NAME,
                (uint32_t)build_text(build, input->loader));
    build_put32(build, info + MB1_FLAGS, flags);
    return info;
}

/* ---- Multiboot 2 --------------------------------------------------------- */

uint64_t build_tags_begin(struct build *build)
{
    return build_take(build, 8, 8);
}

uint64_t build_tag(struct build *build, uint32_t type, uint32_t bytes)
{
    uint64_t tag = build_take(build, 8 + bytes, 8);

    (void)build_take(build, 0, 8);
    build_put32(build, tag, type);
    build_put32(build, tag + 4, 8 + bytes);
    return tag + 8;
}

void build_tag_text(struct build *build, uint32_t type, const char *text)
{
    size_t bytes = text_bytes(text);
    uint64_t data = build_tag(build, type, (uint32_t)bytes);

    memcpy(build_at(build, data), text, bytes);
}

uint64_t build_tag_map(struct build *build, const struct build_input *input)
{
    uint32_t stride = stride_of(input, 24);
    uint64_t data =
        build_tag(build, MB2_MAP, 8 + (uint32_t)input->count * stride);
    uint64_t at = data + 8;

    build_put32(build, data, stride);
    for (size_t i = 0; i < input->count; i++, at += stride) {
        build_put64(build, at, input->entries[i].base);
        build_put64(build, at + 8, input->entries[i].length);
        build_put32(build, at + 16, input->entries[i].number);
    }
    return data;
}

static void put_descriptors(struct build *build, uint64_t at,
                            const struct build_input *input)
{
    for (size_t i = 0; i < input->count; i++) {
        const struct test_map_entry *entry = &input->entries[i];

        build_put32(build, at, entry->number);
        build_put64(build, at + 8, entry->base);
        build_put64(build, at + 16, 0xdddddddddddddddd); /* virtual: unused */
        build_put64(build, at + 24, entry->length / PAGE);
        build_put64(build, at + 32, entry->attribute);
        at += stride_of(input, BUILD_STRIDE);
    }
}

uint64_t build_tag_uefi(struct build *build, const struct build_input *input)
{
    uint32_t stride = stride_of(input, BUILD_STRIDE);
    uint64_t data =
        build_tag(build, MB2_UEFI_MAP, 8 + (uint32_t)input->count * stride);

    build_put32(build, data, stride);
    build_put32(build, data + 4, 1);
    put_descriptors(build, data + 8, input);
    return data;
}

void build_tags_end(struct build *build, uint64_t info)
{
    (void)build_tag(build, MB2_END, 0);
    build_put32(build, info, (uint32_t)(build->phys + build->used - info));
}

static void put_mb2_screen(struct build *build,
                           const struct build_screen *screen)
{
    uint64_t data = build_tag(build, MB2_SCREEN, 30);
    uint8_t *bytes = build_at(build, data);

    build_put64(build, data, screen->base);
    build_put32(build, data + 8, screen->pitch_bytes);
    build_put32(build, data + 12, screen->width);
    build_put32(build, data + 16, screen->height);
    bytes[20] = screen->bits;
    bytes[21] = 1;
    bytes[24] = screen->red_shift;
    bytes[26] = screen->green_shift;
    bytes[28] = screen->blue_shift;
    bytes[25] = bytes[27] = bytes[29] = 8;
}

static void put_mb2_module(struct build *build,
                           const struct build_module *module)
{
    size_t bytes = text_bytes(module->name);
    uint64_t data = build_tag(build, MB2_MODULE, 8 + (uint32_t)bytes);

    build_put32(build, data, (uint32_t)module->start);
    build_put32(build, data + 4, (uint32_t)(module->start + module->bytes));
    memcpy(build_at(build, data + 8), module->name, bytes);
}

uint64_t build_multiboot2(struct build *build, const struct build_input *input)
{
    uint64_t info = build_tags_begin(build);

    if (input->command_line != NULL)
        build_tag_text(build, MB2_COMMAND_LINE, input->command_line);
    if (input->loader != NULL)
        build_tag_text(build, MB2_LOADER_NAME, input->loader);
    for (size_t i = 0; i < input->module_count; i++)
        put_mb2_module(build, &input->modules[i]);
    (void)build_tag_map(build, input);
    if (input->screen != NULL)
        put_mb2_screen(build, input->screen);
    if (input->rsdp != 0)
        (void)build_tag(build, MB2_RSDP_2, 36);
    build_tags_end(build, info);
    return info;
}

/* ---- PVH ----------------------------------------------------------------- */

static void put_pvh_modules(struct build *build, uint64_t start,
                            const struct build_input *input)
{
    uint64_t at = build_take(build, input->module_count * 32, 8);

    build_put32(build, start + PVH_START_MODULE_COUNT,
                (uint32_t)input->module_count);
    build_put64(build, start + PVH_START_MODULES, at);
    for (size_t i = 0; i < input->module_count; i++, at += 32) {
        build_put64(build, at, input->modules[i].start);
        build_put64(build, at + 8, input->modules[i].bytes);
        build_put64(build, at + 16, build_text(build, input->modules[i].name));
    }
}

uint64_t build_pvh(struct build *build, const struct build_input *input)
{
    uint64_t start = build_take(build, PVH_START_BYTES, 8);
    uint64_t at = build_take(build, input->count * 24, 8);

    build_put32(build, start + PVH_START_MAGIC, PVH_MAGIC);
    build_put32(build, start + PVH_START_VERSION, 1);
    build_put64(build, start + PVH_START_RSDP, input->rsdp);
    build_put64(build, start + PVH_START_MAP, at);
    build_put32(build, start + PVH_START_MAP_COUNT, (uint32_t)input->count);
    for (size_t i = 0; i < input->count; i++, at += 24) {
        build_put64(build, at, input->entries[i].base);
        build_put64(build, at + 8, input->entries[i].length);
        build_put32(build, at + 16, input->entries[i].number);
    }
    if (input->module_count > 0)
        put_pvh_modules(build, start, input);
    build_put64(build, start + PVH_START_COMMAND_LINE,
                build_text(build, input->command_line));
    return start;
}

/* ---- UEFI and the hand-off ----------------------------------------------- */

uint64_t build_uefi(struct build *build, const struct build_input *input,
                    size_t skew)
{
    size_t bytes = input->count * stride_of(input, BUILD_STRIDE);
    uint64_t at = build_take(build, bytes + skew, 16) + skew;

    put_descriptors(build, at, input);
    return at;
}

static void put_handoff_map(struct build *build,
                            const struct build_input *input,
                            struct cairn_handoff *out)
{
    out->map_descriptor_bytes = stride_of(input, BUILD_STRIDE);
    out->map_descriptor_version = 1;
    out->map_entries = input->count;
    out->map_bytes = input->count * out->map_descriptor_bytes;
    out->map_base = build_uefi(build, input, 0);
}

static void put_handoff_screen(const struct build_screen *screen,
                               struct cairn_handoff *out)
{
    out->framebuffer_base = screen->base;
    out->framebuffer_bytes = (uint64_t)screen->pitch_bytes * screen->height;
    out->framebuffer_width = screen->width;
    out->framebuffer_height = screen->height;
    out->framebuffer_stride = screen->pitch_bytes / 4;
    out->framebuffer_is_rgb = screen->red_shift == 0;
}

static void put_handoff_kernel(struct build *build, struct cairn_handoff *out)
{
    out->kernel_bytes = 4 * PAGE;
    out->kernel_phys = build_take(build, 4 * PAGE, PAGE);
    out->kernel_entry = out->kernel_phys + 0x40;
    out->kernel_virt = BUILD_KERNEL_VIRT;
    out->temp_heap_bytes = 4 * PAGE;
    out->temp_heap_base = build_take(build, 4 * PAGE, PAGE);
    out->range_count = BUILD_RANGES;
    for (size_t i = 0; i < BUILD_RANGES; i++) {
        out->ranges[i].bytes = PAGE;
        out->ranges[i].start = build_take(build, PAGE, PAGE);
    }
}

void build_handoff(struct build *build, const struct build_input *input,
                   struct cairn_handoff *out)
{
    *out = (struct cairn_handoff){
        .magic = CAIRN_HANDOFF_MAGIC,
        .size = sizeof(*out),
        .version = CAIRN_HANDOFF_VERSION,
        .cpu_count = input->cpu_count != 0 ? input->cpu_count : 1,
        .boot_services_exited = 1,
        .window_base = 0xffff800000000000,
        .window_bytes = 4 * CAIRN_GIB,
        .rsdp = input->rsdp,
        .system_table = BUILD_SYSTEM_TABLE,
    };
    put_handoff_kernel(build, out);
    put_handoff_map(build, input, out);
    if (input->screen != NULL)
        put_handoff_screen(input->screen, out);
    out->command_line = build_text(build, input->command_line);
    if (input->command_line != NULL)
        out->command_line_bytes = text_bytes(input->command_line);
}

/* ---- Limine -------------------------------------------------------------- */

static void *take_struct(struct build *build, size_t bytes)
{
    return build_at(build, build_take(build, bytes, 16));
}

static const void *in_hhdm(uint64_t phys)
{
    return (const void *)(uintptr_t)(BUILD_HHDM + phys);
}

static const char *take_text(struct build *build, const char *text)
{
    return (const char *)build_at(build, build_text(build, text));
}

static void put_limine_map(struct build *build, const struct build_input *input,
                           struct build_limine *out)
{
    struct build_limine_memmap *map = take_struct(build, sizeof(*map));

    map->count = input->count;
    map->entries = take_struct(build, input->count * sizeof(map->entries[0]));
    for (size_t i = 0; i < input->count; i++) {
        map->entries[i] = take_struct(build, sizeof(*map->entries[i]));
        map->entries[i]->base = input->entries[i].base;
        map->entries[i]->length = input->entries[i].length;
        map->entries[i]->kind = input->entries[i].number;
    }
    out->memmap = map;
    out->responses.memmap = map;
}

static void put_limine_modules(struct build *build,
                               const struct build_input *input,
                               struct build_limine *out)
{
    struct build_limine_modules *modules = take_struct(build, sizeof(*modules));

    modules->count = input->module_count;
    modules->files =
        take_struct(build, input->module_count * sizeof(modules->files[0]));
    for (size_t i = 0; i < input->module_count; i++) {
        struct build_limine_file *file = take_struct(build, sizeof(*file));

        file->address = in_hhdm(input->modules[i].start);
        file->bytes = input->modules[i].bytes;
        file->path = take_text(build, input->modules[i].name);
        modules->files[i] = file;
    }
    out->modules = modules;
    out->responses.modules = modules;
}

static void put_limine_screen(struct build *build,
                              const struct build_screen *screen,
                              struct build_limine *out)
{
    struct build_limine_screens *screens = take_struct(build, sizeof(*screens));
    struct build_limine_screen *first = take_struct(build, sizeof(*first));

    *first = (struct build_limine_screen){
        .address = in_hhdm(screen->base),
        .width = screen->width,
        .height = screen->height,
        .pitch = screen->pitch_bytes,
        .bits = screen->bits,
        .memory_model = 1,
        .red_size = 8,
        .red_shift = screen->red_shift,
        .green_size = 8,
        .green_shift = screen->green_shift,
        .blue_size = 8,
        .blue_shift = screen->blue_shift,
    };
    screens->screens = take_struct(build, sizeof(screens->screens[0]));
    screens->screens[0] = first;
    screens->count = 1;
    out->screens = screens;
    out->responses.framebuffer = screens;
}

static struct build_limine_numbers *
take_numbers(struct build *build, uint64_t first, uint64_t second)
{
    struct build_limine_numbers *numbers = take_struct(build, sizeof(*numbers));

    numbers->values[0] = first;
    numbers->values[1] = second;
    return numbers;
}

static struct build_limine_pointers *
take_pointers(struct build *build, const void *first, const void *second)
{
    struct build_limine_pointers *both = take_struct(build, sizeof(*both));

    both->pointers[0] = first;
    both->pointers[1] = second;
    return both;
}

static void put_limine_texts(struct build *build,
                             const struct build_input *input,
                             struct build_limine *out)
{
    if (input->command_line != NULL)
        out->command_line =
            take_pointers(build, take_text(build, input->command_line), NULL);
    if (input->loader != NULL)
        out->loader = take_pointers(build, take_text(build, input->loader),
                                    take_text(build, "8.2.0"));
    if (input->rsdp != 0)
        out->rsdp =
            take_pointers(build, (const void *)(uintptr_t)input->rsdp, NULL);
    out->responses.executable_command_line = out->command_line;
    out->responses.bootloader_info = out->loader;
    out->responses.rsdp = out->rsdp;
}

void build_limine(struct build *build, const struct build_input *input,
                  struct build_limine *out)
{
    *out = (struct build_limine){.responses = {.base_revision = 3}};
    put_limine_map(build, input, out);
    if (input->module_count > 0)
        put_limine_modules(build, input, out);
    if (input->screen != NULL)
        put_limine_screen(build, input->screen, out);
    put_limine_texts(build, input, out);
    if (input->cpu_count != 0) {
        out->mp = take_struct(build, sizeof(*out->mp));
        out->mp->cpu_count = input->cpu_count;
    }
    out->hhdm = take_numbers(build, BUILD_HHDM, 0);
    out->address = take_numbers(build, BUILD_KERNEL_PHYS, BUILD_KERNEL_VIRT);
    out->responses.mp = out->mp;
    out->responses.hhdm = out->hhdm;
    out->responses.executable_address = out->address;
}

/* ---- What comes out ------------------------------------------------------ */

enum cairn_status build_finish(const struct build *build,
                               struct cairn_boot *boot)
{
    return cairn_init_early(
        boot, cairn_phys_range_make(build->phys, build->phys + build->size),
        cairn_phys_make(CAIRN_PHYS_LIMIT), &build_early);
}

const char *build_map_text(const struct cairn_boot *boot)
{
    static char text[512];
    struct cairn_phys_range window = {{BUILD_FAR}, {CAIRN_PHYS_LIMIT}};
    struct cairn_memory_range range;
    size_t used = 0;

    text[0] = '\0';
    while (
        cairn_memmap_next(&boot->map, CAIRN_MEMORY_ALL_KINDS, window, &range) &&
        used < sizeof(text)) {
        used +=
            cairn_format(text + used, sizeof(text) - used, "%s%llx-%llx %s",
                         used == 0 ? "" : ", ",
                         (unsigned long long)(range.start.value - BUILD_FAR),
                         (unsigned long long)(range.end.value - BUILD_FAR),
                         cairn_memory_kind_name(range.kind));
        window.start = range.end;
    }
    return text;
}

enum cairn_memory_kind build_kind_at(uint64_t phys)
{
    return cairn_memmap_kind_at(&build_boot.map, cairn_phys_make(phys));
}

bool build_is_withheld(uint64_t start, uint64_t bytes)
{
    struct cairn_memory_range range;

    return !cairn_memmap_next(
        &build_boot.map, CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE),
        cairn_phys_range_make(start, start + bytes), &range);
}

bool build_never_gives(uint64_t start, uint64_t bytes)
{
    cairn_pfn pfn;

    if (cairn_early_init(&build_early, &build_boot.map, NULL) != CAIRN_OK)
        return false;
    while (cairn_early_alloc(&build_early, &pfn) == CAIRN_OK) {
        uint64_t frame = cairn_phys_of(pfn).value;

        if (build_kind_at(frame) != CAIRN_MEMORY_USABLE ||
            (frame < start + bytes && start < frame + PAGE))
            return false;
    }
    return true;
}

const char *build_map_difference(const struct cairn_boot *a,
                                 const struct cairn_boot *b)
{
    static char text[128];

    if (a->map.count != b->map.count)
        return "number of ranges";
    if (a->map.floor.value != b->map.floor.value ||
        a->map.is_finished != b->map.is_finished)
        return "floor of the map";
    for (size_t i = 0; i < a->map.count; i++) {
        const struct cairn_memory_range *left = &a->map.ranges[i];
        const struct cairn_memory_range *right = &b->map.ranges[i];

        if (left->start.value == right->start.value &&
            left->end.value == right->end.value && left->kind == right->kind)
            continue;
        cairn_format(text, sizeof(text), "range at %#llx is %s, or at %#llx %s",
                     (unsigned long long)left->start.value,
                     cairn_memory_kind_name(left->kind),
                     (unsigned long long)right->start.value,
                     cairn_memory_kind_name(right->kind));
        return text;
    }
    return "";
}

static bool is_same(const void *a, const void *b, size_t bytes)
{
    return memcmp(a, b, bytes) == 0;
}

#define DIFFERS(field) (!is_same(&a->field, &b->field, sizeof(a->field)))

const char *build_difference(const struct cairn_boot *a,
                             const struct cairn_boot *b)
{
    if (DIFFERS(loader) || DIFFERS(command_line) ||
        DIFFERS(is_command_line_cut))
        return "texts";
    if (DIFFERS(is_bios) || DIFFERS(cpu_count) || DIFFERS(rsdp) ||
        DIFFERS(uefi_system_table))
        return "facts about the machine";
    if (DIFFERS(window_offset) || DIFFERS(window_bytes) ||
        DIFFERS(kernel_virt) || DIFFERS(kernel) || DIFFERS(temp_heap))
        return "kernel, heap or window";
    if (DIFFERS(framebuffer))
        return "framebuffer";
    if (DIFFERS(modules) || DIFFERS(module_count) || DIFFERS(modules_dropped))
        return "modules";
    return build_map_difference(a, b);
}
