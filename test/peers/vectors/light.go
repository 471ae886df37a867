// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"assay/test/peers/fixture"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/evidence"
	cmtmath "github.com/cometbft/cometbft/libs/math"
	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/light/provider"
	"github.com/cometbft/cometbft/light/provider/mock"
	lightdb "github.com/cometbft/cometbft/light/store/db"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	"github.com/cometbft/cometbft/types"
)

// The light client's vectors: blocks by name, and what CometBFT says of pairs and
// rows of them. The pairs are the situations of CometBFT's own light/verifier_test.go
// (four validators with 20, 30, 40 and 50), those of the borders between its rules
// and Assay's, and a few that only whole clients meet.

const (
	lightDrift  = 10 * time.Second
	lightPeriod = 3 * time.Hour
)

var (
	lightKeys  = fixture.FirstKeys(20)
	oneThird   = cmtmath.Fraction{Numerator: 1, Denominator: 3}
	twoThirds  = cmtmath.Fraction{Numerator: 2, Denominator: 3}
	lightStart = fixture.Genesis
	lightNow   = lightStart.Add(2 * time.Hour)
	fourPowers = []int64{20, 30, 40, 50}
)

// lightPlan is a block to be made; what is left out is ordinary.
type lightPlan struct {
	chain     string
	height    int64
	after     time.Duration // since lightStart
	set, next *types.ValidatorSet
	last      []byte // hash of the block before; nil: any
	round     int32
	app, data string
	who       fixture.Signers
	change    func(*types.LightBlock) // after signing
}

func lightMake(p lightPlan) *types.LightBlock {
	if p.chain == "" {
		p.chain = fixture.ChainID
	}
	if p.next == nil {
		p.next = p.set
	}
	if p.who == nil {
		p.who = fixture.All
	}
	hash := func(label string) []byte { return fixture.Bytes("light "+label, 32) }
	h := &types.Header{
		Version:            cmtversion.Consensus{Block: 11, App: 1},
		ChainID:            p.chain,
		Height:             p.height,
		Time:               lightStart.Add(p.after),
		LastBlockID:        fixture.BlockID("light last", 1),
		LastCommitHash:     hash("last commit"),
		DataHash:           hash("data" + p.data),
		ValidatorsHash:     p.set.Hash(),
		NextValidatorsHash: p.next.Hash(),
		ConsensusHash:      hash("consensus"),
		AppHash:            hash("app" + p.app),
		LastResultsHash:    hash("results"),
		EvidenceHash:       hash("evidence"),
		ProposerAddress:    p.set.Validators[0].Address,
	}
	if p.last != nil {
		h.LastBlockID.Hash = p.last
	}
	id := types.BlockID{Hash: h.Hash(), PartSetHeader: types.PartSetHeader{Total: 1, Hash: hash("parts")}}
	block := &types.LightBlock{
		SignedHeader: &types.SignedHeader{Header: h,
			Commit: fixture.Commit(p.chain, p.set, lightKeys, p.height, p.round, id, h.Time.Add(time.Second), time.Millisecond, p.who)},
		ValidatorSet: p.set,
	}
	if p.change != nil {
		p.change(block)
	}
	return block
}

// powersOf makes a set of chosen keys: powersOf(1, 30, 40) gives key 1 a power of 30, key 2 one of 40.
func powersOf(first int, powers ...int64) *types.ValidatorSet {
	var list []*types.Validator
	for i, power := range powers {
		list = append(list, fixture.Validator(first+i, power))
	}
	return types.NewValidatorSet(list)
}

// keysFrom lets keys from to last sign, whatever their place in the set.
func keysFrom(from, last int, otherwise types.BlockIDFlag) fixture.Signers {
	return func(_ int, v *types.Validator) types.BlockIDFlag {
		for i := from; i <= last; i++ {
			if string(fixture.Key(i).PubKey().Address()) == string(v.Address) {
				return forIt
			}
		}
		return otherwise
	}
}

