// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"math"
	"math/rand"
	"time"

	"assay/test/peers/fixture"

	cmtmath "github.com/cometbft/cometbft/libs/math"
	"github.com/cometbft/cometbft/types"
)

type setCase struct {
	Name           string            `json:"name"`
	Input          []powerFields     `json:"input"`
	Validators     []validatorFields `json:"validators"`
	SimpleProtos   []string          `json:"simple_validator_protos"`
	TotalPower     string            `json:"total_power"`
	ProposerIndex  int               `json:"proposer_index"`
	SetProto       string            `json:"validator_set_proto"`
	ValidatorsHash string            `json:"validators_hash"`
}

func proposerIndex(set *types.ValidatorSet) int {
	index, _ := set.GetByAddress(set.GetProposer().Address)
	return int(index)
}

func validatorSets() []any {
	var out []any
	add := func(name string, powers ...int64) {
		set := setOf(powers...)
		one := setCase{
			Name:           name,
			Input:          []powerFields{},
			Validators:     validatorsOf(set),
			TotalPower:     decimal(set.TotalVotingPower()),
			ProposerIndex:  proposerIndex(set),
			SetProto:       hexOf(marshal(must(set.ToProto()))),
			ValidatorsHash: hexOf(set.Hash()),
		}
		for i, power := range powers {
			one.Input = append(one.Input, powerFields{hexOf(fixture.Key(i).PubKey().Bytes()), decimal(power)})
		}
		for _, v := range set.Validators {
			one.SimpleProtos = append(one.SimpleProtos, hexOf(v.Bytes()))
		}
		out = append(out, one)
	}
	add("one", 10)
	add("one_power_1", 1)
	add("one_largest", types.MaxTotalVotingPower)
	add("four_equal", 1, 1, 1, 1)
	add("four_rising", 10, 20, 30, 40)
	add("four_ties", 7, 9, 7, 9)
	add("seven_equal", equal(7, 100)...)
	add("seven_powers_of_128", 1, 127, 128, 16383, 16384, 2097152, 1<<40)
	add("hundred_equal", equal(100, 1000000)...)
	random := rand.New(rand.NewSource(2))
	powers := make([]int64, 100)
	for i := range powers {
		powers[i] = 1 + random.Int63n(20) // few values, so that ties are many
	}
	add("hundred_random", powers...)
	return out
}

// A step is either an increment or an update; what does not belong to it is left out.
type stepFields struct {
	Op         string            `json:"op"`
	Times      int32             `json:"times,omitempty"`
	Changes    *[]powerFields    `json:"changes,omitempty"`
	Accepted   *bool             `json:"accepted,omitempty"`
	Proposer   *int              `json:"proposer_index,omitempty"`
	Priorities []string          `json:"priorities,omitempty"`
	Validators []validatorFields `json:"validators,omitempty"`
	Hash       string            `json:"validators_hash,omitempty"`
	TotalPower string            `json:"total_power,omitempty"`
}

type proposerCase struct {
	Name       string            `json:"name"`
	Input      []powerFields     `json:"input"`
	Validators []validatorFields `json:"validators"`
	Proposer   int               `json:"proposer_index"`
	Steps      []stepFields      `json:"steps"`
}

type rotation struct {
	out   proposerCase
	set   *types.ValidatorSet
	every int
}

func rotate(name string, powers ...int64) *rotation {
	r := &rotation{set: setOf(powers...), every: 1}
	if len(powers) > 7 {
		r.every = 20
	}
	r.out = proposerCase{Name: name, Input: []powerFields{}, Validators: validatorsOf(r.set), Proposer: proposerIndex(r.set)}
	for i, power := range powers {
		r.out.Input = append(r.out.Input, powerFields{hexOf(fixture.Key(i).PubKey().Bytes()), decimal(power)})
	}
	return r
}

