package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	answer = `{"id":"1","object":"chat.completion","created":1,"model":"base:acme.helpdesk.a","choices":[{"index":0,` +
		`"message":{"role":"assistant","content":"On its way."},"finish_reason":"stop"}],` +
		`"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13},"metadata":{"weight_version":"rev-1"}}`
	info = `{"weight_version":"rev-1","model_path":"base","served_model_name":"base","is_generation":true,` +
		`"tokenizer_path":"base","max_context_length":4096,"tp_size":1,"dp_size":1,"version":"0.5.23"}`
	chunk = `{"id":"1","object":"chat.completion.chunk","created":1,"model":"base:acme.helpdesk.a","choices":[{"index":0,` +
		`"delta":{"role":"assistant","content":"%d "},"finish_reason":null}]}`
	last = `{"id":"1","object":"chat.completion.chunk","created":1,"model":"base:acme.helpdesk.a","choices":[{"index":0,` +
		`"delta":{},"finish_reason":"stop"}]}`
	usage = `{"id":"1","object":"chat.completion.chunk","created":1,"model":"base:acme.helpdesk.a","choices":[],` +
		`"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}`
)

// loads counts what asked for an adapter to be loaded or unloaded.
var loads atomic.Int64

// held are the names of the adapters that the engine says it holds, for all connections.
var held struct {
	sync.Mutex
	names []string
}

type server struct {
	chunks int
	gap    time.Duration
}

func engine(arguments []string) {
	flags := flag.NewFlagSet("engine", flag.ExitOnError)
	port := flags.Int("port", 0, "loopback port, 0 for any")
	chunks := flags.Int("chunks", 16, "chunks of a streamed answer")
	gap := flags.Duration("gap", 5*time.Millisecond, "between two chunks")
	adapters := flags.String("adapters", "acme.helpdesk.a", "names of the adapters it says it holds, with commas")
	_ = flags.Parse(arguments)
	held.names = strings.Split(*adapters, ",")
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		fail(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			fail(err)
		}
		go server{*chunks, *gap}.serve(connection)
	}
}

func (s server) serve(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReaderSize(connection, 16<<10)
	for {
		path, body, err := request(reader)
		if err != nil {
			return
		}
		if strings.HasSuffix(path, "/completions") && bytes.Contains(body, []byte(`"stream":true`)) {
			err = s.stream(connection)
		} else {
			_, err = connection.Write(whole(document(path, body)))
		}
		if err != nil {
			return
		}
	}
}

// request reads one request. Bodies come with a length or in chunks.
func request(reader *bufio.Reader) (path string, body []byte, err error) {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return "", nil, err
	}
	if words := strings.Fields(string(line)); len(words) > 1 {
		path, _, _ = strings.Cut(words[1], "?")
	}
	length, chunked, err := head(reader)
	if err != nil {
		return "", nil, err
	}
	body, err = payload(reader, length, chunked)
	return path, body, err
}

// head reads header lines up to the empty one.
func head(reader *bufio.Reader) (length int, chunked bool, err error) {
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		if len(line) <= 2 {
			return length, chunked, nil
		}
		if line[0]|0x20 == 'c' && bytes.EqualFold(line[:min(15, len(line))], []byte("content-length:")) {
			length, err = strconv.Atoi(string(bytes.TrimSpace(line[15:])))
			if err != nil {
				return 0, false, err
			}
		}
		if line[0]|0x20 == 't' && bytes.Contains(bytes.ToLower(line), []byte("chunked")) {
			chunked = true
		}
	}
}

func payload(reader *bufio.Reader, length int, chunked bool) ([]byte, error) {
	if !chunked {
		body := make([]byte, length)
		_, err := io.ReadFull(reader, body)
		return body, err
	}
	var body []byte
	for {
		part, err := part(reader)
		if err != nil || len(part) == 0 {
			return body, err
		}
		body = append(body, part...)
	}
}

// part reads one chunk of a chunked body; empty at its end.
func part(reader *bufio.Reader) ([]byte, error) {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	size, err := strconv.ParseUint(textproto.TrimString(string(line)), 16, 31)
	if err != nil {
		return nil, err
	}
	data := make([]byte, size+2)
	_, err = io.ReadFull(reader, data)
	return data[:size], err
}

func document(path string, body []byte) string {
	switch {
	case strings.Contains(path, "load_lora_adapter"):
		return change(strings.Contains(path, "unload"), body)
	case path == "/loads":
		return fmt.Sprintf(`{"loads":%d}`, loads.Load())
	case strings.HasSuffix(path, "/models"):
		return models()
	case strings.HasSuffix(path, "info"):
		return info
	default:
		return answer
	}
}

// change holds one more adapter, or one less.
func change(unload bool, body []byte) string {
	var asked struct {
		Name string `json:"lora_name"`
	}
	if json.Unmarshal(body, &asked) != nil || asked.Name == "" {
		return `{"success":false,"error_message":"which adapter?"}`
	}
	loads.Add(1)
	held.Lock()
	defer held.Unlock()
	held.names = slices.DeleteFunc(held.names, func(name string) bool { return name == asked.Name })
	if !unload {
		held.names = append(held.names, asked.Name)
	}
	return `{"success":true}`
}

func models() string {
	held.Lock()
	defer held.Unlock()
	listed := `{"object":"list","data":[{"id":"base","object":"model"}`
	for _, name := range held.names {
		listed += fmt.Sprintf(`,{"id":%q,"object":"model","parent":"base"}`, name)
	}
	return listed + "]}"
}

func whole(document string) []byte {
	return []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s", len(document), document))
}

func (s server) stream(connection net.Conn) error {
	begin := "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
	due := time.Now()
	for number := 0; number < s.chunks; number++ {
		if _, err := io.WriteString(connection, begin+event(fmt.Sprintf(chunk, time.Now().UnixNano()))); err != nil {
			return err
		}
		begin, due = "", due.Add(s.gap)
		time.Sleep(time.Until(due))
	}
	_, err := io.WriteString(connection, event(last)+event(usage)+event("[DONE]")+"0\r\n\r\n")
	return err
}

func event(document string) string {
	return fmt.Sprintf("%x\r\ndata: %s\n\n\r\n", len(document)+8, document)
}
