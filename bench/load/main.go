// Load sends one kind of request to a server on this machine over a fixed number of connections
// and prints one line of JSON about the answers.
//
// The loop is closed: each connection sends its next request when it has the answer to the last,
// so a latency is what one of `-connections` callers waits, not what a caller outside the loop
// would. Server, database and this program share the cores: the program is written to be cheap
// (no HTTP or gRPC library, one write and about one read a request) and says what it used itself
// in `load_cpu_us`. When the warm-up is over it prints "measuring" to standard error, so that a
// caller can read other counters over the same seconds.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const maxConnections = 256

// refusal is a complete answer that says no: the connection can still be used.
type refusal struct{ text string }

func (r refusal) Error() string { return r.text }

// wire is one open connection with at most one request in flight.
type wire interface {
	// call sends one request and returns the size of the answer's body.
	call(request) (int, error)
	// reusable is false once the server has asked for another connection.
	reusable() bool
	close()
}

// tally is what one connection saw in the measured seconds; errors count in the warm-up too.
type tally struct {
	latencies  []time.Duration
	bytes      int
	errors     int
	firstError string
}

// report is the line of JSON.
type report struct {
	Op          string  `json:"op"`
	Connections int     `json:"connections"`
	Requests    int     `json:"requests"`
	Errors      int     `json:"errors"`
	FirstError  string  `json:"first_error,omitempty"`
	Seconds     float64 `json:"seconds"`
	RPS         float64 `json:"rps"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	Max         float64 `json:"max_ms"`
	AnswerBytes int     `json:"answer_bytes"`
	LoadCPU     float64 `json:"load_cpu_us"`
}

func main() {
	var o options
	flag.StringVar(&o.url, "url", "http://127.0.0.1:8443", "the server; https:// for TLS, its certificate is not verified")
	flag.StringVar(&o.op, "op", "get", strings.Join(ops, "|"))
	flag.StringVar(&o.token, "token", "", "access token")
	flag.StringVar(&o.ids, "ids", "", "file of organization ids, one a line; of paths for -op path; of path, media type and body with tabs between for -op post; of verb, path, media type, body and, if it is not -token, access token for -op send, where {serial} is another text each time; of form and first token for -op refresh; of path and Cookie header for -op authorize")
	flag.IntVar(&o.connections, "connections", 32, "connections, each with one request in flight (1 to 256)")
	flag.DurationVar(&o.duration, "duration", 10*time.Second, "how long to measure (at most 10m)")
	flag.DurationVar(&o.warmup, "warmup", 2*time.Second, "how long to run before (at most 1m)")
	flag.Parse()
	runtime.GOMAXPROCS(1) // one core is plenty, and the server needs the others
	result, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(result)
}

type options struct {
	url, op, token, ids string
	connections         int
	duration, warmup    time.Duration
}

func run(o options) (*report, error) {
	if o.connections < 1 || o.connections > maxConnections || o.duration <= 0 || o.duration > 10*time.Minute ||
		o.warmup < 0 || o.warmup > time.Minute {
		return nil, errors.New("connections, duration or warmup out of range (see -help)")
	}
	if !slices.Contains(ops, o.op) {
		return nil, fmt.Errorf("unknown -op %q: one of %s", o.op, strings.Join(ops, ", "))
	}
	to, err := loopback(o.url)
	if err != nil {
		return nil, err
	}
	requests, err := readRequests(o)
	if err != nil {
		return nil, err
	}
	began := time.Now().Add(o.warmup)
	ends := began.Add(o.duration)
	dial := func() (wire, error) {
		c, err := to.dial(o.op == "grpc-patch")
		if err != nil {
			return nil, err
		}
		// A server that stops answering ends the run instead of holding it.
		_ = c.SetDeadline(ends.Add(10 * time.Second))
		if o.op == "grpc-patch" {
			return newGRPC(c, to, o.token)
		}
		return newREST(c, to, o.op, o.token), nil
	}
	tallies := make([]tally, o.connections)
	var workers sync.WaitGroup
	for i := range tallies {
		workers.Go(func() { work(&tallies[i], requests(i), dial, began, ends) })
	}
	time.Sleep(time.Until(began))
	fmt.Fprintln(os.Stderr, "measuring")
	cpu := cpuTime()
	workers.Wait()
	return summarize(o, tallies, cpuTime()-cpu), nil
}

// work keeps one connection busy until the end.
func work(t *tally, next func() request, dial func() (wire, error), began, ends time.Time) {
	var w wire
	fail := func(err error) {
		t.errors++
		if t.firstError == "" {
			t.firstError = err.Error()
		}
	}
	for start := time.Now(); start.Before(ends); {
		if w == nil {
			var err error
			if w, err = dial(); err != nil {
				w = nil
				fail(err)
				time.Sleep(100 * time.Millisecond)
			}
			start = time.Now()
			continue
		}
		size, err := w.call(next())
		now := time.Now()
		var refused refusal
		switch {
		case err != nil:
			fail(err)
		case !start.Before(began) && !now.After(ends):
			t.latencies = append(t.latencies, now.Sub(start))
			t.bytes += size
		}
		if (err != nil && !errors.As(err, &refused)) || !w.reusable() {
			w.close()
			w = nil
		}
		start = now
	}
	if w != nil {
		w.close()
	}
}

func summarize(o options, tallies []tally, cpu time.Duration) *report {
	r := &report{Op: o.op, Connections: o.connections, Seconds: o.duration.Seconds()}
	var all []time.Duration
	size := 0
	for _, t := range tallies {
		all = append(all, t.latencies...)
		size += t.bytes
		r.Errors += t.errors
		if r.FirstError == "" {
			r.FirstError = t.firstError
		}
	}
	r.Requests = len(all)
	if len(all) == 0 {
		return r
	}
	slices.Sort(all)
	ms := func(q float64) float64 {
		return float64(all[min(int(q*float64(len(all))), len(all)-1)].Microseconds()) / 1000
	}
	r.RPS = float64(len(all)) / r.Seconds
	r.P50, r.P99, r.Max = ms(0.50), ms(0.99), ms(1)
	r.AnswerBytes = size / len(all)
	r.LoadCPU = float64(cpu.Microseconds()) / float64(len(all))
	return r
}

// cpuTime is the processor time that this program has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// readRequests returns, for each connection, its endless row of requests. A connection has
// organizations of its own, so that no two requests change one row at the same time: conflicts
// are another measurement.
func readRequests(o options) (func(connection int) func() request, error) {
	var ids []string
	if o.ids != "" {
		file, err := os.Open(o.ids)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if id := strings.TrimSpace(lines.Text()); id != "" {
				ids = append(ids, id)
			}
		}
	}
	if needsID := o.op != "list" && o.op != "create"; needsID && len(ids) < o.connections {
		return nil, fmt.Errorf("-ids must name at least %d organizations, one for each connection", o.connections)
	}
	base := time.Now().UnixMilli() // another run writes other values
	return func(connection int) func() request {
		number := 0
		return func() request {
			number++
			r := request{connection: connection, run: base, number: number}
			if own := (len(ids) - connection + o.connections - 1) / o.connections; own > 0 {
				r.id = ids[connection+(number%own)*o.connections]
			}
			return r
		}
	}, nil
}

// server is where the requests go.
type server struct {
	authority string // as in the URL
	addresses []string
	tls       bool
}

// loopback reads the server's URL and refuses one that leaves this machine.
func loopback(text string) (*server, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Port() == "" {
		return nil, fmt.Errorf("-url %q is not http://host:port or https://host:port", text)
	}
	addresses, err := net.LookupIP(u.Hostname())
	if err != nil {
		return nil, err
	}
	s := &server{authority: u.Host, tls: u.Scheme == "https"}
	for _, ip := range addresses {
		if !ip.IsLoopback() {
			return nil, fmt.Errorf("-url %q is %s: only loopback addresses are loaded", text, ip)
		}
		s.addresses = append(s.addresses, net.JoinHostPort(ip.String(), u.Port()))
	}
	return s, nil
}
