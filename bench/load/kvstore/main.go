// SPDX-License-Identifier: Apache-2.0

// kvstore - CometBFT's own example application as a process of its own, on an ABCI socket as assayd has one. It keeps
// its state in memory, as `cometbft start --proxy_app kvstore` does; with -dir in a database there.
package main

import (
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/cometbft/cometbft/abci/example/kvstore"
	"github.com/cometbft/cometbft/abci/server"
)

func main() {
	address := flag.String("abci", "", "where to listen: unix://PATH")
	dir := flag.String("dir", "", "keep the state in this directory")
	flag.Parse()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	app := kvstore.NewInMemoryApplication()
	if *dir != "" {
		app = kvstore.NewPersistentApplication(*dir)
	}
	listener, err := server.NewServer(*address, "socket", app)
	if err != nil {
		log.Fatal(err)
	}
	if err := listener.Start(); err != nil {
		log.Fatal(err)
	}
	<-stop
	if err := listener.Stop(); err != nil {
		log.Fatal(err)
	}
}
