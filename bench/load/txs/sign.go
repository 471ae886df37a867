// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// An account signs its transactions with nonces from 0 on: it must never have signed before.
type account struct {
	secret ed25519.PrivateKey
	nonce  uint64
}

func (a *account) address() []byte {
	hash := sha256.Sum256(a.secret.Public().(ed25519.PublicKey))
	return hash[:20]
}

// accountAt is the account number index of a run.
func accountAt(salt []byte, index int) *account {
	seed := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte{}, salt...), uint64(index)))
	return &account{secret: ed25519.NewKeyFromSeed(seed[:])}
}

// strangerAt is an address whose key nobody has.
func strangerAt(salt []byte, index int) []byte {
	hash := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("stranger"), salt...), uint64(index)))
	return hash[:20]
}

// accountOf reads a file with 64 hex digits.
func accountOf(path string) (*account, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s: not a key", path)
	}
	return &account{secret: ed25519.NewKeyFromSeed(seed)}, nil
}

// spec/encoding.md, strict: a number that is 0 is not written.
func putNumber(out []byte, field, value uint64) []byte {
	if value == 0 {
		return out
	}
	return binary.AppendUvarint(binary.AppendUvarint(out, field<<3), value)
}

func putBytes(out []byte, field uint64, value []byte) []byte {
	out = binary.AppendUvarint(binary.AppendUvarint(out, field<<3|2), uint64(len(value)))
	return append(out, value...)
}

type chain struct {
	id   string
	fee  uint64
	size int // of every transaction
}

// signed is the next transaction of from: amount to an address, and a memo of so many bytes.
func (c chain) signed(from *account, to []byte, amount uint64, memo int) []byte {
	message := putNumber(putBytes(nil, 1, to), 2, amount)
	if memo > 0 {
		message = putBytes(message, 3, []byte(strings.Repeat("m", memo)))
	}
	body := putBytes(putNumber(nil, 1, 1), 2, []byte(c.id))
	body = putBytes(putNumber(putNumber(body, 3, from.nonce), 4, c.fee), 10, message)
	signature := ed25519.Sign(from.secret, []byte("assay/1/tx\x00"+c.id+"\x00"+string(body)))
	from.nonce++
	return putBytes(putBytes(putBytes(nil, 1, body), 2, from.secret.Public().(ed25519.PublicKey)), 3, signature)
}

// send is a transaction of exactly c.size bytes; the memo fills it.
func (c chain) send(from *account, to []byte, amount uint64) ([]byte, error) {
	for memo := 0; memo <= 256; {
		tx := c.signed(from, to, amount, memo)
		if len(tx) == c.size {
			return tx, nil
		}
		from.nonce--
		if len(tx) > c.size {
			break
		}
		memo += max(1, c.size-len(tx)-2)
	}
	return nil, fmt.Errorf("no transfer of %s has %d bytes", c.id, c.size)
}
