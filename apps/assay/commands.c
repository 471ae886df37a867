/* SPDX-License-Identifier: Apache-2.0
 *
 * commands - the table that dispatch, help, completions and manual pages are made from.
 */
#include "assay_internal.h"

#define REMOTE (BIT(OPTION_NODE) | BIT(OPTION_TIMEOUT))
#define SIGNED (REMOTE | BIT(OPTION_KEY) | BIT(OPTION_DRY_RUN))

const option_row option_rows[OPTION_COUNT] = {
    [OPTION_JSON] = {"--json", NULL, NULL, false, "print JSON for programs"},
    [OPTION_QUIET] = {"--quiet", "-q", NULL, false, "print only data"},
    [OPTION_HELP] = {"--help", "-h", NULL, false, "explain the command"},
    [OPTION_NODE] = {"--node", NULL, "URL", false, "the node to ask (else ASSAY_NODE, else http://127.0.0.1:7878)"},
    [OPTION_KEY] = {"--key", NULL, "FILE", false,
                    "the key that signs (else ASSAY_KEY, else the devnet's first account)"},
    [OPTION_TIMEOUT] = {"--timeout", NULL, "SECONDS", false, "how long to wait at most"},
    [OPTION_NAME] = {"--name", NULL, "OWNER/MODEL", false, "the name that is claimed for the model, or has to be"},
    [OPTION_VERSION] = {"--version", NULL, "VERSION", false, "the version"},
    [OPTION_PARENT] = {"--parent", NULL, "NAME@VERSION", true,
                       "a version that this one was made from; may come several times"},
    [OPTION_WAIT] = {"--wait", NULL, NULL, false, "return when the version is attested, with its certificate"},
    [OPTION_OUT] = {"--out", NULL, "PATH", false, "where it is written: the certificate, the file, the network"},
    [OPTION_SOURCE] = {"--source", NULL, "TEXT", false, "a label that says where the model comes from"},
    [OPTION_DRY_RUN] = {"--dry-run", NULL, NULL, false, "show what would be sent, and send nothing"},
    [OPTION_CERT] = {"--cert", NULL, "FILE", false, "the certificate (else the one beside PATH)"},
    [OPTION_TRUST] = {"--trust", NULL, "FILE", false,
                      "the trust file (else ASSAY_TRUST, else the user's configuration)"},
    [OPTION_PUBLISHER] = {"--publisher", NULL, "HEX", false, "the public key whose statement it has to be"},
    [OPTION_ALLOW_AGE] = {"--allow-age", NULL, NULL, false,
                          "accept a trusted checkpoint that is older than trust_seconds"},
    [OPTION_ALLOW_OVERLAP] = {"--allow-overlap", NULL, NULL, false,
                              "accept signers with more than 1/3, but not more than 2/3, of the trusted power"},
    [OPTION_THREADS] = {"--threads", NULL, "N", false, "threads that hash, 1 to 64 (else one per processor)"},
    [OPTION_REASON] = {"--reason", NULL, "TEXT", false, "why; everyone sees it"},
    [OPTION_SET] = {"--set", NULL, "ADDRESS,...", false, "the new maintainers, all of them"},
    [OPTION_MEMO] = {"--memo", NULL, "TEXT", false, "a note that goes with it; everyone sees it"},
    [OPTION_VALIDATORS] = {"--validators", "-n", "N", false, "how many validators, 1 to 200 (default 4)"},
    [OPTION_PORT] = {"--port", NULL, "PORT", false, "the HTTP port (default 7878; 0: any free one)"},
    [OPTION_DATA] = {"--data", NULL, "DIR", false, "keep everything in DIR, and go on with what is there"},
    [OPTION_CONSENSUS_KEY] = {"--consensus-key", NULL, "FILE", false,
                              "the key that will sign its votes: a signer's consensus.key, or 64 hex digits"},
    [OPTION_ATTESTATION_KEY] = {"--attestation-key", NULL, "FILE", false, "the key that will sign its checks"},
    [OPTION_MONIKER] = {"--moniker", NULL, "TEXT", false, "what people call it; everyone sees it"},
    [OPTION_BASE_PORT] =
        {"--base-port", NULL, "PORT", false,
         "HTTP; CometBFT's RPC one above, its P2P two; the next validator's ten above (default 26600)"},
    [OPTION_NETWORK] = {"--network", NULL, "NAME", false, "the network's name: 1 to 32 of a-z, 0-9 and -"},
    [OPTION_SIGNER] = {"--signer", NULL, NULL, false, "keep each consensus key in an assay-signer of its own"},
    [OPTION_KEY_IN_HOME] = {"--key-in-home", NULL, NULL, false,
                            "keep the consensus key in CometBFT's home, not in assay-signer"},
    [OPTION_HOST] = {"--host", NULL, "HOST", false,
                     "the name or number under which the other validators reach this one"},
    [OPTION_BOND] = {"--bond", NULL, "AMOUNT", false, "own stake, in units (default 1_000_000_000_000)"},
    [OPTION_PARAM] = {"--param", NULL, "NAME=NUMBER", true, "a rule of the chain, by its name in spec/limits.md"},
    [OPTION_ACCOUNT] = {"--account", NULL, "ADDRESS=AMOUNT", true, "who holds units from the beginning"},
    [OPTION_ALLOWANCE] = {"--allowance", NULL, "AMOUNT", false, "units for each validator's owner without an account"},
    [OPTION_REHEARSAL] = {"--rehearsal", NULL, NULL, false, "a devnet's rules: short windows, a short time in jail"},
    [OPTION_FAULTS] = {"--faults", NULL, NULL, false, "let `assay devnet fault lazy-check 0` make them misbehave"},
    [OPTION_ADDRESS] = {"--address", NULL, "ADDRESS", false,
                        "the address to listen on (default 127.0.0.1; of a validator across hosts 0.0.0.0)"},
};

