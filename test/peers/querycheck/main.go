// SPDX-License-Identifier: Apache-2.0

// querycheck - asks a node's CometBFT about the application's state and log, and follows each proof to the AppHash in a
// header that CometBFT decided, with the stock ics23 library and CometBFT's own ProofOps.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"log"
	"time"

	rpcclient "github.com/cometbft/cometbft/rpc/client"
	rpc "github.com/cometbft/cometbft/rpc/client/http"
	ics23 "github.com/cosmos/ics23/go"
)

func main() {
	url := flag.String("rpc", "", "CometBFT's RPC")
	key := flag.String("key", "", "a state key, hex")
	absent := flag.String("absent", "", "a state key that is not there, hex")
	index := flag.Uint64("index", 0, "an attestation in the log")
	flag.Parse()
	if err := run(*url, *key, *absent, *index); err != nil {
		log.Fatal(err)
	}
	fmt.Println("ok")
}

func appHash(stateRoot []byte, size uint64, logRoot []byte) []byte {
	h := sha256.New()
	h.Write([]byte("assay/1/app\x00"))
	h.Write(stateRoot)
	_ = binary.Write(h, binary.BigEndian, size)
	h.Write(logRoot)
	return h.Sum(nil)
}

// The root of an RFC 6962 tree that follows from a leaf and its path.
func logRoot(leaf []byte, index, size uint64, path [][]byte) ([]byte, error) {
	node := func(prefix byte, parts ...[]byte) []byte {
		h := sha256.New()
		h.Write([]byte{prefix})
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	root, at, last := node(0, leaf), index, size-1
	for _, sibling := range path {
		if last == 0 {
			return nil, errors.New("the path is too long")
		}
		if at%2 == 1 || at == last {
			root = node(1, sibling, root)
			for at%2 == 0 && at != 0 {
				at, last = at/2, last/2
			}
		} else {
			root = node(1, root, sibling)
		}
		at, last = at/2, last/2
	}
	if last != 0 {
		return nil, errors.New("the path is too short")
	}
	return root, nil
}

type checker struct {
	ctx    context.Context
	client *rpc.HTTP
}

// The header that names the state after a height.
func (c *checker) named(height int64) ([]byte, error) {
	next := height + 1
	for {
		commit, err := c.client.Commit(c.ctx, &next)
		if err == nil {
			return commit.AppHash, nil
		}
		select {
		case <-c.ctx.Done():
			return nil, err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *checker) state(key []byte, there bool) error {
	answer, err := c.client.ABCIQueryWithOptions(c.ctx, "/state", key, rpcclient.ABCIQueryOptions{Prove: true})
	if err != nil {
		return err
	}
	r := answer.Response
	if r.Code != 0 || len(r.ProofOps.Ops) != 2 || r.ProofOps.Ops[0].Type != "ics23:smt" {
		return fmt.Errorf("answer %v", r)
	}
	var proof ics23.CommitmentProof
	if err := proof.Unmarshal(r.ProofOps.Ops[0].Data); err != nil {
		return err
	}
	root, err := proof.Calculate()
	if err != nil {
		return err
	}
	if there != (len(r.Value) > 0) {
		return fmt.Errorf("value %x", r.Value)
	}
	if there && !ics23.VerifyMembership(ics23.SmtSpec, root, &proof, key, r.Value) {
		return errors.New("membership does not verify")
	}
	if !there && !ics23.VerifyNonMembership(ics23.SmtSpec, root, &proof, key) {
		return errors.New("absence does not verify")
	}
	tail := r.ProofOps.Ops[1].Data
	return c.same(r.Height, appHash(root, binary.BigEndian.Uint64(tail[:8]), tail[8:]))
}

func (c *checker) log(index uint64) error {
	data := binary.BigEndian.AppendUint64(nil, index)
	answer, err := c.client.ABCIQueryWithOptions(c.ctx, "/log", data, rpcclient.ABCIQueryOptions{Prove: true})
	if err != nil {
		return err
	}
	r := answer.Response
	if r.Code != 0 || len(r.ProofOps.Ops) != 2 || r.ProofOps.Ops[0].Type != "assay:log" {
		return fmt.Errorf("answer %v", r)
	}
	op := r.ProofOps.Ops[0].Data
	size := binary.BigEndian.Uint64(op[:8])
	var path [][]byte
	for rest := op[8:]; len(rest) > 0; rest = rest[32:] {
		path = append(path, rest[:32])
	}
	root, err := logRoot(r.Value, index, size, path)
	if err != nil {
		return err
	}
	tail := r.ProofOps.Ops[1].Data
	return c.same(r.Height, appHash(tail[:32], binary.BigEndian.Uint64(tail[32:]), root))
}

func (c *checker) same(height int64, computed []byte) error {
	named, err := c.named(height)
	if err != nil {
		return err
	}
	if !bytes.Equal(named, computed) {
		return fmt.Errorf("height %d: the header names %x, the proof leads to %x", height, named, computed)
	}
	return nil
}

func run(url, key, absent string, index uint64) error {
	client, err := rpc.New(url, "/websocket")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := &checker{ctx, client}
	there, err := hex.DecodeString(key)
	if err != nil {
		return err
	}
	if err := c.state(there, true); err != nil {
		return fmt.Errorf("presence: %w", err)
	}
	none, err := hex.DecodeString(absent)
	if err != nil {
		return err
	}
	if err := c.state(none, false); err != nil {
		return fmt.Errorf("absence: %w", err)
	}
	if err := c.log(index); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	answer, err := client.ABCIQuery(ctx, "/nonsense", nil)
	if err != nil || answer.Response.Code == 0 {
		return fmt.Errorf("a path that does not exist: %v, %v", answer, err)
	}
	return nil
}
