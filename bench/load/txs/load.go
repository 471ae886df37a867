// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cometbft/cometbft-load-test/pkg/loadtest"
	rpc "github.com/cometbft/cometbft/rpc/client/http"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	"github.com/cometbft/cometbft/types"
)

const (
	batchMax   = 500     // requests at once: what config.toml allows
	pageMax    = 20      // blocks in one answer of CometBFT
	gift       = 1000000 // units that an account begins with, besides its fees
	pollTime   = 25 * time.Millisecond
	patience   = 30 * time.Second
	endless    = 1 << 30 // transactions a second: as many as the window lets through
	allowedGap = 5 * time.Second
)

// errOver is how a connection ends in order. The framework's own clock is one of several that it may hear or not when
// all are late, and its count forgets what was sent when a period ended.
var errOver = errors.New("the time is over, or all was sent")

// Block is one of a chain's.
type Block struct {
	Height int64 `json:"height"`
	Time   int64 `json:"time_ns"`
	Txs    int   `json:"txs"`
	Round  int32 `json:"round"` // in which it was decided: above 0, time was lost
}

// follower reads the chain as it grows: what stands in blocks, and nothing else, counts.
type follower struct {
	client    *rpc.HTTP
	height    int64
	committed atomic.Int64
	blocks    []Block
}

func follow(ctx context.Context, url string) (*follower, error) {
	client, err := rpc.New(url, "/websocket")
	if err != nil {
		return nil, err
	}
	status, err := client.Status(ctx)
	if err != nil {
		return nil, err
	}
	return &follower{client: client, height: status.SyncInfo.LatestBlockHeight}, nil
}

func (f *follower) look(ctx context.Context) error {
	page, err := f.client.BlockchainInfo(ctx, f.height+1, f.height+pageMax)
	if err != nil {
		// It says so when there is no such block yet.
		if strings.Contains(err.Error(), "can't be greater than max height") {
			return nil
		}
		return err
	}
	for i := len(page.BlockMetas) - 1; i >= 0; i-- { // the newest comes first
		meta := page.BlockMetas[i]
		f.blocks = append(f.blocks, Block{Height: meta.Header.Height, Time: meta.Header.Time.UnixNano(), Txs: meta.NumTxs})
		f.height = meta.Header.Height
		f.committed.Add(int64(meta.NumTxs))
	}
	return nil
}

// until follows the chain until count transactions are in blocks.
func (f *follower) until(ctx context.Context, count int64) error {
	for start := time.Now(); f.committed.Load() < count; {
		if time.Since(start) > patience {
			return fmt.Errorf("%d of %d transactions are in no block", count-f.committed.Load(), count)
		}
		time.Sleep(pollTime)
		if err := f.look(ctx); err != nil {
			return err
		}
	}
	return nil
}

// window lets through as many as are in blocks, and so many more, until the time is over.
type window struct {
	follower *follower
	size     int64
	rate     int // transactions a second, evenly; 0: as many as size lets through
	start    time.Time
	end      time.Time
	handed   atomic.Int64
}

func (w *window) take() error {
	mine := w.handed.Add(1)
	if w.rate > 0 {
		time.Sleep(time.Until(w.start.Add(time.Duration(mine) * time.Second / time.Duration(w.rate))))
	}
	for ; time.Now().Before(w.end); time.Sleep(time.Millisecond) {
		if mine <= w.follower.committed.Load()+w.size {
			return nil
		}
	}
	return errOver
}

// lane is one connection's client: what it sends was made beforehand.
type lane struct {
	window *window
	txs    [][]byte
	next   int
}

func (l *lane) GenerateTx() ([]byte, error) {
	if l.next == len(l.txs) {
		return nil, errOver
	}
	if err := l.window.take(); err != nil {
		return nil, err
	}
	l.next++
	return l.txs[l.next-1], nil
}

// factory hands out the lanes in the order in which the framework asks for them.
type factory struct {
	lanes []*lane
	given int
}

func (f *factory) ValidateConfig(loadtest.Config) error { return nil }

func (f *factory) NewClient(loadtest.Config) (loadtest.Client, error) {
	if f.given == len(f.lanes) {
		return nil, errors.New("more connections than lanes")
	}
	f.given++
	return f.lanes[f.given-1], nil
}

