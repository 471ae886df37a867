// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cometbft/cometbft/light/provider"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// A light block of 10,000 validators takes less than 4 MiB.
const largestAnswer = 16 << 20

// fault says why nothing could be decided; it is never a verdict.
type fault struct {
	code   int
	reason error
}

func (f *fault) Error() string { return f.reason.Error() }
func (f *fault) Unwrap() error { return f.reason }

// status is what GET /status answers, as far as it matters here. Heights come
// as a number or as a decimal string.
type status struct {
	ChainID string      `json:"chain_id"`
	Height  json.Number `json:"height"`
}

// node speaks Assay's HTTP API. It implements CometBFT's provider.Provider.
type node struct {
	url     string
	chainID string
	client  *http.Client
	change  func(*cmtproto.LightBlock) // spoils what arrives, for -tamper

	mutex   sync.Mutex
	height  int64 // the newest height heard of
	fetched int
	changed int
	faults  []*fault
}

var _ provider.Provider = (*node)(nil)

func newNode(url string, timeout time.Duration) *node {
	return &node{url: strings.TrimRight(url, "/"), client: &http.Client{Timeout: timeout}}
}

// another returns a second provider for the same node, as a light client wants a witness.
func (n *node) another() *node {
	return &node{url: n.url, chainID: n.chainID, client: n.client, change: n.change, height: n.height}
}

func (n *node) get(ctx context.Context, path, kind string) ([]byte, int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+path, nil)
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Accept", kind)
	response, err := n.client.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, largestAnswer+1))
	if err != nil {
		return nil, 0, fmt.Errorf("GET %s: %w", path, err)
	}
	if len(body) > largestAnswer {
		return nil, 0, fmt.Errorf("GET %s: the answer is larger than %d bytes", path, largestAnswer)
	}
	if response.StatusCode == http.StatusOK {
		got, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
		if err != nil || got != kind {
			return nil, 0, fmt.Errorf("GET %s: the content type is %q, not %s", path, response.Header.Get("Content-Type"), kind)
		}
	}
	return body, response.StatusCode, nil
}

// hello asks for the node's status.
func (n *node) hello(ctx context.Context) error {
	body, code, err := n.get(ctx, "/status", "application/json")
	if err != nil {
		return &fault{exitIO, err}
	}
	if code != http.StatusOK {
		return &fault{exitIO, fmt.Errorf("GET /status answers %d", code)}
	}
	var answer status
	if err := json.Unmarshal(body, &answer); err != nil {
		return &fault{exitIO, fmt.Errorf("GET /status: %w", err)}
	}
	height, err := answer.Height.Int64()
	if err != nil || answer.ChainID == "" || height < 0 {
		return &fault{exitIO, fmt.Errorf("GET /status has no chain_id or no height: %.200s", body)}
	}
	n.mutex.Lock()
	n.chainID, n.height = answer.ChainID, height
	n.mutex.Unlock()
	return nil
}

func (n *node) ChainID() string { return n.chainID }

func (n *node) String() string { return n.url }

func (n *node) ReportEvidence(context.Context, types.Evidence) error {
	return errors.New("this program reports no evidence")
}

// note keeps the reason of a fault, because CometBFT compares its sentinel
// errors by identity and would not understand a wrapped one.
func (n *node) note(code int, reason error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.faults = append(n.faults, &fault{code, reason})
}

func (n *node) LightBlock(ctx context.Context, height int64) (*types.LightBlock, error) {
	if height == 0 {
		if err := n.hello(ctx); err != nil {
			n.note(exitIO, err)
			return nil, provider.ErrNoResponse
		}
		height = n.height
	}
	path := fmt.Sprintf("/blocks/%d?format=proto", height)
	body, code, err := n.get(ctx, path, "application/octet-stream")
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		n.note(exitIO, err)
		return nil, provider.ErrNoResponse
	case code == http.StatusNotFound && height > n.height:
		n.note(exitUndecided, fmt.Errorf("height %d is above the node's %d", height, n.height))
		return nil, provider.ErrHeightTooHigh
	case code == http.StatusNotFound || code == http.StatusGone:
		n.note(exitUndecided, fmt.Errorf("the node does not have block %d", height))
		return nil, provider.ErrLightBlockNotFound
	case code != http.StatusOK:
		n.note(exitIO, fmt.Errorf("GET %s answers %d", path, code))
		return nil, provider.ErrNoResponse
	}
	n.mutex.Lock()
	n.fetched++
	n.mutex.Unlock()
	block, err := n.decode(body, height)
	if err != nil {
		return nil, provider.ErrBadLightBlock{Reason: err}
	}
	return block, nil
}

func (n *node) decode(body []byte, height int64) (*types.LightBlock, error) {
	var message cmtproto.LightBlock
	if err := message.Unmarshal(body); err != nil {
		return nil, fmt.Errorf("light block %d is no protobuf of tendermint.types.LightBlock: %w", height, err)
	}
	// CometBFT itself would read other orders and unknown fields too; but
	// Assay promises the bytes that CometBFT would have written.
	again, err := message.Marshal()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, body) {
		return nil, fmt.Errorf("light block %d is not encoded as CometBFT encodes it (%d bytes, it writes %d)", height, len(body), len(again))
	}
	if n.change != nil {
		n.change(&message)
		n.mutex.Lock()
		n.changed++
		n.mutex.Unlock()
	}
	block, err := types.LightBlockFromProto(&message)
	if err != nil {
		return nil, fmt.Errorf("light block %d: %w", height, err)
	}
	if err := block.ValidateBasic(n.chainID); err != nil {
		return nil, fmt.Errorf("light block %d: %w", height, err)
	}
	if block.Height != height {
		return nil, fmt.Errorf("asked for block %d, got block %d", height, block.Height)
	}
	return block, nil
}
