// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"strconv"
	"time"

	"assay/test/peers/fixture"

	"github.com/cometbft/cometbft/types"
)

// These structs are embedded in the cases, where JSON makes their fields flat.

type blockIDFields struct {
	Hash       string `json:"block_id_hash"`
	PartsTotal uint32 `json:"block_id_parts_total"`
	PartsHash  string `json:"block_id_parts_hash"`
}

type lastBlockIDFields struct {
	Hash       string `json:"last_block_id_hash"`
	PartsTotal uint32 `json:"last_block_id_parts_total"`
	PartsHash  string `json:"last_block_id_parts_hash"`
}

type timeFields struct {
	Seconds string `json:"time_seconds"`
	Nanos   int    `json:"time_nanos"`
}

type headerFields struct {
	VersionBlock string `json:"version_block"`
	VersionApp   string `json:"version_app"`
	ChainID      string `json:"chain_id"`
	Height       string `json:"height"`
	timeFields
	lastBlockIDFields
	LastCommitHash     string `json:"last_commit_hash"`
	DataHash           string `json:"data_hash"`
	ValidatorsHash     string `json:"validators_hash"`
	NextValidatorsHash string `json:"next_validators_hash"`
	ConsensusHash      string `json:"consensus_hash"`
	AppHash            string `json:"app_hash"`
	LastResultsHash    string `json:"last_results_hash"`
	EvidenceHash       string `json:"evidence_hash"`
	ProposerAddress    string `json:"proposer_address"`
}

type signatureFields struct {
	Flag    int    `json:"block_id_flag"`
	Address string `json:"validator_address"`
	timeFields
	Signature string `json:"signature"`
	Proto     string `json:"commit_sig_proto"`
}

type commitFields struct {
	Height string `json:"commit_height"`
	Round  int32  `json:"commit_round"`
	blockIDFields
	Signatures []signatureFields `json:"signatures"`
	Proto      string            `json:"commit_proto"`
	CommitHash string            `json:"commit_hash"`
}

type validatorFields struct {
	PubKey   string `json:"pub_key"`
	Address  string `json:"address"`
	Power    string `json:"power"`
	Priority string `json:"priority"`
}

type powerFields struct {
	PubKey string `json:"pub_key"`
	Power  string `json:"power"`
}

type voteFields struct {
	Type   int    `json:"type"`
	Height string `json:"height"`
	Round  int32  `json:"round"`
	blockIDFields
	timeFields
	ValidatorAddress   string `json:"validator_address"`
	ValidatorIndex     int32  `json:"validator_index"`
	Signature          string `json:"signature"`
	Extension          string `json:"extension"`
	ExtensionSignature string `json:"extension_signature"`
	VoteProto          string `json:"vote_proto"`
}

func hexOf(b []byte) string    { return hex.EncodeToString(b) }
func decimal(n int64) string   { return strconv.FormatInt(n, 10) }
func udecimal(n uint64) string { return strconv.FormatUint(n, 10) }

// marshal encodes a gogoproto message; a failure is a mistake in this program.
func marshal(message interface{ Marshal() ([]byte, error) }) []byte {
	encoded, err := message.Marshal()
	if err != nil {
		panic(err)
	}
	return encoded
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func blockIDOf(id types.BlockID) blockIDFields {
	return blockIDFields{hexOf(id.Hash), id.PartSetHeader.Total, hexOf(id.PartSetHeader.Hash)}
}

func timeOf(t time.Time) timeFields { return timeFields{decimal(t.Unix()), t.Nanosecond()} }

func headerOf(h *types.Header) headerFields {
	return headerFields{
		VersionBlock:       udecimal(h.Version.Block),
		VersionApp:         udecimal(h.Version.App),
		ChainID:            h.ChainID,
		Height:             decimal(h.Height),
		timeFields:         timeOf(h.Time),
		lastBlockIDFields:  lastBlockIDFields(blockIDOf(h.LastBlockID)),
		LastCommitHash:     hexOf(h.LastCommitHash),
		DataHash:           hexOf(h.DataHash),
		ValidatorsHash:     hexOf(h.ValidatorsHash),
		NextValidatorsHash: hexOf(h.NextValidatorsHash),
		ConsensusHash:      hexOf(h.ConsensusHash),
		AppHash:            hexOf(h.AppHash),
		LastResultsHash:    hexOf(h.LastResultsHash),
		EvidenceHash:       hexOf(h.EvidenceHash),
		ProposerAddress:    hexOf(h.ProposerAddress),
	}
}

func commitOf(c *types.Commit) commitFields {
	signatures := make([]signatureFields, len(c.Signatures))
	for i := range c.Signatures {
		s := &c.Signatures[i]
		signatures[i] = signatureFields{
			Flag:       int(s.BlockIDFlag),
			Address:    hexOf(s.ValidatorAddress),
			timeFields: timeOf(s.Timestamp),
			Signature:  hexOf(s.Signature),
			Proto:      hexOf(marshal(s.ToProto())),
		}
	}
	return commitFields{
		Height:        decimal(c.Height),
		Round:         c.Round,
		blockIDFields: blockIDOf(c.BlockID),
		Signatures:    signatures,
		Proto:         hexOf(marshal(c.ToProto())),
		CommitHash:    hexOf(c.Hash()),
	}
}

func voteOf(v *types.Vote) voteFields {
	return voteFields{
		Type:               int(v.Type),
		Height:             decimal(v.Height),
		Round:              v.Round,
		blockIDFields:      blockIDOf(v.BlockID),
		timeFields:         timeOf(v.Timestamp),
		ValidatorAddress:   hexOf(v.ValidatorAddress),
		ValidatorIndex:     v.ValidatorIndex,
		Signature:          hexOf(v.Signature),
		Extension:          hexOf(v.Extension),
		ExtensionSignature: hexOf(v.ExtensionSignature),
		VoteProto:          hexOf(marshal(v.ToProto())),
	}
}

func validatorsOf(set *types.ValidatorSet) []validatorFields {
	out := make([]validatorFields, set.Size())
	for i, v := range set.Validators {
		out[i] = validatorFields{hexOf(v.PubKey.Bytes()), hexOf(v.Address), decimal(v.VotingPower), decimal(v.ProposerPriority)}
	}
	return out
}

// setOf makes a set of the first test keys, in the order of the powers given.
func setOf(powers ...int64) *types.ValidatorSet {
	validators := make([]*types.Validator, len(powers))
	for i, power := range powers {
		validators[i] = fixture.Validator(i, power)
	}
	return types.NewValidatorSet(validators)
}

func equal(n int, power int64) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = power
	}
	return out
}
