/*
 * cairn/new.hpp - operator new and delete of C++ on cairn/kmalloc.h.
 *
 * Include it in exactly one source file of the kernel: it defines the global
 * operators, all of them: single and array, aligned, sized, nothrow.
 *
 * Errors   Without exceptions, operator new may not return NULL: no memory is a
 *          panic.  new (std::nothrow) returns NULL.  Deleting what is none of
 *          the heap's, or is deleted already, is a panic, and so is an object
 *          of another size than was allocated, if the compiler tells the size
 *          (-fsized-deallocation).
 * Flags    -ffreestanding -fno-exceptions -fno-rtti will do; -faligned-new for
 *          aligned ones before C++17.  Without a header <new>, define
 *          CAIRN_NEW_WITHOUT_LIBRARY first.
 */
#ifndef CAIRN_NEW_HPP
#define CAIRN_NEW_HPP

#include <cairn/kmalloc.h>

#ifndef CAIRN_NEW_WITHOUT_LIBRARY
#include <new>
#else
namespace std
{
enum class align_val_t : decltype(sizeof(0)) {
};
struct nothrow_t {
    explicit nothrow_t() = default;
};
extern const nothrow_t nothrow; /* for the kernel to define, if it is used */
} // namespace std
#endif

namespace cairn_new
{

inline void *cairn_new_must(void *block)
{
    if (block == nullptr)
        cairn_platform_panic("operator new: no memory");
    return block;
}

inline void *cairn_new_try(size_t size)
{
    return cairn_kmalloc(size == 0 ? 1 : size);
}

inline void *cairn_new_try(size_t size, std::align_val_t align)
{
    return cairn_kmalloc_aligned(size == 0 ? 1 : size,
                                 static_cast<size_t>(align));
}

inline void cairn_new_delete(void *block)
{
    if (!cairn_kfree(block))
        cairn_platform_panic("operator delete: no block of the heap");
}

inline void cairn_new_delete(void *block, size_t size)
{
    cairn_heap *heap = cairn_kmalloc_heap();

    if (block != nullptr &&
        (heap == nullptr ||
         cairn_heap_free_sized(heap, block, size) != CAIRN_OK))
        cairn_platform_panic("operator delete: no such block of the heap");
}

} // namespace cairn_new

/* ---- new ----------------------------------------------------------------- */

void *operator new(size_t size)
{
    return cairn_new::cairn_new_must(cairn_new::cairn_new_try(size));
}

void *operator new[](size_t size)
{
    return cairn_new::cairn_new_must(cairn_new::cairn_new_try(size));
}

void *operator new(size_t size, const std::nothrow_t &) noexcept
{
    return cairn_new::cairn_new_try(size);
}

void *operator new[](size_t size, const std::nothrow_t &) noexcept
{
    return cairn_new::cairn_new_try(size);
}

void *operator new(size_t size, std::align_val_t align)
{
    return cairn_new::cairn_new_must(cairn_new::cairn_new_try(size, align));
}

void *operator new[](size_t size, std::align_val_t align)
{
    return cairn_new::cairn_new_must(cairn_new::cairn_new_try(size, align));
}

void *operator new(size_t size, std::align_val_t align,
                   const std::nothrow_t &) noexcept
{
    return cairn_new::cairn_new_try(size, align);
}

void *operator new[](size_t size, std::align_val_t align,
                     const std::nothrow_t &) noexcept
{
    return cairn_new::cairn_new_try(size, align);
}

/* ---- delete -------------------------------------------------------------- */

void operator delete(void *block) noexcept
{
    cairn_new::cairn_new_delete(block);
}

void operator delete[](void *block) noexcept
{
    cairn_new::cairn_new_delete(block);
}

void operator delete(void *block, const std::nothrow_t &) noexcept
{
    cairn_new::cairn_new_delete(block);
}

void operator delete[](void *block, const std::nothrow_t &) noexcept
{
    cairn_new::cairn_new_delete(block);
}

void operator delete(void *block, size_t size) noexcept
{
    cairn_new::cairn_new_delete(block, size);
}

void operator delete[](void *block, size_t size) noexcept
{
    cairn_new::cairn_new_delete(block, size);
}

/* Aligned blocks may be larger than was asked for: their size is not held
 * against them. */
void operator delete(void *block, std::align_val_t) noexcept
{
    cairn_new::cairn_new_delete(block);
}

void operator delete[](void *block, std::align_val_t) noexcept
{
    cairn_new::cairn_new_delete(block);
}

void operator delete(void *block, size_t, std::align_val_t) noexcept
{
    cairn_new::cairn_new_delete(block);
}

void operator delete[](void *block, size_t, std::align_val_t) noexcept
{
    cairn_new::cairn_new_delete(block);
}

void operator delete(void *block, std::align_val_t,
                     const std::nothrow_t &) noexcept
{
    cairn_new::cairn_new_delete(block);
}

void operator delete[](void *block, std::align_val_t,
                       const std::nothrow_t &) noexcept
{
    cairn_new::cairn_new_delete(block);
}

#endif
