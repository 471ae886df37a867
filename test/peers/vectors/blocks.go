// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"math"
	"math/rand"
	"strings"
	"time"

	"assay/test/peers/fixture"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/merkle"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

type headerCase struct {
	Name string `json:"name"`
	headerFields
	HeaderProto string `json:"header_proto"`
	HeaderHash  string `json:"header_hash"`
}

func header() types.Header {
	h := func(label string) []byte { return fixture.Bytes("header "+label, 32) }
	return types.Header{
		Version:            cmtversion.Consensus{Block: 11, App: 1},
		ChainID:            fixture.ChainID,
		Height:             1000,
		Time:               fixture.Genesis,
		LastBlockID:        fixture.BlockID("header last", 1),
		LastCommitHash:     h("last commit"),
		DataHash:           h("data"),
		ValidatorsHash:     h("validators"),
		NextValidatorsHash: h("next validators"),
		ConsensusHash:      h("consensus"),
		AppHash:            h("app"),
		LastResultsHash:    h("last results"),
		EvidenceHash:       h("evidence"),
		ProposerAddress:    fixture.Bytes("header proposer", 20),
	}
}

func headers() []any {
	var out []any
	add := func(name string, change func(*types.Header)) {
		h := header()
		change(&h)
		out = append(out, headerCase{name, headerOf(&h), hexOf(marshal(h.ToProto())), hexOf(h.Hash())})
	}
	add("ordinary", func(*types.Header) {})
	add("height_1", func(h *types.Header) {
		h.Height = 1
		h.LastBlockID = types.BlockID{}
		empty := merkle.HashFromByteSlices(nil)
		h.LastCommitHash, h.DataHash, h.EvidenceHash, h.LastResultsHash = empty, empty, empty, empty
	})
	add("app_version_0", func(h *types.Header) { h.Version.App = 0 })
	add("versions_0", func(h *types.Header) { h.Version = cmtversion.Consensus{} })
	add("versions_max", func(h *types.Header) {
		h.Version = cmtversion.Consensus{Block: math.MaxUint64, App: math.MaxUint64}
	})
	add("chain_id_empty", func(h *types.Header) { h.ChainID = "" })
	add("chain_id_longest", func(h *types.Header) { h.ChainID = longestChainID })
	add("height_0", func(h *types.Header) { h.Height = 0 })
	for _, height := range []int64{127, 128, 16384, math.MaxInt64} {
		add("height_"+decimal(height), func(h *types.Header) { h.Height = height })
	}
	for _, when := range times {
		add("time_"+when.name, func(h *types.Header) { h.Time = when.time })
	}
	add("app_hash_empty", func(h *types.Header) { h.AppHash = nil })
	add("app_hash_1", func(h *types.Header) { h.AppHash = []byte{0} })
	add("app_hash_20", func(h *types.Header) { h.AppHash = fixture.Bytes("short app hash", 20) })
	add("app_hash_200", func(h *types.Header) { h.AppHash = fixture.Bytes("long app hash", 200) })
	add("last_results_hash_empty", func(h *types.Header) { h.LastResultsHash = nil })
	add("all_other_hashes_empty", func(h *types.Header) {
		h.LastBlockID = types.BlockID{}
		h.LastCommitHash, h.DataHash, h.NextValidatorsHash, h.ConsensusHash = nil, nil, nil, nil
		h.AppHash, h.LastResultsHash, h.EvidenceHash, h.ProposerAddress = nil, nil, nil, nil
	})
	add("no_validators_hash_means_no_hash", func(h *types.Header) { h.ValidatorsHash = nil })
	add("last_block_many_parts", func(h *types.Header) { h.LastBlockID = fixture.BlockID("many", math.MaxUint32) })
	add("largest", func(h *types.Header) {
		ones := []byte(strings.Repeat("\xff", 32))
		h.Version = cmtversion.Consensus{Block: math.MaxInt64, App: math.MaxInt64}
		h.ChainID = strings.Repeat("\x7f", 50)
		h.Height = math.MaxInt64
		h.Time = time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
		h.LastBlockID = types.BlockID{Hash: ones, PartSetHeader: types.PartSetHeader{Total: math.MaxUint32, Hash: ones}}
		h.LastCommitHash, h.DataHash, h.ValidatorsHash, h.NextValidatorsHash = ones, ones, ones, ones
		h.ConsensusHash, h.AppHash, h.LastResultsHash, h.EvidenceHash = ones, ones, ones, ones
		h.ProposerAddress = ones[:20]
	})
	return out
}

