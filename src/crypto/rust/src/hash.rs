// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 (crate sha2) and BLAKE3 (crate blake3, with its hazmat module for chaining values of subtrees).
use crate::view;
use blake3::hazmat::{merge_subtrees_non_root, merge_subtrees_root, HasherExt, Mode};
use blake3::Hasher;
use core::mem::{align_of, size_of};

cpufeatures::new!(cpuid_sha, "sha", "sse4.1", "ssse3");

/// True if this CPU has what src/crypto/kernels/sha_ni.c needs. Asked once, then remembered.
#[no_mangle]
pub extern "C" fn assay_rs_has_sha_ni() -> bool {
    cpuid_sha::get()
}

/// # Safety
/// `state` is 8 words, `blocks` is `count` times 64 readable bytes.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_sha256_blocks(state: *mut u32, blocks: *const u8, count: usize) {
    if count == 0 {
        return;
    }
    let state = unsafe { &mut *state.cast::<[u32; 8]>() };
    let blocks = unsafe { core::slice::from_raw_parts(blocks.cast::<[u8; 64]>(), count) };
    sha2::block_api::compress256(state, blocks);
}

/// The crate's whole SHA-256; here so that tests can compare ours with it.
///
/// # Safety
/// `out` is 32 writable bytes, `ptr` is `len` readable ones.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_sha256(out: *mut u8, ptr: *const u8, len: usize) {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(unsafe { view(ptr, len) });
    unsafe { *out.cast::<[u8; 32]>() = digest.into() };
}

/// crypto.h: ASSAY_BLAKE3_STATE_LEN, and the alignment of assay_blake3.
const STATE_LEN: usize = 1920;
const STATE_ALIGN: usize = 64;
const _: () = assert!(size_of::<Hasher>() <= STATE_LEN && align_of::<Hasher>() <= STATE_ALIGN);
// C copies and forgets a context without ceremony. A Hasher owns no memory: its stack of chaining values is an ArrayVec
// of plain bytes inside it, and the arrays of the type are all it has.

/// # Safety
/// `key` is NULL or 32 readable bytes.
unsafe fn key_of<'a>(key: *const u8) -> Option<&'a [u8; 32]> {
    unsafe { key.cast::<[u8; 32]>().as_ref() }
}

fn hasher_of(key: Option<&[u8; 32]>) -> Hasher {
    match key {
        None => Hasher::new(),
        Some(key) => Hasher::new_keyed(key),
    }
}

/// # Safety
/// `state` is STATE_LEN writable bytes, aligned to STATE_ALIGN; `key` is NULL or 32 bytes.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_blake3_init(state: *mut u8, key: *const u8) {
    unsafe { state.cast::<Hasher>().write(hasher_of(key_of(key))) };
}

/// # Safety
/// `state` went through init; `ptr` is `len` readable bytes.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_blake3_update(state: *mut u8, ptr: *const u8, len: usize) {
    unsafe { (*state.cast::<Hasher>()).update(view(ptr, len)) };
}

/// # Safety
/// `state` went through init; `out` is 32 writable bytes.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_blake3_final(out: *mut u8, state: *const u8) {
    let digest = unsafe { (*state.cast::<Hasher>()).finalize() };
    unsafe { *out.cast::<[u8; 32]>() = digest.into() };
}

/// # Safety
/// `out` is 32 writable bytes, `key` NULL or 32 bytes, `ptr` `len` readable bytes.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_blake3(out: *mut u8, key: *const u8, ptr: *const u8, len: usize) {
    let bytes = unsafe { view(ptr, len) };
    let digest = match unsafe { key_of(key) } {
        None => blake3::hash(bytes),
        Some(key) => blake3::keyed_hash(key, bytes),
    };
    unsafe { *out.cast::<[u8; 32]>() = digest.into() };
}

/// # Safety
/// As assay_rs_blake3. `off` is a multiple of 1024, `len` at least 1 and within the subtree that may start there.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_blake3_subtree(out: *mut u8, key: *const u8, ptr: *const u8, len: usize, off: u64) {
    let mut hasher = hasher_of(unsafe { key_of(key) });
    hasher.set_input_offset(off).update(unsafe { view(ptr, len) });
    unsafe { *out.cast::<[u8; 32]>() = hasher.finalize_non_root() };
}

/// # Safety
/// `out` is 32 writable bytes, `key` NULL or 32 bytes, `left` and `right` 32 bytes each.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_blake3_parent(
    out: *mut u8,
    key: *const u8,
    left: *const u8,
    right: *const u8,
    root: bool,
) {
    let mode = unsafe { key_of(key) }.map_or(Mode::Hash, Mode::KeyedHash);
    let (left, right) = unsafe { (&*left.cast::<[u8; 32]>(), &*right.cast::<[u8; 32]>()) };
    let value =
        if root { merge_subtrees_root(left, right, mode).into() } else { merge_subtrees_non_root(left, right, mode) };
    unsafe { *out.cast::<[u8; 32]>() = value };
}
