package outbound

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/smtp"
)

const (
	// DefaultIdle is how long a connection waits for its next message. RFC 5321
	// gives a client minutes; a server's slots are not ours to hold that long.
	DefaultIdle = 5 * time.Second
	// MaxConnectionAge is how long one connection is used for further messages, so
	// that what a server's certificate or address has become is noticed.
	MaxConnectionAge = 5 * time.Minute
	// MaxConnectionMessages is how many messages go over one connection.
	MaxConnectionMessages = 100
	// MaxKept is how many connections wait at a time, MaxKeptPerServer how many of
	// them for the same server under the same policy.
	MaxKept          = 100
	MaxKeptPerServer = 4
)

// Connections keeps connections that have delivered a message open for the next
// one. It keeps only those under TLS, and gives one out only for the same address,
// host, SNI, policy, TLSA records and names as it was made for; the Deliverer then
// holds the server's certificates against the policy once more. Its zero value
// works, for the Deliverers of one Client and Dial, by several goroutines.
type Connections struct {
	// Idle is how long a connection waits; 0 means DefaultIdle.
	Idle time.Duration

	mu     sync.Mutex
	kept   map[connectionKey][]*connection // the latest last
	count  int
	closed bool
}

// connectionKey is all that decides whether a server is the right one.
type connectionKey struct {
	server    netip.AddrPort
	host, sni string
	want      demand
	tlsa      string // the records in their wire form
	names     string
}

// connection is an open connection with its history.
type connection struct {
	*smtp.ClientConn
	key      connectionKey
	since    time.Time
	messages int
	timer    *time.Timer
}

func keyOf(h *Host, server netip.AddrPort, want demand) connectionKey {
	key := connectionKey{server: server, host: h.Name, sni: h.ServerName(), want: want}
	if want.policy != DANE {
		return key
	}
	var b strings.Builder
	names := false
	for i := range h.TLSA {
		r := &h.TLSA[i]
		b.Write([]byte{r.Usage, r.Selector, r.MatchingType, byte(len(r.Data) >> 8), byte(len(r.Data))})
		b.Write(r.Data)
		names = names || r.Usage == dane.DANETA
	}
	key.tlsa = b.String()
	if names { // DANE-EE looks at no name (RFC 7672, Section 3.1.1)
		key.names = strings.Join(h.Names, " ")
	}
	return key
}

// take returns a connection that waits for the key, nil if there is none.
func (p *Connections) take(key connectionKey) *connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.kept[key]
	if len(list) == 0 {
		return nil
	}
	c := list[len(list)-1]
	p.drop(c)
	return c
}

// drop takes a connection out of those that wait, and reports whether it was there.
func (p *Connections) drop(c *connection) bool {
	list := p.kept[c.key]
	i := slices.Index(list, c)
	if i < 0 {
		return false
	}
	c.timer.Stop()
	p.count--
	if len(list) == 1 {
		delete(p.kept, c.key)
	} else {
		p.kept[c.key] = slices.Delete(list, i, i+1)
	}
	return true
}

// keep lets a connection wait, and reports whether there is room for it.
func (p *Connections) keep(c *connection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.count >= MaxKept || len(p.kept[c.key]) >= MaxKeptPerServer {
		return false
	}
	if p.kept == nil {
		p.kept = map[connectionKey][]*connection{}
	}
	p.kept[c.key] = append(p.kept[c.key], c)
	p.count++
	c.timer = time.AfterFunc(cmp.Or(p.Idle, DefaultIdle), func() { p.expire(c) })
	return true
}

// expire ends a connection that has waited long enough.
func (p *Connections) expire(c *connection) {
	p.mu.Lock()
	waiting := p.drop(c)
	p.mu.Unlock()
	if waiting {
		c.Quit(context.Background())
	}
}

// Close ends the connections that wait and all that would be kept later. It says
// QUIT as long as ctx allows.
func (p *Connections) Close(ctx context.Context) {
	p.mu.Lock()
	var all []*connection
	for _, list := range p.kept {
		all = append(all, list...)
	}
	for _, c := range all {
		p.drop(c)
	}
	p.closed = true
	p.mu.Unlock()
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Go(func() { c.Quit(ctx) })
	}
	wg.Wait()
}

// again tries the connections that wait for this server. It reports whether one of
// them brought a verdict on the message.
func (d *Deliverer) again(ctx context.Context, run *run, h *Host, server netip.AddrPort, want demand) (Attempt, bool) {
	if d.Connections == nil {
		return Attempt{}, false
	}
	key := keyOf(h, server, want)
	for c := d.Connections.take(key); c != nil; c = d.Connections.take(key) {
		begin := time.Now()
		a := Attempt{
			Host: h.Name, Address: server.Addr().String(), Policy: want.policy, Stage: StageTLS, Begin: d.now(),
			Reused: true, StartTLSOffered: true, Hello: c.Hello.Lines[0],
		}
		if d.verify(h, want, c.TLS, &a) != nil { // as when a certificate has expired
			c.Quit(ctx)
			continue
		}
		d.send(ctx, c.ClientConn, run, &a)
		a.Seconds = time.Since(begin).Seconds()
		if c.Err() != nil && a.unheard() {
			continue
		}
		d.release(ctx, h, server, want, c, &a)
		return a, true
	}
	return Attempt{}, false
}

// unheard reports whether the server hung up before it looked at the message, as
// servers do with connections that have waited too long for them.
func (a *Attempt) unheard() bool {
	return a.Delivery == nil || a.Delivery.Mail == nil || a.Delivery.Mail.Code == 421
}

// release keeps a connection for the next message or ends it.
func (d *Deliverer) release(ctx context.Context, h *Host, server netip.AddrPort, want demand, c *connection, a *Attempt) {
	c.messages++
	fit := a.Stage == StageMessage && c.TLS != nil && c.Err() == nil && ctx.Err() == nil &&
		c.messages < MaxConnectionMessages && time.Since(c.since) < MaxConnectionAge
	if fit && d.Connections != nil {
		c.key = keyOf(h, server, want)
		if d.Connections.keep(c) {
			return
		}
	}
	c.Quit(ctx)
}
