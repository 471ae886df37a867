/* SPDX-License-Identifier: Apache-2.0
 *
 * signer - the one place that holds a consensus key: it signs votes and proposals, and never two that conflict.
 *
 *   vote -> compare with the watermark -> watermark on disk (with the sign bytes) -> signature -> caller
 *
 * The watermark is written before the signature exists, so a kill at any instant signs nothing twice. A repeat of the
 * same vote (but for its timestamp) signs the same bytes with the old timestamp again. Anything else at or below the
 * watermark is refused.
 *
 * What no watermark can see is a directory that was put back from an old copy, or used on two machines: a key belongs
 * to one directory, which is never restored. The embedded engine's signer lives in the validator's process; under
 * CometBFT it is a process of its own (apps/assay-signer). One thread at a time.
 * Reading order: signer.h, watermark.c, signer.c, remote.c, secret.c.
 * Spec: spec/signer.md; CometBFT privval (file.go) for the rules of regression, p2p/conn for what goes over TCP.
 */
#ifndef ASSAY_SIGNER_H
#define ASSAY_SIGNER_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "types/types.h"

typedef struct assay_signer assay_signer;

/* assay_signer_open - opens the files of directory dir, which must exist: "consensus.key" (one line of text, mode
 * 0600), "consensus.watermark" (512 bytes) and "consensus.lock". If there is neither key nor watermark and create is
 * true, both are made. durable == false: what is written is left to the running system (a devnet in memory): it
 * outlives the process, not a power cut.
 *
 *   out      out  in keep, which must outlive it; close with assay_signer_close, which wipes it
 *
 *   ASSAY_E_NOT_FOUND   no key, and !create; or no directory
 *   ASSAY_F_BUSY        another process, or another signer of this one, has this directory open
 *   ASSAY_F_CORRUPT     key or watermark is damaged, of another key, or one of the two is missing: refuse rather than
 * guess ASSAY_F_STORAGE     cannot be read or written, or others than the owner may read the key file (chmod 600)
 *   ASSAY_F_MEMORY      keep: about 4 KiB
 *   Cost: if durable one write and one synchronisation (what is there may not be on the disk yet), and a few more to
 * create; else well below 1 ms. */
ASSAY_MUST_USE assay_err assay_signer_open(assay_signer **out, assay_arena *keep, const char *dir, bool create,
                                           bool durable);
/* assay_signer_close - wipes the key and gives the directory's lock back. The signer must not be used again. */
void assay_signer_close(assay_signer *signer);
/* assay_signer_public - the consensus public key. */
assay_public_key assay_signer_public(const assay_signer *signer);

/* assay_signer_vote - signs *vote (all but timestamp and signature given). The timestamp becomes the later of now and
 * at_least, or that of the same vote signed before. *vote is changed only by ASSAY_OK.
 *
 *   ASSAY_E_DUPLICATE   it conflicts with the watermark (a lower height, round or step, or another vote at the same):
 * refused ASSAY_E_RANGE       no such vote: type, height < 1, round < 0, a chain id that is too long ASSAY_F_STORAGE
 * the watermark could not be written: not signed. What the disk holds is unknown from then on, so this signer refuses
 * everything until it is opened again Cost: one signature, one write of 512 bytes and, if durable, one fdatasync. */
ASSAY_MUST_USE assay_err assay_signer_vote(assay_signer *signer, assay_vote *vote, assay_bytes chain_id, assay_time now,
                                           assay_time at_least);
/* assay_signer_proposal - the same for proposals, whose timestamp becomes now. A proposal comes before the votes of its
 * round. Errors as assay_signer_vote. */
ASSAY_MUST_USE assay_err assay_signer_proposal(assay_signer *signer, assay_proposal *proposal, assay_bytes chain_id,
                                               assay_time now);

/* assay_signer_answer - answers one request of CometBFT's privval protocol, as a remote signer does: public key, vote,
 * proposal, ping. The timestamp that is signed is the request's, or that of the same thing signed before.
 *
 *   out       appended: the response, length-delimited, at most ASSAY_SIGNER_MESSAGE_LEN_MAX bytes
 *   chain_id  the one chain that this key signs for
 *   request   without its length, at most ASSAY_SIGNER_MESSAGE_LEN_MAX bytes
 *
 *   ASSAY_OK          signed, or told
 *   ASSAY_E_DUPLICATE, ASSAY_E_RANGE, ASSAY_E_CHAIN (another chain's)   refused: out holds the response that says so
 *   ASSAY_F_STORAGE   as assay_signer_vote; out holds a response that says so
 *   ASSAY_E_ENCODING  no such request: nothing was appended; close the connection
 *   ASSAY_F_MEMORY    out is too small; what was signed is on record */
