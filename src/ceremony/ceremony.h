/* SPDX-License-Identifier: Apache-2.0
 *
 * ceremony - how a network of many machines comes to be: each operator makes a validator's directory and one small
 * public file; the files of all become a genesis; every operator checks and signs it; then each directory accepts it.
 *
 *   join: keys, node.json, DIR/join.json --public--> collect: network.json --> sign: each operator's word
 *                                                                          --> accept: DIR/genesis, DIR/cometbft
 *
 * Secret keys never leave the directory that they were made in. Nothing here talks to a network.
 *   DIR/owner.key, attestation.key         the account that owns the stake; the key of checks
 *   DIR/signer/ (or the CometBFT home)     the consensus key
 *   DIR/node.json, join.json, genesis      settings; what others may know; the chain's beginning
 *   DIR/cometbft/                          an ordinary CometBFT home
 * Reading order: ceremony.h, member.c, network.c, place.c.     Spec: spec/ceremony.md
 */
#ifndef ASSAY_CEREMONY_H
#define ASSAY_CEREMONY_H

#include "base/base.h"
#include "types/types.h"

#define ASSAY_CEREMONY_MONIKER_LEN_MAX 64
#define ASSAY_CEREMONY_HOST_LEN_MAX 128
#define ASSAY_CEREMONY_FILE_LEN_MAX ((size_t)16 << 20)

/* Where a validator will run, and under which addresses. */
typedef struct assay_ceremony_place {
    const char *directory;
    const char *moniker;
    const char *host;   /* a name or number under which the others reach it; one of IPv6 in brackets */
    const char *listen; /* "0.0.0.0", "127.0.0.1"; one of IPv6 without brackets, "::" */
    uint16_t port;      /* HTTP; CometBFT's RPC (on loopback only) at +1, its P2P at +2 */
    bool signer;        /* the consensus key is assay-signer's; else CometBFT keeps it in its home */
} assay_ceremony_place;

/* What everybody may know of a validator. Texts lie in the arena that it was read into. */
typedef struct assay_ceremony_member {
    const char *network; /* the chain's name: the proofs below are bound to it */
    const char *moniker, *node_id;
    const char *p2p;  /* "host:port" */
    const char *http; /* "http://host:port" */
    assay_genesis_validator validator;
    assay_signature signature; /* the owner's, over all of it */
} assay_ceremony_member;

/* assay_ceremony_join - makes the directory, its keys and its files, and says what others may know. Run again on the
 * same directory it gives the same keys, and refuses another network's name.
 * A refusal leaves no file behind.
 *   ASSAY_E_NAME     network is no chain name; a moniker, host or listen is empty, too long, or not plain
 *   ASSAY_E_RANGE    port above 65,533; self_bond 0
 *   ASSAY_E_EXISTS   the directory is of another network, or has a genesis already
 *   ASSAY_F_*        keep: 256 KiB */
ASSAY_MUST_USE assay_err assay_ceremony_join(assay_ceremony_member *out, assay_arena *keep,
                                             const assay_ceremony_place *place, const char *network,
                                             uint64_t self_bond);

/* assay_ceremony_member_write, _read - join.json. read checks everything that one alone can be checked for: the owner's
 * signature and both keys' proofs of possession.
 *   ASSAY_E_NAME   a text is not plain, or an address none: it would stand in every other's configuration
 *   ASSAY_E_LIMIT  more values than assay_comet_json_bound allows
 *   ASSAY_E_ENCODING, ASSAY_E_FORMAT, ASSAY_E_RANGE (a stake of 0), ASSAY_E_SIGNATURE, ASSAY_F_MEMORY */
ASSAY_MUST_USE assay_err assay_ceremony_member_write(assay_buf *out, const assay_ceremony_member *member);
ASSAY_MUST_USE assay_err assay_ceremony_member_read(assay_ceremony_member *out, assay_arena *keep, assay_bytes text);