type commitCase struct {
	Name    string `json:"name"`
	ChainID string `json:"chain_id"`
	commitFields
	VoteSignBytes []string `json:"vote_sign_bytes"`
}

func flags(list ...types.BlockIDFlag) fixture.Signers {
	return func(i int, _ *types.Validator) types.BlockIDFlag { return list[i%len(list)] }
}

const (
	absent = types.BlockIDFlagAbsent
	forIt  = types.BlockIDFlagCommit
	forNil = types.BlockIDFlagNil
)

func commits() []any {
	var out []any
	keys := fixture.FirstKeys(100)
	add := func(name string, commit *types.Commit) {
		one := commitCase{Name: name, ChainID: fixture.ChainID, commitFields: commitOf(commit), VoteSignBytes: []string{}}
		for i := range commit.Signatures {
			signed := ""
			if commit.Signatures[i].BlockIDFlag != absent {
				signed = hexOf(commit.VoteSignBytes(fixture.ChainID, int32(i)))
			}
			one.VoteSignBytes = append(one.VoteSignBytes, signed)
		}
		out = append(out, one)
	}
	make := func(set *types.ValidatorSet, height int64, round int32, step time.Duration, who fixture.Signers) *types.Commit {
		return fixture.Commit(fixture.ChainID, set, keys, height, round, fixture.BlockID("commit", 1), fixture.Genesis, step, who)
	}
	add("empty_before_height_1", &types.Commit{})
	add("one_validator", make(setOf(10), 1, 0, 0, fixture.All))
	add("four_all", make(setOf(10, 20, 30, 40), 2, 0, time.Millisecond, fixture.All))
	add("four_one_absent", make(setOf(10, 20, 30, 40), 2, 1, time.Millisecond, flags(forIt, forIt, absent, forIt)))
	add("four_one_nil", make(setOf(10, 20, 30, 40), 2, 3, time.Second, flags(forIt, forNil, forIt, forIt)))
	add("four_absent_and_nil", make(setOf(10, 20, 30, 40), 300, 128, time.Nanosecond, flags(forIt, forNil, absent, forIt)))
	add("four_all_absent", make(setOf(10, 20, 30, 40), 300, 0, 0, flags(absent)))
	add("seven_mixed", make(setOf(equal(7, 1)...), math.MaxInt64, math.MaxInt32, time.Hour, flags(forIt, forIt, forNil, absent, forIt)))
	add("forty", make(setOf(equal(40, 100)...), 1<<33, 0, 10*time.Millisecond, flags(forIt, forIt, forIt, forIt, absent)))
	return out
}

type txsCase struct {
	Name      string   `json:"name"`
	Txs       []string `json:"txs"`
	TxHashes  []string `json:"tx_hashes"`
	DataHash  string   `json:"data_hash"`
	DataProto string   `json:"data_proto"`
}

func dataHashes() []any {
	var out []any
	add := func(name string, raw ...[]byte) {
		data := types.Data{Txs: types.ToTxs(raw)}
		pb := data.ToProto()
		one := txsCase{Name: name, Txs: []string{}, TxHashes: []string{}, DataHash: hexOf(data.Hash()), DataProto: hexOf(marshal(&pb))}
		for _, tx := range data.Txs {
			one.Txs = append(one.Txs, hexOf(tx))
			one.TxHashes = append(one.TxHashes, hexOf(tx.Hash()))
		}
		out = append(out, one)
	}
	add("none")
	add("one", fixture.Bytes("tx", 100))
	add("one_empty", []byte{})
	add("empty_among_others", fixture.Bytes("tx 0", 10), []byte{}, fixture.Bytes("tx 1", 127))
	for _, n := range []int{2, 3, 5, 8, 17} {
		var raw [][]byte
		for i := 0; i < n; i++ {
			raw = append(raw, fixture.Bytes("tx "+decimal(int64(i)), 1+37*i%300))
		}
		add(decimal(int64(n)), raw...)
	}
	return out
}

