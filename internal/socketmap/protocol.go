package socketmap

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/waxseal/waxseal/internal/ascii"
)

// Limits of the protocol (socketmap_table(5)) and of ours.
const (
	MaxQuery = 10000  // bytes of a request
	MaxReply = 100000 // bytes of a reply, which Postfix refuses beyond

	DefaultConnections = 1000
	// IdleTime is how long a client may be silent; Postfix hangs up after 10 s.
	IdleTime = 5 * time.Minute
	// RequestTime is from the first byte of a request to its last, and for each reply.
	RequestTime = 30 * time.Second
	// LookupTime is for one lookup, below the 100 s that Postfix waits.
	LookupTime = 30 * time.Second
	DrainTime  = 10 * time.Second
)

// Reason says why a connection ended in another way than it should.
type Reason string

// The reasons.
const (
	BadRequest  Reason = "malformed request"
	TooLarge    Reason = "request too large"
	Closed      Reason = "connection closed within a request"
	Timeout     Reason = "timeout"
	WriteFailed Reason = "write failed"
	Full        Reason = "too many connections"
	Panicked    Reason = "panic in a lookup"
)

// Error is the one error of this package.
type Error struct {
	Reason Reason
	Detail string
	Err    error // the cause below, where there is one
}

func (e *Error) Error() string {
	s := "socketmap: " + string(e.Reason)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// readRequest reads one request, a netstring that has the name of a map, a space
// and a key. It returns io.EOF at the end of the input between requests.
func readRequest(r *bufio.Reader) (name, key string, err error) {
	size, err := readLength(r)
	if err != nil {
		return "", "", err
	}
	b := make([]byte, size+1)
	if _, err := io.ReadFull(r, b); err != nil {
		return "", "", cut(err)
	}
	if b[size] != ',' {
		return "", "", &Error{Reason: BadRequest, Detail: "no comma after the text"}
	}
	name, key, found := strings.Cut(string(b[:size]), " ")
	if !found {
		return "", "", &Error{Reason: BadRequest, Detail: "no space after the name of the map"}
	}
	return name, key, nil
}

// readLength reads the length of a netstring and its colon.
func readLength(r *bufio.Reader) (int, error) {
	n := 0
	for digits := 0; ; digits++ {
		c, err := r.ReadByte()
		switch {
		case err != nil && digits == 0:
			return 0, err
		case err != nil:
			return 0, cut(err)
		case c == ':' && digits > 0:
			return n, nil
		case !ascii.IsDigit(c), digits > 0 && n == 0:
			return 0, &Error{Reason: BadRequest, Detail: "no length: " + strconv.QuoteToASCII(string([]byte{c}))}
		}
		if n = 10*n + int(c-'0'); n > MaxQuery {
			return 0, &Error{Reason: TooLarge}
		}
	}
}

// cut is what a failed read within a request means.
func cut(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Error{Reason: Timeout, Err: err}
	}
	return &Error{Reason: Closed, Err: err}
}

// appendReply appends a reply as a netstring.
func appendReply(dst []byte, reply string) []byte {
	if len(reply) > MaxReply {
		reply = temp + "the answer is too long for Postfix"
	}
	dst = strconv.AppendInt(dst, int64(len(reply)), 10)
	dst = append(append(dst, ':'), reply...)
	return append(dst, ',')
}
