package lab

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
)

// fabric maps the addresses of the story to ports of this host.
type fabric struct {
	mu    sync.Mutex
	hosts map[string]string // "192.0.2.50:25" to where it really listens
	path  map[string]string // likewise, of the attacker on the way to it
}

// dialer dials for the host at an address of the story.
type dialer struct {
	*fabric
	from   string
	direct bool // past the attacker on the path
}

// smtpPort is that of all mail servers. What is dialled there begins with a PROXY
// header that says who the client is: all real connections are from 127.0.0.1.
const smtpPort = "25"

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	to := d.hosts[address]
	if at := d.path[address]; at != "" && !d.direct {
		to = at
	}
	d.mu.Unlock()
	if to == "" {
		return nil, fmt.Errorf("connect to %s: connection refused", address)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp4", to)
	if err != nil {
		return nil, err
	}
	if port == smtpPort && !strings.HasPrefix(network, "udp") {
		if _, err := fmt.Fprintf(conn, "PROXY TCP4 %s %s 40000 25\r\n", d.from, host); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return conn, nil
}
