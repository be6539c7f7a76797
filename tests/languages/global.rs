//! The global allocator of examples/rust, used by collections, without `std`.

#![no_std]

extern crate alloc;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use cairn_alloc::{Cairn, ALIGN};
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::{c_char, c_int, c_ulong};
use core::panic::PanicInfo;

#[global_allocator]
static HEAP: Cairn = Cairn;

extern "C" {
    fn host_check(is_good: c_int, what: *const c_char);
    fn host_live_blocks() -> c_ulong;
    fn cairn_platform_panic(text: *const c_char) -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    unsafe { cairn_platform_panic(c"a panic of Rust".as_ptr()) }
}

/// The compiled `alloc` names it; nothing unwinds.
#[no_mangle]
extern "C" fn rust_eh_personality() {}

fn check(is_good: bool, what: &core::ffi::CStr) {
    unsafe { host_check(is_good.into(), what.as_ptr()) }
}

fn live() -> u64 {
    unsafe { host_live_blocks() as u64 }
}

#[repr(align(256))]
struct Aligned([u8; 300]);

fn try_collections() {
    let mut numbers = Vec::new();
    for i in 0..10_000u64 {
        numbers.push(i); // grows by realloc
    }
    check(numbers.iter().sum::<u64>() == 49_995_000, c"a vector grows");
    numbers.truncate(3);
    numbers.shrink_to_fit();
    check(numbers == [0, 1, 2], c"a vector shrinks");
    let mut text = String::new();
    for _ in 0..100 {
        text.push_str("0123456789");
    }
    check(text.len() == 1000 && text.ends_with("89"), c"a string grows");
    let mut map = BTreeMap::new();
    for i in 0..1000u32 {
        map.insert(i.wrapping_mul(2_654_435_761) >> 8, i);
    }
    check(map.len() == 1000, c"a map has all");
    check(live() > 100, c"all that is in the heap");
}

fn try_alignment() {
    let mut boxed = Box::new(Aligned([7; 300]));
    check(&*boxed as *const Aligned as usize % 256 == 0, c"a box is aligned");
    boxed.0[299] = 1;
    let mut many: Vec<Aligned> = Vec::new();
    for i in 0..20 {
        many.push(Aligned([i; 300])); // grows by realloc, aligned
        check(many.as_ptr() as usize % 256 == 0, c"a vector stays aligned");
    }
    check(many.iter().enumerate().all(|(i, one)| one.0[299] == i as u8), c"and keeps all");
}

unsafe fn try_one(size: usize, align: usize) {
    let layout = Layout::from_size_align(size, align).unwrap();
    let dirty = HEAP.alloc(layout);
    check(!dirty.is_null() && dirty as usize % align.max(ALIGN) == 0, c"alloc aligns");
    dirty.write_bytes(0xff, size);
    HEAP.dealloc(dirty, layout);
    let block = HEAP.alloc_zeroed(layout);
    check((0..size).all(|i| *block.add(i) == 0), c"alloc_zeroed zeroes");
    block.write(9);
    let block = HEAP.realloc(block, layout, size * 4);
    check(block.read() == 9 && block as usize % align == 0, c"realloc keeps and aligns");
    HEAP.dealloc(block, Layout::from_size_align(size * 4, align).unwrap());
}

fn try_calls() {
    for shift in 0..14 {
        for size in [1, 40, 3000, 5000] {
            unsafe { try_one(size, 1 << shift) };
        }
    }
    let too_much = Layout::from_size_align(1 << 40, 8).unwrap();
    check(unsafe { HEAP.alloc(too_much) }.is_null(), c"too much is null");
}

#[no_mangle]
pub extern "C" fn language_try() {
    try_collections();
    check(live() == 0, c"collections give all back");
    try_alignment();
    check(live() == 0, c"aligned ones give all back");
    try_calls();
}
