// SPDX-License-Identifier: Apache-2.0

// forge - a second history of a network that runs, signed with keys of its own validators, and answered as CometBFT's
// RPC answers: below the first forged height what the network says, from there on what was made here. For tests, on
// loopback; nothing of it is sent to anybody who does not ask.
//
//	forge -rpc URL -homes HOME,HOME,HOME [-blocks N] [-kind lunatic|equivocation] [-round N] [-sign N]
//
// Prints "ready URL HEIGHT", HEIGHT being the first forged one, and serves until it is killed. The keys are those of
// CometBFT homes; with -sign only so many of them sign (of too few nobody should be deceived).
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/tmhash"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proto/tendermint/types"
	rpc "github.com/cometbft/cometbft/rpc/client/http"
	core "github.com/cometbft/cometbft/rpc/core/types"
	jsonrpc "github.com/cometbft/cometbft/rpc/jsonrpc/types"
	comet "github.com/cometbft/cometbft/types"
)

func main() {
	homes := flag.String("homes", "", "CometBFT homes whose keys sign, parted by commas")
	url := flag.String("rpc", "", "an RPC of the network")
	blocks := flag.Int64("blocks", 1, "how many blocks are forged")
	kind := flag.String("kind", "lunatic", "lunatic: an app hash that follows from nothing; equivocation: other data")
	round := flag.Int("round", -1, "the round that is signed; -1: the network's")
	sign := flag.Int("sign", -1, "how many of the keys sign; -1: all")
	flag.Parse()
	if err := run(*url, strings.Split(*homes, ","), *blocks, *kind, int32(*round), *sign); err != nil {
		log.Fatal(err)
	}
}

