// SPDX-License-Identifier: Apache-2.0
//
// Program lightcheck holds a running Assay node against CometBFT's own light
// client: what the node serves must verify with code that is not ours.
package main

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	cmtmath "github.com/cometbft/cometbft/libs/math"
	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/light/provider"
	"github.com/cometbft/cometbft/light/store/db"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

// Exit codes are those of the other programs of Assay.
const (
	exitVerified  = 0
	exitWrong     = 1
	exitUsage     = 2
	exitUndecided = 3
	exitIO        = 6
)

type config struct {
	url       string
	from, to  int64
	trustHash []byte
	period    time.Duration
	drift     time.Duration
	timeout   time.Duration
	tamper    bool
	now       time.Time
}

func main() {
	var c config
	var hash string
	flag.StringVar(&c.url, "url", "", "address of the node, such as http://127.0.0.1:26680")
	flag.Int64Var(&c.from, "from", 1, "height to trust")
	flag.Int64Var(&c.to, "to", 0, "height to verify, 0 for the newest")
	flag.StringVar(&hash, "trust-hash", "", "header hash at -from in hex; without it the node's own word is taken")
	flag.DurationVar(&c.period, "trust-period", 14*24*time.Hour, "how long a header is trusted")
	flag.DurationVar(&c.drift, "clock-drift", 10*time.Second, "how far a header may be ahead of this clock")
	flag.DurationVar(&c.timeout, "timeout", 10*time.Second, "for one request")
	flag.BoolVar(&c.tamper, "tamper", false, "also spoil what arrives, and expect refusal")
	flag.Parse()
	var err error
	c.trustHash, err = hex.DecodeString(hash)
	if err != nil || c.url == "" || flag.NArg() != 0 || c.from < 1 || c.to != 0 && c.to <= c.from || c.period <= 0 {
		fmt.Fprintln(os.Stderr, "lightcheck: -url is needed, and 1 <= -from < -to")
		flag.Usage()
		os.Exit(exitUsage)
	}
	c.now = time.Now()
	os.Exit(run(context.Background(), c, os.Stdout, os.Stderr))
}

// run does all checks and returns the exit code.
func run(ctx context.Context, c config, out, complaints io.Writer) int {
	err := check(ctx, c, out)
	if err == nil {
		return exitVerified
	}
	fmt.Fprintln(complaints, "lightcheck:", err)
	var f *fault
	if errors.As(err, &f) {
		return f.code
	}
	return exitWrong
}

