// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"time"

	"assay/test/peers/fixture"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// times are the timestamps that differ in their encoding: seconds and nanos are
// each left out when zero, and seconds before 1970 take ten bytes.
var times = []struct {
	name string
	time time.Time
}{
	{"nanos", fixture.Genesis},
	{"whole_second", time.Unix(1795348800, 0).UTC()},
	{"one_nano", time.Unix(1795348800, 1).UTC()},
	{"last_nano", time.Unix(1795348800, 999999999).UTC()},
	{"unix_zero", time.Unix(0, 0).UTC()},
	{"unix_zero_with_nanos", time.Unix(0, 5).UTC()},
	{"before_1970", time.Unix(-1, 500000000).UTC()},
	{"go_zero", time.Time{}},
	{"last_possible", time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)},
}

type voteCase struct {
	Name    string `json:"name"`
	ChainID string `json:"chain_id"`
	Seed    string `json:"private_seed"`
	PubKey  string `json:"pub_key"`
	voteFields
	SignBytes          string `json:"sign_bytes"`
	ExtensionSignBytes string `json:"extension_sign_bytes"`
}

func votes() []any {
	var out []any
	add := func(name, chainID string, key int, extended bool, vote types.Vote) {
		private := fixture.Key(key)
		vote.ValidatorAddress = private.PubKey().Address()
		fixture.SignVote(private, chainID, &vote, extended)
		one := voteCase{
			Name:       name,
			ChainID:    chainID,
			Seed:       hexOf(fixture.Seed(key)),
			PubKey:     hexOf(private.PubKey().Bytes()),
			voteFields: voteOf(&vote),
			SignBytes:  hexOf(types.VoteSignBytes(chainID, vote.ToProto())),
		}
		if extended {
			one.ExtensionSignBytes = hexOf(types.VoteExtensionSignBytes(chainID, vote.ToProto()))
		}
		out = append(out, one)
	}
	kinds := []struct {
		name string
		kind cmtproto.SignedMsgType
	}{{"prevote", cmtproto.PrevoteType}, {"precommit", cmtproto.PrecommitType}}
	for _, kind := range kinds {
		for _, when := range times {
			add(kind.name+"_block_"+when.name, fixture.ChainID, 0, false, types.Vote{
				Type: kind.kind, Height: 1, BlockID: fixture.BlockID("vote", 1), Timestamp: when.time})
		}
		for _, round := range []int32{0, 1, 127, 128, math.MaxInt32} {
			add(kind.name+"_nil_round_"+decimal(int64(round)), fixture.ChainID, 1, false, types.Vote{
				Type: kind.kind, Height: 42, Round: round, Timestamp: fixture.Genesis, ValidatorIndex: 1})
			add(kind.name+"_block_round_"+decimal(int64(round)), fixture.ChainID, 1, false, types.Vote{
				Type: kind.kind, Height: 42, Round: round, BlockID: fixture.BlockID("round", 3),
				Timestamp: fixture.Genesis, ValidatorIndex: 1})
		}
		for _, height := range []int64{127, 128, 1 << 32, math.MaxInt64} {
			add(kind.name+"_height_"+decimal(height), fixture.ChainID, 2, false, types.Vote{
				Type: kind.kind, Height: height, Round: 2, BlockID: fixture.BlockID("height", math.MaxUint32),
				Timestamp: fixture.Genesis, ValidatorIndex: math.MaxInt32})
		}
		add(kind.name+"_empty_chain_id", "", 3, false, types.Vote{
			Type: kind.kind, Height: 5, BlockID: fixture.BlockID("chain", 1), Timestamp: fixture.Genesis})
		add(kind.name+"_longest_chain_id", longestChainID, 3, false, types.Vote{
			Type: kind.kind, Height: 5, BlockID: fixture.BlockID("chain", 1), Timestamp: fixture.Genesis})
	}
	add("precommit_with_extension", fixture.ChainID, 4, true, types.Vote{
		Type: cmtproto.PrecommitType, Height: 7, Round: 1, BlockID: fixture.BlockID("extension", 1),
		Timestamp: fixture.Genesis, ValidatorIndex: 4, Extension: fixture.Bytes("extension", 200)})
	add("precommit_with_empty_extension", fixture.ChainID, 4, true, types.Vote{
		Type: cmtproto.PrecommitType, Height: 7, BlockID: fixture.BlockID("extension", 1),
		Timestamp: fixture.Genesis, ValidatorIndex: 4})
	return out
}

