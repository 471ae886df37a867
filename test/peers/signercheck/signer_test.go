// SPDX-License-Identifier: Apache-2.0
//
// Package signercheck holds assay-signer, a real process, against CometBFT's own side of the privval protocol: its
// client, and a whole node that signs its blocks through it.
package signercheck

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"assay/test/peers/fixture"

	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

const chainID = "signer-check"

func program(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("ASSAY_BIN")
	if folder == "" {
		folder = "../../../build/bin"
	}
	path, err := filepath.Abs(filepath.Join(folder, "assay-signer"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: `make` builds it; ASSAY_BIN says where it is", err)
	}
	return path
}

// world is a directory with a new key, and a socket that CometBFT listens at. (A unix socket's path is short.)
type world struct {
	t       *testing.T
	program string
	data    string
	socket  string
	key     crypto.PubKey
}

func newWorld(t *testing.T) *world {
	t.Helper()
	folder, err := os.MkdirTemp("", "signer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	w := &world{t: t, program: program(t), data: filepath.Join(folder, "data"), socket: filepath.Join(folder, "s")}
	out, err := exec.Command(w.program, "--data", w.data, "--new", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var shown struct {
		Address string `json:"address"`
		PubKey  struct{ Type, Value string }
	}
	shown.PubKey.Type = "?"
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(out, &raw); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw["pub_key"], &shown.PubKey); err != nil {
		t.Fatal(err)
	}
	bytes, err := base64.StdEncoding.DecodeString(shown.PubKey.Value)
	if err != nil || shown.PubKey.Type != ed25519.PubKeyName {
		t.Fatalf("%s: %v", out, err)
	}
	w.key = ed25519.PubKey(bytes)
	return w
}

// process is a running signer.
type process struct {
	*exec.Cmd
	log *strings.Builder
}

func (w *world) start(chain string) *process {
	w.t.Helper()
	p := &process{exec.Command(w.program, "--data", w.data, "--chain-id", chain, "--connect", "unix://"+w.socket), &strings.Builder{}}
	p.Stderr = p.log
	if err := p.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = p.Process.Kill()
		_ = p.Wait()
	})
	return p
}

func (p *process) end(s os.Signal) int {
	_ = p.Process.Signal(s)
	_ = p.Wait()
	return p.ProcessState.ExitCode()
}

// listen is CometBFT's side: what a node makes of priv_validator_laddr.
func (w *world) listen() *privval.SignerClient {
	w.t.Helper()
	_ = os.Remove(w.socket)
	listener, err := net.Listen("unix", w.socket)
	if err != nil {
		w.t.Fatal(err)
	}
	endpoint := privval.NewSignerListenerEndpoint(log.NewNopLogger(), privval.NewUnixListener(listener))
	client, err := privval.NewSignerClient(endpoint, chainID)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = client.Close()
		listener.Close()
	})
	if err := client.WaitForConnection(10 * time.Second); err != nil {
		w.t.Fatal(err)
	}
	return client
}

func vote(height int64, round int32, kind cmtproto.SignedMsgType, block string, at time.Time, key crypto.PubKey) *cmtproto.Vote {
	v := &cmtproto.Vote{Type: kind, Height: height, Round: round, Timestamp: at, ValidatorAddress: key.Address()}
	if block != "" {
		id := fixture.BlockID(block, 1)
		v.BlockID = id.ToProto()
	}
	return v
}

// A refusal is CometBFT's own error, with ours inside; the connection stays.
func refused(t *testing.T, err error, because string) {
	t.Helper()
	var remote *privval.RemoteSignerError
	if !errors.As(err, &remote) || !strings.Contains(remote.Description, because) {
		t.Fatalf("%v, not a refusal because %q", err, because)
	}
}

