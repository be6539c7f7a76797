/*
 * screen.c - text on a framebuffer of 32-bit pixels, with ANSI colours.
 *
 * HOW    Two buffers of character cells: `wanted` is changed by writing,
 *        `shown` says what the pixels show.  A flush draws the cells in which
 *        they differ; pixels are never read, which is slow on real hardware.
 *        Rows of `wanted` form a ring, so that scrolling moves nothing.
 *
 *        Drawing after every line can cost more than all the rest, so a write
 *        is followed by a flush only if, since the last one, twice the time
 *        has passed that it took.  Whoever waits or stops must flush.
 *
 * INVARIANTS
 *   S1   columns * rows <= SCREEN_CELLS; 0 columns until screen_init succeeds.
 *   S2   row < rows; column <= columns (equal: the next character wraps).
 *   S3   every cell names a glyph of the font.
 *
 * COST   A flush compares the cells of changed rows; a cell is 128 or 288
 *        stores of a pixel.
 *
 * FAILS  A screen too large for the buffers is used in part.
 *
 * SOURCE ECMA-48, "Control Functions for Coded Character Sets", 5th edition,
 *        sections 5.4, "Control sequences", and 8.3.117, "SGR".
 *
 * NOT    No locks: one CPU writes.  No CPU without a time-stamp counter.
 */
#include "console/screen.h"

#include "console/font.h"
#include "cpu/insn.h"

/* A screen of 3840 x 2160 with the large font needs 28800. */
#define SCREEN_CELLS 32768u
/* Pixels of width from which the large font is used. */
#define SCREEN_WIDE          1600u
#define SCREEN_TAB           8u
#define SCREEN_PARAMETERS    8u
#define SCREEN_PARAMETER_MAX 9999u

#define SCREEN_INK    7u /* default colours, of the palette */
#define SCREEN_PAPER  0u
#define SCREEN_BRIGHT 8u

enum screen_state {
    SCREEN_TEXT,
    SCREEN_ESCAPE,  /* ESC has come */
    SCREEN_CONTROL, /* ESC [ has come */
};

struct screen {
    uint32_t *pixels;
    size_t pitch; /* pixels from one line to the next */
    const struct font *font;
    uint32_t palette[16];
    unsigned columns;
    unsigned rows;
    unsigned column;
    unsigned row;
    unsigned top;        /* the row of `wanted` that is shown first */
    unsigned dirty_from; /* rows [from, to) may differ */
    unsigned dirty_to;
    unsigned cursor_row; /* where the cursor is drawn */
    uint64_t flush_end;  /* time stamps */
    uint64_t flush_cost;
    uint8_t ink;
    uint8_t paper;
    bool is_bold;
    enum screen_state state;
    unsigned parameters[SCREEN_PARAMETERS];
    unsigned parameter; /* the one that is being read; may be too many */
    bool is_private;    /* a sequence of another kind: to be dropped */
    uint32_t code_point;
    unsigned code_bytes;           /* still missing of a UTF-8 sequence */
    uint16_t wanted[SCREEN_CELLS]; /* glyph | ink << 8 | paper << 12 */
    uint16_t shown[SCREEN_CELLS];
};

static struct screen screen;

/* Red, green, blue: the eight colours, then their bright forms. */
static const uint8_t palette_rgb[16][3] = {
    {0x14, 0x17, 0x1c}, {0xcc, 0x44, 0x44}, {0x5f, 0xa8, 0x55},
    {0xc8, 0x9b, 0x3c}, {0x4a, 0x83, 0xc9}, {0xa1, 0x6a, 0xb8},
    {0x46, 0xa5, 0xa5}, {0xbf, 0xc5, 0xcc}, {0x6b, 0x73, 0x7d},
    {0xf0, 0x71, 0x6b}, {0x8c, 0xd6, 0x7e}, {0xf0, 0xc6, 0x6a},
    {0x7f, 0xb4, 0xf5}, {0xd0, 0x9c, 0xe6}, {0x7a, 0xd6, 0xd6},
    {0xff, 0xff, 0xff},
};

/* ---- Drawing ------------------------------------------------------------- */

static uint16_t *wanted_row(unsigned row)
{
    unsigned index = screen.top + row;
    if (index >= screen.rows)
        index -= screen.rows;
    return &screen.wanted[index * screen.columns];
}