// fund gives every account what its transactions will take, and waits until all have it.
func fund(ctx context.Context, client *rpc.HTTP, f *follower, c chain, from *account, list []*account, each int) error {
	c.size = 0
	for at := 0; at < len(list); at += batchMax {
		batch := client.NewBatch()
		part := list[at:min(at+batchMax, len(list))]
		for _, to := range part {
			tx := c.signed(from, to.address(), gift+(c.fee+1)*uint64(each), 0)
			if _, err := batch.BroadcastTxSync(ctx, tx); err != nil {
				return err
			}
		}
		answers, err := batch.Send(ctx)
		if err != nil {
			return err
		}
		for _, answer := range answers {
			if got, ok := answer.(*ctypes.ResultBroadcastTx); !ok || got.Code != 0 {
				return fmt.Errorf("an account was not funded: %+v", answer)
			}
		}
	}
	return f.until(ctx, int64(len(list)))
}

// transfers are those of all lanes. A lane has its own senders, whose nonces no other lane can hold up, and each of
// them pays whoever is next; or somebody whom the chain has not seen, and nobody else pays.
func transfers(c chain, list []*account, lanes, each int, strangers []byte) ([][][]byte, error) {
	out := make([][][]byte, lanes)
	fails := make([]error, lanes)
	var all sync.WaitGroup
	for l := range out {
		all.Add(1)
		go func() {
			defer all.Done()
			out[l] = make([][]byte, each)
			for i := range out[l] {
				at := l + lanes*(i%(len(list)/lanes))
				to := list[(at+1+i/len(list))%len(list)].address()
				if strangers != nil {
					to = strangerAt(strangers, i*lanes+l)
				}
				out[l][i], fails[l] = c.send(list[at], to, 1)
				if fails[l] != nil {
					return
				}
			}
		}()
	}
	all.Wait()
	return out, errors.Join(fails...)
}

// pairs are key=value of exactly size bytes, no key twice.
func pairs(salt []byte, lanes, each, size int) [][][]byte {
	out := make([][][]byte, lanes)
	for l := range out {
		out[l] = make([][]byte, each)
		for i := range out[l] {
			tx := fmt.Appendf(make([]byte, 0, size), "%x.%d.%d=", salt[:8], l, i)
			for len(tx) < size {
				tx = append(tx, byte('a'+len(tx)%26))
			}
			out[l][i] = tx
		}
	}
	return out
}

// Result is what a run prints.
type Result struct {
	Salt     string  `json:"salt"`
	Size     int     `json:"bytes_each"`
	Accounts int     `json:"accounts"`
	Handed   int64   `json:"handed"`
	Lost     int64   `json:"lost"` // in no block half a minute after the last one was handed in
	Refused  int     `json:"refused"`
	Began    int64   `json:"began_ns"`
	Ended    int64   `json:"ended_ns"`
	Blocks   []Block `json:"blocks"`
}

// read asks again if a connection that rested was closed just then: CometBFT closes them after ten seconds, and a
// POST is not sent twice by net/http itself.
func read[T any](ask func() (T, error)) (T, error) {
	answer, err := ask()
	if errors.Is(err, io.EOF) {
		return ask()
	}
	return answer, err
}

// judge notes the rounds of the blocks, and counts their results that are no success.
func judge(ctx context.Context, client *rpc.HTTP, blocks []Block) (int, error) {
	count := 0
	for i := range blocks {
		b := &blocks[i]
		commit, err := read(func() (*ctypes.ResultCommit, error) { return client.Commit(ctx, &b.Height) })
		if err != nil {
			return 0, err
		}
		b.Round = commit.Commit.Round
		if b.Txs == 0 {
			continue
		}
		results, err := read(func() (*ctypes.ResultBlockResults, error) { return client.BlockResults(ctx, &b.Height) })
		if err != nil {
			return 0, err
		}
		for _, r := range results.TxsResults {
			if r.Code != 0 {
				count++
			}
		}
	}
	return count, nil
}

type plan struct {
	endpoints []string
	app       string
	key       string
	seconds   int
	window    int
	rate      int
	size      int
	accounts  int
	count     int  // transactions of a lane
	strangers bool // each is paid to an account that was not there
}

func prepare(ctx context.Context, p plan, f *follower, salt []byte) ([][][]byte, error) {
	lanes, each := len(p.endpoints), p.count
	if p.app == "kvstore" {
		return pairs(salt, lanes, each, p.size), nil
	}
	c, from, err := chainOf(ctx, f.client, p.key, p.size)
	if err != nil {
		return nil, err
	}
	list := make([]*account, max(lanes, p.accounts/lanes*lanes))
	for i := range list {
		list[i] = accountAt(salt, i)
	}
	if err := fund(ctx, f.client, f, c, from, list, each*lanes/len(list)+1); err != nil {
		return nil, err
	}
	if !p.strangers {
		return transfers(c, list, lanes, each, nil)
	}
	return transfers(c, list, lanes, each, salt)
}

