package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type report struct {
	Requests  int       `json:"requests"`
	Before    int       `json:"unmeasured"` // while warming up
	Failed    int64     `json:"failed"`
	Failure   string    `json:"failure,omitempty"`
	Seconds   float64   `json:"seconds"`
	Latency   quantiles `json:"latency"`     // of whole answers
	First     quantiles `json:"first_chunk"` // from the request to the first chunk
	Chunk     quantiles `json:"chunk"`       // from when the engine sent a chunk
	Processor float64   `json:"processor_seconds"`
}

// quantiles are milliseconds.
type quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

type client struct {
	connection net.Conn
	reader     *bufio.Reader
	request    []byte
	latencies  []float64
	firsts     []float64
	chunks     []float64
}

func drive(arguments []string) {
	flags := flag.NewFlagSet("drive", flag.ExitOnError)
	address := flags.String("address", "", "host:port")
	connections := flags.Int("connections", 1, "kept alive, one request at a time on each")
	seconds := flags.Float64("seconds", 3, "to measure, after a tenth of it unmeasured")
	key := flags.String("key", "", "bearer token")
	model := flags.String("model", "helpdesk", "asked for")
	streamed := flags.Bool("stream", false, "ask for server-sent events")
	_ = flags.Parse(arguments)

	request := compose(*address, *key, *model, *streamed)
	clients := make([]*client, *connections)
	for number := range clients {
		connection, err := net.Dial("tcp", *address)
		if err != nil {
			fail(err)
		}
		clients[number] = &client{connection: connection, reader: bufio.NewReaderSize(connection, 16<<10), request: request}
	}
	var failed atomic.Int64
	var failure atomic.Value
	run := func(duration time.Duration) {
		until := time.Now().Add(duration)
		var group sync.WaitGroup
		for _, one := range clients {
			group.Add(1)
			go func() {
				defer group.Done()
				for time.Now().Before(until) {
					if err := one.ask(*streamed); err != nil {
						failed.Add(1)
						failure.CompareAndSwap(nil, err.Error())
						return
					}
				}
			}()
		}
		group.Wait()
	}
	run(time.Duration(*seconds * float64(time.Second) / 10))
	unmeasured := 0
	for _, one := range clients {
		unmeasured += len(one.latencies)
		one.latencies, one.firsts, one.chunks = nil, nil, nil
	}
	before, began := processor(), time.Now()
	run(time.Duration(*seconds * float64(time.Second)))
	took := time.Since(began)

	var latencies, firsts, chunks []float64
	for _, one := range clients {
		latencies, firsts, chunks = append(latencies, one.latencies...), append(firsts, one.firsts...), append(chunks, one.chunks...)
	}
	why, _ := failure.Load().(string)
	_ = json.NewEncoder(os.Stdout).Encode(report{
		Requests: len(latencies), Before: unmeasured, Failed: failed.Load(), Failure: why, Seconds: took.Seconds(), Latency: of(latencies),
		First: of(firsts), Chunk: of(chunks), Processor: processor() - before,
	})
}

func compose(address, key, model string, streamed bool) []byte {
	stream := ""
	if streamed {
		stream = `"stream":true,`
	}
	body := fmt.Sprintf(`{"model":%q,%s"messages":[{"role":"user","content":"Where is my order?"}]}`, model, stream)
	return []byte(fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nhost: %s\r\nauthorization: Bearer %s\r\n"+
		"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s", address, key, len(body), body))
}

func (c *client) ask(streamed bool) error {
	began := time.Now()
	if _, err := c.connection.Write(c.request); err != nil {
		return err
	}
	status, err := c.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(status) < 12 || string(status[9:12]) != "200" {
		return fmt.Errorf("answered %s", bytes.TrimSpace(status))
	}
	length, chunked, err := head(c.reader)
	if err != nil {
		return err
	}
	if streamed {
		if !chunked {
			return fmt.Errorf("a stream was asked for, and a whole answer came")
		}
		err = c.events(began)
	} else {
		_, err = payload(c.reader, length, chunked)
	}
	c.latencies = append(c.latencies, milliseconds(time.Since(began)))
	return err
}

// events reads a stream to its end; every chunk's text is the time at which the engine sent it.
func (c *client) events(began time.Time) error {
	first := true
	for {
		data, err := part(c.reader)
		if err != nil || len(data) == 0 {
			return err
		}
		now := time.Now()
		if first {
			c.firsts, first = append(c.firsts, milliseconds(now.Sub(began))), false
		}
		for _, event := range bytes.Split(data, []byte("\n\n")) {
			if sent, ok := stamped(event); ok {
				c.chunks = append(c.chunks, float64(now.UnixNano()-sent)/1e6)
			}
		}
	}
}

func stamped(event []byte) (int64, bool) {
	_, rest, found := bytes.Cut(event, []byte(`"content":"`))
	text, _, ended := bytes.Cut(rest, []byte(` "`))
	if !found || !ended {
		return 0, false
	}
	sent, err := strconv.ParseInt(string(text), 10, 64)
	return sent, err == nil
}

func milliseconds(duration time.Duration) float64 { return float64(duration) / 1e6 }

func of(values []float64) quantiles {
	if len(values) == 0 {
		return quantiles{}
	}
	slices.Sort(values)
	at := func(share float64) float64 { return values[int(math.Ceil(share*float64(len(values))))-1] }
	return quantiles{at(0.5), at(0.99), values[len(values)-1]}
}

func processor() float64 {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}
