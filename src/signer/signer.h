/* SPDX-License-Identifier: Apache-2.0
 *
 * signer - the one place that holds a consensus key: it signs votes and proposals, and never two that conflict.
 *
 *   vote -> compare with the watermark -> watermark on disk (with the sign bytes) -> signature -> caller
 *
 * The watermark is written before the signature exists, so a kill at any instant signs nothing twice. A repeat of the same vote (but for its timestamp) signs
 * the same bytes with the old timestamp again. Anything else at or below the watermark is refused.
 * In this version the signer lives in the validator's process; the interface is that of a remote one.
 * Reading order: signer.h, signer.c.      Spec: spec/signer.md; CometBFT privval (file.go) for the rules of regression.
 */
#ifndef ASSAY_SIGNER_H
#define ASSAY_SIGNER_H

#include "base/base.h"
#include "types/types.h"

typedef struct assay_signer assay_signer;

/* assay_signer_open - opens the key and watermark files of directory dir ("consensus.key", "consensus.watermark"), making the key if create is true and
 * there is none. durable == false: the watermark is kept by the running system only (a devnet in memory).
 *   ASSAY_F_STORAGE, ASSAY_F_CORRUPT (a damaged watermark: refuse to sign rather than guess), ASSAY_E_NOT_FOUND (no key and !create), ASSAY_F_MEMORY */
ASSAY_MUST_USE assay_err assay_signer_open(assay_signer **out, assay_arena *keep, const char *dir, bool create, bool durable);
/* assay_signer_close - wipes the key. */
void assay_signer_close(assay_signer *signer);
/* assay_signer_public - the consensus public key. */
assay_public_key assay_signer_public(const assay_signer *signer);
/* assay_signer_vote - signs *vote (all but timestamp and signature given): the timestamp becomes the later of now and at_least, or that of the same vote signed before.
 *   ASSAY_E_DUPLICATE   it conflicts with the watermark: refused        ASSAY_F_STORAGE   the watermark could not be written: not signed */
ASSAY_MUST_USE assay_err assay_signer_vote(assay_signer *signer, assay_vote *vote, assay_bytes chain_id, assay_time now, assay_time at_least);
/* assay_signer_proposal - the same for proposals. */
ASSAY_MUST_USE assay_err assay_signer_proposal(assay_signer *signer, assay_proposal *proposal, assay_bytes chain_id, assay_time now);
/* assay_signer_prove - signs sign_bytes(kind, chain name, owner address): possession of the key, at registration. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_signer_prove(const assay_signer *signer, assay_signature *out, const char *kind, assay_bytes chain, assay_address owner);
/* assay_signer_vote_without_guard - signs a vote against every rule above. Only the devnet's fault injector calls it, to cast a real double vote. */
ASSAY_MUST_USE assay_err assay_signer_vote_without_guard(const assay_signer *signer, assay_vote *vote, assay_bytes chain_id);

#endif
