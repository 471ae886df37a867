// SPDX-License-Identifier: Apache-2.0
//
// Program ics23check holds Assay's state proofs against the stock ICS 23
// verifier. It reads one JSON object a line:
//
//	{"root": hex, "key": hex, "value": hex, "proof": hex}
//
// where proof is a CommitmentProof and a missing value asks for a proof that
// the key is absent. It answers one line for each, "ok" or "bad" and why, and
// exits 1 if any is bad.
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	ics23 "github.com/cosmos/ics23/go"
)

const (
	exitVerified = 0
	exitWrong    = 1
	exitUsage    = 2
	exitIO       = 6
)

// longestLine is far above what a proof of 256 levels can take.
const longestLine = 1 << 20

type question struct {
	Root  string  `json:"root"`
	Key   string  `json:"key"`
	Value *string `json:"value"`
	Proof string  `json:"proof"`
}

// parse reads a question strictly: a misspelt field must not turn a membership
// proof into a question about absence.
func parse(line []byte) (root, key, value []byte, absent bool, proof *ics23.CommitmentProof, err error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	var q question
	if err = decoder.Decode(&q); err != nil {
		return
	}
	if _, rest := decoder.Token(); rest != io.EOF {
		err = errors.New("more than one object on a line")
		return
	}
	if root, err = hex.DecodeString(q.Root); err != nil || len(root) != 32 {
		err = errors.New("root is not 32 bytes of hex")
		return
	}
	if key, err = hex.DecodeString(q.Key); err != nil || len(key) == 0 {
		err = errors.New("key is not hex, or empty")
		return
	}
	absent = q.Value == nil
	if !absent {
		if value, err = hex.DecodeString(*q.Value); err != nil || len(value) == 0 {
			err = errors.New("value is not hex, or empty")
			return
		}
	}
	raw, err := hex.DecodeString(q.Proof)
	if err != nil || len(raw) == 0 {
		err = errors.New("proof is not hex, or empty")
		return
	}
	proof = new(ics23.CommitmentProof)
	if err = proof.Unmarshal(raw); err != nil {
		err = fmt.Errorf("proof is no CommitmentProof: %w", err)
		return
	}
	again, err := proof.Marshal()
	if err == nil && !bytes.Equal(again, raw) {
		err = errors.New("proof is not in the deterministic encoding")
	}
	return
}

// answer returns nil if the proof holds. The stock functions say only yes or
// no, so their inner ones are asked for the reason afterwards.
func answer(line []byte) error {
	root, key, value, absent, proof, err := parse(line)
	if err != nil {
		return err
	}
	if absent {
		if ics23.VerifyNonMembership(ics23.SmtSpec, root, proof, key) {
			return nil
		}
		if non := proof.GetNonexist(); non != nil {
			if err := non.Verify(ics23.SmtSpec, root, key); err != nil {
				return fmt.Errorf("absence: %w", err)
			}
		}
		return errors.New("absence: no proof of absence for this key")
	}
	if ics23.VerifyMembership(ics23.SmtSpec, root, proof, key, value) {
		return nil
	}
	if exist := proof.GetExist(); exist != nil {
		if err := exist.Verify(ics23.SmtSpec, root, key, value); err != nil {
			return fmt.Errorf("presence: %w", err)
		}
	}
	return errors.New("presence: no proof of presence for this key")
}

func run(in io.Reader, out io.Writer) int {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), longestLine)
	writer := bufio.NewWriter(out)
	asked, bad := 0, 0
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		asked++
		if err := answer(line); err != nil {
			bad++
			fmt.Fprintf(writer, "bad %v\n", err)
		} else {
			fmt.Fprintln(writer, "ok")
		}
	}
	if err := errors.Join(lines.Err(), writer.Flush()); err != nil {
		fmt.Fprintln(os.Stderr, "ics23check:", err)
		return exitIO
	}
	switch {
	case asked == 0:
		// Silence is not success: a test that pipes nothing has not tested anything.
		fmt.Fprintln(os.Stderr, "ics23check: no proofs were given")
		return exitUsage
	case bad > 0:
		return exitWrong
	}
	return exitVerified
}

func main() {
	if len(os.Args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: ics23check < lines of {\"root\", \"key\", \"value\" or none, \"proof\"}")
		os.Exit(exitUsage)
	}
	os.Exit(run(os.Stdin, os.Stdout))
}
