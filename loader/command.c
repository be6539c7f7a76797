/*
 * command.c - the command line: where it comes from, and what the loader obeys.
 *
 * HOW    It is the text of \cairn\cmdline.txt; line breaks and tabs become
 *        blanks, blanks at the ends are dropped.  The options of the boot entry
 *        (or what a shell passed) are added to it, before a word "--" if there
 *        is one: behind it the kernel's commands begin.
 *
 *        Of the words before "--" the loader obeys, and leaves in place:
 *          nokaslr      the kernel's places are always the same
 *          seed=N       they are drawn from the same numbers each time
 *          la57=on      page tables of 5 levels, if the CPU can; see levels.c
 *          break=RULE   spoil the hand-off, for tests; see sabotage.c
 *
 * FAILS  With a message, on a line that is too long or has control characters.
 *
 * SOURCE UEFI Specification 2.10, 9.1 (LoadOptions).
 */
#include "loader/loader.h"

#define FILE_PATH "\\cairn\\cmdline.txt"
/* Text at its ends may be dropped, so the file may be longer than the line. */
#define FILE_BYTES_MAX (64 * CAIRN_KIB)

/* A line that grows; `is_cut` once something did not fit. */
struct growing {
    char *text;
    size_t length;
    bool is_cut;
};

static bool is_blank(char character)
{
    return character == ' ' || character == '\t' || character == '\n' ||
           character == '\r';
}

static void add(struct growing *line, char character)
{
    if (line->length < LOADER_COMMAND_LINE_MAX)
        line->text[line->length++] = character;
    else
        line->is_cut = true;
    line->text[line->length] = '\0';
}

/* Where the word at or after `at` begins; at the end of the line: its end. */
static const char *next_word(const char *at)
{
    while (is_blank(*at))
        at++;
    return at;
}

static size_t word_length(const char *word)
{
    size_t length = 0;

    while (word[length] != '\0' && !is_blank(word[length]))
        length++;
    return length;
}

static bool is_word(const char *word, const char *text)
{
    size_t length = text_length(text);

    return word_length(word) == length && memcmp(word, text, length) == 0;
}

/* The word "--", or the end of the line. */
static const char *end_of_options(const char *line)
{
    const char *word = next_word(line);

    while (*word != '\0' && !is_word(word, "--"))
        word = next_word(word + word_length(word));
    return word;
}

/* The option that is `name` or, where that ends in '=', begins so; or NULL. */
static const char *find_option(const struct loader *loader, const char *name)
{
    const char *word = next_word(loader->command_line);
    const char *end = end_of_options(word);
    size_t length = text_length(name);
    bool is_prefix = name[length - 1] == '=';

    for (; word < end; word = next_word(word + word_length(word))) {
        size_t found = word_length(word);

        if ((found == length || (is_prefix && found > length)) &&
            memcmp(word, name, length) == 0)
            return word;
    }
    return NULL;
}

bool command_has(const struct loader *loader, const char *name)
{
    return find_option(loader, name) != NULL;
}

bool command_value(const struct loader *loader, const char *name, char *value,
                   size_t bytes)
{
    const char *option = find_option(loader, name);
    size_t length;

    if (option == NULL)
        return false;
    option += text_length(name);
    length = word_length(option);
    if (length > bytes - 1)
        length = bytes - 1;
    memcpy(value, option, length);
    value[length] = '\0';
    return true;
}

/* ---- From the file ------------------------------------------------------- */

/* Copy the file's text without the blanks at its ends; false: not text. */
static bool copy_file(struct growing *line, const char *file, uint64_t bytes)
{
    while (bytes > 0 && is_blank(file[bytes - 1]))
        bytes--;
    while (bytes > 0 && is_blank(*file)) {
        file++;
        bytes--;
    }
    for (; bytes > 0; file++, bytes--) {
        if (!is_blank(*file) && ((unsigned char)*file < ' ' || *file == 0x7f))
            return false;
        add(line, is_blank(*file) ? ' ' : *file);
    }
    return true;
}

