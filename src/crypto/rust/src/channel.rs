// SPDX-License-Identifier: Apache-2.0
//
// What an encrypted connection is made of: X25519 (crate curve25519-dalek), HKDF over SHA-256 (hkdf), Merlin transcripts
// (merlin), ChaCha20-Poly1305 of RFC 8439 (chacha20poly1305). All in constant time in what is secret.
use crate::view;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, Tag};
use curve25519_dalek::montgomery::MontgomeryPoint;
use hkdf::Hkdf;
use merlin::Transcript;
use sha2::Sha256;
use zeroize::Zeroize;

/// assay_crypto_labelled of crypto.h; its size is asserted on both sides.
#[repr(C)]
pub struct Labelled {
    label: *const u8,
    label_len: usize,
    message: *const u8,
    message_len: usize,
}
const _: () = assert!(core::mem::size_of::<Labelled>() == 4 * core::mem::size_of::<usize>());

const TAG: usize = 16;

/// # Safety
/// `out` is 32 writable bytes, `secret` 32 readable ones.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_x25519_public(out: *mut u8, secret: *const u8) {
    let mut scalar = unsafe { *secret.cast::<[u8; 32]>() };
    unsafe { *out.cast::<[u8; 32]>() = MontgomeryPoint::mul_base_clamped(scalar).to_bytes() };
    scalar.zeroize();
}

/// False if the product is zero: the point is of small order.
///
/// # Safety
/// `out` is 32 writable bytes, `secret` and `point` 32 readable ones each.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_x25519(out: *mut u8, secret: *const u8, point: *const u8) -> bool {
    let mut scalar = unsafe { *secret.cast::<[u8; 32]>() };
    let mut shared = MontgomeryPoint(unsafe { *point.cast::<[u8; 32]>() }).mul_clamped(scalar);
    let bits = shared.to_bytes().iter().fold(0u8, |all, byte| all | byte);
    unsafe { *out.cast::<[u8; 32]>() = shared.to_bytes() };
    scalar.zeroize();
    shared.zeroize();
    bits != 0
}

/// # Safety
/// `out` is `len` writable bytes, `secret` 32 readable ones, `info` `info_len`.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_hkdf_sha256(
    out: *mut u8,
    len: usize,
    secret: *const u8,
    info: *const u8,
    info_len: usize,
) -> bool {
    let out = unsafe { core::slice::from_raw_parts_mut(out, len) };
    let hkdf = Hkdf::<Sha256>::new(None, unsafe { view(secret, 32) });
    hkdf.expand(unsafe { view(info, info_len) }, out).is_ok()
}

/// Merlin wants labels that live for ever, because they are constants where it is used in Rust. It reads them at once.
///
/// # Safety
/// The bytes outlive the call that the label is given to.
unsafe fn label(ptr: *const u8, len: usize) -> &'static [u8] {
    unsafe { view(ptr, len) }
}

/// # Safety
/// `out` is `len` writable bytes; `messages` are `count`, and every view is readable.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_merlin(
    out: *mut u8,
    len: usize,
    protocol: *const u8,
    protocol_len: usize,
    messages: *const Labelled,
    count: usize,
    challenge: *const u8,
    challenge_len: usize,
) {
    let mut transcript = Transcript::new(unsafe { label(protocol, protocol_len) });
    for i in 0..count {
        let m = unsafe { &*messages.add(i) };
        transcript.append_message(unsafe { label(m.label, m.label_len) }, unsafe { view(m.message, m.message_len) });
    }
    let out = unsafe { core::slice::from_raw_parts_mut(out, len) };
    transcript.challenge_bytes(unsafe { label(challenge, challenge_len) }, out);
}

/// # Safety
/// `text` is `len` bytes that are encrypted in place, and room for 16 more behind them; `key` is 32 bytes, `nonce` 12.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_aead_seal(text: *mut u8, len: usize, key: *const u8, nonce: *const u8) -> bool {
    let cipher = ChaCha20Poly1305::new(unsafe { &*key.cast::<Key>() });
    let whole = unsafe { core::slice::from_raw_parts_mut(text, len + TAG) };
    let (plain, room) = whole.split_at_mut(len);
    match cipher.encrypt_inout_detached(unsafe { &*nonce.cast::<Nonce>() }, b"", plain.into()) {
        Ok(tag) => {
            room.copy_from_slice(&tag);
            true
        }
        Err(_) => false,
    }
}

/// False if it was changed; the text is then as it came.
///
/// # Safety
/// `text` is `len` bytes, of which the last 16 are the tag; the others are decrypted in place.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_aead_open(text: *mut u8, len: usize, key: *const u8, nonce: *const u8) -> bool {
    if len < TAG {
        return false;
    }
    let cipher = ChaCha20Poly1305::new(unsafe { &*key.cast::<Key>() });
    let whole = unsafe { core::slice::from_raw_parts_mut(text, len) };
    let (sealed, tag) = whole.split_at_mut(len - TAG);
    let mut expected = Tag::default();
    expected.copy_from_slice(tag);
    cipher.decrypt_inout_detached(unsafe { &*nonce.cast::<Nonce>() }, b"", sealed.into(), &expected).is_ok()
}