static void draw_cell(unsigned column, unsigned row, uint16_t cell)
{
    const struct font *font = screen.font;
    const uint16_t *bits = &font->rows[(cell & 0xffu) * font->height];
    uint32_t paper = screen.palette[cell >> 12];
    uint32_t change = screen.palette[cell >> 8 & 15] ^ paper;
    uint32_t *out = screen.pixels + (size_t)row * font->height * screen.pitch +
                    (size_t)column * font->width;
    for (unsigned y = 0; y < font->height; y++, out += screen.pitch) {
        for (unsigned x = 0; x < font->width; x++) {
            uint32_t bit = bits[y] >> (font->width - 1 - x) & 1u;
            out[x] = paper ^ (change & (0u - bit));
        }
    }
}

/* Ink and paper exchanged: how the cursor is shown. */
static uint16_t inverse(uint16_t cell)
{
    return (uint16_t)((cell & 0xffu) | (cell >> 4 & 0xf00u) |
                      (cell << 4 & 0xf000u));
}

static void flush_row(unsigned row)
{
    const uint16_t *wanted = wanted_row(row);
    uint16_t *shown = &screen.shown[row * screen.columns];
    for (unsigned column = 0; column < screen.columns; column++) {
        uint16_t cell = wanted[column];
        if (row == screen.row && column == screen.column)
            cell = inverse(cell);
        if (cell == shown[column])
            continue;
        draw_cell(column, row, cell);
        shown[column] = cell;
    }
}

void screen_flush(void)
{
    if (screen.columns == 0)
        return;
    uint64_t begin = insn_read_tsc();
    for (unsigned row = screen.dirty_from; row < screen.dirty_to; row++)
        flush_row(row);
    flush_row(screen.cursor_row);
    flush_row(screen.row);
    screen.cursor_row = screen.row;
    screen.dirty_from = screen.rows;
    screen.dirty_to = 0;
    screen.flush_end = insn_read_tsc();
    screen.flush_cost = screen.flush_end - begin;
}

static void flush_if_affordable(void)
{
    if (insn_read_tsc() - screen.flush_end >= 2 * screen.flush_cost)
        screen_flush();
}

/* ---- Cells --------------------------------------------------------------- */

static void mark_dirty(unsigned from, unsigned to)
{
    if (from < screen.dirty_from)
        screen.dirty_from = from;
    if (to > screen.dirty_to)
        screen.dirty_to = to;
}

static uint16_t cell_of(unsigned glyph)
{
    unsigned ink = screen.ink;
    if (screen.is_bold)
        ink |= SCREEN_BRIGHT;
    return (uint16_t)(glyph | ink << 8 | (unsigned)screen.paper << 12);
}

static void erase(unsigned row, unsigned from, unsigned to)
{
    uint16_t *cells = wanted_row(row);
    for (unsigned column = from; column < to; column++)
        cells[column] = cell_of(0);
    mark_dirty(row, row + 1);
}

static void line_feed(void)
{
    screen.column = 0;
    if (screen.row + 1 < screen.rows) {
        screen.row++;
        return;
    }
    screen.top = screen.top + 1 < screen.rows ? screen.top + 1 : 0;
    erase(screen.row, 0, screen.columns);
    mark_dirty(0, screen.rows);
}

static void put_glyph(unsigned glyph)
{
    if (screen.column >= screen.columns)
        line_feed();
    wanted_row(screen.row)[screen.column++] = cell_of(glyph);
    mark_dirty(screen.row, screen.row + 1);
}

static void put_code_point(uint32_t code_point)
{
    unsigned glyph = '?' - ' ';
    if (code_point >= ' ' && code_point <= '~')
        glyph = code_point - ' ';
    for (unsigned i = FONT_FIRST_EXTRA; i < FONT_GLYPHS; i++) {
        if (font_code_points[i] == code_point)
            glyph = i;
    }
    put_glyph(glyph);
}

/* ---- Escape sequences ---------------------------------------------------- */

/* Parameter `i`; 0 if it is missing. */
static unsigned parameter(unsigned i)
{
    return i <= screen.parameter && i < SCREEN_PARAMETERS ? screen.parameters[i]
                                                          : 0;
}

static void set_default_colours(void)
{
    screen.ink = SCREEN_INK;
    screen.paper = SCREEN_PAPER;
    screen.is_bold = false;
}

