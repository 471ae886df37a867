// SPDX-License-Identifier: Apache-2.0

// Package pinned holds the engine's program in go.mod, and with it the hash of everything that it is built from in
// go.sum. `make cometbft` builds it.
package pinned

import _ "github.com/cometbft/cometbft/cmd/cometbft/commands"
