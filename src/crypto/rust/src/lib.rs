// SPDX-License-Identifier: Apache-2.0
//
// assay_crypto_rs - the crypto crates behind a flat C interface, for src/crypto alone (crypto_internal.h declares it).
//
// no_std, so that what this library may do can be read off its undefined symbols: memory primitives, the C heap for
// the tables of a batch verification, and abort. There is no clock, file, thread or source of randomness to call.
// Its only writable data are the caches of "which instructions has this CPU", written with the same value by everybody,
// and the seed of the hash map inside a batch (made of addresses; see sign.rs). test/check_rust.sh lists both.
#![no_std]
#![deny(unsafe_op_in_unsafe_fn)]

extern crate alloc;

mod channel;
mod hash;
mod sign;

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;

extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn aligned_alloc(align: usize, size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
    fn abort() -> !;
}

struct CHeap;

// SAFETY: malloc gives 16-byte alignment on every 64-bit platform we build for, and aligned_alloc the rest.
unsafe impl GlobalAlloc for CHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let memory = if layout.align() <= 16 {
            unsafe { malloc(layout.size()) }
        } else {
            unsafe { aligned_alloc(layout.align(), layout.pad_to_align().size()) }
        };
        memory.cast()
    }

    unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
        unsafe { free(memory.cast()) }
    }
}

#[global_allocator]
static HEAP: CHeap = CHeap;

// A panic is a bug of ours (the C side checks every argument first) or an empty heap; neither may become a verdict.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    unsafe { abort() }
}

/// Bytes of the caller's; an empty view may come with any pointer, NULL too.
///
/// # Safety
/// `ptr` points to `len` readable bytes that live as long as the result is used, or `len` is 0.
unsafe fn view<'a>(ptr: *const u8, len: usize) -> &'a [u8] {
    if len == 0 {
        &[]
    } else {
        unsafe { core::slice::from_raw_parts(ptr, len) }
    }
}