func TestCometBFTsClient(t *testing.T) {
	w := newWorld(t)
	signer := w.start(chainID)
	client := w.listen()
	got, err := client.GetPubKey()
	if err != nil || !got.Equals(w.key) {
		t.Fatalf("%v, %v", got, err)
	}
	if err := client.Ping(); err != nil {
		t.Fatal(err)
	}
	at := fixture.Genesis
	check := func(v *cmtproto.Vote) {
		t.Helper()
		if err := client.SignVote(chainID, v); err != nil {
			t.Fatal(err)
		}
		if !w.key.VerifySignature(types.VoteSignBytes(chainID, v), v.Signature) {
			t.Fatal("the signature does not verify")
		}
	}
	id := fixture.BlockID("one", 1)
	p := &cmtproto.Proposal{Type: cmtproto.ProposalType, Height: 5, Round: 0, PolRound: -1, BlockID: id.ToProto(), Timestamp: at}
	if err := client.SignProposal(chainID, p); err != nil {
		t.Fatal(err)
	}
	if !w.key.VerifySignature(types.ProposalSignBytes(chainID, p), p.Signature) {
		t.Fatal("the proposal's signature does not verify")
	}
	check(vote(5, 0, cmtproto.PrevoteType, "one", at, w.key))
	first := vote(5, 0, cmtproto.PrecommitType, "one", at, w.key)
	check(first)

	// The same again, later: the same signature of the same moment.
	again := vote(5, 0, cmtproto.PrecommitType, "one", at.Add(time.Minute), w.key)
	check(again)
	if string(again.Signature) != string(first.Signature) || !again.Timestamp.Equal(at) {
		t.Fatalf("a repeat was signed anew: %v", again.Timestamp)
	}
	const counted = "already counted"
	refused(t, client.SignVote(chainID, vote(5, 0, cmtproto.PrecommitType, "two", at, w.key)), counted)
	refused(t, client.SignVote(chainID, vote(5, 0, cmtproto.PrecommitType, "", at, w.key)), counted)
	refused(t, client.SignVote(chainID, vote(5, 0, cmtproto.PrevoteType, "one", at, w.key)), counted)
	refused(t, client.SignVote(chainID, vote(4, 9, cmtproto.PrecommitType, "one", at, w.key)), counted)
	refused(t, client.SignProposal(chainID, p), counted)
	refused(t, client.SignVote("another-chain", vote(6, 0, cmtproto.PrevoteType, "one", at, w.key)), "another chain")
	bad := vote(6, 0, cmtproto.PrevoteType, "one", at, w.key)
	bad.Type = cmtproto.ProposalType
	refused(t, client.SignVote(chainID, bad), "encoding")

	// Refusals cost nothing: what may be signed is signed.
	check(vote(5, 1, cmtproto.PrevoteType, "", at, w.key))
	check(vote(6, 0, cmtproto.PrevoteType, "two", at, w.key))

	// A new process remembers what the killed one signed.
	if code := signer.end(syscall.SIGKILL); code != -1 {
		t.Fatalf("exit %d", code)
	}
	signer = w.start(chainID)
	deadline := time.Now().Add(10 * time.Second)
	for client.Ping() != nil && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	refused(t, client.SignVote(chainID, vote(6, 0, cmtproto.PrevoteType, "one", at, w.key)), counted)
	check(vote(6, 0, cmtproto.PrevoteType, "two", at.Add(time.Second), w.key))
	check(vote(6, 0, cmtproto.PrecommitType, "two", at, w.key))
	if code := signer.end(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit %d: %s", code, signer.log)
	}
}

// Only one process may hold the directory.
func TestOneKeyOneProcess(t *testing.T) {
	w := newWorld(t)
	w.start(chainID)
	w.listen()
	second := w.start(chainID)
	_ = second.Wait()
	if code := second.ProcessState.ExitCode(); code != 6 || !strings.Contains(second.log.String(), "F134") {
		t.Fatalf("exit %d: %s", code, second.log)
	}
}

// Bytes that are no request end the connection, and nothing else: the next one is served.
func TestHostileListener(t *testing.T) {
	w := newWorld(t)
	for _, bytes := range []string{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x00", "\x02\x12\x00", "\x81\x51", "\x04\x3a\x00\x0a\x00"} {
		_ = os.Remove(w.socket)
		listener, err := net.Listen("unix", w.socket)
		if err != nil {
			t.Fatal(err)
		}
		signer := w.start(chainID)
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(bytes)); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := conn.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%q: %d bytes, %v", bytes, n, err)
		}
		conn.Close()
		if conn, err = listener.Accept(); err != nil { // it dials again
			t.Fatal(err)
		}
		conn.Close()
		listener.Close()
		if code := signer.end(syscall.SIGINT); code != 0 {
			t.Fatalf("exit %d: %s", code, signer.log)
		}
	}
}

// A whole CometBFT node, alone in its set, whose every vote comes from assay-signer, which is killed again and again.
func TestCometBFTNode(t *testing.T) {
	w := newWorld(t)
	root := filepath.Join(filepath.Dir(w.data), "node")
	cfg := config.TestConfig().SetRoot(root)
	config.EnsureRoot(root)
	cfg.ProxyApp = "kvstore"
	cfg.RPC.ListenAddress, cfg.RPC.GRPCListenAddress, cfg.P2P.ListenAddress = "", "", "tcp://127.0.0.1:0"
	cfg.PrivValidatorListenAddr = "unix://" + w.socket
	cfg.TxIndex.Indexer = "null"
	genesis := types.GenesisDoc{ChainID: chainID, GenesisTime: time.Now(), ConsensusParams: types.DefaultConsensusParams(),
		Validators: []types.GenesisValidator{{PubKey: w.key, Power: 10, Address: w.key.Address()}}}
	if err := genesis.SaveAs(cfg.GenesisFile()); err != nil {
		t.Fatal(err)
	}
	signer := w.start(chainID)
	n, err := node.DefaultNewNode(cfg, log.NewNopLogger())
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = n.Stop()
		n.Wait()
	}()
	height := func() int64 { return n.BlockStore().Height() }
	reach := func(want int64) {
		t.Helper()
		deadline := time.Now().Add(60 * time.Second)
		for height() < want {
			if time.Now().After(deadline) {
				t.Fatalf("height %d, not %d: %s", height(), want, signer.log)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	reach(5)
	for range [5]struct{}{} {
		at := height()
		signer.end(syscall.SIGKILL)
		signer = w.start(chainID)
		reach(at + 3)
	}
	// Every block has a commit that verifies under the one key.
	for h := int64(1); h < height(); h++ {
		commit, meta := n.BlockStore().LoadBlockCommit(h), n.BlockStore().LoadBlockMeta(h)
		set := types.NewValidatorSet([]*types.Validator{types.NewValidator(w.key, 10)})
		if err := set.VerifyCommit(chainID, meta.BlockID, h, commit); err != nil {
			t.Fatalf("height %d: %v", h, err)
		}
	}
}