type evidenceCase struct {
	Name             string     `json:"name"`
	ChainID          string     `json:"chain_id"`
	First            voteFields `json:"first_seen"`
	Second           voteFields `json:"second_seen"`
	AIsFirst         bool       `json:"vote_a_is_first"`
	TotalVotingPower string     `json:"total_voting_power"`
	ValidatorPower   string     `json:"validator_power"`
	timeFields
	EvidenceProto string `json:"evidence_proto"`
	EvidenceHash  string `json:"evidence_hash"`
	WrappedProto  string `json:"wrapped_proto"`
}

type evidencePair struct {
	name          string
	first, second *types.Vote
	evidence      *types.DuplicateVoteEvidence
}

func evidencePairs() []evidencePair {
	set := setOf(10, 20, 30, 40)
	var out []evidencePair
	add := func(name string, kind cmtproto.SignedMsgType, height int64, round int32, key int, one, two types.BlockID, blockTime time.Time) {
		private := fixture.Key(key)
		index, _ := set.GetByAddress(private.PubKey().Address())
		vote := func(id types.BlockID, late time.Duration) *types.Vote {
			v := &types.Vote{Type: kind, Height: height, Round: round, BlockID: id, Timestamp: fixture.Genesis.Add(late),
				ValidatorAddress: private.PubKey().Address(), ValidatorIndex: index}
			fixture.SignVote(private, fixture.ChainID, v, false)
			return v
		}
		first, second := vote(one, 0), vote(two, time.Millisecond)
		out = append(out, evidencePair{name, first, second,
			must(types.NewDuplicateVoteEvidence(first, second, blockTime, set))})
	}
	a, b := fixture.BlockID("evidence a", 1), fixture.BlockID("evidence b", 1)
	add("prevotes", cmtproto.PrevoteType, 10, 0, 0, a, b, fixture.Genesis)
	add("prevotes_other_order", cmtproto.PrevoteType, 10, 0, 0, b, a, fixture.Genesis)
	add("precommits_round_3", cmtproto.PrecommitType, 500, 3, 3, a, b, fixture.Genesis.Add(time.Second))
	add("nil_and_block", cmtproto.PrecommitType, 11, 0, 1, types.BlockID{}, a, fixture.Genesis)
	add("block_and_nil", cmtproto.PrecommitType, 11, 0, 1, a, types.BlockID{}, fixture.Genesis)
	same := a
	same.PartSetHeader.Hash = b.PartSetHeader.Hash
	add("same_hash_other_parts", cmtproto.PrevoteType, 12, 1, 2, a, same, fixture.Genesis)
	more := a
	more.PartSetHeader.Total = 300
	add("same_hash_more_parts", cmtproto.PrevoteType, 12, 1, 2, a, more, fixture.Genesis)
	add("zero_block_time", cmtproto.PrevoteType, 13, 0, 2, a, b, time.Time{})
	return out
}

func wrapped(evidence types.Evidence) []byte { return marshal(must(types.EvidenceToProto(evidence))) }

func evidences() []any {
	var out []any
	for _, pair := range evidencePairs() {
		out = append(out, evidenceCase{
			Name:             pair.name,
			ChainID:          fixture.ChainID,
			First:            voteOf(pair.first),
			Second:           voteOf(pair.second),
			AIsFirst:         pair.evidence.VoteA == pair.first,
			TotalVotingPower: decimal(pair.evidence.TotalVotingPower),
			ValidatorPower:   decimal(pair.evidence.ValidatorPower),
			timeFields:       timeOf(pair.evidence.Timestamp),
			EvidenceProto:    hexOf(pair.evidence.Bytes()),
			EvidenceHash:     hexOf(pair.evidence.Hash()),
			WrappedProto:     hexOf(wrapped(pair.evidence)),
		})
	}
	return out
}

