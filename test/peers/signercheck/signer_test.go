// SPDX-License-Identifier: Apache-2.0
//
// Package signercheck holds assay-signer, a real process, against CometBFT's own side of the privval protocol: its
// client, and a whole node that signs its blocks through it.
package signercheck

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	"github.com/cometbft/cometbft/p2p/conn"
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

// world is a directory with a new key, and an address that CometBFT listens at. (A unix socket's path is short.)
type world struct {
	t       *testing.T
	program string
	data    string
	address string
	key     crypto.PubKey
}

// both runs a test over a unix socket and over TCP, which CometBFT encrypts.
func both(t *testing.T, test func(*testing.T, *world)) {
	for _, scheme := range []string{"unix", "tcp"} {
		t.Run(scheme, func(t *testing.T) { test(t, newWorld(t, scheme)) })
	}
}

func newWorld(t *testing.T, scheme string) *world {
	t.Helper()
	folder, err := os.MkdirTemp("", "signer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	w := &world{t: t, program: program(t), data: filepath.Join(folder, "data"), address: "unix://" + filepath.Join(folder, "s")}
	if scheme == "tcp" {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		w.address = "tcp://" + free.Addr().String()
		free.Close()
	}
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
	p := &process{exec.Command(w.program, "--data", w.data, "--chain-id", chain, "--connect", w.address), &strings.Builder{}}
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

// socket is the listener alone, with nothing of CometBFT's around it.
func (w *world) socket() net.Listener {
	w.t.Helper()
	scheme, where, _ := strings.Cut(w.address, "://")
	if scheme == "unix" {
		_ = os.Remove(where)
	}
	listener, err := net.Listen(scheme, where)
	if err != nil {
		w.t.Fatal(err)
	}
	return listener
}

// listen is CometBFT's side: what a node makes of priv_validator_laddr.
func (w *world) listen() *privval.SignerClient {
	w.t.Helper()
	if where, ok := strings.CutPrefix(w.address, "unix://"); ok {
		_ = os.Remove(where)
	}
	endpoint, err := privval.NewSignerListener(w.address, log.NewNopLogger())
	if err != nil {
		w.t.Fatal(err)
	}
	client, err := privval.NewSignerClient(endpoint, chainID)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = client.Close() })
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

func TestCometBFTsClient(t *testing.T) { both(t, client) }

func client(t *testing.T, w *world) {
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
	for time.Now().Before(deadline) { // CometBFT's Ping tells no error
		if _, err := client.GetPubKey(); err == nil {
			break
		}
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
	w := newWorld(t, "unix")
	w.start(chainID)
	w.listen()
	second := w.start(chainID)
	_ = second.Wait()
	if code := second.ProcessState.ExitCode(); code != 6 || !strings.Contains(second.log.String(), "F134") {
		t.Fatalf("exit %d: %s", code, second.log)
	}
}

// hangsUp says what the signer is told, and that it ends that connection, dials again, and is in order otherwise.
func hangsUp(t *testing.T, w *world, name string, tell func(net.Conn) error) {
	t.Helper()
	listener := w.socket()
	defer listener.Close()
	signer := w.start(chainID)
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if err := tell(conn); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for {
		n, err := conn.Read(make([]byte, 4096)) // what it had sent before
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%s: the connection stays: %s", name, signer.log)
		}
		if err != nil || n == 0 {
			break
		}
	}
	conn.Close()
	if conn, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if code := signer.end(syscall.SIGINT); code != 0 {
		t.Fatalf("%s: exit %d: %s", name, code, signer.log)
	}
}

func says(bytes string) func(net.Conn) error {
	return func(conn net.Conn) error {
		_, err := conn.Write([]byte(bytes))
		return err
	}
}

var noRequests = []string{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x00", "\x02\x12\x00", "\x81\x51", "\x04\x3a\x00\x0a\x00"}

// Bytes that are no request end the connection, and nothing else: the next one is served.
func TestHostileListener(t *testing.T) {
	w := newWorld(t, "unix")
	for _, bytes := range noRequests {
		hangsUp(t, w, fmt.Sprintf("%q", bytes), says(bytes))
	}
}

// agreed is the other side of the signer's encrypted connection, by CometBFT's own code.
func agreed(c net.Conn) (*conn.SecretConnection, error) {
	return conn.MakeSecretConnection(c, ed25519.GenPrivKey())
}

// flipper changes one bit of what the n-th write carries.
type flipper struct {
	net.Conn
	n, at int
}

func (f *flipper) Write(bytes []byte) (int, error) {
	if f.n--; f.n == 0 {
		bytes = append([]byte{}, bytes...)
		bytes[f.at] ^= 0x40
	}
	return f.Conn.Write(bytes)
}

// The same over TCP: whatever does not come from who agreed on the keys is no request.
func TestHostileTCP(t *testing.T) {
	w := newWorld(t, "tcp")
	hello := "\x22\x0a\x20"
	for name, tell := range map[string]func(net.Conn) error{
		"no hello":             says(strings.Repeat("GET / HTTP/1.1\r\n", 4)),
		"a point of no secret": says(hello + strings.Repeat("\x00", 32)),
		"its own words": func(c net.Conn) error {
			bytes := make([]byte, 35)
			if _, err := io.ReadFull(c, bytes); err != nil {
				return err
			}
			return says(string(bytes))(c)
		},
		"a frame of nobody": says(hello + strings.Repeat("\x09", 32) + strings.Repeat("x", 1044)),
		"a proof that was changed": func(c net.Conn) error {
			_, _ = agreed(&flipper{c, 2, 700}) // it fails for us as well, or not
			return nil
		},
		"a request that was changed": func(c net.Conn) error {
			sealed, err := agreed(&flipper{c, 3, 5})
			if err != nil {
				return err
			}
			_, err = sealed.Write([]byte("\x02\x3a\x00")) // a ping
			return err
		},
		"a frame twice": func(c net.Conn) error {
			twice := &repeater{Conn: c}
			sealed, err := agreed(twice)
			if err != nil {
				return err
			}
			twice.on = true
			_, err = sealed.Write([]byte("\x02\x3a\x00"))
			return err
		},
	} {
		hangsUp(t, w, name, tell)
	}
	for _, bytes := range noRequests {
		hangsUp(t, w, fmt.Sprintf("%q", bytes), func(c net.Conn) error {
			sealed, err := agreed(c)
			if err != nil {
				return err
			}
			_, err = sealed.Write([]byte(bytes))
			return err
		})
	}
}

// repeater sends all twice once it is on.
type repeater struct {
	net.Conn
	on bool
}

func (r *repeater) Write(bytes []byte) (int, error) {
	if r.on {
		if _, err := r.Conn.Write(bytes); err != nil {
			return 0, err
		}
	}
	return r.Conn.Write(bytes)
}

// In frames of any size a request is what it was.
func TestPiecesOverTCP(t *testing.T) {
	w := newWorld(t, "tcp")
	listener := w.socket()
	defer listener.Close()
	w.start(chainID)
	c, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	sealed, err := agreed(c)
	if err != nil {
		t.Fatal(err)
	}
	pings := strings.Repeat("\x02\x3a\x00", 1500) // longer than four frames
	go func() {
		for at, size := 0, 1; at < len(pings); at, size = at+size, size%700+1 {
			if _, err := sealed.Write([]byte(pings[at:min(at+size, len(pings))])); err != nil {
				return
			}
		}
	}()
	pongs := make([]byte, 3*1500)
	if _, err := io.ReadFull(sealed, pongs); err != nil {
		t.Fatal(err)
	}
	if string(pongs) != strings.Repeat("\x02\x42\x00", 1500) {
		t.Fatalf("%x", pongs[:30])
	}
}

// A whole CometBFT node, alone in its set, whose every vote comes from assay-signer, which is killed again and again.
func TestCometBFTNode(t *testing.T) { both(t, wholeNode) }

func wholeNode(t *testing.T, w *world) {
	root := filepath.Join(filepath.Dir(w.data), "node")
	cfg := config.TestConfig().SetRoot(root)
	config.EnsureRoot(root)
	cfg.ProxyApp = "kvstore"
	cfg.RPC.ListenAddress, cfg.RPC.GRPCListenAddress, cfg.P2P.ListenAddress = "", "", "tcp://127.0.0.1:0"
	cfg.PrivValidatorListenAddr = w.address
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
