// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"

	"assay/test/peers/fixture"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/proto/tendermint/crypto"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

// abciCase is one framed message. Known is the same message without what the C code passes over: extensions, consensus
// parameters, events.
type abciCase struct {
	Name  string `json:"name"`
	Frame string `json:"frame"`
	Known string `json:"known"`
}

func framed(m interface {
	Marshal() ([]byte, error)
}) string {
	var out bytes.Buffer
	var err error
	switch m := m.(type) {
	case *abci.Request:
		err = abci.WriteMessage(m, &out)
	case *abci.Response:
		err = abci.WriteMessage(m, &out)
	}
	if err != nil {
		panic(err)
	}
	return hexOf(out.Bytes())
}

func abciVotes() []abci.VoteInfo {
	return []abci.VoteInfo{
		{Validator: abci.Validator{Address: fixture.Bytes("abci validator 0", 20), Power: 30}, BlockIdFlag: cmtproto.BlockIDFlagCommit},
		{Validator: abci.Validator{Address: fixture.Bytes("abci validator 1", 20), Power: 20}, BlockIdFlag: cmtproto.BlockIDFlagAbsent},
		{Validator: abci.Validator{Address: fixture.Bytes("abci validator 2", 20), Power: 0}, BlockIdFlag: cmtproto.BlockIDFlagNil},
	}
}

func abciMisbehavior() []abci.Misbehavior {
	return []abci.Misbehavior{
		{Type: abci.MisbehaviorType_DUPLICATE_VOTE, Validator: abciVotes()[0].Validator, Height: 40, Time: fixture.Genesis, TotalVotingPower: 50},
		{Type: abci.MisbehaviorType_LIGHT_CLIENT_ATTACK, Validator: abciVotes()[1].Validator, Height: 41, Time: fixture.Genesis.Add(1), TotalVotingPower: 50},
	}
}

func abciUpdates() []abci.ValidatorUpdate {
	key := func(label string) crypto.PublicKey {
		return crypto.PublicKey{Sum: &crypto.PublicKey_Ed25519{Ed25519: fixture.Bytes(label, 32)}}
	}
	return []abci.ValidatorUpdate{{PubKey: key("abci key 0"), Power: 7}, {PubKey: key("abci key 1"), Power: 0}}
}

func abciSnapshot() *abci.Snapshot {
	return &abci.Snapshot{Height: 500, Format: 1, Chunks: 3, Hash: fixture.Bytes("abci snapshot", 32), Metadata: []byte("meta")}
}

func abciRequests() []any {
	var out []any
	add := func(name string, sent, known *abci.Request) {
		out = append(out, abciCase{name, framed(sent), framed(known)})
	}
	same := func(name string, r *abci.Request) { add(name, r, r) }
	hash := fixture.Bytes("abci block", 32)
	next := fixture.Bytes("abci next validators", 32)
	proposer := fixture.Bytes("abci proposer", 20)
	txs := [][]byte{fixture.Bytes("abci tx", 200), {}, []byte("x")}
	commit := abci.CommitInfo{Round: 2, Votes: abciVotes()}

	same("echo", abci.ToRequestEcho("hello"))
	same("echo_empty", abci.ToRequestEcho(""))
	same("flush", abci.ToRequestFlush())
	same("info", abci.ToRequestInfo(&abci.RequestInfo{Version: "0.38.25", BlockVersion: 11, P2PVersion: 8, AbciVersion: "2.0.0"}))
	start := abci.RequestInitChain{Time: fixture.Genesis, ChainId: fixture.ChainID, Validators: abciUpdates(),
		AppStateBytes: []byte(`"Z2VuZXNpcw=="`), InitialHeight: 1}
	params := start
	params.ConsensusParams = &cmtproto.ConsensusParams{Block: &cmtproto.BlockParams{MaxBytes: 4 << 20, MaxGas: -1}}
	add("init_chain", abci.ToRequestInitChain(&params), abci.ToRequestInitChain(&start))
	same("query", abci.ToRequestQuery(&abci.RequestQuery{Data: []byte("key"), Path: "/state", Height: 9, Prove: true}))
	same("check_tx", abci.ToRequestCheckTx(&abci.RequestCheckTx{Tx: txs[0]}))
	same("check_tx_again", abci.ToRequestCheckTx(&abci.RequestCheckTx{Tx: txs[0], Type: abci.CheckTxType_Recheck}))
	same("commit", abci.ToRequestCommit())
	same("list_snapshots", abci.ToRequestListSnapshots(&abci.RequestListSnapshots{}))
	same("offer_snapshot", abci.ToRequestOfferSnapshot(&abci.RequestOfferSnapshot{Snapshot: abciSnapshot(), AppHash: fixture.Bytes("abci app", 32)}))
	same("offer_snapshot_none", abci.ToRequestOfferSnapshot(&abci.RequestOfferSnapshot{}))
	same("load_snapshot_chunk", abci.ToRequestLoadSnapshotChunk(&abci.RequestLoadSnapshotChunk{Height: 500, Format: 1, Chunk: 2}))
	same("apply_snapshot_chunk", abci.ToRequestApplySnapshotChunk(&abci.RequestApplySnapshotChunk{Index: 2, Chunk: []byte("chunk"), Sender: "peer"}))

	extended := func(extensions bool) abci.ExtendedCommitInfo {
		info := abci.ExtendedCommitInfo{Round: 2}
		for _, v := range abciVotes() {
			vote := abci.ExtendedVoteInfo{Validator: v.Validator, BlockIdFlag: v.BlockIdFlag}
			if extensions {
				vote.VoteExtension, vote.ExtensionSignature = []byte("extension"), fixture.Bytes("abci extension", 64)
			}
			info.Votes = append(info.Votes, vote)
		}
		return info
	}
	prepare := func(extensions bool) *abci.Request {
		return abci.ToRequestPrepareProposal(&abci.RequestPrepareProposal{MaxTxBytes: 1 << 20, Txs: txs,
			LocalLastCommit: extended(extensions), Misbehavior: abciMisbehavior(), Height: 42, Time: fixture.Genesis,
			NextValidatorsHash: next, ProposerAddress: proposer})
	}
	add("prepare_proposal", prepare(true), prepare(false))
	same("process_proposal", abci.ToRequestProcessProposal(&abci.RequestProcessProposal{Txs: txs, ProposedLastCommit: commit,
		Misbehavior: abciMisbehavior(), Hash: hash, Height: 42, Time: fixture.Genesis, NextValidatorsHash: next, ProposerAddress: proposer}))
	same("finalize_block", abci.ToRequestFinalizeBlock(&abci.RequestFinalizeBlock{Txs: txs, DecidedLastCommit: commit,
		Misbehavior: abciMisbehavior(), Hash: hash, Height: 42, Time: fixture.Genesis, NextValidatorsHash: next, ProposerAddress: proposer}))
	same("finalize_block_first", abci.ToRequestFinalizeBlock(&abci.RequestFinalizeBlock{Hash: hash, Height: 1, Time: fixture.Genesis,
		NextValidatorsHash: next, ProposerAddress: proposer}))
	// Of an extension's request nothing is read but that it is one.
	extend := framed(abci.ToRequestExtendVote(&abci.RequestExtendVote{Hash: hash, Height: 42}))
	out = append(out, abciCase{"extend_vote", extend, "03920100"})
	return out
}