func run(url string, homes []string, blocks int64, kind string, round int32, sign int) error {
	client, err := rpc.New(url, "/websocket")
	if err != nil {
		return err
	}
	f := &forger{client: client, url: url, kind: kind, round: round, made: map[int64]*core.ResultCommit{}}
	for i, home := range homes {
		key := privval.LoadFilePVEmptyState(filepath.Join(home, "config", "priv_validator_key.json"), "").Key
		f.keys = append(f.keys, key.PrivKey)
		f.signs = append(f.signs, sign < 0 || i < sign)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for err = f.forge(ctx, blocks); errors.Is(err, errNowhere) && ctx.Err() == nil; err = f.forge(ctx, blocks) {
		time.Sleep(time.Second)
	}
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("ready http://%s %d\n", listener.Addr(), f.first)
	return http.Serve(listener, f)
}

var errNowhere = errors.New("there are no such heights yet that all of them have signed")

type forger struct {
	client      *rpc.HTTP
	url, kind   string
	round       int32
	keys        []crypto.PrivKey
	signs       []bool
	first, last int64
	made        map[int64]*core.ResultCommit
}

// forge makes blocks over the newest heights that the network has decided, where all of the keys voted in its own
// commits too: a validator whose vote came late there could not be told to have signed twice.
func (f *forger) forge(ctx context.Context, blocks int64) error {
	status, err := f.client.Status(ctx)
	if err != nil {
		return err
	}
	for last := status.SyncInfo.LatestBlockHeight - 1; last > blocks; last-- {
		all := true
		for height := last - blocks + 1; height <= last && all; height++ {
			if all, err = f.allSigned(ctx, height); err != nil {
				return err
			}
		}
		if all {
			f.first, f.last = last-blocks+1, last
			break
		}
	}
	if f.first == 0 {
		return errNowhere
	}
	var parent *core.ResultCommit
	for height := f.first; height <= f.last; height++ {
		if parent, err = f.block(ctx, height, parent); err != nil {
			return err
		}
		f.made[height] = parent
	}
	return nil
}

func (f *forger) allSigned(ctx context.Context, height int64) (bool, error) {
	real, err := f.client.Commit(ctx, &height)
	if err != nil {
		return false, err
	}
	for _, key := range f.keys {
		there := false
		for _, sig := range real.Commit.Signatures {
			there = there || sig.BlockIDFlag == comet.BlockIDFlagCommit && bytes.Equal(sig.ValidatorAddress, key.PubKey().Address())
		}
		if !there {
			return false, nil
		}
	}
	return true, nil
}

func (f *forger) set(ctx context.Context, height int64) (*comet.ValidatorSet, error) {
	page, each := 1, 100
	list, err := f.client.Validators(ctx, &height, &page, &each)
	if err != nil {
		return nil, err
	}
	return comet.NewValidatorSet(list.Validators), nil
}

// block is the network's of that height with another content, after parent if that was forged too.
func (f *forger) block(ctx context.Context, height int64, parent *core.ResultCommit) (*core.ResultCommit, error) {
	real, err := f.client.Commit(ctx, &height)
	if err != nil {
		return nil, err
	}
	set, err := f.set(ctx, height)
	if err != nil {
		return nil, err
	}
	header := *real.Header
	header.DataHash = tmhash.Sum([]byte(fmt.Sprintf("transactions of nobody, %d", height)))
	if f.kind == "lunatic" {
		header.AppHash = tmhash.Sum([]byte(fmt.Sprintf("a state of nobody, %d", height)))
	}
	if parent != nil {
		header.LastBlockID = parent.Commit.BlockID
		header.LastCommitHash = parent.Commit.Hash()
	}
	commit := &comet.Commit{
		Height: height,
		Round:  real.Commit.Round,
		BlockID: comet.BlockID{
			Hash:          header.Hash(),
			PartSetHeader: comet.PartSetHeader{Total: 1, Hash: tmhash.Sum(header.Hash())},
		},
	}
	if f.round >= 0 {
		commit.Round = f.round
	}
	for i, validator := range set.Validators {
		sig, err := f.signature(&header, commit, int32(i), validator)
		if err != nil {
			return nil, err
		}
		commit.Signatures = append(commit.Signatures, sig)
	}
	return core.NewResultCommit(&header, commit, true), nil
}

func (f *forger) signature(header *comet.Header, commit *comet.Commit, i int32, validator *comet.Validator) (comet.CommitSig, error) {
	for k, key := range f.keys {
		if !f.signs[k] || !bytes.Equal(key.PubKey().Address(), validator.Address) {
			continue
		}
		vote := comet.Vote{
			Type:             types.PrecommitType,
			Height:           commit.Height,
			Round:            commit.Round,
			BlockID:          commit.BlockID,
			Timestamp:        header.Time.Add(time.Millisecond),
			ValidatorAddress: validator.Address,
			ValidatorIndex:   i,
		}
		signature, err := key.Sign(comet.VoteSignBytes(header.ChainID, vote.ToProto()))
		vote.Signature = signature
		return vote.CommitSig(), err
	}
	return comet.NewCommitSigAbsent(), nil
}

// ServeHTTP answers as CometBFT's RPC: a request posted as JSON, or GET /commit?height=5.
func (f *forger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request := struct {
		Method string
		Params map[string]string
	}{strings.Trim(r.URL.Path, "/"), map[string]string{}}
	for key := range r.URL.Query() {
		request.Params[key] = r.URL.Query().Get(key)
	}
	if r.Method == http.MethodPost {
		request.Method = ""
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	height := f.last
	if text := request.Params["height"]; text != "" {
		if _, err := fmt.Sscan(text, &height); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	answer := f.answer(r.Context(), request.Method, height)
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		log.Print(err)
	}
}

func (f *forger) answer(ctx context.Context, method string, height int64) jsonrpc.RPCResponse {
	id := jsonrpc.JSONRPCIntID(1)
	if height > f.last {
		return jsonrpc.RPCInternalError(id, fmt.Errorf("height %d must be less than or equal to the current blockchain height %d", height, f.last))
	}
	switch method {
	case "commit":
		made := f.made[height]
		if made == nil {
			real, err := f.client.Commit(ctx, &height)
			if err != nil {
				return jsonrpc.RPCInternalError(id, err)
			}
			made = real
		}
		return jsonrpc.NewRPCSuccessResponse(id, made)
	case "validators":
		set, err := f.set(ctx, height)
		if err != nil {
			return jsonrpc.RPCInternalError(id, err)
		}
		return jsonrpc.NewRPCSuccessResponse(id, &core.ResultValidators{
			BlockHeight: height, Validators: set.Validators, Count: set.Size(), Total: set.Size(),
		})
	}
	return jsonrpc.RPCMethodNotFoundError(id)
}
