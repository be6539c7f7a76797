/*
 * new.cpp - operator new and delete of C++, all forms.
 */
#include "host.h"

#include <cairn/new.hpp>

namespace
{

unsigned alive;

struct thing {
    unsigned long value;

    thing() : value(42)
    {
        alive++;
    }

    virtual ~thing()
    {
        alive--;
    }
};

struct larger_thing : thing {
    unsigned char rest[1000];
};

struct alignas(256) aligned_thing {
    unsigned char bytes[40];
};

unsigned long address_of(const void *pointer)
{
    return reinterpret_cast<unsigned long>(pointer);
}

void try_single()
{
    thing *one = new thing;
    thing *base = new larger_thing;

    host_check(one->value == 42 && alive == 2, "constructors run");
    host_check(host_live_blocks() == 2, "each is a block");
    delete one;
    delete base;
    delete static_cast<thing *>(nullptr);
    host_check(alive == 0 && host_live_blocks() == 0, "destructors run");
}

void try_arrays()
{
    thing *many = new thing[100];
    char *text = new char[5000];

    host_check(alive == 100, "one constructor for each");
    host_check(address_of(text) % 16 == 0, "arrays are aligned");
    delete[] many;
    delete[] text;
    host_check(alive == 0 && host_live_blocks() == 0, "arrays are gone");
}

void try_aligned()
{
    aligned_thing *one = new aligned_thing;
    aligned_thing *many = new aligned_thing[3];

    host_check(address_of(one) % 256 == 0, "an object is aligned");
    host_check(address_of(many) % 256 == 0, "an array is aligned");
    delete one;
    delete[] many;
}

/* Called as functions: the compiler may not leave them out. */
void try_calls()
{
    const std::nothrow_t quiet = std::nothrow_t();
    const std::align_val_t align = static_cast<std::align_val_t>(512);
    const size_t too_much = static_cast<size_t>(1) << 40;
    void *block = operator new(0);

    host_check(block != nullptr, "nothing is something");
    operator delete(block);
    block = operator new(100, quiet);
    host_check(block != nullptr, "nothrow finds memory");
    operator delete(block, quiet);
    block = operator new[](100, align, quiet);
    host_check(address_of(block) % 512 == 0, "nothrow aligns");
    operator delete[](block, align, quiet);
    block = operator new[](100, quiet);
    operator delete[](block, quiet);
    block = operator new(100, align, quiet);
    operator delete(block, align, quiet);
    block = operator new(100, align);
    operator delete(block, 100, align);
    block = operator new[](100, align);
    operator delete[](block, 100, align);
    block = operator new(100, align);
    operator delete(block, align);
    block = operator new[](300);
    operator delete[](block, 300);
    block = operator new(300);
    operator delete(block, 300);
    host_check(operator new(too_much, quiet) == nullptr, "too much is null");
    host_check(operator new[](too_much, align, quiet) == nullptr,
               "too much, aligned, is null");
}

void ask_for_too_much()
{
    (void)operator new(static_cast<size_t>(1) << 40);
}

void *kept;

void delete_again()
{
    operator delete(kept);
}

void delete_as_smaller()
{
    operator delete(kept, 20);
}

void try_panics()
{
    host_check(host_panic_of(ask_for_too_much) != nullptr,
               "no memory is a panic");
    kept = operator new(1000);
    host_check(host_panic_of(delete_as_smaller) != nullptr,
               "another size is a panic");
    host_check(host_panic_of(delete_again) == nullptr, "it was still there");
    host_check(host_panic_of(delete_again) != nullptr,
               "a second delete is a panic");
}

} // namespace

void language_try(void)
{
    try_single();
    try_arrays();
    try_aligned();
    try_calls();
    try_panics();
}
