// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"

	ics23 "github.com/cosmos/ics23/go"
)

// tree is a compact sparse Merkle tree in the plainest form: a subtree with one
// leaf is that leaf, one without leaves is 32 zero bytes. It exists to make
// proofs for these tests and shares nothing with the C code.
type tree map[string]string

type leaf struct {
	path       [32]byte
	key, value []byte
}

func (t tree) leaves() []leaf {
	out := make([]leaf, 0, len(t))
	for key, value := range t {
		out = append(out, leaf{sha256.Sum256([]byte(key)), []byte(key), []byte(value)})
	}
	sort.Slice(out, func(i, j int) bool { return bytes.Compare(out[i].path[:], out[j].path[:]) < 0 })
	return out
}

func bit(path [32]byte, depth int) int { return int(path[depth/8]>>(7-depth%8)) & 1 }

// split divides sorted leaves by one bit.
func split(leaves []leaf, depth int) (left, right []leaf) {
	at := sort.Search(len(leaves), func(i int) bool { return bit(leaves[i].path, depth) == 1 })
	return leaves[:at], leaves[at:]
}

func hash(leaves []leaf, depth int) [32]byte {
	switch len(leaves) {
	case 0:
		return [32]byte{}
	case 1:
		value := sha256.Sum256(leaves[0].value)
		return sha256.Sum256(append(append([]byte{0}, leaves[0].path[:]...), value[:]...))
	}
	left, right := split(leaves, depth)
	l, r := hash(left, depth+1), hash(right, depth+1)
	return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
}

func exist(leaves []leaf, at leaf) *ics23.ExistenceProof {
	var path []*ics23.InnerOp
	for depth := 0; len(leaves) > 1; depth++ {
		left, right := split(leaves, depth)
		step := &ics23.InnerOp{Hash: ics23.HashOp_SHA256, Prefix: []byte{1}}
		if bit(at.path, depth) == 0 {
			other := hash(right, depth+1)
			step.Suffix = other[:]
			leaves = left
		} else {
			other := hash(left, depth+1)
			step.Prefix = append(step.Prefix, other[:]...)
			leaves = right
		}
		path = append([]*ics23.InnerOp{step}, path...)
	}
	return &ics23.ExistenceProof{Key: at.key, Value: at.value, Leaf: ics23.SmtSpec.LeafSpec, Path: path}
}

func (t tree) root() []byte {
	root := hash(t.leaves(), 0)
	return root[:]
}

func (t tree) prove(key string) *ics23.CommitmentProof {
	leaves := t.leaves()
	path := sha256.Sum256([]byte(key))
	at := sort.Search(len(leaves), func(i int) bool { return bytes.Compare(leaves[i].path[:], path[:]) >= 0 })
	if _, present := t[key]; present {
		return &ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Exist{Exist: exist(leaves, leaves[at])}}
	}
	non := &ics23.NonExistenceProof{Key: []byte(key)}
	if at > 0 {
		non.Left = exist(leaves, leaves[at-1])
	}
	if at < len(leaves) {
		non.Right = exist(leaves, leaves[at])
	}
	return &ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Nonexist{Nonexist: non}}
}

func line(t *testing.T, root []byte, key string, value *string, proof *ics23.CommitmentProof) string {
	t.Helper()
	raw, err := proof.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{"root": hex.EncodeToString(root), "key": hex.EncodeToString([]byte(key)), "proof": hex.EncodeToString(raw)}
	if value != nil {
		fields["value"] = hex.EncodeToString([]byte(*value))
	}
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func sample(n int) tree {
	out := tree{}
	for i := 0; i < n; i++ {
		out[fmt.Sprintf("key %d", i)] = fmt.Sprintf("value %d", i)
	}
	return out
}

func ask(lines ...string) (int, []string) {
	var out bytes.Buffer
	code := run(strings.NewReader(strings.Join(lines, "\n")), &out)
	return code, strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
}

func TestAcceptsPresenceAndAbsence(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 257} {
		s := sample(n)
		var lines []string
		for i := 0; i < n+20; i++ {
			key := fmt.Sprintf("key %d", i)
			if value, present := s[key]; present {
				lines = append(lines, line(t, s.root(), key, &value, s.prove(key)))
			} else {
				lines = append(lines, line(t, s.root(), key, nil, s.prove(key)))
			}
		}
		code, answers := ask(lines...)
		if code != exitVerified || len(answers) != len(lines) {
			t.Fatalf("%d leaves: exit %d, %d answers to %d questions", n, code, len(answers), len(lines))
		}
		for i, a := range answers {
			if a != "ok" {
				t.Errorf("%d leaves, question %d: %s", n, i, a)
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	s := sample(50)
	key, value, other := "key 7", "value 7", "value 8"
	proof := s.prove(key)
	good := line(t, s.root(), key, &value, proof)
	smaller := sample(49)
	moved := s.prove(key)
	moved.GetExist().Path[0].Prefix = append([]byte{2}, moved.GetExist().Path[0].Prefix[1:]...)
	gap := s.prove("absent")
	gap.GetNonexist().Left = exist(s.leaves(), s.leaves()[0])
	lines := map[string]string{
		"other value":                       line(t, s.root(), key, &other, proof),
		"other key":                         line(t, s.root(), "key 8", &value, proof),
		"other root":                        line(t, smaller.root(), key, &value, proof),
		"present, asked as absent":          line(t, s.root(), key, nil, proof),
		"absent, asked as present":          line(t, s.root(), "absent", &value, s.prove("absent")),
		"absence of a present key":          line(t, s.root(), key, nil, s.prove("absent")),
		"neighbours that are none":          line(t, s.root(), "absent", nil, gap),
		"other prefix":                      line(t, s.root(), key, &value, moved),
		"no JSON":                           "{",
		"two objects":                       good + good,
		"misspelt value":                    strings.Replace(good, `"value"`, `"valeu"`, 1),
		"short root":                        strings.Replace(good, `"root":"`+hex.EncodeToString(s.root()), `"root":"00`, 1),
		"no proof":                          `{"root":"` + hex.EncodeToString(s.root()) + `","key":"00"}`,
		"a field that ICS 23 does not have": strings.Replace(good, `"proof":"`, `"proof":"f80100`, 1),
	}
	for name, text := range lines {
		code, answers := ask(good, text, good)
		if code != exitWrong || len(answers) != 3 || answers[0] != "ok" || !strings.HasPrefix(answers[1], "bad ") || answers[2] != "ok" {
			t.Errorf("%s: exit %d, %q", name, code, answers)
		}
	}
}

func TestSilenceIsNotSuccess(t *testing.T) {
	if code, _ := ask("", "  "); code != exitUsage {
		t.Errorf("exit %d without a question", code)
	}
	if code, _ := ask(strings.Repeat("x", longestLine+1)); code != exitIO {
		t.Errorf("exit %d for a line that is too long", code)
	}
}