func (r *rotation) increment(steps int, times int32) *rotation {
	for i := 0; i < steps; i++ {
		r.set.IncrementProposerPriority(times)
		index := proposerIndex(r.set)
		step := stepFields{Op: "increment", Times: times, Proposer: &index}
		if i%r.every == 0 || i+1 == steps {
			for _, v := range r.set.Validators {
				step.Priorities = append(step.Priorities, decimal(v.ProposerPriority))
			}
		}
		r.out.Steps = append(r.out.Steps, step)
	}
	return r
}

func (r *rotation) update(changes ...fixture.Power) *rotation {
	listed := []powerFields{}
	validators := make([]*types.Validator, len(changes))
	for i, change := range changes {
		validators[i] = fixture.Validator(change.Key, change.Power)
		listed = append(listed, powerFields{hexOf(validators[i].PubKey.Bytes()), decimal(change.Power)})
	}
	accepted := r.set.UpdateWithChangeSet(validators) == nil
	step := stepFields{Op: "update", Changes: &listed, Accepted: &accepted}
	step.Validators = validatorsOf(r.set)
	step.Hash = hexOf(r.set.Hash())
	step.TotalPower = decimal(r.set.TotalVotingPower())
	r.out.Steps = append(r.out.Steps, step)
	return r
}

func proposers() []any {
	var out []any
	add := func(r *rotation) { out = append(out, r.out) }
	change := func(key int, power int64) fixture.Power { return fixture.Power{Key: key, Power: power} }

	add(rotate("one", 10).increment(200, 1))
	add(rotate("four_equal", 1, 1, 1, 1).increment(200, 1))
	add(rotate("four_rising", 10, 20, 30, 40).increment(200, 1))
	add(rotate("one_dominates", 1000000, 1, 1).increment(200, 1))
	add(rotate("near_third", 33, 33, 34).increment(200, 1))
	add(rotate("largest_total", types.MaxTotalVotingPower/2, types.MaxTotalVotingPower/4, types.MaxTotalVotingPower/4).increment(200, 1))
	add(rotate("seven_primes", 2, 3, 5, 7, 11, 13, 17).increment(200, 1))
	add(rotate("rounds", 10, 20, 30, 40).increment(10, 2).increment(10, 3).increment(10, 1).increment(10, 7).increment(5, 100))
	random := rand.New(rand.NewSource(3))
	powers := make([]int64, 100)
	for i := range powers {
		powers[i] = 1 + random.Int63n(1000000)
	}
	add(rotate("hundred_random", powers...).increment(200, 1))

	add(rotate("add_one", 10, 20, 30, 40).increment(5, 1).update(change(4, 25)).increment(200, 1))
	add(rotate("remove_one", 10, 20, 30, 40).increment(5, 1).update(change(3, 0)).increment(200, 1))
	add(rotate("remove_proposer_and_return", 1, 1, 1, 1).increment(3, 1).update(change(0, 0)).increment(7, 1).update(change(0, 1)).increment(200, 1))
	add(rotate("change_power", 10, 20, 30, 40).increment(5, 1).update(change(0, 100)).increment(50, 1).update(change(0, 1)).increment(200, 1))
	add(rotate("same_power_again", 10, 20, 30, 40).increment(5, 1).update(change(1, 20)).increment(50, 1))
	add(rotate("power_falls_far", 1000000000, 1000000000, 1).increment(9, 1).update(change(0, 1), change(1, 2)).increment(200, 1))
	add(rotate("all_three_at_once", 10, 20, 30, 40).increment(5, 1).
		update(change(1, 0), change(4, 15), change(2, 31), change(5, 1)).increment(200, 1).
		update(change(4, 0), change(6, 1000)).increment(100, 1))
	add(rotate("replace_everybody", 5, 5, 5).increment(4, 1).
		update(change(0, 0), change(1, 0), change(2, 0), change(7, 3), change(8, 4), change(9, 5)).increment(100, 1))
	add(rotate("refused", 10, 20, 30, 40).increment(2, 1).
		update(change(4, 0)).                                           // removes somebody who is not there
		update(change(0, 5), change(0, 6)).                             // names one twice
		update(change(0, 0), change(1, 0), change(2, 0), change(3, 0)). // empties the set
		update(change(0, -1)).                                          // negative
		update(change(4, types.MaxTotalVotingPower)).                   // total too large
		update(change(4, math.MaxInt64)).                               // power too large
		update().                                                       // no change is fine
		increment(20, 1))

	mixed := rotate("random_updates", powers[:20]...)
	for round := 0; round < 12; round++ {
		mixed.increment(6, 1)
		seen := map[int]bool{}
		var changes []fixture.Power
		for i := 0; i < 1+random.Intn(4); i++ {
			key := random.Intn(30)
			if seen[key] {
				continue
			}
			seen[key] = true
			power := 1 + random.Int63n(2000000)
			if mixed.set.HasAddress(fixture.Key(key).PubKey().Address()) && random.Intn(3) == 0 {
				power = 0
			}
			changes = append(changes, change(key, power))
		}
		mixed.update(changes...)
	}
	mixed.increment(40, 1)
	add(mixed)
	return out
}

