// SPDX-License-Identifier: Apache-2.0
//
// Ed25519 with the rules of ZIP 215 (crate ed25519-zebra): any encoding of R and A that decodes, s canonical, and the
// equation multiplied by the cofactor. Under these rules a batch and its members one by one always agree.
use crate::view;
use core::convert::Infallible;
use curve25519_dalek::edwards::CompressedEdwardsY;
use ed25519_zebra::{batch, Signature, SigningKey, VerificationKey, VerificationKeyBytes};
use rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroize;

/// assay_crypto_batch_item of crypto.h; its size is asserted on both sides.
#[repr(C)]
pub struct Item {
    key: [u8; 32],
    signature: [u8; 64],
    message: *const u8,
    len: usize,
}
const _: () = assert!(core::mem::size_of::<Item>() == 96 + 2 * core::mem::size_of::<usize>());

/// The crates leave intermediate values of a secret on the stack (the hash of the seed, digits of the scalar). This
/// overwrites the memory where their frames were; a frame deeper than this, or a register, it cannot reach.
#[inline(never)]
fn wipe_stack_below() {
    let mut memory = [0u8; 8192];
    memory.zeroize();
}

/// # Safety
/// `out` and `seed` are 32 bytes each.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_ed25519_public(out: *mut u8, seed: *const u8) {
    let mut key = SigningKey::from(unsafe { *seed.cast::<[u8; 32]>() });
    unsafe { *out.cast::<[u8; 32]>() = VerificationKeyBytes::from(&key).into() };
    key.zeroize();
    wipe_stack_below();
}

/// # Safety
/// `out` is 64 writable bytes, `seed` 32, `ptr` `len` readable ones.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_ed25519_sign(out: *mut u8, seed: *const u8, ptr: *const u8, len: usize) {
    let mut key = SigningKey::from(unsafe { *seed.cast::<[u8; 32]>() });
    let signature = key.sign(unsafe { view(ptr, len) });
    unsafe { *out.cast::<[u8; 64]>() = signature.to_bytes() };
    key.zeroize();
    wipe_stack_below();
}

/// # Safety
/// `key` is 32 readable bytes, `signature` 64, `ptr` `len`.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_ed25519_verify(
    key: *const u8,
    signature: *const u8,
    ptr: *const u8,
    len: usize,
) -> bool {
    let key = VerificationKeyBytes::from(unsafe { *key.cast::<[u8; 32]>() });
    let signature = Signature::from_bytes(unsafe { &*signature.cast::<[u8; 64]>() });
    let message = unsafe { view(ptr, len) };
    VerificationKey::try_from(key).and_then(|key| key.verify(&signature, message)).is_ok()
}

/// The coefficients of a batch: the extended output of BLAKE3 keyed with the caller's seed, over all of the batch.
struct Coefficients(blake3::OutputReader);

impl Coefficients {
    unsafe fn new(items: &[Item], seed: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(seed);
        hasher.update(b"assay/1/batch\0").update(&(items.len() as u64).to_le_bytes());
        for item in items {
            hasher.update(&item.key).update(&item.signature).update(&(item.len as u64).to_le_bytes());
            hasher.update(unsafe { view(item.message, item.len) });
        }
        Self(hasher.finalize_xof())
    }
}

impl TryRng for Coefficients {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Coefficients {}

/// Signatures in one equation. More gain little, and this bounds the memory that a batch takes (about 2 MB).
const BATCH_MAX: usize = 1024;

/// The verifier gathers signatures by key in a hash map whose order is not the same on every run. So which signature
/// gets which coefficient may differ; the verdict does not, but for a chance of 2^-128 on a batch that is not valid.
///
/// # Safety
/// `items` is `count` items whose messages are readable; `seed` is 32 bytes.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_ed25519_verify_batch(items: *const Item, count: usize, seed: *const u8) -> bool {
    if count == 0 {
        return true;
    }
    let items = unsafe { core::slice::from_raw_parts(items, count) };
    let mut coefficients = unsafe { Coefficients::new(items, &*seed.cast::<[u8; 32]>()) };
    items.chunks(BATCH_MAX).all(|part| {
        let mut verifier = batch::Verifier::new();
        for item in part {
            let message = unsafe { view(item.message, item.len) };
            verifier.queue((item.key.into(), Signature::from_bytes(&item.signature), message));
        }
        verifier.verify(&mut coefficients).is_ok()
    })
}

/// # Safety
/// `key` is 32 readable bytes.
#[no_mangle]
pub unsafe extern "C" fn assay_rs_ed25519_key_ok(key: *const u8) -> bool {
    let key = CompressedEdwardsY(unsafe { *key.cast::<[u8; 32]>() });
    // Compressing the point again tells a canonical encoding: y below p, and no sign on x = 0.
    key.decompress().is_some_and(|point| point.compress() == key && !point.is_small_order())
}
