package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// dial opens a connection, with TLS if the URL says so.
func (s *server) dial(h2 bool) (net.Conn, error) {
	var c net.Conn
	var err error
	for _, address := range s.addresses {
		if c, err = net.Dial("tcp", address); err == nil {
			break
		}
	}
	if err != nil || !s.tls {
		return c, err
	}
	protocol := "http/1.1"
	if h2 {
		protocol = "h2"
	}
	// The peer is on this machine and its certificate is its own.
	t := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}})
	if err := t.Handshake(); err != nil {
		return nil, err
	}
	if got := t.ConnectionState().NegotiatedProtocol; h2 && got != protocol {
		return nil, fmt.Errorf("ALPN chose %q, not h2", got)
	}
	return t, nil
}

// rest is an HTTP/1.1 keep-alive connection.
type rest struct {
	conn    net.Conn
	in      *bufio.Reader
	op      string
	headers string
	token   string
	out     []byte
	body    []byte
	closing bool
	kept    []byte // of a success, where the next request needs it
}

// current are the refresh tokens of each connection, by the first of their family: each is good for
// one request, whose answer has the next.
var current [maxConnections]map[string]string

func newREST(c net.Conn, to *server, op, token string) *rest {
	headers := " HTTP/1.1\r\nHost: " + to.authority + "\r\nAccept: application/json\r\n" +
		"User-Agent: tenantry-bench\r\nAuthorization: Bearer "
	return &rest{conn: c, in: bufio.NewReaderSize(c, 64<<10), op: op, headers: headers, token: token}
}

func (c *rest) reusable() bool { return !c.closing }

func (c *rest) close() { _ = c.conn.Close() }

func (c *rest) call(r request) (int, error) {
	const path = "/api/v1/organizations"
	out := c.out[:0]
	token := c.token
	switch c.op {
	case "get":
		out = append(append(out, "GET "+path+"/"...), r.id...)
	case "list":
		out = append(out, "GET "+path+"?page_size=30"...)
	case "patch":
		out = append(append(out, "PATCH "+path+"/"...), r.id...)
	case "create":
		out = append(out, "POST "+path...)
	case "path":
		out = append(append(out, "GET "...), r.id...)
	case "post":
		target, _, _ := strings.Cut(r.id, "\t")
		out = append(append(out, "POST "...), target...)
	case "send":
		verb, rest, _ := strings.Cut(r.id, "\t")
		target, rest, _ := strings.Cut(rest, "\t")
		out = append(append(append(out, verb...), ' '), target...)
		if parts := strings.SplitN(rest, "\t", 3); len(parts) == 3 {
			token = parts[2]
		}
	case "refresh":
		out = append(out, "POST /oauth/token"...)
	case "authorize":
		target, _, _ := strings.Cut(r.id, "\t")
		out = append(append(out, "GET "...), target...)
	case "join":
		out = append(append(append(out, "POST "+path+"/"...), r.id...), "/users?send_invitation_email=false"...)
	case "invite":
		out = append(append(append(out, "POST "+path+"/"...), r.id...), "/users"...)
	}
	out = append(append(append(out, c.headers...), token...), "\r\n"...)
	switch {
	case bytes.HasPrefix(out, []byte("GET ")) && c.op != "authorize":
		out = append(out, "\r\n"...)
	case c.op == "authorize":
		_, cookie, _ := strings.Cut(r.id, "\t")
		out = append(append(append(out, "Cookie: "...), cookie...), "\r\n\r\n"...)
	default:
		mediaType := "application/json"
		switch c.op {
		case "join", "invite":
			c.body = r.user(c.body[:0])
		case "post":
			_, rest, _ := strings.Cut(r.id, "\t")
			given, body, _ := strings.Cut(rest, "\t")
			mediaType, c.body = given, append(c.body[:0], body...)
		case "send":
			parts := append(strings.SplitN(r.id, "\t", 5), "", "") // a request may be without a body
			mediaType = parts[2]
			c.body = append(c.body[:0], strings.ReplaceAll(parts[3], "{serial}", string(r.serial(nil)))...)
		case "refresh":
			form, token, _ := strings.Cut(r.id, "\t")
			if newer, ok := current[r.connection][token]; ok {
				token = newer
			}
			mediaType = "application/x-www-form-urlencoded"
			c.body = append(append(append(c.body[:0], form...), "&refresh_token="...), token...)
		default:
			c.body = r.json(c.body[:0])
		}
		out = append(append(out, "Content-Type: "...), mediaType...)
		out = append(out, "\r\nContent-Length: "...)
		out = strconv.AppendInt(out, int64(len(c.body)), 10)
		out = append(out, "\r\n\r\n"...)
		out = append(out, c.body...)
	}
	c.out = out
	if _, err := c.conn.Write(out); err != nil {
		return 0, err
	}
	size, err := c.answer()
	if c.op == "refresh" && err == nil {
		err = c.rotate(r)
	}
	return size, err
}

// rotate keeps the refresh token that was answered, for the next request of its family.
func (c *rest) rotate(r request) error {
	const name = `"refresh_token":"`
	start := bytes.Index(c.kept, []byte(name))
	if start < 0 {
		return refusal{"an answer without a refresh token"}
	}
	value, _, _ := bytes.Cut(c.kept[start+len(name):], []byte{'"'})
	_, first, _ := strings.Cut(r.id, "\t")
	if current[r.connection] == nil {
		current[r.connection] = map[string]string{}
	}
	current[r.connection][first] = string(value)
	return nil
}

// answer reads one response: status, the headers that frame its body, the body.
func (c *rest) answer() (int, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 13 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, fmt.Errorf("not an HTTP/1.1 answer: %q", line)
	}
	ok := line[9] == '2'
	c.kept = c.kept[:0]
	status := string(line[9:12])
	length, chunked := -1, false
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case c.op == "authorize" && bytes.EqualFold(name, []byte("location")):
			ok = bytes.Contains(value, []byte("code="))
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, err
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		case bytes.EqualFold(name, []byte("connection")):
			c.closing = c.closing || bytes.EqualFold(value, []byte("close"))
		}
	}
	var kept []byte // of a refusal, for its text
	take := func(n int) error {
		if !ok && n <= 64<<10 {
			part := make([]byte, n)
			_, err := io.ReadFull(c.in, part)
			kept = append(kept, part...)
			return err
		}
		if c.op == "refresh" {
			start := len(c.kept)
			c.kept = append(c.kept, make([]byte, n)...)
			_, err := io.ReadFull(c.in, c.kept[start:])
			return err
		}
		_, err := c.in.Discard(n)
		return err
	}
	switch {
	case status == "204" || status == "304":
		length = 0
	case chunked:
		length, err = c.chunks(take)
	case length >= 0:
		err = take(length)
	default:
		err = errors.New("an answer without length")
	}
	if err == nil && !ok {
		err = refusal{fmt.Sprintf("HTTP %s: %.300s", status, kept)}
	}
	return length, err
}

// chunks reads a chunked body and returns its size.
func (c *rest) chunks(take func(int) error) (int, error) {
	for total := 0; ; {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return 0, err
		}
		if err := take(int(size)); err != nil {
			return 0, err
		}
		if _, err := c.in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		if size == 0 {
			return total, nil
		}
		total += int(size)
	}
}