/* A network that is agreed on, or about to be. */
typedef struct assay_ceremony_network {
    assay_bytes genesis; /* encoded */
    assay_hash hash;     /* of it */
    char chain_id[ASSAY_CHAIN_ID_LEN_MAX + 1];
    assay_ceremony_member *members; /* in the order of the genesis' validators */
    uint32_t members_count;
} assay_ceremony_network;

/* assay_ceremony_collect - a genesis of these members and accounts. The members' order is that of their owners' keys,
 * so whoever collects the same files gets the same genesis; owners without an account get `allowance`.
 *   ASSAY_E_CHAIN      a member joined another network     ASSAY_E_DUPLICATE  a key, a node id or an address twice
 *   ASSAY_E_RANGE      a parameter out of its range, or two that contradict each other; nobody, or more than the
 * parameters or ASSAY_NODE_VALIDATORS_MAX allow; a balance of 0, a stake below bond_min, units beyond what a ledger may
 * hold. The parameters themselves are the caller's. ASSAY_F_MEMORY     keep: four times the texts and 1 MiB */
ASSAY_MUST_USE assay_err assay_ceremony_collect(assay_ceremony_network *out, assay_arena *keep, const char *name,
                                                int64_t time_seconds, const assay_params *params,
                                                const assay_ceremony_member *members, uint32_t members_count,
                                                const assay_genesis_account *accounts, uint32_t accounts_count,
                                                uint64_t allowance);

/* assay_ceremony_network_write, _read - network.json. read checks all members, and that the genesis is of exactly them
 * and has the name and hash that the file says. Errors as _member_read; ASSAY_E_PROOF: it is not, or has others;
 * ASSAY_E_DUPLICATE: a key, a node id or an address twice. */
ASSAY_MUST_USE assay_err assay_ceremony_network_write(assay_buf *out, const assay_ceremony_network *network);
ASSAY_MUST_USE assay_err assay_ceremony_network_read(assay_ceremony_network *out, assay_arena *keep, assay_bytes text);

/* One operator's word: "this is the network that I joined". */
typedef struct assay_ceremony_word {
    assay_hash genesis_hash;
    assay_public_key owner;
    assay_signature signature; /* over sign_bytes("network", chain id, genesis hash) */
} assay_ceremony_word;
/* assay_ceremony_sign - the word of the directory's owner, who must be a member exactly as it joined.
 * ASSAY_E_NOT_FOUND: it is not; ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_ceremony_sign(assay_ceremony_word *out, const char *directory,
                                             const assay_ceremony_network *network, assay_arena scratch);
ASSAY_MUST_USE assay_err assay_ceremony_word_write(assay_buf *out, const assay_ceremony_word *word);
ASSAY_MUST_USE assay_err assay_ceremony_word_read(assay_ceremony_word *out, assay_bytes text);
/* assay_ceremony_missing - the first member whose word is not among these, in *index; false if all have spoken. A word
 * that is of another genesis, or wrong, counts for nobody. */
bool assay_ceremony_missing(uint32_t *index, const assay_ceremony_network *network, const assay_ceremony_word *words,
                            uint32_t count);

/* assay_ceremony_accept - puts the network's genesis, CometBFT's configuration and, where none is, a trust file that
 * begins with that genesis into the directory of a member. Who calls it has seen every member's word, or made them all.
 * ASSAY_E_NOT_FOUND: the directory is no member's; ASSAY_E_EXISTS: it has another genesis; ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_ceremony_accept(const char *directory, const assay_ceremony_network *network,
                                               assay_arena scratch);

/* A header that is trusted, of a running network. */
typedef struct assay_ceremony_sync {
    uint64_t height;
    assay_hash hash;
} assay_ceremony_sync;
/* assay_ceremony_follow - makes the directory of a node that comes to a running network: keys as of a member, who has
 * no power until its owner registers it. With sync the state comes as a snapshot that a light client verified from that
 * header on; NULL: every block since the beginning is executed. *out says what others may know of it. Errors as _join
 * and _accept. */
ASSAY_MUST_USE assay_err assay_ceremony_follow(assay_ceremony_member *out, assay_arena *keep,
                                               const assay_ceremony_place *place, const assay_ceremony_network *network,
                                               const assay_ceremony_sync *sync);

#endif
