/*
 * random.c - what places are drawn from.
 *
 * HOW    The library's watched source and generator (cairn/entropy.h): RDRAND
 *        where the CPU has it, and as long as what it delivers looks right.
 *        Else a warning, and the generator alone, with time stamps, whose low
 *        bits depend on how long the firmware took, and the firmware's counter
 *        of boots.  Who can measure the machine can guess these; there is no
 *        better source before a driver runs.
 *
 *        The options nokaslr and seed=N are the kernel's, too.
 *
 * FAILS  Not.
 */
#include "loader/cpu.h"
#include "loader/loader.h"
#include <cairn/platform.h>

#define CPUID_FEATURES   1u
#define CPUID_ECX_RDRAND (1u << 30)
#define STAMPS           64
#define NUMBER_CHARS     24

static bool read_generator(void *context, uint64_t *out)
{
    (void)context;
    return cpu_random(out);
}

/* Decimal digits, or hexadecimal ones behind 0x; false: anything else. */
static bool read_number(const char *text, uint64_t *out)
{
    uint64_t base = text[0] == '0' && text[1] == 'x' ? 16 : 10;
    const char *digit = base == 16 ? text + 2 : text;
    uint64_t number = 0;

    if (*digit == '\0')
        return false;
    for (; *digit != '\0'; digit++) {
        char small = (char)(*digit | 0x20);
        uint64_t value =
            *digit <= '9' ? (uint64_t)*digit - '0' : (uint64_t)small - 'a' + 10;

        if (*digit < '0' || (*digit > '9' && small < 'a') || value >= base ||
            number > (UINT64_MAX - value) / base)
            return false;
        number = number * base + value;
    }
    *out = number;
    return true;
}

static void start_source(struct loader *loader, struct cairn_entropy *entropy)
{
    struct cairn_entropy_source source = {NULL, NULL};
    uint64_t data[STAMPS + 1] = {0};

    if (cpu_id(CPUID_FEATURES).c & CPUID_ECX_RDRAND)
        source.read = read_generator;
    (void)loader->boot->get_next_monotonic_count(&data[0]);
    for (unsigned i = 1; i <= STAMPS; i++)
        data[i] = cpu_time_stamp();
    cairn_entropy_init(entropy, &source, data, STAMPS + 1);
}

/* Another system's addresses are fixed: the option layout=NAME. */
static bool has_fixed_places(const struct loader *loader)
{
    char text[NUMBER_CHARS];

    return command_value(loader, "layout=", text, sizeof(text)) &&
           memcmp(text, "cairn", sizeof("cairn")) != 0;
}

efi_status random_start(struct loader *loader)
{
    static struct cairn_entropy entropy;
    char text[NUMBER_CHARS];
    uint64_t seed;

    if (command_has(loader, "nokaslr") || has_fixed_places(loader))
        return EFI_SUCCESS;
    if (command_value(loader, "seed=", text, sizeof(text)) &&
        read_number(text, &seed))
        cairn_entropy_init_fixed(&entropy, seed);
    else
        start_source(loader, &entropy);
    loader->chance = &entropy;
    return EFI_SUCCESS;
}

/* ---- What the library asks of a host ------------------------------------- */

void cairn_platform_log(enum cairn_log_level level, const char *text)
{
    console_print("[cairn] %s%s\n",
                  level <= CAIRN_LOG_WARNING ? "warning: " : "", text);
}

void cairn_platform_panic(const char *text)
{
    console_print("[cairn] panic: %s\n", text);
    cpu_interrupts_off();
    for (;;)
        cpu_halt();
}
