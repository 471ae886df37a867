// SPDX-License-Identifier: Apache-2.0
//
// Program vectors writes what CometBFT's own code makes of fixed inputs, so
// that the C code can be held against it without Go at hand.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// kinds lists the files, in the order in which they are written.
var kinds = []struct {
	name string
	make func() []any
}{
	{"vote", votes},
	{"proposal", proposals},
	{"block_id", blockIDs},
	{"header", headers},
	{"commit", commits},
	{"validator_set", validatorSets},
	{"proposer", proposers},
	{"data_hash", dataHashes},
	{"evidence", evidences},
	{"evidence_list", evidenceLists},
	{"block", blocks},
	{"part_set", partSets},
	{"consensus_params", consensusParams},
	{"results", results},
	{"median_time", medianTimes},
	{"merkle", merkles},
	{"commit_verify", commitVerifications},
	{"chain", chains},
	{"abci_request", abciRequests},
	{"abci_response", abciResponses},
	{"light_block", lightBlocks},
	{"light_verify", lightVerifications},
	{"light_level", lightLevels},
	{"light_skip", lightSkippings},
	{"light_fork", lightAttacks},
}

// render writes one case per line: a changed case is then one changed line.
func render(cases []any) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("[\n")
	for i, one := range cases {
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(one); err != nil {
			return nil, err
		}
		out.Write(bytes.TrimRight(line.Bytes(), "\n"))
		if i+1 < len(cases) {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
	}
	out.WriteString("]\n")
	return out.Bytes(), nil
}

func generate(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, kind := range kinds {
		text, err := render(kind.make())
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
		if err := os.WriteFile(filepath.Join(folder, kind.name+".json"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	out := flag.String("out", "", "folder to write the JSON files into")
	flag.Parse()
	if *out == "" || flag.NArg() != 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := generate(*out); err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(6)
	}
}
