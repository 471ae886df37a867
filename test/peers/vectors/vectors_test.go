// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

const committed = "../../../spec/vectors/comet"

// The committed files must be what this program makes today, byte for byte.
func TestCommittedVectorsAreCurrent(t *testing.T) {
	fresh := t.TempDir()
	if err := generate(fresh); err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, kind := range kinds {
		want, err := os.ReadFile(filepath.Join(fresh, kind.name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(committed, kind.name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s.json differs from what the generator makes", kind.name)
		}
		total += len(got)
	}
	if total >= 2<<20 {
		t.Errorf("vectors take %d bytes, more than 2 MiB", total)
	}
	files, err := filepath.Glob(filepath.Join(committed, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(kinds) {
		t.Errorf("%d JSON files are committed, %d are made", len(files), len(kinds))
	}
}

// Names identify cases in messages of other tests, and every list that a case
// promises must be there: null would be a surprise to a C reader.
func TestCasesHaveNamesAndNoNulls(t *testing.T) {
	for _, kind := range kinds {
		text, err := render(kind.make())
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(":null")) {
			t.Errorf("%s has a null", kind.name)
		}
		var cases []struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(text, &cases); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, one := range cases {
			if one.Name == "" || seen[one.Name] {
				t.Errorf("%s: name %q is empty or used twice", kind.name, one.Name)
			}
			seen[one.Name] = true
		}
	}
}

// The verdicts on commits are the part of the vectors that a mistake here could
// make worthless without being seen, so the ones that matter are said again.
func TestCommitVerdicts(t *testing.T) {
	want := map[string][5]bool{ // full, light, light with all signatures, trusting 1/3, trusting 2/3
		"one":                              {true, true, true, true, true},
		"four_all":                         {true, true, true, true, true},
		"four_three":                       {true, true, true, true, true},
		"four_two":                         {false, false, false, true, false},
		"exactly_two_thirds_is_not_enough": {false, false, false, true, false},
		"nil_votes_do_not_count":           {false, false, false, true, false},
		"three_and_a_nil":                  {true, true, true, true, true},
		"wrong_last_signature":             {false, true, false, true, true},
		"wrong_nil_signature":              {false, true, true, true, true},
		"other_height":                     {false, false, false, false, false},
		"trusting_overlap_half":            {false, false, false, true, false},
		"trusting_overlap_quarter":         {false, false, false, false, false},
		"trusting_exactly_a_third":         {false, false, false, false, false},
	}
	found := 0
	for _, one := range commitVerifications() {
		c := one.(verifyCase)
		if expected, listed := want[c.Name]; listed {
			found++
			if got := [5]bool{c.Full, c.Light, c.LightAll, c.Third, c.TwoThirds}; got != expected {
				t.Errorf("%s: %v, expected %v", c.Name, got, expected)
			}
		}
	}
	if found != len(want) {
		t.Errorf("%d of %d cases found", found, len(want))
	}
}