#define ASSAY_SIGNER_MESSAGE_LEN_MAX 10240 /* CometBFT's maxRemoteSignerMsgSize */
ASSAY_MUST_USE assay_err assay_signer_answer(assay_signer *signer, assay_buf *out, assay_bytes chain_id,
                                             assay_bytes request);

/* ---- over TCP ------------------------------------------------------------------------------------------------- */

/* CometBFT's SecretConnection (p2p/conn/secret_connection.go), one side of it, without the socket: keys are agreed on,
 * both sign what they saw, and all that follows is sealed in frames of one length.
 *
 *   begin -> 35 bytes out; 35 in -> agree -> a frame out; frames in -> open, until a whole message -> admit; then
 *   seal and open
 *
 * It hides and protects what passes. Whom it passes to it does not tell where keys are made for one connection, as a
 * CometBFT makes its own at each start. Plain memory; wipe it with assay_crypto_wipe. */
#define ASSAY_SIGNER_HELLO_LEN 35
#define ASSAY_SIGNER_CHUNK_LEN 1024 /* of a frame, at most */
#define ASSAY_SIGNER_FRAME_LEN 1044
typedef struct assay_signer_secret {
    assay_key_secret ephemeral, send_key, receive_key;
    uint64_t sent, received; /* frames: their nonces */
    uint8_t challenge[32];
    assay_public_key peer; /* which key it proved to hold, once admitted */
} assay_signer_secret;
/* assay_signer_secret_begin - a new one; random32 is, and stays unknown to everybody else. hello is sent first. */
void assay_signer_secret_begin(assay_signer_secret *secret, uint8_t hello[ASSAY_SIGNER_HELLO_LEN],
                               const assay_key_secret *random32);
/* assay_signer_secret_agree - what the other side sent first; frame is sent then, and proves that we hold identity.
 * ASSAY_E_ENCODING: it is no such message; ASSAY_E_KEY: a key that makes no secret, or our own. */
ASSAY_MUST_USE assay_err assay_signer_secret_agree(assay_signer_secret *secret, uint8_t frame[ASSAY_SIGNER_FRAME_LEN],
                                                   const uint8_t hello[ASSAY_SIGNER_HELLO_LEN],
                                                   const assay_key_secret *identity);
/* assay_signer_secret_admit - the first message that was opened, without its length: it has to prove that the other
 * side saw the same. ASSAY_E_ENCODING, ASSAY_E_SIGNATURE. */
ASSAY_MUST_USE assay_err assay_signer_secret_admit(assay_signer_secret *secret, assay_bytes message);
/* assay_signer_secret_seal - at most ASSAY_SIGNER_CHUNK_LEN bytes, asserted, become a frame. */
void assay_signer_secret_seal(assay_signer_secret *secret, uint8_t frame[ASSAY_SIGNER_FRAME_LEN], assay_bytes chunk);
/* assay_signer_secret_open - a frame in place: chunk is a view of it. ASSAY_E_SIGNATURE: it is not the next one that
 * the other side sealed; ASSAY_E_ENCODING: a length beyond its own. After either nothing more can be opened. */
ASSAY_MUST_USE assay_err assay_signer_secret_open(assay_signer_secret *secret, assay_bytes *chunk,
                                                  uint8_t frame[ASSAY_SIGNER_FRAME_LEN]);

/* assay_signer_last - height and round of the last thing signed, or about to be; 0 and 0 if there is none. Whoever
 * starts again there asks for rounds above it: what was signed in that round cannot be signed otherwise. */
void assay_signer_last(const assay_signer *signer, int64_t *height, int32_t *round);

/* assay_signer_prove - signs sign_bytes(kind, chain, owner address): possession of the key, at registration. Cannot be
 * taken for a vote: those begin with a length of at most two bytes and field 1, this with "assay/1/". ASSAY_E_RANGE:
 * kind or chain is too long. */
ASSAY_MUST_USE assay_err assay_signer_prove(const assay_signer *signer, assay_signature *out, const char *kind,
                                            assay_bytes chain, assay_address owner);
/* assay_signer_vote_without_guard - signs a vote as it stands, against every rule above. Only the devnet's fault
 * injector calls it, to cast a real double vote. ASSAY_E_RANGE as assay_signer_vote. */
ASSAY_MUST_USE assay_err assay_signer_vote_without_guard(const assay_signer *signer, assay_vote *vote,
                                                         assay_bytes chain_id);

#endif
