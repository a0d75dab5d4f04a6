package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	updateOrganization = "/scalekit.v1.organizations.OrganizationService/UpdateOrganization"
	window             = 1 << 30 // what the server may send before it is given more
)

// grpc is an HTTP/2 connection that carries one unary call at a time.
type grpc struct {
	conn     net.Conn
	out      *bufio.Writer
	framer   *http2.Framer
	headers  []hpack.HeaderField
	block    bytes.Buffer
	encoder  *hpack.Encoder
	decoder  *hpack.Decoder
	stream   uint32
	sendable int // bytes that the server's connection window still takes
	received int // bytes since the server was last given more window
	body     []byte
	leaving  bool

	// of the answer that is being read
	httpStatus, grpcStatus, grpcMessage string
	size                                int
	ended                               bool
}

func newGRPC(c net.Conn, to *server, token string) (*grpc, error) {
	scheme := "http"
	if to.tls {
		scheme = "https"
	}
	g := &grpc{conn: c, out: bufio.NewWriter(c), stream: 1, sendable: 65535}
	g.framer = http2.NewFramer(g.out, bufio.NewReaderSize(c, 64<<10))
	g.framer.SetReuseFrames()
	g.encoder = hpack.NewEncoder(&g.block)
	g.decoder = hpack.NewDecoder(4096, g.header)
	for _, h := range [][2]string{
		{":method", "POST"}, {":scheme", scheme}, {":path", updateOrganization},
		{":authority", to.authority}, {"content-type", "application/grpc"}, {"te", "trailers"},
		{"grpc-timeout", "20S"}, {"user-agent", "tenantry-bench"},
		{"authorization", "Bearer " + token},
	} {
		g.headers = append(g.headers, hpack.HeaderField{Name: h[0], Value: h[1]})
	}
	_, _ = g.out.WriteString(http2.ClientPreface)
	_ = g.framer.WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: window},
	)
	_ = g.framer.WriteWindowUpdate(0, window)
	return g, g.out.Flush()
}

func (g *grpc) reusable() bool { return !g.leaving && g.stream < 1<<30 }

func (g *grpc) close() { _ = g.conn.Close() }

func (g *grpc) call(r request) (int, error) {
	g.body = r.proto(append(g.body[:0], 0, 0, 0, 0, 0))
	binary.BigEndian.PutUint32(g.body[1:], uint32(len(g.body)-5))
	for g.sendable < len(g.body) {
		if err := g.read(); err != nil {
			return 0, err
		}
	}
	g.sendable -= len(g.body)
	g.block.Reset()
	for _, h := range g.headers {
		_ = g.encoder.WriteField(h)
	}
	// Errors of a buffered writer stay with it: the flush tells.
	_ = g.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: g.stream, BlockFragment: g.block.Bytes(), EndHeaders: true,
	})
	_ = g.framer.WriteData(g.stream, true, g.body)
	if err := g.out.Flush(); err != nil {
		return 0, err
	}
	g.httpStatus, g.grpcStatus, g.grpcMessage, g.size, g.ended = "", "", "", 0, false
	for !g.ended {
		if err := g.read(); err != nil {
			return 0, err
		}
	}
	g.stream += 2
	if g.httpStatus != "200" || g.grpcStatus != "0" {
		message, err := url.PathUnescape(g.grpcMessage)
		if err != nil {
			message = g.grpcMessage
		}
		return 0, refusal{fmt.Sprintf("HTTP %s, grpc-status %q: %.300s", g.httpStatus, g.grpcStatus, message)}
	}
	return g.size, nil
}

// header takes what matters of one response header or trailer.
func (g *grpc) header(h hpack.HeaderField) {
	switch h.Name {
	case ":status":
		g.httpStatus = h.Value
	case "grpc-status":
		g.grpcStatus = h.Value
	case "grpc-message":
		g.grpcMessage = h.Value
	}
}

// read takes one frame and answers it where the protocol asks for that.
func (g *grpc) read() error {
	frame, err := g.framer.ReadFrame()
	if err != nil {
		return err
	}
	switch f := frame.(type) {
	case *http2.HeadersFrame:
		if _, err := g.decoder.Write(f.HeaderBlockFragment()); err != nil {
			return err
		}
		if !f.HeadersEnded() {
			return errors.New("a header block in several frames: not expected of this server")
		}
		g.ended = f.StreamEnded()
		return g.decoder.Close()
	case *http2.DataFrame:
		g.size += len(f.Data())
		g.ended = f.StreamEnded()
		if g.received += int(f.Length); g.received > window/2 {
			_ = g.framer.WriteWindowUpdate(0, uint32(g.received))
			g.received = 0
		}
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			g.sendable += int(f.Increment)
		}
	case *http2.SettingsFrame:
		if f.IsAck() {
			return nil
		}
		if size, ok := f.Value(http2.SettingHeaderTableSize); ok {
			g.encoder.SetMaxDynamicTableSizeLimit(size)
		}
		_ = g.framer.WriteSettingsAck()
		return g.out.Flush()
	case *http2.PingFrame:
		if !f.IsAck() {
			_ = g.framer.WritePing(true, f.Data)
			return g.out.Flush()
		}
	case *http2.RSTStreamFrame:
		return fmt.Errorf("stream reset: %s", f.ErrCode)
	case *http2.GoAwayFrame:
		g.leaving = true
		if f.LastStreamID < g.stream {
			return fmt.Errorf("connection ended by the server: %s", f.ErrCode)
		}
	}
	return nil
}
