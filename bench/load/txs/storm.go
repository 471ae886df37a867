// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	rpc "github.com/cometbft/cometbft/rpc/client/http"
	"github.com/cometbft/cometbft/types"
)

const (
	ahead    = 16 // transactions of one account that are in no block, at most
	handful  = 200
	stalled  = 8 * time.Second // without a block that holds one of an account's: it begins again where the chain is
	backOff  = 200 * time.Millisecond
	callTime = 10 * time.Second
	inCache  = "already exists in cache"
)

// sender is an account and how far it is. What was handed in and is in no block may be lost: a node that is killed
// forgets its mempool. The same transaction is made again then, to the byte.
type sender struct {
	account
	to       []byte
	final    uint64 // nonces below are in blocks
	next     uint64 // to be handed in
	waits    time.Time
	progress time.Time
}

type place struct {
	from  *sender
	nonce uint64
}

// storm hands in as much as the network takes, to nodes that come and go, and notes what it saw in blocks.
type storm struct {
	plan
	chain   chain
	senders []*sender

	mutex    sync.Mutex
	under    map[[32]byte]place // handed in, seen in no block
	blocks   map[int64][]byte   // hash of each block that was seen
	height   int64
	first    int64
	seen     int64 // in blocks: acknowledged
	handed   int64
	again    int64 // begun again
	failed   int64 // calls that nobody answered
	refused  map[string]int64
	stopping bool
}

// Storm is what a run prints.
type Storm struct {
	Seconds      float64          `json:"seconds"`
	PerSecond    float64          `json:"per_second"`
	Handed       int64            `json:"handed"`
	Acknowledged int64            `json:"acknowledged"`
	Blocks       int64            `json:"blocks"`
	Again        int64            `json:"begun_again"`
	Failed       int64            `json:"calls_failed"`
	Refused      map[string]int64 `json:"refused"`
	Wrong        []string         `json:"wrong"` // what a node has otherwise than it was seen: nothing
}

type answer struct {
	ID     int `json:"id"`
	Result *struct {
		Code uint32 `json:"code"`
		Log  string `json:"log"`
	} `json:"result"`
	Error *struct {
		Message string `json:"message"`
		Data    string `json:"data"`
	} `json:"error"`
}

// hand is one call with many broadcast_tx_sync.
func hand(ctx context.Context, client *http.Client, url string, txs [][]byte) ([]answer, error) {
	type request struct {
		Version string         `json:"jsonrpc"`
		ID      int            `json:"id"`
		Method  string         `json:"method"`
		Params  map[string]any `json:"params"`
	}
	list := make([]request, len(txs))
	for i, tx := range txs {
		list[i] = request{"2.0", i, "broadcast_tx_sync", map[string]any{"tx": tx}}
	}
	body, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	call, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	call.Header.Set("Content-Type", "application/json")
	reply, err := client.Do(call)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		return nil, err
	}
	out := make([]answer, 0, len(txs))
	if len(txs) == 1 {
		out = append(out, answer{})
		err = json.Unmarshal(text, &out[0])
	} else {
		err = json.Unmarshal(text, &out)
	}
	if err == nil && len(out) != len(txs) {
		err = fmt.Errorf("%d answers to %d", len(out), len(txs))
	}
	return out, err
}

// choose takes what a lane's senders may hand in now.
func (s *storm) choose(mine []*sender, from int) ([]place, [][]byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var places []place
	var txs [][]byte
	now := time.Now()
	for i := 0; i < len(mine) && len(txs) < handful; i++ {
		a := mine[(from+i)%len(mine)]
		if a.next < a.final {
			a.next = a.final
		}
		if a.next > a.final && now.Sub(a.progress) > stalled {
			s.again++
			a.next, a.progress = a.final, now
		}
		if now.Before(a.waits) {
			continue
		}
		if a.next == a.final {
			a.progress = now
		}
		for ; a.next < a.final+ahead && len(txs) < handful; a.next++ {
			a.nonce = a.next
			tx, err := s.chain.send(&a.account, a.to, 1)
			if err != nil {
				panic(err) // the size fits every transfer of this chain or none
			}
			s.under[sha256.Sum256(tx)] = place{a, a.next}
			places, txs = append(places, place{a, a.next}), append(txs, tx)
		}
	}
	return places, txs
}