type verifyCase struct {
	Name       string            `json:"name"`
	ChainID    string            `json:"chain_id"`
	Validators []validatorFields `json:"validators"`
	Height     string            `json:"expected_height"`
	ID         string            `json:"expected_hash"`
	Total      uint32            `json:"expected_parts_total"`
	Parts      string            `json:"expected_parts_hash"`
	commitFields
	Full      bool `json:"verify_commit"`
	Light     bool `json:"verify_commit_light"`
	LightAll  bool `json:"verify_commit_light_all"`
	Third     bool `json:"verify_trusting_one_third"`
	TwoThirds bool `json:"verify_trusting_two_thirds"`
	Lacking   bool `json:"third_fails_for_lack_of_power"`
}

func commitVerifications() []any {
	var out []any
	keys := fixture.FirstKeys(20)
	id := fixture.BlockID("verify", 1)
	const height = 77
	add := func(name string, set *types.ValidatorSet, commit *types.Commit) {
		third := set.VerifyCommitLightTrusting(fixture.ChainID, commit, cmtmath.Fraction{Numerator: 1, Denominator: 3})
		var lacking types.ErrNotEnoughVotingPowerSigned
		out = append(out, verifyCase{
			Name:         name,
			ChainID:      fixture.ChainID,
			Validators:   validatorsOf(set),
			Height:       decimal(height),
			ID:           hexOf(id.Hash),
			Total:        id.PartSetHeader.Total,
			Parts:        hexOf(id.PartSetHeader.Hash),
			commitFields: commitOf(commit),
			Full:         set.VerifyCommit(fixture.ChainID, id, height, commit) == nil,
			Light:        set.VerifyCommitLight(fixture.ChainID, id, height, commit) == nil,
			LightAll:     set.VerifyCommitLightAllSignatures(fixture.ChainID, id, height, commit) == nil,
			Third:        third == nil,
			TwoThirds:    set.VerifyCommitLightTrusting(fixture.ChainID, commit, cmtmath.Fraction{Numerator: 2, Denominator: 3}) == nil,
			Lacking:      errors.As(third, &lacking),
		})
	}
	four := setOf(1, 1, 1, 1)
	seven := setOf(equal(7, 10)...)
	make := func(set *types.ValidatorSet, who fixture.Signers) *types.Commit {
		return fixture.Commit(fixture.ChainID, set, keys, height, 0, id, fixture.Genesis, time.Millisecond, who)
	}
	spoilt := func(set *types.ValidatorSet, who fixture.Signers, change func(*types.Commit)) *types.Commit {
		commit := make(set, who).Clone()
		change(commit)
		return commit
	}
	add("one", setOf(1), make(setOf(1), fixture.All))
	add("four_all", four, make(four, fixture.All))
	add("four_three", four, make(four, flags(absent, forIt, forIt, forIt)))
	add("four_two", four, make(four, flags(absent, absent, forIt, forIt)))
	add("three_of_three_needed", setOf(1, 1, 1), make(setOf(1, 1, 1), fixture.All))
	add("exactly_two_thirds_is_not_enough", setOf(1, 1, 1), make(setOf(1, 1, 1), flags(forIt, forIt, absent)))
	add("nil_votes_do_not_count", four, make(four, flags(forNil, forNil, forIt, forIt)))
	add("three_and_a_nil", four, make(four, flags(forIt, forIt, forNil, forIt)))
	add("weights_71_of_91", setOf(61, 10, 10, 10), make(setOf(61, 10, 10, 10), flags(forIt, absent)))
	add("wrong_first_signature", four, spoilt(four, fixture.All, func(c *types.Commit) { c.Signatures[0].Signature = fixture.Bytes("no", 64) }))
	// The light rules stop at more than 2/3, so a bad signature behind that goes unseen.
	add("wrong_last_signature", four, spoilt(four, fixture.All, func(c *types.Commit) { c.Signatures[3].Signature = fixture.Bytes("no", 64) }))
	add("wrong_nil_signature", four, spoilt(four, flags(forNil, forIt, forIt, forIt), func(c *types.Commit) { c.Signatures[0].Signature = fixture.Bytes("no", 64) }))
	add("changed_time", four, spoilt(four, fixture.All, func(c *types.Commit) { c.Signatures[1].Timestamp = fixture.Genesis.Add(time.Hour) }))
	add("swapped_signatures", four, spoilt(four, fixture.All, func(c *types.Commit) {
		c.Signatures[0], c.Signatures[1] = c.Signatures[1], c.Signatures[0]
	}))
	add("wrong_address", four, spoilt(four, fixture.All, func(c *types.Commit) {
		c.Signatures[3].ValidatorAddress = fixture.Key(9).PubKey().Address()
	}))
	add("one_signature_too_few", four, spoilt(four, fixture.All, func(c *types.Commit) { c.Signatures = c.Signatures[:3] }))
	add("one_signature_twice", four, spoilt(four, fixture.All, func(c *types.Commit) { c.Signatures[1] = c.Signatures[0] }))
	add("other_height", four, spoilt(four, fixture.All, func(c *types.Commit) { c.Height++ }))
	add("other_round", four, spoilt(four, fixture.All, func(c *types.Commit) { c.Round++ }))
	add("other_block", four, fixture.Commit(fixture.ChainID, four, keys, height, 0, fixture.BlockID("other", 1), fixture.Genesis, 0, fixture.All))
	add("other_chain", four, fixture.Commit("another-chain", four, keys, height, 0, id, fixture.Genesis, 0, fixture.All))
	add("other_parts_total", four, spoilt(four, fixture.All, func(c *types.Commit) { c.BlockID.PartSetHeader.Total = 2 }))
	// The sets below are older than the commit: only trusting verification can accept.
	add("trusting_overlap_4_of_7", seven, make(four, fixture.All))
	shifted := types.NewValidatorSet([]*types.Validator{
		fixture.Validator(2, 1), fixture.Validator(3, 1), fixture.Validator(7, 1), fixture.Validator(8, 1)})
	add("trusting_overlap_half", four, make(shifted, fixture.All))
	one := types.NewValidatorSet([]*types.Validator{
		fixture.Validator(3, 1), fixture.Validator(7, 1), fixture.Validator(8, 1), fixture.Validator(9, 1)})
	add("trusting_overlap_quarter", four, make(one, fixture.All))
	add("trusting_exactly_a_third", setOf(1, 1, 1), make(types.NewValidatorSet([]*types.Validator{
		fixture.Validator(2, 1), fixture.Validator(7, 1), fixture.Validator(8, 1)}), fixture.All))
	return out
}