static void select_colour(unsigned code)
{
    if (code == 0)
        set_default_colours();
    else if (code == 1)
        screen.is_bold = true;
    else if (code == 22)
        screen.is_bold = false;
    else if (code >= 30 && code <= 37)
        screen.ink = (uint8_t)(code - 30);
    else if (code >= 90 && code <= 97)
        screen.ink = (uint8_t)(code - 90 + SCREEN_BRIGHT);
    else if (code >= 40 && code <= 47)
        screen.paper = (uint8_t)(code - 40);
    else if (code >= 100 && code <= 107)
        screen.paper = (uint8_t)(code - 100 + SCREEN_BRIGHT);
    else if (code == 39)
        screen.ink = SCREEN_INK;
    else if (code == 49)
        screen.paper = SCREEN_PAPER;
}

static void select_colours(void)
{
    for (unsigned i = 0; i <= screen.parameter && i < SCREEN_PARAMETERS; i++) {
        unsigned code = screen.parameters[i];
        if (code == 38 || code == 48) /* its colour is in what follows */
            return;
        select_colour(code);
    }
}

/* Lines before (with mode 1), after (0) the cursor, or all (2). */
static void erase_rows(unsigned mode)
{
    unsigned from = mode == 0 ? screen.row + 1 : 0;
    unsigned to = mode == 1 ? screen.row : screen.rows;
    for (unsigned row = from; row < to; row++)
        erase(row, 0, screen.columns);
}

/* The same inside of the cursor's line. */
static void erase_in_row(unsigned mode)
{
    unsigned end = screen.column + 1;
    if (end > screen.columns)
        end = screen.columns;
    if (mode == 0)
        erase(screen.row, screen.column, screen.columns);
    else
        erase(screen.row, 0, mode == 1 ? end : screen.columns);
}

static void move_to(unsigned column, unsigned row)
{
    screen.column = column < screen.columns ? column : screen.columns - 1;
    screen.row = row < screen.rows ? row : screen.rows - 1;
}

static unsigned less(unsigned value, unsigned by)
{
    return value > by ? value - by : 0;
}

static void move(char direction, unsigned by)
{
    if (by == 0)
        by = 1;
    if (direction == 'A')
        move_to(screen.column, less(screen.row, by));
    else if (direction == 'B')
        move_to(screen.column, screen.row + by);
    else if (direction == 'C')
        move_to(screen.column + by, screen.row);
    else if (direction == 'D')
        move_to(less(screen.column, by), screen.row);
    else
        move_to(by - 1, screen.row);
}

static void obey(char last)
{
    unsigned mode = parameter(0) < 2 ? parameter(0) : 2;
    if (last == 'm')
        select_colours();
    else if (last == 'H' || last == 'f')
        move_to(less(parameter(1), 1), less(parameter(0), 1));
    else if (last == 'J' || last == 'K')
        erase_in_row(mode);
    else if ((last >= 'A' && last <= 'D') || last == 'G')
        move(last, parameter(0));
    if (last == 'J')
        erase_rows(mode);
}

static void begin_sequence(uint8_t byte)
{
    screen.state = byte == '[' ? SCREEN_CONTROL : SCREEN_TEXT;
    screen.parameter = 0;
    screen.parameters[0] = 0;
    screen.is_private = false;
}

static void read_digit(unsigned digit)
{
    if (screen.parameter >= SCREEN_PARAMETERS)
        return;
    unsigned *value = &screen.parameters[screen.parameter];
    *value = *value * 10 + digit;
    if (*value > SCREEN_PARAMETER_MAX)
        *value = SCREEN_PARAMETER_MAX;
}

static void next_parameter(void)
{
    if (screen.parameter < SCREEN_PARAMETERS)
        screen.parameter++;
    if (screen.parameter < SCREEN_PARAMETERS)
        screen.parameters[screen.parameter] = 0;
}

static void continue_sequence(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        read_digit(byte - '0');
    } else if (byte == ';') {
        next_parameter();
    } else if (byte >= ' ' && byte < '@') {
        screen.is_private = true;
    } else {
        screen.state = SCREEN_TEXT;
        if (!screen.is_private && byte < 0x7f)
            obey((char)byte);
    }
}

/* ---- Bytes --------------------------------------------------------------- */

static void take_control(uint8_t byte)
{
    screen.state = byte == '\033' ? SCREEN_ESCAPE : SCREEN_TEXT;
    if (byte == '\n')
        line_feed();
    else if (byte == '\r')
        screen.column = 0;
    else if (byte == '\b')
        screen.column = less(screen.column, 1);
    else if (byte == '\t')
        move_to((screen.column | (SCREEN_TAB - 1)) + 1, screen.row);
}