// back lets a sender begin again at a nonce, after a while.
func (p place) back(to uint64) {
	p.from.next = min(p.from.next, max(to, p.from.final))
	p.from.waits = time.Now().Add(backOff)
}

// judgeAnswers says what became of what was handed in.
func (s *storm) judgeAnswers(places []place, answers []answer, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err != nil {
		s.failed++
		for _, p := range places {
			p.back(p.nonce)
		}
		return
	}
	for _, a := range answers {
		if a.ID < 0 || a.ID >= len(places) {
			continue
		}
		p := places[a.ID]
		switch {
		case a.Error != nil && strings.Contains(a.Error.Data+a.Error.Message, inCache):
		case a.Error != nil:
			s.refused[short(a.Error.Message+": "+a.Error.Data)]++
			p.back(p.nonce)
		case a.Result == nil:
			p.back(p.nonce)
		case a.Result.Code != 0:
			// A node that came back knows nothing of those before this one.
			s.refused[fmt.Sprintf("E%d", a.Result.Code)]++
			p.back(p.from.final)
		default:
			s.handed++
		}
	}
}

func short(text string) string {
	if at := strings.IndexAny(text, "0123456789"); at > 0 {
		text = text[:at]
	}
	return strings.TrimSpace(text)
}

// lane hands in for its senders, to one node as long as that answers.
func (s *storm) lane(ctx context.Context, number int, all *sync.WaitGroup) {
	defer all.Done()
	var mine []*sender
	for i := number; i < len(s.senders); i += len(s.endpoints) {
		mine = append(mine, s.senders[i])
	}
	client, node := &http.Client{}, number
	for from := 0; ctx.Err() == nil; from += handful / ahead {
		s.mutex.Lock()
		stop := s.stopping
		s.mutex.Unlock()
		if stop {
			return
		}
		places, txs := s.choose(mine, from)
		if len(txs) == 0 {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		answers, err := hand(ctx, client, s.endpoints[node%len(s.endpoints)], txs)
		s.judgeAnswers(places, answers, err)
		if err != nil {
			node++
			time.Sleep(backOff / 2)
		}
	}
}

// note takes in a block: whatever of ours stands in it is acknowledged.
func (s *storm) note(height int64, hash []byte, txs types.Txs) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.blocks[height] = bytes.Clone(hash)
	s.height = height
	now := time.Now()
	for _, tx := range txs {
		key := sha256.Sum256(tx)
		p, ours := s.under[key]
		if !ours {
			continue
		}
		delete(s.under, key)
		s.seen++
		p.from.progress = now
		if p.nonce != p.from.final {
			panic(fmt.Sprintf("nonce %d stands in a block, and %d does not", p.nonce, p.from.final))
		}
		p.from.final++
	}
}

// watch reads block after block from whoever has it.
func (s *storm) watch(ctx context.Context) {
	clients := make([]*rpc.HTTP, len(s.endpoints))
	for i, url := range s.endpoints {
		clients[i], _ = rpc.NewWithTimeout(url, "/websocket", uint(callTime/time.Second))
	}
	for node, misses := 0, 0; ctx.Err() == nil; {
		height := s.height + 1
		block, err := clients[node%len(clients)].Block(ctx, &height)
		if err != nil || block.Block == nil {
			// It is down, or there is no such block yet, or it is behind.
			if misses++; misses%20 == 0 || (err != nil && !strings.Contains(err.Error(), "must be less than or equal")) {
				node++
			}
			time.Sleep(pollTime)
			continue
		}
		misses = 0
		s.note(height, block.BlockID.Hash, block.Block.Txs)
	}
}

// compare asks every node for every block that was seen, and for every account.
func (s *storm) compare(ctx context.Context) ([]string, error) {
	var wrong []string
	for i, url := range s.endpoints {
		client, err := rpc.New(url, "/websocket")
		if err != nil {
			return nil, err
		}
		for at := s.first; at <= s.height; at += pageMax {
			page, err := read(func() (*metas, error) { return metasOf(ctx, client, at, min(at+pageMax-1, s.height)) })
			if err != nil {
				return nil, err
			}
			for height := at; height < at+pageMax && height <= s.height; height++ {
				if seen, ok := s.blocks[height]; ok && !bytes.Equal(seen, page.hashes[height]) {
					wrong = append(wrong, fmt.Sprintf("node %d has another block %d", i, height))
				}
			}
		}
		for _, a := range s.senders {
			nonce, err := read(func() (uint64, error) { return nonceAt(ctx, client, a.address()) })
			if err != nil {
				return nil, err
			}
			if nonce != a.final {
				wrong = append(wrong, fmt.Sprintf("node %d: %x has nonce %d, and %d was seen", i, a.address(), nonce, a.final))
			}
		}
	}
	return wrong, nil
}