type evidenceListCase struct {
	Name     string   `json:"name"`
	Protos   []string `json:"evidence_protos"`
	Proto    string   `json:"evidence_list_proto"`
	ListHash string   `json:"evidence_list_hash"`
}

func evidenceLists() []any {
	var out []any
	pairs := evidencePairs()
	for _, n := range []int{0, 1, 2, 3, len(pairs)} {
		data := types.EvidenceData{}
		one := evidenceListCase{Name: decimal(int64(n)), Protos: []string{}}
		for _, pair := range pairs[:n] {
			data.Evidence = append(data.Evidence, pair.evidence)
			one.Protos = append(one.Protos, hexOf(pair.evidence.Bytes()))
		}
		one.Proto = hexOf(marshal(must(data.ToProto())))
		one.ListHash = hexOf(data.Hash())
		out = append(out, one)
	}
	return out
}

type blockCase struct {
	Name string `json:"name"`
	headerFields
	Txs        []string     `json:"txs"`
	Evidence   []string     `json:"evidence_protos"`
	LastCommit commitFields `json:"last_commit"`
	BlockHash  string       `json:"block_hash"`
	BlockSize  string       `json:"block_size"`
	BlockSHA   string       `json:"block_proto_sha256"`
	BlockProto string       `json:"block_proto"`
	PartsTotal uint32       `json:"parts_total"`
	PartsHash  string       `json:"parts_hash"`
	Valid      bool         `json:"validate_basic"`
}

// blockOf writes a block out; its protobuf only if that is small, because the
// inputs already contain all of it.
func blockOf(name string, block *types.Block) blockCase {
	encoded := marshal(must(block.ToProto()))
	parts := must(block.MakePartSet(types.BlockPartSizeBytes)).Header()
	digest := sha256.Sum256(encoded)
	one := blockCase{
		Name:       name,
		Txs:        []string{},
		Evidence:   []string{},
		LastCommit: commitOf(block.LastCommit),
		BlockHash:  hexOf(block.Hash()),
		BlockSize:  decimal(int64(len(encoded))),
		BlockSHA:   hexOf(digest[:]),
		PartsTotal: parts.Total,
		PartsHash:  hexOf(parts.Hash),
		Valid:      block.ValidateBasic() == nil,
	}
	if len(encoded) <= 16384 {
		one.BlockProto = hexOf(encoded)
	}
	for _, tx := range block.Txs {
		one.Txs = append(one.Txs, hexOf(tx))
	}
	for _, evidence := range block.Evidence.Evidence {
		one.Evidence = append(one.Evidence, hexOf(evidence.Bytes()))
	}
	one.headerFields = headerOf(&block.Header)
	return one
}

