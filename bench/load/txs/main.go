// SPDX-License-Identifier: Apache-2.0

// txs - transactions for a network under CometBFT, ours or kvstore's, and what became of them.
//
//	txs load     -app assay -key FILE -rpc URL,URL... -seconds N ...
//	txs load     -app kvstore         -rpc URL,URL... -seconds N ...
//	txs finality -app assay -key FILE -rpc URL [-http URL] -samples N -rest MS
//	txs finality -app kvstore         -rpc URL             -samples N -rest MS
//
//	txs storm    -key FILE -rpc URL,URL... -seconds N
//
// load is CometBFT's own framework, cometbft-load-test, with a client of ours: a connection to each node's WebSocket,
// broadcast_tx_async. Ours sends transfers that were signed before the clock starts, by accounts of its own, which the
// key's account paid for; kvstore gets as many bytes of key=value, unsigned. The framework sends at a fixed rate and
// does not look at the answers; so that nothing overflows CometBFT's mempool, where a transaction that is dropped would
// hold up all later ones of its account, the client waits while more than -window are in no block, and ends after
// -seconds. Prints what stands in blocks: {"blocks": [{"height", "time_ns", "txs", "round"}], "handed", "lost", ...}.
//
// finality hands in one after the other and waits for each: over broadcast_tx_commit, or, with -http, as
// POST /transactions?wait=final. Prints nanoseconds: [n, ...].
//
// storm is for a network that is disturbed meanwhile: it hands in as much as the nodes take, goes to another one where
// one is gone, begins again where a mempool was lost, and reads every block. It says "ready" on standard error; a line
// on standard input ends it, and after one more, when all nodes are there again, every node is asked for every block
// that was seen, and for the nonce of every account: {"acknowledged", "wrong": [...], ...}. Ends by itself after -seconds
// and ten minutes.
//
// The key's account must never have signed before. Other addresses than loopback are refused.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// The fees of a network that nobody set otherwise; a fee that is too low is refused, and seen.
const (
	feeBase    = 1000
	feePerByte = 10
)

func chance(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return time.Duration(rand.Int64N(int64(most)))
}

func mustBeHere(addresses []string) {
	for _, a := range addresses {
		if u, err := url.Parse(a); err != nil || u.Scheme != "http" || u.Hostname() != "127.0.0.1" {
			log.Fatalf("%s: loopback only, http://127.0.0.1:PORT", a)
		}
	}
}

// poster hands a transaction to a node of ours and waits for its block.
func poster(ctx context.Context, to string) func([]byte) error {
	client := &http.Client{Timeout: patience}
	return func(tx []byte) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, to+"/transactions?wait=final", bytes.NewReader(tx))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/octet-stream")
		reply, err := client.Do(request)
		if err != nil {
			return err
		}
		defer reply.Body.Close()
		text, err := io.ReadAll(reply.Body)
		if err == nil && reply.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", reply.Status, text)
		}
		return err
	}
}

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: txs load|finality|storm ...; see the top of main.go")
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	var p plan
	flags.StringVar(&p.app, "app", "", "assay or kvstore")
	flags.StringVar(&p.key, "key", "", "file with the key of an account that has units")
	nodes := flags.String("rpc", "", "CometBFT's RPC of each node: http://127.0.0.1:PORT,...")
	post := flags.String("http", "", "assayd's address")
	flags.IntVar(&p.seconds, "seconds", 10, "how long to hand in")
	flags.IntVar(&p.window, "window", 20000, "transactions under way, at most")
	flags.IntVar(&p.rate, "rate", 0, "transactions a second; 0: as many as the window lets through")
	flags.IntVar(&p.size, "size", 176, "bytes of a transaction")
	flags.IntVar(&p.accounts, "accounts", 2000, "senders")
	flags.IntVar(&p.count, "count", 50000, "transactions of one connection, at most")
	flags.BoolVar(&p.strangers, "strangers", false, "pay accounts that were not there: the state grows by one each")
	samples := flags.Int("samples", 100, "how many")
	rest := flags.Int("rest", 20, "milliseconds between two, and up to as many again")
	_ = flags.Parse(os.Args[2:])
	p.endpoints = strings.Split(*nodes, ",")
	mustBeHere(p.endpoints)
	if os.Args[1] == "storm" {
		p.app = "assay" // it knows no other
	}
	if p.app != "assay" && p.app != "kvstore" {
		log.Fatal("-app is assay or kvstore")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(p.seconds)*time.Second+10*time.Minute)
	defer cancel()
	var out any
	var err error
	switch os.Args[1] {
	case "load":
		out, err = load(ctx, p)
	case "finality":
		var hand func([]byte) error
		if *post != "" {
			mustBeHere([]string{*post})
			hand = poster(ctx, *post)
		}
		out, err = oneByOne(ctx, p, *samples, time.Duration(*rest)*time.Millisecond, hand)
	case "storm":
		out, err = rage(ctx, p)
	default:
		err = fmt.Errorf("%s: load, finality or storm", os.Args[1])
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(out)
	}
	if err != nil {
		log.Fatal(err)
	}
}
