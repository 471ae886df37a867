// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"assay/test/peers/fixture"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// standIn serves a made chain as an Assay node would.
type standIn struct {
	chain   []*fixture.Block
	chainID string
	change  func(height int64, block *cmtproto.LightBlock)
	raw     func(height int64, body []byte) []byte
	kind    string
	missing map[int64]bool
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/status" {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(map[string]any{"chain_id": s.chainID, "height": strconv.Itoa(len(s.chain))})
		return
	}
	height, err := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/blocks/"), 10, 64)
	if err != nil || r.URL.Query().Get("format") != "proto" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	if height < 1 || height > int64(len(s.chain)) || s.missing[height] {
		http.Error(w, "no such block", http.StatusNotFound)
		return
	}
	message, err := s.chain[height-1].LightBlock().ToProto()
	if err != nil {
		panic(err)
	}
	// ToProto shares its byte strings with the chain, so a copy is changed.
	body, _ := message.Marshal()
	if s.change != nil {
		var copied cmtproto.LightBlock
		if err := copied.Unmarshal(body); err != nil {
			panic(err)
		}
		s.change(height, &copied)
		body, _ = copied.Marshal()
	}
	if s.raw != nil {
		body = s.raw(height, body)
	}
	kind := s.kind
	if kind == "" {
		kind = "application/octet-stream"
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(body)
}

const heights = 24

// changing replaces most of the power step by step, so that skipping from the
// first to the last height cannot succeed in one jump.
func changing(now time.Time) fixture.Plan {
	updates := map[int64][]fixture.Power{}
	for h := int64(2); h <= 20; h += 2 {
		updates[h] = []fixture.Power{{Key: int(h) / 2 * 2, Power: 10}, {Key: int(h)/2*2 + 1, Power: 10}}
		if h >= 4 {
			updates[h] = append(updates[h], fixture.Power{Key: int(h)/2*2 - 4, Power: 0}, fixture.Power{Key: int(h)/2*2 - 3, Power: 0})
		}
	}
	return fixture.Plan{
		ChainID: "light-test-0123456789ab", Genesis: now.Add(-time.Minute), Powers: []int64{10, 10, 10, 10}, Heights: heights,
		BlockTime: time.Second, VoteStep: 3 * time.Millisecond, Updates: updates, Rounds: map[int64]int32{5: 2},
		Who: func(height int64) fixture.Signers {
			return func(i int, _ *types.Validator) types.BlockIDFlag {
				if height%3 == 0 && i == 0 {
					return types.BlockIDFlagNil
				}
				return types.BlockIDFlagCommit
			}
		},
		Txs: func(height int64) [][]byte { return [][]byte{fixture.Bytes(fmt.Sprint(height), 30)} },
	}
}

func chain(t *testing.T, plan fixture.Plan) *standIn {
	t.Helper()
	made, err := fixture.Make(plan)
	if err != nil {
		t.Fatal(err)
	}
	return &standIn{chain: made, chainID: plan.ChainID}
}

func ask(t *testing.T, s http.Handler, change func(*config)) (int, string) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	c := config{url: server.URL, from: 1, to: heights, period: time.Hour, drift: time.Second, timeout: 5 * time.Second, now: time.Now()}
	if change != nil {
		change(&c)
	}
	var out bytes.Buffer
	code := run(context.Background(), c, &out, &out)
	return code, out.String()
}

func expect(t *testing.T, code int, out string, want int, words string) {
	t.Helper()
	if code != want || !strings.Contains(out, words) {
		t.Errorf("exit %d, expected %d with %q:\n%s", code, want, words, out)
	}
}

func TestVerifies(t *testing.T) {
	s := chain(t, changing(time.Now()))
	code, out := ask(t, s, func(c *config) { c.tamper = true })
	expect(t, code, out, exitVerified, "skipping: light-test-0123456789ab verified from 1 to 24")
	expect(t, code, out, exitVerified, "links: all signatures of 24 commits, 23 parents and 23 median times are right")
	if got := strings.Count(out, ": refused: "); got != len(tamperings)*len(modes) {
		t.Errorf("%d of %d lies are refused:\n%s", got, len(tamperings)*len(modes), out)
	}
	// The validator set changes so much that bisection must have fetched more than two blocks.
	if strings.Contains(out, "skipping: light-test-0123456789ab verified from 1 to 24, 2 light blocks") {
		t.Errorf("skipping never had to bisect:\n%s", out)
	}
	t.Log("\n" + out)
	code, out = ask(t, s, func(c *config) { c.to = 0; c.from = 23; c.trustHash = s.chain[22].Block.Hash() })
	expect(t, code, out, exitVerified, "verified from 23 to 24")
}