// lightVerdict names what an error of package light means.
func lightVerdict(err error) string {
	var expired light.ErrOldHeaderExpired
	var untrusted light.ErrNewValSetCantBeTrusted
	var invalid light.ErrInvalidHeader
	var power types.ErrNotEnoughVotingPowerSigned
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &expired):
		return "expired"
	case errors.As(err, &untrusted):
		return "untrusted"
	}
	what := err.Error()
	if errors.As(err, &invalid) {
		what = invalid.Reason.Error()
		if errors.As(invalid.Reason, &power) {
			return "invalid_power"
		}
	}
	for _, row := range [][2]string{
		{"another chain", "invalid_chain"},
		{"different chain", "invalid_chain"},
		{"greater than one of old", "invalid_height"},
		{"after old header time", "invalid_time"},
		{"before new header time", "invalid_time"},
		{"from the future", "invalid_future"},
		{"match those that were supplied", "invalid_set"},
		{"match those from new header", "next_set"},
		{"wrong signature", "invalid_signature"},
		{"does not match trusted header's last block", "invalid_link"},
		{"height mismatch", "invalid_form"},
		{"commit signs", "invalid_form"},
		{"signs block", "invalid_form"},
		{"must be adjacent", "not_adjacent"},
		{"must be non adjacent", "adjacent"},
		{"wrong set size", "invalid_commit"},
	} {
		if strings.Contains(what, row[0]) {
			return row[1]
		}
	}
	panic("no name for: " + what)
}

type lightBlockCase struct {
	Name       string `json:"name"`
	Header     string `json:"header_proto"`
	Commit     string `json:"commit_proto"`
	Validators string `json:"validator_set_proto"`
	HeaderHash string `json:"header_hash"`
}

type lightPairCase struct {
	Name           string `json:"name"`
	ChainID        string `json:"chain_id"`
	Trusted        string `json:"trusted"`
	Block          string `json:"block"`
	BlockSet       string `json:"validators_of"`
	TrustedSeconds string `json:"trusting_seconds"`
	timeFields
	Drift       int    `json:"max_clock_drift_seconds"`
	OneThird    string `json:"verify_one_third"`
	TwoThirds   string `json:"verify_two_thirds"`
	Adjacent    string `json:"verify_adjacent"`
	NonAdjacent string `json:"verify_non_adjacent"`
	Backwards   string `json:"verify_backwards"`
	All         bool   `json:"verify_commit"`
}

// lightBook collects the blocks that the cases name.
type lightBook struct {
	names  []string
	blocks map[string]*types.LightBlock
}

func (b *lightBook) add(name string, block *types.LightBlock) string {
	if b.blocks == nil {
		b.blocks = map[string]*types.LightBlock{}
	}
	if b.blocks[name] != nil {
		panic("block " + name + " twice")
	}
	b.names = append(b.names, name)
	b.blocks[name] = block
	return name
}

// lightAll makes everything at once: the other files name blocks of the first.
func lightAll() (book *lightBook, pairs, skips, forks []any) {
	book = &lightBook{}
	pairs = lightPairs(book)
	skips = lightSkips(book)
	forks = lightForks(book)
	return
}

func lightBlocks() []any {
	book, _, _, _ := lightAll()
	var out []any
	for _, name := range book.names {
		b := book.blocks[name]
		out = append(out, lightBlockCase{name, hexOf(marshal(b.Header.ToProto())), hexOf(marshal(b.Commit.ToProto())),
			hexOf(marshal(must(b.ValidatorSet.ToProto()))), hexOf(b.Header.Hash())})
	}
	return out
}

func lightVerifications() []any { _, pairs, _, _ := lightAll(); return pairs }
func lightSkippings() []any     { _, _, skips, _ := lightAll(); return skips }
func lightAttacks() []any       { _, _, _, forks := lightAll(); return forks }

