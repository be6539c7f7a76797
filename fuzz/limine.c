/*
 * fuzz/limine.c - responses of Limine with any contents.
 *
 * INPUT  A struct recipe with the numbers of all responses, then the entries
 *        of the map, 24 bytes each; bytes before the last multiple of 8 that
 *        fits are dropped at the end.  Pointers between the structures are
 *        right, as the protocol promises; everything else is any.
 */
#include "fuzz.h"

#define MODULES_MAX 18 /* more than a struct cairn_boot holds */

/* Bits of recipe.flags; a clear bit means that the response is there. */
enum {
    NO_HHDM = 1,
    NO_ADDRESS = 2,
    NO_SCREEN = 4,
    NO_RSDP = 8,
    NO_LOADER = 0x10,
    NO_COMMAND_LINE = 0x20,
    NO_MODULES = 0x40,
    NO_MP = 0x80,
    NO_MAP = 0x100,
    NULL_ENTRY = 0x200,
    NULL_FILE = 0x400,
    WRONG_COUNT = 0x800
};

struct recipe {
    uint32_t flags;
    uint32_t module_count;
    uint64_t hhdm;
    uint64_t kernel[2];
    uint64_t rsdp;
    uint64_t cpu_count;
    uint64_t module[2]; /* address and bytes of the first; the next follow */
    /* As in the protocol: */
    struct screen {
        uint64_t address;
        uint64_t width;
        uint64_t height;
        uint64_t pitch;
        uint16_t bits;
        uint8_t memory_model;
        uint8_t masks[6];
        uint8_t rest[7];
    } screen;
    char text[40];
};

struct entry {
    uint64_t base;
    uint64_t length;
    uint64_t kind;
};

/* Each response begins with its revision; what follows are 8 bytes each. */
struct response {
    uint64_t values[4];
};

struct file {
    uint64_t revision;
    uint64_t address;
    uint64_t bytes;
    const char *path;
};

static struct recipe recipe;
static const struct entry no_entry;
static const struct entry *entry_pointers[FUZZ_ENTRIES_MAX];
static struct file files[MODULES_MAX];
static const struct file *file_pointers[MODULES_MAX];
static const struct screen *screen_pointer = &recipe.screen;

static uint64_t address_of(const void *pointer)
{
    return (uintptr_t)pointer;
}

static bool is_there(uint32_t flag)
{
    return (recipe.flags & flag) == 0;
}

/* A response, if the recipe has it. */
static const void *answer(uint32_t flag, struct response *response,
                          uint64_t first, uint64_t second)
{
    *response = (struct response){{0, first, second, 0}};
    return is_there(flag) ? response : NULL;
}

static uint64_t make_map(const struct fuzz_input *input)
{
    size_t count = input->size / sizeof(struct entry);

    if (count > FUZZ_ENTRIES_MAX)
        count = FUZZ_ENTRIES_MAX;
    for (size_t i = 0; i < count; i++)
        entry_pointers[i] =
            (const struct entry *)(input->bytes + i * sizeof(struct entry));
    if (!is_there(NULL_ENTRY) && count > 0)
        entry_pointers[count / 2] = NULL;
    if (is_there(WRONG_COUNT))
        return count;
    /* Nothing but the count is wrong with the whole array. */
    for (size_t i = count; i < FUZZ_ENTRIES_MAX; i++)
        entry_pointers[i] = &no_entry;
    return 65537 + recipe.cpu_count % 99;
}

static uint64_t make_modules(void)
{
    for (size_t i = 0; i < MODULES_MAX; i++) {
        uint64_t step = i * 0x10000;

        files[i] = (struct file){0, recipe.module[0] + step, recipe.module[1],
                                 i % 2 == 0 ? recipe.text : NULL};
        file_pointers[i] = is_there(NULL_FILE) || i != 1 ? &files[i] : NULL;
    }
    return recipe.module_count % (MODULES_MAX + 1);
}

static void make_responses(const struct fuzz_input *entries,
                           struct cairn_limine_responses *out)
{
    static struct response all[9];
    uint64_t text = address_of(recipe.text);

    recipe.text[sizeof(recipe.text) - 1] = '\0';
    *out = (struct cairn_limine_responses){
        .memmap = answer(NO_MAP, &all[0], make_map(entries),
                         address_of(entry_pointers)),
        .hhdm = answer(NO_HHDM, &all[1], recipe.hhdm, 0),
        .executable_address =
            answer(NO_ADDRESS, &all[2], recipe.kernel[0], recipe.kernel[1]),
        .framebuffer =
            answer(NO_SCREEN, &all[3], 1, address_of(&screen_pointer)),
        .rsdp = answer(NO_RSDP, &all[4], recipe.rsdp, 0),
        .bootloader_info = answer(NO_LOADER, &all[5], text, text + 20),
        .executable_command_line = answer(NO_COMMAND_LINE, &all[6], text, 0),
        .modules = answer(NO_MODULES, &all[7], make_modules(),
                          address_of(file_pointers)),
        .mp = answer(NO_MP, &all[8], 0, recipe.cpu_count),
    };
}

static bool is_map_right(const struct fuzz_input *entries)
{
    return is_there(NO_MAP) && is_there(WRONG_COUNT) &&
           entries->size >= sizeof(struct entry) && is_there(NULL_ENTRY);
}

/* No number of the screen is cut. */
static void check_screen(const struct cairn_framebuffer *seen)
{
    FUZZ_CHECK(seen->width == recipe.screen.width);
    FUZZ_CHECK(seen->height == recipe.screen.height);
    FUZZ_CHECK(seen->pitch_bytes == recipe.screen.pitch);
}

static void read_entries(const struct fuzz_input *input,
                         struct fuzz_entries *list)
{
    list->count = 0;
    for (size_t at = 0; at + 24 <= input->size; at += 24)
        fuzz_add(list, fuzz_read64(input, at), fuzz_read64(input, at + 8),
                 fuzz_read64(input, at + 16) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cairn_boot boot;
    static struct fuzz_entries list;
    struct cairn_limine_responses responses;
    struct fuzz_input entries;
    enum cairn_status status;

    if (size < sizeof(recipe))
        return 0;
    memcpy(&recipe, data, sizeof(recipe));
    entries = fuzz_place(data + sizeof(recipe), size - sizeof(recipe), 8);
    make_responses(&entries, &responses);
    status = cairn_boot_from_limine(&responses, &boot);
    FUZZ_CHECK(status != CAIRN_BAD_ARGUMENT && status != CAIRN_NOT_REACHABLE);
    FUZZ_CHECK(status != CAIRN_OK || is_map_right(&entries));
    if (status != CAIRN_OK)
        return 0;
    FUZZ_CHECK(is_there(NO_COMMAND_LINE)
                   ? strcmp(boot.command_line, recipe.text) == 0
                   : boot.command_line[0] == '\0');
    if (boot.framebuffer.is_present)
        check_screen(&boot.framebuffer);
    read_entries(&entries, &list);
    (void)fuzz_check_boot(&boot, &list);
    return 0;
}
