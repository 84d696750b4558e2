// The dialogue in Go: dialogue URL TRANSPORT
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/googollee/go-socket.io/engineio"
	"github.com/googollee/go-socket.io/engineio/transport"
	"github.com/googollee/go-socket.io/engineio/transport/polling"
	"github.com/googollee/go-socket.io/engineio/transport/websocket"
	"github.com/googollee/go-socket.io/parser"
)

const messages = 300

type bytesInside struct {
	Deep []*parser.Buffer `json:"deep"`
}

var (
	whatever = reflect.TypeOf((*any)(nil)).Elem()
	bytes    = reflect.TypeOf(parser.Buffer{})
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func say(step string, got any) {
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{"step": step, "got": got}))
}

type client struct {
	conn engineio.Conn
	in   *parser.Decoder
	out  *parser.Encoder
}

func (c *client) emit(namespace string, args ...any) {
	must(c.out.Encode(parser.Header{Type: parser.Event, Namespace: namespace}, args))
}

// The arguments of the next packet, which has to be of this type (and, an event, of this name).
func (c *client) next(kind parser.Type, name string, types ...reflect.Type) []any {
	var header parser.Header
	var event string
	must(c.in.DecodeHeader(&header, &event))
	if header.Type != kind || event != name {
		must(fmt.Errorf("packet %d %q where %d %q was expected", header.Type, event, kind, name))
	}
	values, err := c.in.DecodeArgs(types)
	must(err)
	args := make([]any, len(values))
	for i, value := range values {
		args[i] = value.Interface()
	}
	return args
}

func dial(url, way string) *client {
	ways := map[string]transport.Transport{"polling": polling.Default, "websocket": websocket.Default}
	dialer := engineio.Dialer{Transports: []transport.Transport{ways[way]}}
	conn, err := dialer.Dial(url+"/socket.io/", nil)
	must(err)
	return &client{conn: conn, in: parser.NewDecoder(conn), out: parser.NewEncoder(conn)}
}

func main() {
	go func() {
		time.Sleep(30 * time.Second)
		must(fmt.Errorf("no answer"))
	}()
	c := dial(os.Args[1], os.Args[2])
	c.next(parser.Connect, "")
	say("auth", c.next(parser.Event, "auth", whatever))

	c.emit("", "message", 1, "zwei", map[string]any{"a": []any{true, nil, 1.5}})
	say("text", c.next(parser.Event, "message-back", whatever, whatever, whatever))

	c.emit("", "message", &bytesInside{[]*parser.Buffer{{Data: []byte{0, 1, 0xff}}}}, &parser.Buffer{Data: []byte("more")})
	got := c.next(parser.Event, "message-back", reflect.TypeOf(bytesInside{}), bytes)
	deep, more := got[0].(bytesInside).Deep[0].Data, got[1].(parser.Buffer).Data
	say("bytes", []any{map[string]any{"deep": []string{hex.EncodeToString(deep)}}, hex.EncodeToString(more)})

	must(c.out.Encode(parser.Header{Type: parser.Event, ID: 7, NeedAck: true}, []any{"message-with-ack", "a", &parser.Buffer{Data: []byte{7}}}))
	got = c.next(parser.Ack, "", whatever, bytes)
	say("ack", []any{got[0], hex.EncodeToString(got[1].(parser.Buffer).Data)})

	go func() {
		for i := 0; i < messages; i++ {
			c.emit("", "message", i)
		}
	}()
	ordered := true
	for i := 0; i < messages; i++ {
		ordered = c.next(parser.Event, "message-back", whatever)[0] == float64(i) && ordered
	}
	say("order", ordered)

	must(c.out.Encode(parser.Header{Type: parser.Connect, Namespace: "/custom"}))
	c.next(parser.Connect, "")
	c.next(parser.Event, "auth", whatever)
	c.emit("/custom", "message", "elsewhere")
	say("namespace", c.next(parser.Event, "message-back", whatever))

	say("end", c.conn.Close() == nil)
}