func lightPairs(book *lightBook) []any {
	var out []any
	four := setOf(fourPowers...)
	others := setOf(10, 11, 12, 13)
	book.add("trusted", lightMake(lightPlan{height: 1, set: four}))
	// judge asks everything about a block; shownSet is the block whose set is shown with it.
	judge := func(name, trusted, block, shownSet string, period time.Duration, now time.Time) {
		a, b, set := book.blocks[trusted], book.blocks[block], book.blocks[shownSet].ValidatorSet
		verify := func(level cmtmath.Fraction) string {
			return lightVerdict(light.Verify(a.SignedHeader, a.ValidatorSet, b.SignedHeader, set, period, now, lightDrift, level))
		}
		out = append(out, lightPairCase{
			Name: name, ChainID: fixture.ChainID, Trusted: trusted, Block: block, BlockSet: shownSet,
			TrustedSeconds: decimal(int64(period / time.Second)), timeFields: timeOf(now), Drift: int(lightDrift / time.Second),
			OneThird: verify(oneThird), TwoThirds: verify(twoThirds),
			Adjacent: lightVerdict(light.VerifyAdjacent(a.SignedHeader, b.SignedHeader, set, period, now, lightDrift)),
			NonAdjacent: lightVerdict(light.VerifyNonAdjacent(a.SignedHeader, a.ValidatorSet, b.SignedHeader, set, period, now,
				lightDrift, oneThird)),
			Backwards: lightVerdict(light.VerifyBackwards(b.Header, a.Header)),
			All:       set.VerifyCommit(a.ChainID, b.Commit.BlockID, b.Height, b.Commit) == nil,
		})
	}
	pair := func(name, block, shownSet string, period time.Duration, now time.Time) {
		judge(name, "trusted", block, shownSet, period, now)
	}
	usual := func(name string, plan lightPlan) {
		if plan.after == 0 {
			plan.after = time.Hour
		}
		book.add(name, lightMake(plan))
		pair(name, name, name, lightPeriod, lightNow)
	}

	// Right after the trusted block.
	pair("the_trusted_block_itself", "trusted", "trusted", lightPeriod, lightNow)
	usual("next_of_another_chain", lightPlan{chain: "another-chain", height: 2, set: four})
	usual("next_before_the_trusted_time", lightPlan{height: 2, after: -time.Hour, set: four})
	usual("next_from_the_future", lightPlan{height: 2, after: 3 * time.Hour, set: four})
	usual("next_within_the_drift", lightPlan{height: 2, after: 2*time.Hour + lightDrift - time.Millisecond, set: four})
	usual("next_signed_by_all", lightPlan{height: 2, set: four})
	usual("next_signed_by_120_of_140", lightPlan{height: 2, set: four, who: keysFrom(1, 3, absent)})
	usual("next_signed_by_50_of_140", lightPlan{height: 2, set: four, who: keysFrom(3, 3, absent)})
	usual("next_of_a_set_that_was_not_named", lightPlan{height: 2, set: others})
	// Whom the trusted header names needs to share nobody with those who signed it; one block later it would.
	strangers := powersOf(8, 10, 10, 10)
	named := book.add("names_strangers", lightMake(lightPlan{height: 1, set: four, next: strangers}))
	judge("next_of_strangers_that_were_named", named, book.add("strangers_2", lightMake(lightPlan{height: 2, after: time.Hour, set: strangers})),
		"strangers_2", lightPeriod, lightNow)
	judge("later_of_strangers_that_were_named", named, book.add("strangers_3", lightMake(lightPlan{height: 3, after: time.Hour, set: strangers})),
		"strangers_3", lightPeriod, lightNow)
	pair("next_shown_with_another_set", "next_signed_by_all", "next_of_a_set_that_was_not_named", lightPeriod, lightNow)
	pair("next_expired_with_another_set", "next_signed_by_all", "next_of_a_set_that_was_not_named", time.Hour, lightStart.Add(time.Hour))

	// Further away.
	usual("later_signed_by_all", lightPlan{height: 3, set: four})
	usual("later_signed_by_120_of_140", lightPlan{height: 4, set: four, who: keysFrom(1, 3, absent)})
	usual("later_signed_by_50_of_140", lightPlan{height: 5, set: four, who: keysFrom(3, 3, absent)})
	usual("later_set_with_120_of_140", lightPlan{height: 5, set: powersOf(1, 30, 40, 50)})
	usual("later_set_with_50_of_140", lightPlan{height: 5, set: powersOf(3, 50)})
	usual("later_set_with_20_of_140", lightPlan{height: 5, set: powersOf(0, 20)})
	usual("later_set_with_70_of_140", lightPlan{height: 5, set: types.NewValidatorSet([]*types.Validator{fixture.Validator(0, 20), fixture.Validator(3, 50)})})
	usual("later_set_with_nobody", lightPlan{height: 5, set: powersOf(8, 50, 50)})
	usual("later_set_with_90_and_strangers", lightPlan{height: 6, set: types.NewValidatorSet([]*types.Validator{
		fixture.Validator(2, 40), fixture.Validator(3, 50), fixture.Validator(8, 10)})})

	// Time, at its borders.
	border := func(name string, height int64, after time.Duration, period time.Duration, now time.Time) {
		book.add(name, lightMake(lightPlan{height: height, after: after, set: four}))
		pair(name, name, name, period, now)
	}
	border("time_equal_to_the_trusted_one", 3, 0, lightPeriod, lightNow)
	border("time_one_nanosecond_later", 3, 1, lightPeriod, lightNow)
	border("at_the_drift_exactly", 3, 2*time.Hour+lightDrift, lightPeriod, lightNow)
	border("one_nanosecond_below_the_drift", 3, 2*time.Hour+lightDrift-1, lightPeriod, lightNow)
	border("one_nanosecond_above_the_drift", 3, 2*time.Hour+lightDrift+1, lightPeriod, lightNow)
	pair("expired_by_much", "later_signed_by_all", "later_signed_by_all", time.Hour, lightNow)
	pair("expires_now", "later_signed_by_all", "later_signed_by_all", 2*time.Hour, lightNow)
	pair("expires_in_a_nanosecond", "later_signed_by_all", "later_signed_by_all", 2*time.Hour, lightNow.Add(-1))
	pair("expired_a_nanosecond_ago", "later_signed_by_all", "later_signed_by_all", 2*time.Hour, lightNow.Add(1))
	pair("clock_before_the_trusted_block", "time_one_nanosecond_later", "time_one_nanosecond_later", lightPeriod, lightStart.Add(-5*time.Second))
	pair("clock_far_before_the_trusted_block", "later_signed_by_all", "later_signed_by_all", lightPeriod, lightStart.Add(-time.Hour))

	// Commits that are not what they seem. CometBFT stops counting at 2/3; Assay reads all signatures.
	spoil := func(i int) func(*types.LightBlock) {
		return func(b *types.LightBlock) { b.Commit.Signatures[i].Signature = fixture.Bytes("no signature", 64) }
	}
	usual("first_signature_wrong", lightPlan{height: 3, set: four, change: spoil(0)})
	usual("last_signature_wrong", lightPlan{height: 3, set: four, change: spoil(3)})
	usual("next_last_signature_wrong", lightPlan{height: 2, set: four, change: spoil(3)})
	usual("nil_signature_wrong", lightPlan{height: 3, set: four, who: keysFrom(1, 3, forNil), change: spoil(3)})
	usual("some_for_nil", lightPlan{height: 3, set: four, who: keysFrom(1, 3, forNil)})
	usual("too_many_for_nil", lightPlan{height: 3, set: four, who: keysFrom(2, 3, forNil)})
	usual("header_changed_after_signing", lightPlan{height: 3, set: four, change: func(b *types.LightBlock) { b.Header.AppHash = fixture.Bytes("other app", 32) }})
	usual("commit_of_another_height", lightPlan{height: 3, set: four, change: func(b *types.LightBlock) { b.Commit.Height = 4 }})
	usual("commit_with_one_signature_less", lightPlan{height: 3, set: four, change: func(b *types.LightBlock) { b.Commit.Signatures = b.Commit.Signatures[:3] }})
	usual("commit_in_another_round", lightPlan{height: 3, set: four, change: func(b *types.LightBlock) { b.Commit.Round = 1 }})

	// Downwards, which CometBFT does along the hashes.
	above := book.add("above", lightMake(lightPlan{height: 2, after: time.Hour, set: four, last: book.blocks["trusted"].Hash()}))
	judge("below_and_linked", above, "trusted", "trusted", lightPeriod, lightNow)
	judge("below_and_not_linked", "next_signed_by_all", "trusted", "trusted", lightPeriod, lightNow)
	judge("below_and_later", above, book.add("below_later", lightMake(lightPlan{height: 1, after: 2 * time.Hour, set: four})), "below_later",
		lightPeriod, lightNow)
	return out
}

