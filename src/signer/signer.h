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
 * to one directory, which is never restored. In this version the signer lives in the validator's process; the interface
 * is that of a remote one. One thread at a time. Reading order: signer.h, watermark.c, signer.c.   Spec:
 * spec/signer.md; CometBFT privval (file.go) for the rules of regression.
 */
#ifndef ASSAY_SIGNER_H
#define ASSAY_SIGNER_H

#include "base/base.h"
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