static void begin_utf8(uint8_t byte)
{
    if (byte >= 0xf0)
        screen.code_bytes = 3;
    else if (byte >= 0xe0)
        screen.code_bytes = 2;
    else
        screen.code_bytes = 1;
    screen.code_point = byte & (0x3fu >> screen.code_bytes);
}

/* A byte of 0x80 or more. */
static void take_utf8(uint8_t byte)
{
    bool is_continuation = byte < 0xc0;
    if (!is_continuation) {
        begin_utf8(byte);
        return;
    }
    if (screen.code_bytes == 0) {
        put_code_point('?');
        return;
    }
    screen.code_point = screen.code_point << 6 | (byte & 0x3fu);
    if (--screen.code_bytes == 0)
        put_code_point(screen.code_point);
}

static void take(uint8_t byte)
{
    if (byte < 0x80)
        screen.code_bytes = 0;
    if (byte < ' ')
        take_control(byte);
    else if (screen.state == SCREEN_ESCAPE)
        begin_sequence(byte);
    else if (screen.state == SCREEN_CONTROL)
        continue_sequence(byte);
    else if (byte >= 0x80)
        take_utf8(byte);
    else if (byte != 0x7f)
        put_code_point(byte);
}

void screen_write(const char *text, size_t bytes)
{
    if (screen.columns == 0)
        return;
    for (size_t i = 0; i < bytes; i++)
        take((uint8_t)text[i]);
    flush_if_affordable();
}

/* ---- Start --------------------------------------------------------------- */

static bool makes_sense(const struct cairn_framebuffer *framebuffer)
{
    uint64_t needed = (uint64_t)framebuffer->pitch_bytes * framebuffer->height;
    return framebuffer->is_present && needed <= framebuffer->bytes &&
           framebuffer->pitch_bytes % sizeof(uint32_t) == 0 &&
           framebuffer->width <= framebuffer->pitch_bytes / sizeof(uint32_t) &&
           framebuffer->width >= font_12x24.width &&
           framebuffer->height >= font_12x24.height &&
           framebuffer->red_shift <= 24 && framebuffer->green_shift <= 24 &&
           framebuffer->blue_shift <= 24;
}

static void set_geometry(const struct cairn_framebuffer *framebuffer)
{
    bool is_wide = framebuffer->width >= SCREEN_WIDE;
    const struct font *font = is_wide ? &font_12x24 : &font_8x16;
    screen.font = font;
    screen.pitch = framebuffer->pitch_bytes / sizeof(uint32_t);
    screen.columns = framebuffer->width / font->width;
    screen.rows = framebuffer->height / font->height;
    if (screen.columns > SCREEN_CELLS)
        screen.columns = SCREEN_CELLS;
    if (screen.rows > SCREEN_CELLS / screen.columns)
        screen.rows = SCREEN_CELLS / screen.columns;
}

static void set_palette(const struct cairn_framebuffer *framebuffer)
{
    for (unsigned i = 0; i < 16; i++) {
        const uint8_t *rgb = palette_rgb[i];
        screen.palette[i] = (uint32_t)rgb[0] << framebuffer->red_shift |
                            (uint32_t)rgb[1] << framebuffer->green_shift |
                            (uint32_t)rgb[2] << framebuffer->blue_shift;
    }
}

/* Paint everything, also the margins that no cell covers. */
static void clear_pixels(uint32_t width, uint32_t height)
{
    for (uint32_t y = 0; y < height; y++) {
        uint32_t *line = screen.pixels + (size_t)y * screen.pitch;
        for (uint32_t x = 0; x < width; x++)
            line[x] = screen.palette[SCREEN_PAPER];
    }
}

bool screen_init(const struct cairn_framebuffer *framebuffer, void *pixels)
{
    screen.columns = 0;
    if (pixels == NULL || !makes_sense(framebuffer))
        return false;
    screen.pixels = pixels;
    set_geometry(framebuffer);
    set_palette(framebuffer);
    set_default_colours();
    screen.top = 0;
    screen.cursor_row = 0;
    screen.state = SCREEN_TEXT;
    screen.code_bytes = 0;
    screen.dirty_from = screen.rows;
    screen.dirty_to = 0;
    move_to(0, 0);
    erase_rows(2);
    clear_pixels(framebuffer->width, framebuffer->height);
    for (unsigned i = 0; i < screen.columns * screen.rows; i++)
        screen.shown[i] = cell_of(0);
    screen_flush();
    return true;
}