const command_row commands[] = {
    {"digest", "PATH", "what a model is: its root, and its OpenSSF Model Signing digest",
     "Reads every byte once. The root is the model's identity: the same for the same files under the same paths, "
     "wherever they lie.",
     "assay digest ./model", BIT(OPTION_THREADS), 1, 1, run_digest},
    {"verify", "PATH", "check offline that PATH is what was attested",
     "Opens no connection and needs no account: the certificate (beside PATH, or --cert) and a trust file suffice. "
     "Verified means the same bytes as published, and no more: it is no judgement of safety. A change is named by "
     "file, "
     "tensor and byte range. Anybody can have the same bytes attested under another name: --name OWNER/MODEL[@VERSION] "
     "and --publisher demand which certificate it has to be (else exit 4). Of several certificates beside PATH a "
     "revoked one counts. The program assay-verify is the same walk with nothing else in it.",
     "assay verify ./model --trust trust.json",
     BIT(OPTION_CERT) | BIT(OPTION_TRUST) | BIT(OPTION_NAME) | BIT(OPTION_PUBLISHER) | BIT(OPTION_ALLOW_AGE) |
         BIT(OPTION_ALLOW_OVERLAP) | BIT(OPTION_THREADS),
     1, 1, run_verify},
    {"publish", "PATH --name OWNER/MODEL --version VERSION",
     "register a version, hand its bytes to the validators, get its certificate",
     "The name is a claim, and is shown as one. Everything about a registration is public, for ever. Run again after "
     "an "
     "interruption, it goes on where it stopped. The certificate is written beside PATH, never into it, as "
     "OWNER+MODEL+VERSION.assay.json; --out names another place, and implies --wait.",
     "assay publish ./model --name acme/ocr --version 1.0 --wait",
     SIGNED | BIT(OPTION_NAME) | BIT(OPTION_VERSION) | BIT(OPTION_PARENT) | BIT(OPTION_WAIT) | BIT(OPTION_OUT) |
         BIT(OPTION_SOURCE) | BIT(OPTION_THREADS),
     1, 1, run_publish},
    {"refresh", "CERTIFICATE", "prove a version again under the chain's newest block",
     "Writes the new certificate over the old one, or to --out. A certificate that is not newer than a reader's trust "
     "file, proved again under one of its checkpoints, verifies for ever.",
     "assay refresh acme+ocr+1.0.assay.json", REMOTE | BIT(OPTION_OUT), 1, 1, run_refresh},
    {"diff", "BEFORE AFTER", "which tensors changed between two versions, and by how much",
     "Each side is NAME@VERSION at a node, or a path on this machine; a name that is also a path is taken as the path.",
     "assay diff acme/ocr@1.0 acme/ocr@1.1", REMOTE | BIT(OPTION_THREADS), 2, 2, run_diff},
    {"log", "NAME", "a model's versions in the order of registration", NULL, "assay log acme/ocr", REMOTE, 1, 1,
     run_log},
    {"show", "NAME[@VERSION] | ADDRESS | HEIGHT | ID", "one thing of the chain in full",
     "HEIGHT may be `latest`; ID is a transaction's.", "assay show acme/ocr@1.0", REMOTE, 1, 1, run_show},
    {"revoke", "NAME@VERSION --reason TEXT", "say for ever that a version must not be used",
     "Certificates that are made from then on say so, and do not verify.",
     "assay revoke acme/ocr@1.0 --reason 'trained on leaked data'", SIGNED | BIT(OPTION_REASON), 1, 1, run_revoke},
    {"deprecate", "NAME@VERSION --reason TEXT", "say that a version is superseded; it still verifies, with a warning",
     NULL, "assay deprecate acme/ocr@1.0 --reason 'use 1.1'", SIGNED | BIT(OPTION_REASON), 1, 1, run_deprecate},
    {"maintainers", "NAME", "show, or with --set replace, who may publish and revoke versions of a model", NULL,
     "assay maintainers acme/ocr", SIGNED | BIT(OPTION_SET), 1, 1, run_maintainers},
    {"delegate", "VALIDATOR AMOUNT", "bond units to a validator",
     "It counts from the end of the epoch on, and can be slashed with the validator. VALIDATOR is an address, an index "
     "or a moniker.",
     "assay delegate validator0 1_000_000", SIGNED, 2, 2, run_delegate},
    {"undelegate", "VALIDATOR AMOUNT", "take units out of a validator; they unbond first", NULL,
     "assay undelegate validator0 1_000_000", SIGNED, 2, 2, run_undelegate},
    {"send", "ADDRESS AMOUNT", "send units", NULL,
     "assay send assay1petep990jn26tcksad96m8ntwg6j0vv5l3rxcm 1_000_000 --memo 'thanks'", SIGNED | BIT(OPTION_MEMO), 2,
     2, run_send},
    {"unjail", "", "bring one's own validator back after its time in jail", NULL, NULL, SIGNED, 0, 0, run_unjail},
    {"validator create", "AMOUNT --consensus-key FILE --attestation-key FILE",
     "register a validator that the signing key owns, with AMOUNT of its own stake",
     "Both keys are bound to this owner and this chain for ever, and both slash the same stake. From the end of the "
     "epoch on others count on its votes: register it when its node runs.",
     "assay validator create 1_000_000_000 --consensus-key c.key --attestation-key a.key --moniker me",
     SIGNED | BIT(OPTION_CONSENSUS_KEY) | BIT(OPTION_ATTESTATION_KEY) | BIT(OPTION_MONIKER), 1, 1,
     run_validator_create},
    {"validators", "", "the validators: power, stake, and how they fared", NULL, "assay validators", REMOTE, 0, 0,
     run_validators},
    {"status", "", "where the chain stands", NULL, "assay status", REMOTE, 0, 0, run_status},
    {"key new", "FILE", "make a secret key", "Only its owner can read the file. An existing file is never overwritten.",
     "assay key new ~/assay.key", 0, 1, 1, run_key_new},
    {"key show", "[FILE]", "the address and the public key of a secret key", NULL, "assay key show ~/assay.key",
     BIT(OPTION_KEY) | BIT(OPTION_NODE) | BIT(OPTION_TIMEOUT), 0, 1, run_key_show},
    {"trust add", "FILE", "use a trust file from now on: copies it into the user's configuration",
     "What you trust decides what verifies: get the file from a source you trust. A trust file of another chain, or "
     "an older one, is never overwritten.",
     "assay trust add trust.json", 0, 1, 1, run_trust_add},
    {"trust show", "", "what is trusted, and how old it is", NULL, "assay trust show", BIT(OPTION_TRUST), 0, 0,
     run_trust_show},
    {"explain", "CODE | PENALTY | LEVEL", "what an error code, a penalty or an assurance level means",
     "A code looks like E23 or F129, a level like L1; a number is a penalty's, with the arithmetic that led to it.",
     "assay explain E23", REMOTE, 1, 1, run_explain},
    {"devnet", "", "run a network of whole validators in this process",
     "Stays in the foreground and prints `ready URL` when the first block is final. In memory, unless --data is given. "
     "The validators share a process, so they are whole and not independent: for development, not for value.",
     "assay devnet", BIT(OPTION_VALIDATORS) | BIT(OPTION_PORT) | BIT(OPTION_DATA) | BIT(OPTION_ADDRESS), 0, 0,
     run_devnet},
    {"devnet fault", "double-sign | lazy-check | kill | revive  N", "make validator N of a devnet misbehave",
     "What it casts is real, and the other validators are told nothing: they find it by the rules.",
     "assay devnet fault double-sign 3", REMOTE, 2, 2, run_fault},
    {"net init", "--out DIR", "make a network of several validators on this machine, to rehearse with",
     "Does for all of them what `assay net join`, collect, sign and accept do for each on its own host. The engine is "
     "CometBFT: each validator is a process of ours and one of CometBFT's, and DIR/validatorN/cometbft an ordinary "
     "CometBFT home. DIR/trust.json begins with the genesis: certificates of this network verify with it.",
     "assay net init --validators 4 --out net",
     BIT(OPTION_VALIDATORS) | BIT(OPTION_OUT) | BIT(OPTION_BASE_PORT) | BIT(OPTION_NETWORK) | BIT(OPTION_SIGNER) |
         BIT(OPTION_PARAM),
     0, 0, run_net_init},
    {"net start", "DIR", "run all validators of a rehearsal",
     "Stays in the foreground until `assay net stop` or Ctrl-C; prints `ready URL` when the first block is final (with "
     "--json an object), and keeps DIR/trust.json fresh. A validator that ends stays down.",
     "assay net start net", BIT(OPTION_FAULTS), 1, 1, run_net_start},
    {"net stop", "DIR", "end a rehearsal that runs, in order", NULL, "assay net stop net", 0, 1, 1, run_net_stop},
    {"net status", "DIR", "where each validator of a rehearsal stands, and its processes", NULL, "assay net status net",
     0, 1, 1, run_net_status},
    {"net join", "--network NAME --data DIR --host HOST", "make a validator that will begin a network with others",
     "Makes keys, which never leave DIR, and DIR/join.json, which is public and signed: send it to whoever collects. "
     "Run again it changes nothing; asked for something else than the first time, it refuses.",
     "assay net join --network acme --data /var/lib/assay --host validator1.example.org",
     BIT(OPTION_NETWORK) | BIT(OPTION_DATA) | BIT(OPTION_HOST) | BIT(OPTION_ADDRESS) | BIT(OPTION_BASE_PORT) |
         BIT(OPTION_BOND) | BIT(OPTION_MONIKER) | BIT(OPTION_KEY_IN_HOME),
     0, 0, run_net_join},
    {"net collect", "JOIN-FILE...", "make a network's beginning of everybody's public files",
     "Anybody may do it: every operator checks the result and signs it before it counts. Bonds pay no fees: somebody "
     "has to hold units besides, by --account or --allowance.",
     "assay net collect a.json b.json c.json d.json --account ADDRESS=1_000_000_000_000 --out network.json",
     BIT(OPTION_OUT) | BIT(OPTION_NETWORK) | BIT(OPTION_ACCOUNT) | BIT(OPTION_ALLOWANCE) | BIT(OPTION_PARAM) |
         BIT(OPTION_REHEARSAL),
     1, WORDS_MAX - 1, run_net_collect},
    {"net sign", "NETWORK-FILE --data DIR", "check a network's beginning, and give this validator's word for it",
     "Refuses if the file does not list this validator exactly as it joined. Look at what it prints: who the others "
     "are, their stake and their addresses is yours to judge.",
     "assay net sign network.json --data /var/lib/assay", BIT(OPTION_DATA) | BIT(OPTION_OUT), 1, 1, run_net_sign},
    {"net accept", "NETWORK-FILE WORD-FILE... --data DIR", "put an agreed beginning into a validator's directory",
     "Everybody must have signed. Then assayd runs in DIR, and DIR/trust.json is what others verify with.",
     "assay net accept network.json words/*.json --data /var/lib/assay", BIT(OPTION_DATA), 2, WORDS_MAX - 1,
     run_net_accept},
    {"net follow", "NETWORK-FILE --data DIR --host HOST", "make a node that comes to a running network",
     "With --trust the state comes as a snapshot, verified from the trust file's newest header on; else every block is "
     "executed. The node validates nothing until its owner registers it: `assay validator create`.",
     "assay net follow network.json --data /var/lib/assay --host v5.example.org --trust trust.json",
     BIT(OPTION_DATA) | BIT(OPTION_HOST) | BIT(OPTION_ADDRESS) | BIT(OPTION_BASE_PORT) | BIT(OPTION_MONIKER) |
         BIT(OPTION_KEY_IN_HOME) | BIT(OPTION_TRUST),
     1, 1, run_net_follow},
    {"net witness", "URL URL", "follow two nodes from the trust file on, and prove it if they show two chains",
     "A light client that asks both: CometBFT's RPC, or an assayd's with /cometbft behind it. Same chain: exit 0. A "
     "fork "
     "that validators signed is E84, exit 1; who signed both is named, and the proof is written to --out (else "
     "fork-HEIGHT.json), for `assay report`. The first URL is held for the chain's where nothing else tells. What a "
     "node "
     "does not answer is no verdict on it (exit 6).",
     "assay net witness http://v1.example.org:26600/cometbft http://v2.example.org:26600/cometbft --trust trust.json",
     BIT(OPTION_TRUST) | BIT(OPTION_OUT) | BIT(OPTION_TIMEOUT) | BIT(OPTION_ALLOW_AGE) | BIT(OPTION_ALLOW_OVERLAP), 2,
     2, run_net_witness},
    {"report", "PROOF", "bring to the chain what `assay net witness` proved: whoever signed twice is slashed",
     "Anybody may, for proof needs no witness: each pair of votes is checked here before it is sent. What counts costs "
     "its "
     "sender nothing, and gains nothing either; what was counted before changes nothing.",
     "assay report fork-1234.json --node http://v1.example.org:26600", SIGNED, 1, 1, run_report},
    {"doctor", "[DIR]", "find the usual mistakes of a validator's directory, before they cost blocks or stake",
     "Looks at the directory (default: this one) that `assay net` made, at this machine and at the peers, and changes "
     "nothing. One line a check: ok, warn or wrong, and what to do. Exit 1 if something is wrong. Run it as the user "
     "that assayd runs as.",
     "assay doctor /var/lib/assay", 0, 0, 1, run_doctor},
    {"help", "[COMMAND]", "this, or one command in full", NULL, NULL, 0, 0, 2, run_help},
    {"manual", "[COMMAND]", "the manual page of the program or of one command, as troff", NULL,
     "assay manual publish | man -l -", 0, 0, 2, run_manual},
    {"completions", "bash | zsh | fish", "completions for a shell", NULL, "source <(assay completions bash)", 0, 1, 1,
     run_completions},
    {"version", "", "which program this is", NULL, NULL, 0, 0, 0, run_version},
};
const size_t commands_count = sizeof commands / sizeof *commands;