static efi_status read_file(struct loader *loader, struct growing *line)
{
    static const struct file_request request = {
        .path = FILE_PATH,
        .limit = FILE_BYTES_MAX,
        .advice = "Make it one line of text, or remove it.",
        .is_optional = true,
    };
    uint64_t file, bytes;
    efi_status status = file_read(loader, &request, &file, &bytes);
    bool is_text;

    if (status != EFI_SUCCESS || bytes == 0)
        return status;
    is_text = copy_file(line, (const char *)file, bytes);
    memory_free(loader, file, 0);
    if (is_text)
        return EFI_SUCCESS;
    return console_fail(EFI_INVALID_PARAMETER,
                        "%s has a control character in it.\n  %s\n",
                        request.path, request.advice);
}

/* ---- From the boot entry ------------------------------------------------- */

/*
 * Narrow UTF-16 text, which may or may not end with a zero, to ASCII.  False
 * if it is something else: boot entries may have any bytes there.
 */
static bool narrow(const efi_char16 *wide, size_t count, struct growing *out)
{
    for (size_t i = 0; i < count && wide[i] != 0; i++) {
        if ((wide[i] < ' ' && !is_blank((char)wide[i])) || wide[i] >= 0x7f)
            return false;
        add(out, (char)wide[i]);
    }
    return true;
}

/* A shell passes the program's name first, as any shell does. */
static const char *without_program(const char *options)
{
    const char *word = next_word(options);
    size_t length = word_length(word);
    const char *end = word + length;

    if (length >= 4 && end[-4] == '.' && (end[-3] | 0x20) == 'e' &&
        (end[-2] | 0x20) == 'f' && (end[-1] | 0x20) == 'i')
        return next_word(end);
    return word;
}

/* Insert `options` before the word "--", or at the end. */
static void insert(struct growing *line, const char *options)
{
    char tail[LOADER_COMMAND_LINE_MAX + 1];
    size_t start = (size_t)(end_of_options(line->text) - line->text);
    size_t tail_length = line->length - start;

    memcpy(tail, line->text + start, tail_length);
    line->length = start;
    if (start > 0 && line->text[start - 1] != ' ')
        add(line, ' ');
    while (*options != '\0')
        add(line, *options++);
    if (tail_length > 0)
        add(line, ' ');
    for (size_t i = 0; i < tail_length; i++)
        add(line, tail[i]);
}

static void add_boot_options(struct loader *loader, struct growing *line)
{
    const struct efi_loaded_image *self = loader->self;
    char text[LOADER_COMMAND_LINE_MAX + 1] = "";
    struct growing options = {.text = text};
    const char *rest;

    if (self->load_options == NULL)
        return;
    if (!narrow(self->load_options, self->load_options_bytes / 2, &options)) {
        console_print("[cairn] options of the boot entry ignored: no text\n");
        return;
    }
    rest = without_program(text);
    if (*rest != '\0')
        insert(line, rest);
    line->is_cut |= options.is_cut;
}

/* ---- Steps --------------------------------------------------------------- */

efi_status command_read(struct loader *loader)
{
    struct growing line = {.text = loader->command_line};
    efi_status status = read_file(loader, &line);

    if (status != EFI_SUCCESS)
        return status;
    add_boot_options(loader, &line);
    if (line.is_cut)
        return console_fail(EFI_INVALID_PARAMETER,
                            "the command line is longer than %u bytes.\n"
                            "  Shorten %s or the boot entry's options.\n",
                            LOADER_COMMAND_LINE_MAX, FILE_PATH);
    return EFI_SUCCESS;
}

efi_status command_hand_over(struct loader *loader)
{
    struct cairn_handoff *handoff = loader->handoff;
    size_t bytes = text_length(loader->command_line) + 1;
    efi_status status;

    if (bytes == 1)
        return EFI_SUCCESS;
    status =
        memory_alloc(loader, "the command line", bytes, &handoff->command_line);
    if (status != EFI_SUCCESS)
        return status;
    memcpy((void *)handoff->command_line, loader->command_line, bytes);
    handoff->command_line_bytes = bytes;
    return EFI_SUCCESS;
}
