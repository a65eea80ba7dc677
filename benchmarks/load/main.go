// Command load is both ends of the gateway's benchmark: an engine that answers at once, and a closed-loop client.
//
//	load engine --port 0                      prints the port it listens on
//	load drive --address HOST:PORT --connections 32 --seconds 3 [--stream]     prints one JSON object
//
// Both are far quicker than what is measured between them, speak HTTP/1.1 over kept-alive connections by hand and use
// the standard library alone. A streamed chunk carries the time it was sent, so that its delay is measured chunk by chunk.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fail("usage: load engine|drive [flags]")
	}
	switch os.Args[1] {
	case "engine":
		engine(os.Args[2:])
	case "drive":
		drive(os.Args[2:])
	default:
		fail("usage: load engine|drive [flags]")
	}
}

func fail(message any) {
	fmt.Fprintln(os.Stderr, "load:", message)
	os.Exit(1)
}