func blocks() []any {
	var out []any
	keys := fixture.FirstKeys(10)
	add := func(name string, height int64, set *types.ValidatorSet, who fixture.Signers, evidence []types.Evidence, txs ...[]byte) {
		last := &types.Commit{}
		h := header()
		if height > 1 {
			last = fixture.Commit(fixture.ChainID, set, keys, height-1, 0, h.LastBlockID, fixture.Genesis, time.Millisecond, who)
		} else {
			h.LastBlockID = types.BlockID{}
		}
		block := types.MakeBlock(height, types.ToTxs(txs), last, evidence)
		block.Header.Populate(cmtversion.Consensus{Block: 11, App: 1}, fixture.ChainID, fixture.Genesis.Add(time.Second), h.LastBlockID,
			set.Hash(), set.Hash(), h.ConsensusHash, h.AppHash, h.LastResultsHash, set.GetProposer().Address)
		out = append(out, blockOf(name, block))
	}
	pairs := evidencePairs()
	add("height_1_empty", 1, setOf(1), fixture.All, nil)
	add("height_1_one_tx", 1, setOf(1), fixture.All, nil, fixture.Bytes("block tx", 50))
	add("height_2_empty", 2, setOf(10, 20, 30, 40), fixture.All, nil)
	add("absent_and_nil", 7, setOf(10, 20, 30, 40), flags(forIt, forNil, absent, forIt), nil, fixture.Bytes("a", 200), []byte{}, fixture.Bytes("b", 1))
	add("evidence", 11, setOf(10, 20, 30, 40), fixture.All, []types.Evidence{pairs[0].evidence})
	add("evidence_and_txs", 12, setOf(10, 20, 30, 40), fixture.All, []types.Evidence{pairs[2].evidence, pairs[3].evidence}, fixture.Bytes("c", 300))
	add("three_parts", 13, setOf(10, 20, 30, 40), fixture.All, nil, fixture.Bytes("d", 65536), fixture.Bytes("e", 131), fixture.Bytes("f", 66000))
	return out
}

type partFields struct {
	Size     int      `json:"size"`
	LeafHash string   `json:"leaf_hash"`
	Aunts    []string `json:"aunts"`
}

type partSetCase struct {
	Name   string       `json:"name"`
	Length string       `json:"data_length"`
	Salt   int          `json:"data_salt"`
	SHA    string       `json:"data_sha256"`
	Total  uint32       `json:"parts_total"`
	Hash   string       `json:"parts_hash"`
	Parts  []partFields `json:"parts"`
}

func partSets() []any {
	var out []any
	for i, n := range []int{1, 100, 65535, 65536, 65537, 131072, 200000, 327681, 1048577} {
		salt := byte(3 + i)
		data := fixture.Fill(n, salt)
		digest := sha256.Sum256(data)
		set := types.NewPartSetFromData(data, types.BlockPartSizeBytes)
		one := partSetCase{
			Name:   decimal(int64(n)),
			Length: decimal(int64(n)),
			Salt:   int(salt),
			SHA:    hexOf(digest[:]),
			Total:  set.Total(),
			Hash:   hexOf(set.Hash()),
		}
		for j := 0; j < int(set.Total()); j++ {
			part := set.GetPart(j)
			one.Parts = append(one.Parts, partFields{len(part.Bytes), hexOf(part.Proof.LeafHash), hexes(part.Proof.Aunts)})
		}
		out = append(out, one)
	}
	return out
}

func hexes(list [][]byte) []string {
	out := make([]string, len(list))
	for i, item := range list {
		out[i] = hexOf(item)
	}
	return out
}

type paramsCase struct {
	Name               string   `json:"name"`
	BlockMaxBytes      string   `json:"block_max_bytes"`
	BlockMaxGas        string   `json:"block_max_gas"`
	EvidenceMaxBlocks  string   `json:"evidence_max_age_num_blocks"`
	EvidenceMaxSeconds string   `json:"evidence_max_age_seconds"`
	EvidenceMaxNanos   int      `json:"evidence_max_age_nanos"`
	EvidenceMaxBytes   string   `json:"evidence_max_bytes"`
	PubKeyTypes        []string `json:"pub_key_types"`
	AppVersion         string   `json:"app_version"`
	ExtensionsHeight   string   `json:"vote_extensions_enable_height"`
	Proto              string   `json:"consensus_params_proto"`
	Hash               string   `json:"consensus_hash"`
}

