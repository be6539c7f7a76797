/*
 * options.c - takes the options of the command line; see options.h.
 *
 * What is taken are numbers, no pointers: after Multiboot 2 and PVH the image
 * has yet to move.
 */
#include "options.h"

#include "console/console.h"
#include "cpu/cpu.h"
#include "kernel.h"
#include "monitor/text.h"
#include "systems/layouts.h"
#include <cairn/format.h>

static bool is_end_of_word(char c)
{
    return c == ' ' || c == '\t' || c == '\0';
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return text_length(word) == length && text_begins_with(text, word, length);
}

/* One of a few words, else it stays as it was. */
struct choice {
    const char *option; /* with "=" */
    const char *words[4];
    unsigned *value; /* the number of the word */
};

/* In the order of what they stand for. */
static const struct choice choices[] = {
    {"engine=", {"tree", "bitmap", "freelist"}, &kernel.frames_engine},
    {"heap=", {"slab", "firstfit"}, &kernel.heap_engine},
    {"heaplevel=", {"0", "1", "2"}, &kernel.heap_level},
    {"identity=", {"never", "drop", "keep"}, &kernel.identity_option},
    {"tempheap=", {"never", "drop", "keep"}, &kernel.tempheap_option},
    {"margin=", {"guards", "mapped"}, &kernel.margin_option},
    {"window=", {"ram", "lean", "broad"}, &kernel.window_kind},
};

static void take_choice(const struct choice *choice, const char *text,
                        size_t length)
{
    for (unsigned i = 0; choice->words[i] != NULL; i++) {
        if (is_word(text, length, choice->words[i])) {
            *choice->value = i;
            return;
        }
    }
    console_printf("[cairn] %s%.*s: there are", choice->option, (int)length,
                   text);
    for (unsigned i = 0; choice->words[i] != NULL; i++)
        console_printf("%s %s", i == 0 ? "" : ",", choice->words[i]);
    console_printf("\n");
}

static void take_choices(const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        size_t skip = text_length(choices[i].option);

        if (length >= skip && text_begins_with(text, choices[i].option, skip))
            take_choice(&choices[i], text + skip, length - skip);
    }
}

/* A number, else numbers stay random. */
static void take_seed(const char *text, size_t length)
{
    char number[32];
    cairn_format(number, sizeof number, "%.*s", (int)length, text);
    kernel.has_seed = text_read_number(number, &kernel.seed);
    if (!kernel.has_seed)
        console_printf("[cairn] seed=%s: that is no number\n", number);
}

/* A system whose addresses this kernel can have, else its own stay. */
static void take_layout(const char *text, size_t length)
{
    unsigned number = 0;
    const struct system_layout *system;
    for (unsigned i = 0; i < SYSTEM_LAYOUTS; i++) {
        if (is_word(text, length, system_layouts[i]->system))
            number = i + 1;
    }
    system = number == 0 ? NULL : system_layouts[number - 1];
    if (system == NULL && !is_word(text, length, "cairn"))
        console_printf("[cairn] layout=%.*s: there are theseus, slayer, "
                       "hardened, hexium, cairn\n",
                       (int)length, text);
    else if (system != NULL && system->mode == CAIRN_PAGING_32BIT)
        console_printf("[cairn] layout=%s: that system has addresses of 32 "
                       "bits, this kernel of 64\n",
                       system->system);
    else if (system != NULL && system->mode != cpu_paging_mode())
        console_printf("[cairn] layout=%s: that system has 4 levels of page "
                       "tables, these are 5\n",
                       system->system);
    else
        kernel.system_number = number;
}

static void take_option(const char *text, size_t length)
{
    if (is_word(text, length, "exit=debug"))
        kernel.may_exit_qemu = true;
    else if (is_word(text, length, "hold"))
        kernel.holds_at_end = true;
    else if (is_word(text, length, "nokaslr"))
        kernel.has_fixed_layout = true;
    else if (text_begins_with(text, "seed=", 5))
        take_seed(text + 5, length - 5);
    else if (is_word(text, length, "verbose"))
        kernel.is_verbose = true;
    else if (text_begins_with(text, "layout=", 7))
        take_layout(text + 7, length - 7);
    else
        take_choices(text, length);
}

void options_take(void)
{
    const char *text = kernel.boot.command_line;
    kernel.heap_level = CAIRN_HEAP_CHECKED;
    kernel.commands_at = 0;
    while (*text != '\0') {
        size_t length = 0;
        while (!is_end_of_word(text[length]))
            length++;
        if (is_word(text, length, "--")) {
            text += length;
            kernel.commands_at = (size_t)(text - kernel.boot.command_line);
            return;
        }
        take_option(text, length);
        text += text[length] == '\0' ? length : length + 1;
    }
}
