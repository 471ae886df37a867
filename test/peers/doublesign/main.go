// SPDX-License-Identifier: Apache-2.0

// doublesign - a validator's key votes for two blocks of one height, and CometBFT is handed both votes as evidence, as
// a peer that saw them would. The key is that of a CometBFT home.
package main

import (
	"context"
	"flag"
	"log"
	"path/filepath"
	"time"

	"github.com/cometbft/cometbft/crypto/tmhash"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proto/tendermint/types"
	rpc "github.com/cometbft/cometbft/rpc/client/http"
	comet "github.com/cometbft/cometbft/types"
)

func main() {
	home := flag.String("home", "", "the CometBFT home whose key votes twice")
	url := flag.String("rpc", "", "an RPC of the same network")
	flag.Parse()
	if err := run(*home, *url); err != nil {
		log.Fatal(err)
	}
}

func run(home, url string) error {
	key := privval.LoadFilePVEmptyState(filepath.Join(home, "config", "priv_validator_key.json"), "").Key
	client, err := rpc.New(url, "/websocket")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	status, err := client.Status(ctx)
	if err != nil {
		return err
	}
	height := status.SyncInfo.LatestBlockHeight - 1
	block, err := client.Block(ctx, &height)
	if err != nil {
		return err
	}
	page, each := 1, 100
	list, err := client.Validators(ctx, &height, &page, &each)
	if err != nil {
		return err
	}
	set := comet.NewValidatorSet(list.Validators)
	index, _ := set.GetByAddress(key.Address)
	vote := func(text string) (*comet.Vote, error) {
		v := &comet.Vote{
			Type:   types.PrecommitType,
			Height: height,
			Round:  0,
			BlockID: comet.BlockID{
				Hash:          tmhash.Sum([]byte(text)),
				PartSetHeader: comet.PartSetHeader{Total: 1, Hash: tmhash.Sum([]byte(text + " parts"))},
			},
			Timestamp:        time.Now(),
			ValidatorAddress: key.Address,
			ValidatorIndex:   index,
		}
		v.Signature, err = key.PrivKey.Sign(comet.VoteSignBytes(status.NodeInfo.Network, v.ToProto()))
		return v, err
	}
	one, err := vote("one block")
	if err != nil {
		return err
	}
	other, err := vote("another block")
	if err != nil {
		return err
	}
	evidence, err := comet.NewDuplicateVoteEvidence(one, other, block.Block.Time, set)
	if err != nil {
		return err
	}
	_, err = client.BroadcastEvidence(ctx, evidence)
	return err
}
