/*
 * slide_live.c - tests of the running image: it is where it should be, and all
 * addresses that are stored in it are right for that place.
 */
#include "boot/slide.h"
#include "cpu/symbols.h"
#include "harness/test.h"
#include "kernel.h"
#include "platform.h"

static int somewhere;
static int *const to_data = &somewhere;
static struct cairn_phys_range (*const to_code)(void) = kernel_image_range;

/* With another system's layout nothing slides in the boot. */
static bool is_fixed(void)
{
    return kernel.has_fixed_layout || kernel.system_number != 0;
}

CAIRN_TEST(J3_live_image_is_in_its_range)
{
    uint64_t bytes = cairn_phys_range_bytes(kernel_image_range());
    uint64_t base = kernel_virtual_base();
    struct boot_place home;

    CHECK(boot_place_choose(&boot_slide_image, bytes, NULL, &home));
    CHECK_EQ((base - home.start) % BOOT_IMAGE_ALIGN, 0);
    CHECK(base >= home.start);
    CHECK(base + bytes <= home.start + CAIRN_GIB);
    CHECK(base + bytes + BOOT_MARGIN_ABOVE < BOOT_SCREEN_HOME ||
          base - BOOT_MARGIN_BELOW > BOOT_HEAP_HOME + BOOT_HEAP_BYTES_MAX);
    if (is_fixed())
        CHECK_EQ(base, home.start);
    CHECK_EQ(kernel.image_places == 1, is_fixed());
    if (kernel.boot.kernel_virt != 0)
        CHECK_EQ(kernel.boot.kernel_virt, base);
}

/* The compiler cannot know what these point to now. */
CAIRN_TEST(J3_live_addresses_in_data_are_right)
{
    int *const volatile *data = &to_data;
    struct cairn_phys_range (*const volatile *code)(void) = &to_code;

    CHECK_EQ((uintptr_t)*data, (uintptr_t)&somewhere);
    CHECK_EQ((*code)().start.value, kernel_image_range().start.value);
    CHECK((uintptr_t)*code >= (uintptr_t)kernel_image_begin);
    CHECK((uintptr_t)*code < (uintptr_t)kernel_text_end);
}

/*
 * None leads to where the image was linked to, and most, those of constants at
 * least, are still as relocated.
 */
CAIRN_TEST(J3_live_all_relocations_are_applied)
{
    uint64_t slide = kernel_virtual_base() - BOOT_IMAGE_HOME;
    const struct slide_relocation *one = kernel_relocations;
    unsigned right = 0;
    unsigned count = 0;

    for (; one < kernel_relocations_end; one++) {
        uint64_t word = *(const volatile uint64_t *)(one->at + slide);

        CHECK(word != one->value || slide == 0);
        right += word == one->value + slide;
        count++;
    }
    CHECK(count > 1000);
    CHECK(right > count / 10 * 9);
}

CAIRN_TEST(J3_live_symbols_follow_the_image)
{
    char text[SYMBOL_TEXT_BYTES];

    CHECK_TEXT(symbols_text((uintptr_t)kernel_image_range, text),
               "kernel_image_range+0");
}

CAIRN_TEST(J3_live_window_is_in_its_range)
{
    uint64_t base = kernel.window_base;

    CHECK_EQ(kernel.window.base, base);
    CHECK_EQ((base - BOOT_WINDOW_HOME) % CAIRN_GIB, 0);
    CHECK(base >= BOOT_WINDOW_HOME);
    CHECK(base + kernel.window.limit <= boot_slide_window.end);
    CHECK(base + BOOT_WINDOW_BYTES_MIN <= boot_slide_window.end);
    if (is_fixed())
        CHECK_EQ(base, BOOT_WINDOW_HOME);
    CHECK_EQ(kernel.window_places == 1, is_fixed());
}