// longestChainID has the 50 bytes that CometBFT allows.
const longestChainID = "abcdefghijklmnopqrstuvwxyz0123456789-ABCDEFGHIJKLM"

type proposalCase struct {
	Name     string `json:"name"`
	ChainID  string `json:"chain_id"`
	Seed     string `json:"private_seed"`
	PubKey   string `json:"pub_key"`
	Height   string `json:"height"`
	Round    int32  `json:"round"`
	POLRound int32  `json:"pol_round"`
	blockIDFields
	timeFields
	Signature     string `json:"signature"`
	SignBytes     string `json:"sign_bytes"`
	ProposalProto string `json:"proposal_proto"`
}

func proposals() []any {
	var out []any
	add := func(name string, height int64, round, pol int32, id types.BlockID, when time.Time) {
		proposal := types.Proposal{Type: cmtproto.ProposalType, Height: height, Round: round, POLRound: pol, BlockID: id, Timestamp: when}
		fixture.SignProposal(fixture.Key(5), fixture.ChainID, &proposal)
		out = append(out, proposalCase{
			Name:          name,
			ChainID:       fixture.ChainID,
			Seed:          hexOf(fixture.Seed(5)),
			PubKey:        hexOf(fixture.Key(5).PubKey().Bytes()),
			Height:        decimal(height),
			Round:         round,
			POLRound:      pol,
			blockIDFields: blockIDOf(id),
			timeFields:    timeOf(when),
			Signature:     hexOf(proposal.Signature),
			SignBytes:     hexOf(types.ProposalSignBytes(fixture.ChainID, proposal.ToProto())),
			ProposalProto: hexOf(marshal(proposal.ToProto())),
		})
	}
	id := fixture.BlockID("proposal", 2)
	add("first", 1, 0, -1, id, fixture.Genesis)
	add("round_1_no_pol", 1, 1, -1, id, fixture.Genesis)
	add("round_1_pol_0", 1, 1, 0, id, fixture.Genesis)
	add("round_9_pol_8", 12345, 9, 8, id, fixture.Genesis)
	add("largest", math.MaxInt64, math.MaxInt32, math.MaxInt32-1, fixture.BlockID("proposal", math.MaxUint32), fixture.Genesis)
	for _, when := range times {
		add("time_"+when.name, 3, 0, -1, id, when.time)
	}
	return out
}

type blockIDCase struct {
	Name string `json:"name"`
	blockIDFields
	Proto     string `json:"block_id_proto"`
	Parts     string `json:"part_set_header_proto"`
	IsNil     bool   `json:"is_nil"`
	Complete  bool   `json:"is_complete"`
	Canonical string `json:"canonical_block_id_proto"`
	Key       string `json:"sort_key"`
}

func blockIDs() []any {
	var out []any
	add := func(name string, id types.BlockID) {
		pb := id.ToProto()
		parts := id.PartSetHeader.ToProto()
		one := blockIDCase{
			Name:          name,
			blockIDFields: blockIDOf(id),
			Proto:         hexOf(marshal(&pb)),
			Parts:         hexOf(marshal(&parts)),
			IsNil:         id.IsZero(),
			Complete:      id.IsComplete(),
			Key:           hexOf([]byte(id.Key())),
		}
		if canonical := types.CanonicalizeBlockID(pb); canonical != nil {
			one.Canonical = hexOf(marshal(canonical))
		}
		out = append(out, one)
	}
	complete := fixture.BlockID("block id", 1)
	add("nil", types.BlockID{})
	add("complete", complete)
	for _, total := range []uint32{127, 128, 1601, math.MaxUint32} {
		id := complete
		id.PartSetHeader.Total = total
		add("parts_"+decimal(int64(total)), id)
	}
	add("hash_alone", types.BlockID{Hash: complete.Hash})
	add("parts_alone", types.BlockID{PartSetHeader: complete.PartSetHeader})
	add("parts_hash_alone", types.BlockID{PartSetHeader: types.PartSetHeader{Hash: complete.PartSetHeader.Hash}})
	add("parts_total_alone", types.BlockID{PartSetHeader: types.PartSetHeader{Total: 1}})
	return out
}