type lightLevelCase struct {
	Name        string `json:"name"`
	Numerator   int64  `json:"numerator"`
	Denominator int64  `json:"denominator"`
	Valid       bool   `json:"valid"`
}

// lightLevels are the trust levels on both sides of CometBFT's bounds.
func lightLevels() []any {
	var out []any
	for _, f := range []cmtmath.Fraction{{Numerator: 1, Denominator: 1}, {Numerator: 1, Denominator: 3}, {Numerator: 2, Denominator: 3},
		{Numerator: 3, Denominator: 3}, {Numerator: 4, Denominator: 5}, {Numerator: 6, Denominator: 5}, {Numerator: 2, Denominator: 1},
		{Numerator: 0, Denominator: 1}, {Numerator: 0, Denominator: 0}, {Numerator: 1, Denominator: 0}, {Numerator: 1, Denominator: 4}} {
		out = append(out, lightLevelCase{fmt.Sprintf("%d_of_%d", f.Numerator, f.Denominator), int64(f.Numerator), int64(f.Denominator),
			light.ValidateTrustLevel(f) == nil})
	}
	return out
}

type lightSkipCase struct {
	Name           string   `json:"name"`
	ChainID        string   `json:"chain_id"`
	Blocks         []string `json:"blocks"`
	TrustedSeconds string   `json:"trusting_seconds"`
	timeFields
	OneThird   string `json:"skipping_one_third"`
	TwoThirds  string `json:"skipping_two_thirds"`
	Sequential string `json:"sequential"`
}