func abciResponses() []any {
	var out []any
	add := func(name string, r *abci.Response) { out = append(out, abciCase{name, framed(r), framed(r)}) }
	app := fixture.Bytes("abci app", 32)
	add("exception", abci.ToResponseException("a bug in Assay"))
	add("echo", abci.ToResponseEcho("hello"))
	add("flush", abci.ToResponseFlush())
	add("info", abci.ToResponseInfo(&abci.ResponseInfo{Data: "assay", Version: "1", AppVersion: 1, LastBlockHeight: 41, LastBlockAppHash: app}))
	add("info_new", abci.ToResponseInfo(&abci.ResponseInfo{Data: "assay", Version: "1", AppVersion: 1}))
	add("init_chain", abci.ToResponseInitChain(&abci.ResponseInitChain{Validators: abciUpdates(), AppHash: app}))
	add("query", abci.ToResponseQuery(&abci.ResponseQuery{Key: []byte("key"), Value: []byte("value"), Height: 9,
		ProofOps: &crypto.ProofOps{Ops: []crypto.ProofOp{{Type: "ics23:smt", Key: []byte("key"), Data: []byte("proof")}}}}))
	add("check_tx", abci.ToResponseCheckTx(&abci.ResponseCheckTx{}))
	add("commit", abci.ToResponseCommit(&abci.ResponseCommit{}))
	add("commit_retain", abci.ToResponseCommit(&abci.ResponseCommit{RetainHeight: 17}))
	add("list_snapshots", abci.ToResponseListSnapshots(&abci.ResponseListSnapshots{Snapshots: []*abci.Snapshot{abciSnapshot()}}))
	add("offer_snapshot", abci.ToResponseOfferSnapshot(&abci.ResponseOfferSnapshot{Result: abci.ResponseOfferSnapshot_ACCEPT}))
	add("load_snapshot_chunk", abci.ToResponseLoadSnapshotChunk(&abci.ResponseLoadSnapshotChunk{Chunk: []byte("chunk")}))
	add("apply_snapshot_chunk", abci.ToResponseApplySnapshotChunk(&abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_ACCEPT}))
	add("apply_snapshot_retry", abci.ToResponseApplySnapshotChunk(&abci.ResponseApplySnapshotChunk{Result: abci.ResponseApplySnapshotChunk_RETRY,
		RefetchChunks: []uint32{2}, RejectSenders: []string{"peer"}}))
	add("prepare_proposal", abci.ToResponsePrepareProposal(&abci.ResponsePrepareProposal{Txs: [][]byte{fixture.Bytes("abci tx", 200), []byte("x")}}))
	add("process_accept", abci.ToResponseProcessProposal(&abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_ACCEPT}))
	add("process_reject", abci.ToResponseProcessProposal(&abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}))
	add("finalize_block", abci.ToResponseFinalizeBlock(&abci.ResponseFinalizeBlock{
		TxResults:        []*abci.ExecTxResult{{GasUsed: 5}, {}, {Data: []byte("data"), GasWanted: 3}},
		ValidatorUpdates: abciUpdates(), AppHash: app}))
	return out
}