func load(ctx context.Context, p plan) (*Result, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	f, err := follow(ctx, p.endpoints[0])
	if err != nil {
		return nil, err
	}
	txs, err := prepare(ctx, p, f, salt)
	if err != nil {
		return nil, err
	}
	f.blocks = nil
	f.committed.Store(0)
	// The framework rests for a second first.
	start := time.Now().Add(time.Second)
	end := start.Add(time.Duration(p.seconds) * time.Second)
	w := &window{follower: f, size: int64(p.window), rate: p.rate, start: start, end: end}
	lanes := make([]*lane, len(txs))
	for i := range lanes {
		lanes[i] = &lane{window: w, txs: txs[i]}
	}
	if err := loadtest.RegisterClientFactory(p.app+"-windowed", &factory{lanes: lanes}); err != nil {
		return nil, err
	}
	out := &Result{Salt: hex.EncodeToString(salt), Size: p.size, Accounts: p.accounts, Began: time.Now().UnixNano()}
	if err := run(ctx, p, f); err != nil {
		return nil, err
	}
	for _, l := range lanes {
		out.Handed += int64(l.next)
	}
	// What is lost is for the caller to judge; the blocks tell the rest.
	_ = f.until(ctx, out.Handed)
	out.Ended = time.Now().UnixNano()
	out.Lost = out.Handed - f.committed.Load()
	out.Blocks = f.blocks
	out.Refused, err = judge(ctx, f.client, f.blocks)
	return out, err
}

// run is the framework's part, with the chain followed beside it.
func run(ctx context.Context, p plan, f *follower) error {
	targets := make([]string, len(p.endpoints))
	for i, e := range p.endpoints {
		targets[i] = strings.Replace(e, "http://", "ws://", 1) + "/websocket"
	}
	done := make(chan error, 1)
	go func() {
		done <- loadtest.ExecuteStandalone(loadtest.Config{
			ClientFactory: p.app + "-windowed", Connections: 1, Time: p.seconds + 5, SendPeriod: 1, Rate: endless,
			Size: p.size, Count: -1, BroadcastTxMethod: "async", Endpoints: targets,
			EndpointSelectMethod: loadtest.SelectSuppliedEndpoints,
		})
	}()
	failing := time.Time{}
	for {
		select {
		case err := <-done:
			if errors.Is(err, errOver) {
				return nil
			}
			return err
		case <-time.After(pollTime):
		}
		err := f.look(ctx)
		if err == nil {
			failing = time.Time{}
		} else if failing.IsZero() {
			failing = time.Now()
		} else if time.Since(failing) > allowedGap {
			return err
		}
	}
}

// chainOf asks what a signature and a fee need.
func chainOf(ctx context.Context, client *rpc.HTTP, key string, size int) (chain, *account, error) {
	from, err := accountOf(key)
	if err != nil {
		return chain{}, nil, err
	}
	status, err := read(func() (*ctypes.ResultStatus, error) { return client.Status(ctx) })
	if err != nil {
		return chain{}, nil, err
	}
	return chain{id: status.NodeInfo.Network, fee: feeBase + feePerByte*uint64(size), size: size}, from, nil
}

// oneByOne hands in one transaction after the other and waits until each is final: nanoseconds.
func oneByOne(ctx context.Context, p plan, samples int, rest time.Duration, hand func([]byte) error) ([]int64, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	client, err := rpc.New(p.endpoints[0], "/websocket")
	if err != nil {
		return nil, err
	}
	txs := pairs(salt, 1, samples, p.size)[0]
	if p.app != "kvstore" {
		c, from, err := chainOf(ctx, client, p.key, p.size)
		if err != nil {
			return nil, err
		}
		for i := range txs {
			if txs[i], err = c.send(from, accountAt(salt, i%100).address(), 1); err != nil {
				return nil, err
			}
		}
	}
	if hand == nil {
		hand = func(tx []byte) error {
			done, err := client.BroadcastTxCommit(ctx, types.Tx(tx))
			if err == nil && (done.CheckTx.Code != 0 || done.TxResult.Code != 0) {
				err = fmt.Errorf("refused: %d, %d", done.CheckTx.Code, done.TxResult.Code)
			}
			return err
		}
	}
	took := make([]int64, 0, samples)
	for _, tx := range txs {
		// By chance up to as much again, so that the samples fall anywhere between two blocks.
		time.Sleep(rest + chance(rest))
		start := time.Now()
		if err := hand(tx); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start).Nanoseconds())
	}
	return took, nil
}