// lightClient lets a whole client of CometBFT go from the first block to the last.
func lightClient(blocks []*types.LightBlock, period time.Duration, now time.Time, how light.Option) string {
	headers, sets := map[int64]*types.SignedHeader{}, map[int64]*types.ValidatorSet{}
	for _, b := range blocks {
		headers[b.Height], sets[b.Height] = b.SignedHeader, b.ValidatorSet
	}
	primary, witness := mock.New(fixture.ChainID, headers, sets), mock.New(fixture.ChainID, headers, sets)
	first, last := blocks[0], blocks[len(blocks)-1]
	client := must(light.NewClient(context.Background(), fixture.ChainID,
		light.TrustOptions{Period: period, Height: first.Height, Hash: first.Hash()}, primary, []provider.Provider{witness},
		lightdb.New(dbm.NewMemDB(), "light"), how, light.MaxClockDrift(lightDrift)))
	_, err := client.VerifyLightBlockAtHeight(context.Background(), last.Height, now)
	return lightVerdict(err)
}

func lightSkips(book *lightBook) []any {
	var out []any
	// Every second block one of six validators goes and another comes: after six blocks half are strangers.
	rotating := func(height int64) *types.ValidatorSet { return powersOf(int((height-1)/2), 1, 1, 1, 1, 1, 1) }
	plan := func(height int64) lightPlan {
		return lightPlan{height: height, after: time.Duration(height) * time.Minute, set: rotating(height), next: rotating(height + 1)}
	}
	var names []string
	for height := int64(1); height <= 13; height++ {
		names = append(names, book.add("rotating_"+decimal(height), lightMake(plan(height))))
	}
	add := func(name string, names []string, period time.Duration, now time.Time) {
		var blocks []*types.LightBlock
		for _, n := range names {
			blocks = append(blocks, book.blocks[n])
		}
		out = append(out, lightSkipCase{name, fixture.ChainID, append([]string{}, names...), decimal(int64(period / time.Second)), timeOf(now),
			lightClient(blocks, period, now, light.SkippingVerification(oneThird)),
			lightClient(blocks, period, now, light.SkippingVerification(twoThirds)),
			lightClient(blocks, period, now, light.SequentialVerification())})
	}
	with := func(at int, name string) []string {
		list := append([]string{}, names...)
		list[at] = name
		return list
	}
	add("whole", names, lightPeriod, lightNow)
	add("three_blocks", names[:3], lightPeriod, lightNow)
	add("next_block", names[:2], lightPeriod, lightNow)
	add("expired", names, time.Hour, lightNow)
	add("last_from_the_future", names, lightPeriod, lightStart.Add(12*time.Minute))
	// A chain that strangers go on with: nobody who was trusted signed its last block.
	strange := plan(13)
	strange.set, strange.next = powersOf(13, 1, 1, 1, 1, 1, 1), nil
	add("strangers_at_the_end", with(12, book.add("strangers_13", lightMake(strange))), lightPeriod, lightNow)
	unsigned := plan(13)
	unsigned.who = keysFrom(6, 8, absent)
	add("half_signed_at_the_end", with(12, book.add("half_signed_13", lightMake(unsigned))), lightPeriod, lightNow)
	return out
}

type lightForkCase struct {
	Name      string        `json:"name"`
	ChainID   string        `json:"chain_id"`
	Anchor    string        `json:"anchor"`
	Trusted   string        `json:"trusted"`
	Other     string        `json:"conflicting"`
	Kind      string        `json:"kind"`
	Accepted  bool          `json:"attack_verifies"`
	Byzantine []powerFields `json:"byzantine"`
	Votes     []string      `json:"duplicate_vote_protos"`
}