func consensusParams() []any {
	var out []any
	add := func(name string, change func(*types.ConsensusParams)) {
		p := types.DefaultConsensusParams()
		change(p)
		pb := p.ToProto()
		out = append(out, paramsCase{
			Name:               name,
			BlockMaxBytes:      decimal(p.Block.MaxBytes),
			BlockMaxGas:        decimal(p.Block.MaxGas),
			EvidenceMaxBlocks:  decimal(p.Evidence.MaxAgeNumBlocks),
			EvidenceMaxSeconds: decimal(int64(p.Evidence.MaxAgeDuration / time.Second)),
			EvidenceMaxNanos:   int(p.Evidence.MaxAgeDuration % time.Second),
			EvidenceMaxBytes:   decimal(p.Evidence.MaxBytes),
			PubKeyTypes:        p.Validator.PubKeyTypes,
			AppVersion:         udecimal(p.Version.App),
			ExtensionsHeight:   decimal(p.ABCI.VoteExtensionsEnableHeight),
			Proto:              hexOf(marshal(&pb)),
			Hash:               hexOf(p.Hash()),
		})
	}
	add("default", func(*types.ConsensusParams) {})
	add("assay", func(p *types.ConsensusParams) {
		p.Version.App = 1
		p.ABCI.VoteExtensionsEnableHeight = 1
		p.Block.MaxBytes = 4 << 20
	})
	add("no_byte_limit", func(p *types.ConsensusParams) { p.Block.MaxBytes = -1 })
	add("gas_limit", func(p *types.ConsensusParams) { p.Block.MaxGas = 10_000_000 })
	add("zeros", func(p *types.ConsensusParams) { p.Block.MaxBytes, p.Block.MaxGas = 0, 0 })
	add("largest", func(p *types.ConsensusParams) {
		p.Block.MaxBytes, p.Block.MaxGas = math.MaxInt64, math.MaxInt64
		p.Evidence = types.EvidenceParams{MaxAgeNumBlocks: math.MaxInt64, MaxAgeDuration: math.MaxInt64, MaxBytes: math.MaxInt64}
		p.Version.App = math.MaxUint64
	})
	add("two_key_types", func(p *types.ConsensusParams) { p.Validator.PubKeyTypes = []string{"ed25519", "secp256k1"} })
	return out
}

type resultFields struct {
	Code      uint32 `json:"code"`
	Data      string `json:"data"`
	Log       string `json:"log"`
	Info      string `json:"info"`
	GasWanted string `json:"gas_wanted"`
	GasUsed   string `json:"gas_used"`
	Codespace string `json:"codespace"`
	Proto     string `json:"exec_tx_result_proto"`
	Leaf      string `json:"hashed_proto"`
}

type resultsCase struct {
	Name    string         `json:"name"`
	Results []resultFields `json:"results"`
	Hash    string         `json:"last_results_hash"`
}

func results() []any {
	var out []any
	add := func(name string, list ...*abci.ExecTxResult) {
		one := resultsCase{Name: name, Results: []resultFields{}, Hash: hexOf(sm.TxResultsHash(list))}
		for i, r := range list {
			one.Results = append(one.Results, resultFields{
				r.Code, hexOf(r.Data), r.Log, r.Info, decimal(r.GasWanted), decimal(r.GasUsed), r.Codespace,
				hexOf(marshal(r)), hexOf(marshal(types.NewResults(list)[i])),
			})
		}
		out = append(out, one)
	}
	add("none")
	add("one_empty", &abci.ExecTxResult{})
	add("one_full", &abci.ExecTxResult{Code: 7, Data: fixture.Bytes("result", 40), Log: "a log", Info: "an info",
		GasWanted: 1000, GasUsed: 999, Codespace: "assay"})
	add("codespace_log_and_info_alone", &abci.ExecTxResult{Log: "l", Info: "i", Codespace: "c"})
	add("largest", &abci.ExecTxResult{Code: math.MaxUint32, Data: fixture.Bytes("result", 300), GasWanted: math.MaxInt64, GasUsed: math.MaxInt64})
	add("negative_gas", &abci.ExecTxResult{GasWanted: -1, GasUsed: math.MinInt64})
	var many []*abci.ExecTxResult
	for i := 0; i < 13; i++ {
		many = append(many, fixture.Result(fixture.Bytes("results "+decimal(int64(i)), i*3)))
	}
	add("thirteen", many...)
	return out
}