type metas struct{ hashes map[int64][]byte }

func metasOf(ctx context.Context, client *rpc.HTTP, first, last int64) (*metas, error) {
	page, err := client.BlockchainInfo(ctx, first, last)
	if err != nil {
		return nil, err
	}
	out := &metas{map[int64][]byte{}}
	for _, m := range page.BlockMetas {
		out.hashes[m.Header.Height] = m.BlockID.Hash
	}
	return out, nil
}

// nonceAt asks the node's state; spec/ledger.md: an account's third field.
func nonceAt(ctx context.Context, client *rpc.HTTP, address []byte) (uint64, error) {
	reply, err := client.ABCIQuery(ctx, "/state", append([]byte("account/"), address...))
	if err != nil {
		return 0, err
	}
	if reply.Response.Code != 0 {
		return 0, fmt.Errorf("/state: %s", reply.Response.Log)
	}
	for value := reply.Response.Value; len(value) > 0; {
		field, n := binary.Uvarint(value)
		if n <= 0 || field&7 != 0 {
			return 0, errors.New("an account is not of numbers")
		}
		number, m := binary.Uvarint(value[n:])
		if m <= 0 {
			return 0, errors.New("an account is cut off")
		}
		if field>>3 == 3 {
			return number, nil
		}
		value = value[n+m:]
	}
	return 0, nil
}

// settle waits until nothing of ours comes into blocks any more.
func (s *storm) settle(ctx context.Context) {
	for before := int64(-1); ctx.Err() == nil; time.Sleep(3 * time.Second) {
		s.mutex.Lock()
		now := s.seen
		s.mutex.Unlock()
		if now == before {
			return
		}
		before = now
	}
}

// rage is the whole run: funds, says so, storms until a line comes in, and compares after the next one, by which
// whoever disturbed the network has mended it.
func rage(ctx context.Context, p plan) (*Storm, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	f, err := follow(ctx, p.endpoints[0])
	if err != nil {
		return nil, err
	}
	c, from, err := chainOf(ctx, f.client, p.key, p.size)
	if err != nil {
		return nil, err
	}
	list := make([]*account, max(len(p.endpoints), p.accounts/len(p.endpoints)*len(p.endpoints)))
	for i := range list {
		list[i] = accountAt(salt, i)
	}
	if err := fund(ctx, f.client, f, c, from, list, p.count); err != nil {
		return nil, err
	}
	s := &storm{plan: p, chain: c, under: map[[32]byte]place{}, blocks: map[int64][]byte{}, height: f.height,
		first: f.height + 1, refused: map[string]int64{}}
	for i, a := range list {
		s.senders = append(s.senders, &sender{account: *a, to: list[(i+1)%len(list)].address()})
	}
	lines := bufio.NewScanner(os.Stdin)
	fmt.Fprintln(os.Stderr, "ready")
	began := time.Now()
	watching, watched := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() { s.watch(watching); close(over) }()
	var all sync.WaitGroup
	for i := range p.endpoints {
		all.Add(1)
		go s.lane(ctx, i, &all)
	}
	lines.Scan()
	s.mutex.Lock()
	s.stopping = true
	out := &Storm{Seconds: time.Since(began).Seconds(), PerSecond: float64(s.seen) / time.Since(began).Seconds()}
	s.mutex.Unlock()
	all.Wait()
	fmt.Fprintln(os.Stderr, "stopped")
	lines.Scan()
	s.settle(ctx)
	watched()
	<-over
	out.Handed, out.Blocks, out.Again, out.Failed = s.handed, s.height-s.first+1, s.again, s.failed
	out.Acknowledged, out.Refused = s.seen, s.refused
	out.Wrong, err = s.compare(ctx)
	return out, err
}