// lightVotes makes CometBFT's own evidence of each who signed both in one round, and lets CometBFT verify it.
func lightVotes(trusted, other *types.LightBlock) []string {
	out := []string{}
	if trusted.Commit.Round != other.Commit.Round || string(trusted.Hash()) == string(other.Hash()) {
		return out
	}
	for i, v := range trusted.ValidatorSet.Validators {
		at, _ := other.ValidatorSet.GetByAddress(v.Address)
		if at < 0 || trusted.Commit.Signatures[i].BlockIDFlag != forIt || other.Commit.Signatures[at].BlockIDFlag != forIt {
			continue
		}
		one, two := trusted.Commit.GetVote(int32(i)), other.Commit.GetVote(at)
		proof := must(types.NewDuplicateVoteEvidence(one, two, trusted.Time, trusted.ValidatorSet))
		if err := evidence.VerifyDuplicateVote(proof, fixture.ChainID, trusted.ValidatorSet); err != nil {
			panic(err)
		}
		out = append(out, hexOf(marshal(proof.ToProto())))
	}
	return out
}

func lightForks(book *lightBook) []any {
	var out []any
	four := setOf(fourPowers...)
	anchor := book.blocks["trusted"]
	fork := func(name, trusted, conflicting string) {
		a, b := book.blocks[trusted], book.blocks[conflicting]
		attack := &types.LightClientAttackEvidence{ConflictingBlock: b, TotalVotingPower: four.TotalVotingPower()}
		// As CometBFT's detector does: what cannot follow from the chain is blamed on the last common height.
		kind, common := "amnesia", a
		switch lunatic := attack.ConflictingHeaderIsInvalid(a.Header); {
		case string(a.Hash()) == string(b.Hash()):
			kind = "none"
		case lunatic:
			kind, common = "lunatic", anchor
		case a.Commit.Round == b.Commit.Round:
			kind = "equivocation"
		}
		attack.CommonHeight, attack.Timestamp = common.Height, common.Time
		attack.ByzantineValidators = attack.GetByzantineValidators(common.ValidatorSet, a.SignedHeader)
		err := evidence.VerifyLightClientAttack(attack, common.SignedHeader, a.SignedHeader, common.ValidatorSet, lightNow, lightPeriod)
		one := lightForkCase{Name: name, ChainID: fixture.ChainID, Anchor: "trusted", Trusted: trusted, Other: conflicting, Kind: kind,
			Accepted: err == nil, Byzantine: []powerFields{}, Votes: lightVotes(a, b)}
		if err == nil {
			for _, v := range attack.ByzantineValidators {
				one.Byzantine = append(one.Byzantine, powerFields{hexOf(v.PubKey.Bytes()), decimal(v.VotingPower)})
			}
		}
		out = append(out, one)
	}
	block := func(name string, plan lightPlan) string {
		plan.height, plan.after = 7, time.Hour
		if plan.set == nil {
			plan.set = four
		}
		return book.add(name, lightMake(plan))
	}
	chain := block("chain_7", lightPlan{})
	part := block("chain_7_without_key_0", lightPlan{who: keysFrom(1, 3, absent)})
	nilled := block("chain_7_key_1_for_nil", lightPlan{who: func(i int, v *types.Validator) types.BlockIDFlag {
		if v.VotingPower == 30 {
			return forNil
		}
		return forIt
	}})
	other := block("other_data_7", lightPlan{data: " other"})
	partly := block("other_data_7_without_key_1", lightPlan{data: " other", who: func(i int, v *types.Validator) types.BlockIDFlag {
		if v.VotingPower == 30 {
			return absent
		}
		return forIt
	}})
	later := block("other_data_7_round_1", lightPlan{data: " other", round: 1})
	lunatic := block("other_app_7", lightPlan{app: " other"})
	lunaticLater := block("other_app_7_round_1", lightPlan{app: " other", round: 1})
	strangers := block("other_set_7", lightPlan{set: types.NewValidatorSet([]*types.Validator{
		fixture.Validator(3, 50), fixture.Validator(8, 5), fixture.Validator(9, 5)})})
	fork("same_block", chain, part)
	fork("all_signed_both", chain, other)
	fork("three_signed_both", part, other)
	fork("two_signed_both", part, partly)
	fork("nil_is_no_vote_for_a_block", nilled, other)
	fork("two_rounds", chain, later)
	fork("lunatic_in_one_round", chain, lunatic)
	fork("lunatic_in_two_rounds", chain, lunaticLater)
	fork("lunatic_with_a_set_of_its_own", chain, strangers)
	fork("lunatic_against_a_part", part, lunatic)
	return out
}