func TestSingleValidator(t *testing.T) {
	s := chain(t, fixture.Plan{ChainID: "one-0123456789ab", Genesis: time.Now().Add(-time.Minute), Powers: []int64{1},
		Heights: heights, BlockTime: time.Second})
	code, out := ask(t, s, func(c *config) { c.tamper = true })
	expect(t, code, out, exitVerified, "sequential: one-0123456789ab verified")
}

func TestRefusesALyingNode(t *testing.T) {
	plan := changing(time.Now())
	lie := func(at int64, change func(*cmtproto.LightBlock)) *standIn {
		s := chain(t, plan)
		s.change = func(height int64, b *cmtproto.LightBlock) {
			if height == at {
				change(b)
			}
		}
		return s
	}
	for _, at := range []int64{1, 2, 13, heights} {
		for _, tamper := range tamperings {
			code, out := ask(t, lie(at, tamper.change), nil)
			if code != exitWrong {
				t.Errorf("height %d, %s: exit %d:\n%s", at, tamper.name, code, out)
			}
		}
	}
	// Skipping and sequential verification stop at more than 2/3 and never look
	// at the parent, so these are found by the checks behind them.
	code, out := ask(t, lie(23, func(b *cmtproto.LightBlock) {
		last := &b.SignedHeader.Commit.Signatures[len(b.SignedHeader.Commit.Signatures)-1]
		last.Signature = flipped(last.Signature, 3)
	}), nil)
	expect(t, code, out, exitWrong, "commit 23: ")
}

func TestRefusesAFork(t *testing.T) {
	plan := changing(time.Now())
	honest := chain(t, plan)
	plan.Txs = func(height int64) [][]byte {
		if height < 10 {
			return [][]byte{fixture.Bytes(fmt.Sprint(height), 30)}
		}
		return nil
	}
	fork := chain(t, plan)
	// Both were signed by everybody; but the anchor is of one and the rest of the other.
	code, out := ask(t, fork, func(c *config) { c.from = 12; c.trustHash = honest.chain[11].Block.Hash() })
	expect(t, code, out, exitWrong, "expected header's hash")
	mixed := &standIn{chain: append(append([]*fixture.Block{}, honest.chain[:11]...), fork.chain[11:]...), chainID: honest.chainID}
	code, out = ask(t, mixed, nil)
	expect(t, code, out, exitWrong, "as its parent")
}

func TestRefusesOtherBytes(t *testing.T) {
	s := chain(t, changing(time.Now()))
	s.raw = func(height int64, body []byte) []byte {
		if height == 7 {
			return append(body, 0xf8, 0x01, 0x00) // an unknown field
		}
		return body
	}
	code, out := ask(t, s, nil)
	expect(t, code, out, exitWrong, "not encoded as CometBFT encodes it")
	s.raw = func(_ int64, body []byte) []byte { return body[:len(body)/2] }
	code, out = ask(t, s, nil)
	expect(t, code, out, exitWrong, "is no protobuf")
	s.raw = func(int64, []byte) []byte { return nil }
	code, out = ask(t, s, nil)
	expect(t, code, out, exitWrong, "missing signed header")
}

func TestTime(t *testing.T) {
	s := chain(t, changing(time.Now()))
	code, out := ask(t, s, func(c *config) { c.now = c.now.Add(2 * time.Hour) })
	expect(t, code, out, exitWrong, "expired")
	code, out = ask(t, s, func(c *config) { c.now = c.now.Add(-2 * time.Hour) })
	expect(t, code, out, exitWrong, "from the future")
}

func TestFaultsAreNoVerdicts(t *testing.T) {
	s := chain(t, changing(time.Now()))
	s.missing = map[int64]bool{9: true}
	code, out := ask(t, s, nil)
	expect(t, code, out, exitUndecided, "does not have block 9")
	s.missing = nil
	s.kind = "text/plain"
	code, out = ask(t, s, nil)
	expect(t, code, out, exitIO, "content type")
	s.kind = ""
	code, out = ask(t, s, func(c *config) { c.from = 24; c.to = 0 })
	expect(t, code, out, exitUndecided, "nothing to verify")
	code, out = ask(t, s, func(c *config) { c.url = "http://127.0.0.1:1" })
	expect(t, code, out, exitIO, "refused")
	s.chainID = "another-chain"
	code, out = ask(t, s, nil)
	expect(t, code, out, exitWrong, "another chain")
	code, out = ask(t, http.NotFoundHandler(), nil)
	expect(t, code, out, exitIO, "404")
}
