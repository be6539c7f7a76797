/*
 * memory.c - the four functions that the compiler and the library expect.
 *
 * SOURCE  ISO C11, section 7.24, "String handling".
 */
#include "memory.h"

void *memcpy(void *to, const void *from, size_t bytes)
{
    void *cursor = to;
    size_t words = bytes / sizeof(uint64_t);

    bytes %= sizeof(uint64_t);
    __asm__ volatile("rep movsq"
                     : "+D"(cursor), "+S"(from), "+c"(words)
                     :
                     : "memory");
    __asm__ volatile("rep movsb"
                     : "+D"(cursor), "+S"(from), "+c"(bytes)
                     :
                     : "memory");
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    uint8_t *target = to;
    const uint8_t *source = from;

    if ((uintptr_t)to - (uintptr_t)from >= bytes)
        return memcpy(to, from, bytes);
    while (bytes-- > 0)
        ((volatile uint8_t *)target)[bytes] = source[bytes];
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    void *cursor = to;
    uint64_t word = (uint8_t)value * (uint64_t)0x0101010101010101;
    size_t words = bytes / sizeof(word);

    bytes %= sizeof(word);
    __asm__ volatile("rep stosq"
                     : "+D"(cursor), "+c"(words)
                     : "a"(word)
                     : "memory");
    __asm__ volatile("rep stosb"
                     : "+D"(cursor), "+c"(bytes)
                     : "a"(word)
                     : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const volatile uint8_t *left = a;
    const volatile uint8_t *right = b;

    for (size_t i = 0; i < bytes; i++) {
        uint8_t x = left[i];
        uint8_t y = right[i];

        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}
