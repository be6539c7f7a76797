//! Cairn's heap as the global allocator of a kernel in Rust.
//!
//! ```ignore
//! use cairn_alloc::Cairn;
//!
//! #[global_allocator]
//! static HEAP: Cairn = Cairn;
//! ```
//!
//! The kernel starts a heap and calls `cairn_kmalloc_use` before the first allocation; without
//! a heap, allocations fail.  Contexts are those of `<cairn/heap.h>`: any but NMI and #MC.
//!
//! No dependencies, no `std`.

#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;
use core::ptr;

/// What every block is aligned to, `CAIRN_HEAP_ALIGN`.
pub const ALIGN: usize = 16;

extern "C" {
    fn cairn_kmalloc(size: usize) -> *mut c_void;
    fn cairn_kmalloc_aligned(size: usize, align: usize) -> *mut c_void;
    fn cairn_kcalloc(count: usize, size: usize) -> *mut c_void;
    fn cairn_krealloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn cairn_kfree(block: *mut c_void) -> bool;
}

/// The heap that `cairn_kmalloc_use` has chosen.
pub struct Cairn;

// SAFETY: the heap's functions may be called by any CPU at any time, never unwind, and return
// either null or a block of that size and alignment which is nobody else's.
unsafe impl GlobalAlloc for Cairn {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = if layout.align() <= ALIGN {
            cairn_kmalloc(layout.size())
        } else {
            cairn_kmalloc_aligned(layout.size(), layout.align())
        };
        block.cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // What the heap's configuration says about wrong frees has happened by now.
        let _ = cairn_kfree(block.cast());
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= ALIGN {
            return cairn_kcalloc(1, layout.size()).cast();
        }
        let block = self.alloc(layout);
        if !block.is_null() {
            ptr::write_bytes(block, 0, layout.size());
        }
        block
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.align() <= ALIGN {
            return cairn_krealloc(block.cast(), size).cast();
        }
        let other = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
        if !other.is_null() {
            ptr::copy_nonoverlapping(block, other, layout.size().min(size));
            self.dealloc(block, layout);
        }
        other
    }
}
