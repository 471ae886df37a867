// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"assay/test/peers/fixture"

	"github.com/cometbft/cometbft/types"
)

type heightFields struct {
	Height          string            `json:"height"`
	Round           int32             `json:"round"`
	Txs             []string          `json:"txs"`
	Results         []resultFields    `json:"results"`
	Updates         []powerFields     `json:"validator_updates"`
	AppHashAfter    string            `json:"app_hash_after"`
	ProposerAddress string            `json:"proposer_address"`
	BlockProto      string            `json:"block_proto"`
	BlockHash       string            `json:"block_hash"`
	PartsTotal      uint32            `json:"parts_total"`
	PartsHash       string            `json:"parts_hash"`
	CommitProto     string            `json:"commit_proto"`
	Validators      []validatorFields `json:"validators"`
	LightBlockProto string            `json:"light_block_proto"`
}

type chainCase struct {
	Name           string         `json:"name"`
	ChainID        string         `json:"chain_id"`
	GenesisSeconds string         `json:"genesis_seconds"`
	GenesisNanos   int            `json:"genesis_nanos"`
	AppVersion     string         `json:"app_version"`
	Seeds          []string       `json:"private_seeds"`
	Genesis        []powerFields  `json:"genesis_validators"`
	Heights        []heightFields `json:"heights"`
}

func chains() []any {
	var out []any
	add := func(name string, plan fixture.Plan) {
		plan.ChainID, plan.Genesis = fixture.ChainID, fixture.Genesis
		made := must(fixture.Make(plan))
		one := chainCase{
			Name:           name,
			ChainID:        plan.ChainID,
			GenesisSeconds: decimal(plan.Genesis.Unix()),
			GenesisNanos:   plan.Genesis.Nanosecond(),
			AppVersion:     udecimal(plan.AppVersion),
		}
		for i := 0; i < 8; i++ {
			one.Seeds = append(one.Seeds, hexOf(fixture.Seed(i)))
		}
		power := func(key int, power int64) powerFields {
			return powerFields{hexOf(fixture.Key(key).PubKey().Bytes()), decimal(power)}
		}
		for i, p := range plan.Powers {
			one.Genesis = append(one.Genesis, power(i, p))
		}
		for _, b := range made {
			h := heightFields{
				Height:          decimal(b.Block.Height),
				Round:           b.Commit.Round,
				Txs:             []string{},
				Results:         []resultFields{},
				Updates:         []powerFields{},
				AppHashAfter:    hexOf(b.AppHash),
				ProposerAddress: hexOf(b.Block.ProposerAddress),
				BlockProto:      hexOf(marshal(must(b.Block.ToProto()))),
				BlockHash:       hexOf(b.Block.Hash()),
				PartsTotal:      b.ID.PartSetHeader.Total,
				PartsHash:       hexOf(b.ID.PartSetHeader.Hash),
				CommitProto:     hexOf(marshal(b.Commit.ToProto())),
				Validators:      validatorsOf(b.Validators),
				LightBlockProto: hexOf(marshal(must(b.LightBlock().ToProto()))),
			}
			for i, tx := range b.Block.Txs {
				h.Txs = append(h.Txs, hexOf(tx))
				r := b.Results[i]
				h.Results = append(h.Results, resultFields{r.Code, hexOf(r.Data), r.Log, r.Info, decimal(r.GasWanted),
					decimal(r.GasUsed), r.Codespace, hexOf(marshal(r)), hexOf(marshal(types.NewResults(b.Results)[i]))})
			}
			for _, update := range b.Updates {
				h.Updates = append(h.Updates, power(update.Key, update.Power))
			}
			one.Heights = append(one.Heights, h)
		}
		out = append(out, one)
	}
	txs := func(height int64) [][]byte {
		var list [][]byte
		for i := int64(0); i < height%4; i++ {
			list = append(list, fixture.Bytes("chain "+decimal(height)+" "+decimal(i), int(20+height+i)))
		}
		return list
	}
	add("single_validator", fixture.Plan{Powers: []int64{10}, Heights: 5, BlockTime: time.Second, Txs: txs, AppVersion: 1})
	add("four_with_changes", fixture.Plan{
		Powers:    []int64{10, 20, 30, 40},
		Heights:   20,
		BlockTime: 900 * time.Millisecond,
		VoteStep:  7 * time.Millisecond,
		Rounds:    map[int64]int32{3: 1, 9: 4},
		Updates: map[int64][]fixture.Power{
			4:  {{Key: 4, Power: 35}},
			7:  {{Key: 0, Power: 0}, {Key: 1, Power: 60}},
			12: {{Key: 0, Power: 5}, {Key: 5, Power: 5}, {Key: 4, Power: 0}},
		},
		Who: func(height int64) fixture.Signers {
			return func(i int, _ *types.Validator) types.BlockIDFlag {
				switch {
				case height%5 == 0 && i == 3:
					return absent
				case height%6 == 0 && i == 2:
					return forNil
				}
				return forIt
			}
		},
		Txs:        txs,
		AppVersion: 1,
		Evidence: func(height int64, set *types.ValidatorSet) []types.Evidence {
			if height != 6 {
				return nil
			}
			return []types.Evidence{evidencePairs()[2].evidence}
		},
	})
	return out
}