type medianCase struct {
	Name       string            `json:"name"`
	Validators []validatorFields `json:"validators"`
	commitFields
	MedianSeconds string `json:"median_seconds"`
	MedianNanos   int    `json:"median_nanos"`
}

func medianTimes() []any {
	var out []any
	keys := fixture.FirstKeys(40)
	add := func(name string, set *types.ValidatorSet, who fixture.Signers, shift func(i int) time.Duration) {
		commit := fixture.Commit(fixture.ChainID, set, keys, 9, 0, fixture.BlockID("median", 1), fixture.Genesis, 0, who)
		for i := range commit.Signatures {
			if s := &commit.Signatures[i]; s.BlockIDFlag != absent {
				s.Timestamp = fixture.Genesis.Add(shift(i))
			}
		}
		median := must(sm.MedianTime(commit, set))
		out = append(out, medianCase{name, validatorsOf(set), commitOf(commit), decimal(median.Unix()), median.Nanosecond()})
	}
	up := func(i int) time.Duration { return time.Duration(i+1) * 1001 * time.Millisecond }
	down := func(i int) time.Duration { return -up(i) }
	add("one", setOf(5), fixture.All, up)
	add("two_equal", setOf(5, 5), fixture.All, up)
	add("two_equal_other_order", setOf(5, 5), fixture.All, down)
	add("three_equal", setOf(1, 1, 1), fixture.All, up)
	add("four_equal_even_total", setOf(1, 1, 1, 1), fixture.All, up)
	add("four_equal_power_3", setOf(3, 3, 3, 3), fixture.All, down)
	add("weights", setOf(10, 20, 30, 40), fixture.All, up)
	add("weights_down", setOf(10, 20, 30, 40), fixture.All, down)
	add("same_times", setOf(10, 20, 30, 40), fixture.All, func(int) time.Duration { return 0 })
	add("absent_does_not_count", setOf(10, 20, 30, 40), flags(absent, forIt, forIt, forIt), up)
	add("nil_does_count", setOf(10, 20, 30, 40), flags(forNil, forIt, forIt, forIt), up)
	add("all_absent", setOf(10, 20, 30, 40), flags(absent), up)
	add("heavy_liar_early", setOf(33, 22, 22, 23), fixture.All, func(i int) time.Duration {
		if i == 0 {
			return -1000 * time.Hour
		}
		return up(i)
	})
	random := rand.New(rand.NewSource(1))
	for n := 5; n <= 35; n += 10 {
		powers := make([]int64, n)
		shifts := make([]time.Duration, n)
		for i := range powers {
			powers[i] = 1 + random.Int63n(1000)
			shifts[i] = time.Duration(random.Int63n(int64(time.Minute)))
		}
		add("random_"+decimal(int64(n)), setOf(powers...), flags(forIt, forIt, forNil, absent, forIt),
			func(i int) time.Duration { return shifts[i] })
	}
	return out
}

type proofFields struct {
	Index    int      `json:"index"`
	LeafHash string   `json:"leaf_hash"`
	Aunts    []string `json:"aunts"`
}

type merkleCase struct {
	Name   string        `json:"name"`
	Leaves []string      `json:"leaves"`
	Root   string        `json:"root"`
	Proofs []proofFields `json:"proofs"`
}

func merkles() []any {
	var out []any
	for n := 0; n <= 33; n++ {
		leaves := make([][]byte, n)
		for i := range leaves {
			leaves[i] = fixture.Bytes("leaf "+decimal(int64(i)), (i*5)%23)
		}
		root, proofs := merkle.ProofsFromByteSlices(leaves)
		one := merkleCase{Name: decimal(int64(n)), Leaves: hexes(leaves), Root: hexOf(root), Proofs: []proofFields{}}
		for i, proof := range proofs {
			one.Proofs = append(one.Proofs, proofFields{i, hexOf(proof.LeafHash), hexes(proof.Aunts)})
		}
		out = append(out, one)
	}
	return out
}