func check(ctx context.Context, c config, out io.Writer) error {
	first := newNode(c.url, c.timeout)
	if err := first.hello(ctx); err != nil {
		return err
	}
	if c.to == 0 {
		c.to = first.height
	}
	if c.to <= c.from {
		return &fault{exitUndecided, fmt.Errorf("the node is at height %d, nothing to verify above %d", first.height, c.from)}
	}
	if len(c.trustHash) == 0 {
		anchor, err := first.LightBlock(ctx, c.from)
		if err != nil {
			return explained(err, first)
		}
		c.trustHash = anchor.Hash()
	}
	for _, m := range modes {
		hash, fetched, err := verify(ctx, c, first, m, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		fmt.Fprintf(out, "%s: %s verified from %d to %d, %d light blocks fetched, header hash %s\n",
			m.name, first.chainID, c.from, c.to, fetched, hash)
	}
	if err := links(ctx, c, first, out); err != nil {
		return err
	}
	if c.tamper {
		return tampering(ctx, c, first, out)
	}
	return nil
}

type mode struct {
	name   string
	option light.Option
}

var modes = []mode{
	{"sequential", light.SequentialVerification()},
	{"skipping", light.SkippingVerification(light.DefaultTrustLevel)},
	{"skipping at 2/3", light.SkippingVerification(cmtmath.Fraction{Numerator: 2, Denominator: 3})},
}

// explained prefers what went wrong on the way to CometBFT's sentinel error for it.
func explained(err error, nodes ...*node) error {
	for _, n := range nodes {
		n.mutex.Lock()
		count := len(n.faults)
		var last *fault
		if count > 0 {
			last = n.faults[count-1]
		}
		n.mutex.Unlock()
		if last != nil && (errors.Is(err, provider.ErrNoResponse) || errors.Is(err, provider.ErrLightBlockNotFound) ||
			errors.Is(err, provider.ErrHeightTooHigh)) {
			return last
		}
	}
	return err
}

// verify runs CometBFT's light client. A change is applied to every light block
// that arrives at the height to verify, whoever sends it, so that the client
// cannot escape to an honest witness.
func verify(ctx context.Context, c config, n *node, m mode, change func(*cmtproto.LightBlock)) (string, int, error) {
	primary := n.another()
	if change != nil {
		primary.change = func(block *cmtproto.LightBlock) {
			if block.SignedHeader.Header.Height == c.to {
				change(block)
			}
		}
	}
	witness := primary.another()
	client, err := light.NewClient(ctx, n.chainID,
		light.TrustOptions{Period: c.period, Height: c.from, Hash: c.trustHash},
		primary, []provider.Provider{witness}, db.New(dbm.NewMemDB(), "lightcheck"),
		m.option, light.MaxClockDrift(c.drift), light.MaxBlockLag(time.Second))
	if err != nil {
		return "", 0, explained(err, primary, witness)
	}
	block, err := client.VerifyLightBlockAtHeight(ctx, c.to, c.now)
	if err != nil {
		return "", 0, explained(err, primary, witness)
	}
	return block.Hash().String(), primary.fetched, nil
}

// links checks what a full node of CometBFT would demand and a light client
// does not look at: every signature of every commit, the parent's block id, and
// that a header's time is the weighted median of the commit before it.
func links(ctx context.Context, c config, n *node, out io.Writer) error {
	var parent *types.LightBlock
	medians := 0
	for height := c.from; height <= c.to; height++ {
		block, err := n.LightBlock(ctx, height)
		if err != nil {
			return explained(err, n)
		}
		if err := block.ValidatorSet.VerifyCommit(n.chainID, block.Commit.BlockID, height, block.Commit); err != nil {
			return fmt.Errorf("commit %d: %w", height, err)
		}
		if !block.ValidatorSet.HasAddress(block.ProposerAddress) {
			return fmt.Errorf("block %d is proposed by %s, who is not in its validator set", height, block.ProposerAddress)
		}
		if parent != nil {
			if !block.LastBlockID.Equals(parent.Commit.BlockID) {
				return fmt.Errorf("block %d names %v as its parent, the commit before it is for %v", height, block.LastBlockID, parent.Commit.BlockID)
			}
			// A node may serve the commit that it saw and not the one that the
			// next block carries; only the latter determines the time.
			if string(block.LastCommitHash) == string(parent.Commit.Hash()) {
				median, err := sm.MedianTime(parent.Commit, parent.ValidatorSet)
				if err != nil {
					return fmt.Errorf("block %d: %w", height, err)
				}
				if !block.Time.Equal(median) {
					return fmt.Errorf("block %d has time %v, the median of its last commit is %v", height, block.Time, median)
				}
				medians++
			}
		}
		parent = block
	}
	fmt.Fprintf(out, "links: all signatures of %d commits, %d parents and %d median times are right\n",
		c.to-c.from+1, c.to-c.from, medians)
	return nil
}

type tampered struct {
	name   string
	change func(*cmtproto.LightBlock)
}

// tamperings are lies of rising care. The third recomputes what it can, so that
// nothing but the signatures is left to refuse it.
var tamperings = []tampered{
	{"a byte of the app hash", func(b *cmtproto.LightBlock) { flipAppHash(b) }},
	{"a byte of a signature", func(b *cmtproto.LightBlock) {
		signatures := b.SignedHeader.Commit.Signatures
		for i := range signatures {
			if signatures[i].BlockIdFlag == cmtproto.BlockIDFlagCommit {
				signatures[i].Signature = flipped(signatures[i].Signature, 17)
				return
			}
		}
	}},
	{"a byte of the app hash, with the block id made to fit", func(b *cmtproto.LightBlock) {
		flipAppHash(b)
		if header, err := types.HeaderFromProto(b.SignedHeader.Header); err == nil {
			b.SignedHeader.Commit.BlockID.Hash = header.Hash()
		}
	}},
	{"a validator's power", func(b *cmtproto.LightBlock) { b.ValidatorSet.Validators[0].VotingPower++ }},
	{"all signatures but one absent", func(b *cmtproto.LightBlock) {
		signatures := b.SignedHeader.Commit.Signatures
		kept := false
		for i := range signatures {
			if !kept && signatures[i].BlockIdFlag == cmtproto.BlockIDFlagCommit && len(signatures) > 1 {
				kept = true
				continue
			}
			signatures[i] = cmtproto.CommitSig{BlockIdFlag: cmtproto.BlockIDFlagAbsent, Timestamp: time.Time{}}
		}
	}},
}

func flipped(b []byte, at int) []byte {
	if len(b) == 0 {
		return []byte{1}
	}
	out := append([]byte(nil), b...)
	out[at%len(out)] ^= 1
	return out
}

func flipAppHash(b *cmtproto.LightBlock) {
	b.SignedHeader.Header.AppHash = flipped(b.SignedHeader.Header.AppHash, 5)
}

func tampering(ctx context.Context, c config, n *node, out io.Writer) error {
	for _, t := range tamperings {
		for _, m := range modes {
			reached := false
			_, _, err := verify(ctx, c, n, m, func(b *cmtproto.LightBlock) {
				reached = true
				t.change(b)
			})
			var f *fault
			switch {
			case err == nil:
				return fmt.Errorf("tampering: %s was changed and %s verification still accepts", t.name, m.name)
			case errors.As(err, &f):
				return err
			case !reached:
				return &fault{exitUndecided, fmt.Errorf("tampering: nothing was there to change: %w", err)}
			}
			fmt.Fprintf(out, "tampered, %s, %s: refused: %v\n", t.name, m.name, err)
		}
	}
	return nil
}
