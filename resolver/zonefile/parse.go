package zonefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
	"github.com/waxseal/waxseal/resolver"
)

// Limits on what is loaded.
const (
	MaxFile    = 256 << 20 // bytes of one file
	MaxRecords = 4 << 20   // of all files; one $GENERATE line makes up to 65,536
	DefaultTTL = 3600      // seconds, for records without any (RFC 2308, Section 4 wants a $TTL)
)

const maxQuoted = 120 // bytes of a faulty line that an error repeats

// Add reads one more master file. It may bring new zones or records of zones
// that are loaded already; a record that is there already counts once. When it
// fails, nothing of the file was added. Add must not run beside Fetch.
func (z *Zones) Add(r io.Reader, name string) error {
	text, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return &Error{Reason: Unreadable, File: name, Detail: err.Error()}
	}
	if len(text) > MaxFile {
		return &Error{Reason: TooLarge, File: name, Detail: fmt.Sprintf("over %d bytes", MaxFile)}
	}
	rrs, err := parseRecords(text, name, MaxRecords-z.records)
	if err != nil {
		return err
	}
	z.records += len(rrs)
	z.insert(rrs)
	return nil
}

// parseRecords returns the records of a master file, at most limit.
func parseRecords(text []byte, name string, limit int) ([]record, error) {
	zp := dns.NewZoneParser(bytes.NewReader(text), ".", "")
	zp.SetDefaultTTL(DefaultTTL)
	var rrs []record
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		if len(rrs) >= limit {
			return nil, &Error{Reason: TooLarge, File: name, Detail: fmt.Sprintf("over %d records", MaxRecords)}
		}
		if rr.Header().Class != dns.ClassINET {
			return nil, &Error{Reason: BadClass, File: name, Text: quotable(rr.String())}
		}
		rec, err := normalise(rr)
		if err != nil {
			return nil, &Error{Reason: BadRecord, File: name, Text: quotable(rr.String()), Detail: err.Error()}
		}
		rrs = append(rrs, rec)
	}
	if err := zp.Err(); err != nil {
		return nil, syntaxError(err, text, name)
	}
	return rrs, nil
}

// record is one resource record and the bytes that tell it from others.
type record struct {
	rr    dns.RR
	owner string // canonical
	id    string // owner, type and data as they go over the wire
}

var (
	errNoOwner = errors.New("no owner name")
	errNoData  = errors.New("no data")
)

// normalise brings rr to the form it has when it comes over the wire, so that
// names compare whatever escapes the file wrote them with.
func normalise(rr dns.RR) (record, error) {
	if rr.Header().Name == "" {
		return record{}, errNoOwner
	}
	switch rr := rr.(type) { // people write the types in any order, the wire has one
	case *dns.NSEC:
		rr.TypeBitMap = sorted(rr.TypeBitMap)
	case *dns.NSEC3:
		rr.TypeBitMap = sorted(rr.TypeBitMap)
	}
	buf := make([]byte, dns.Len(rr)+1)
	end, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		return record{}, err
	}
	wire, _, err := dns.UnpackRR(buf[:end], 0)
	if err != nil {
		return record{}, err
	}
	h := wire.Header()
	if h.Rdlength == 0 && h.Rrtype < 128 && h.Rrtype != dns.TypeAPL && h.Rrtype != dns.TypeNULL {
		return record{}, errNoData
	}
	owner := resolver.CanonicalName(h.Name)
	data := end - int(h.Rdlength)
	id := owner + " " + strconv.Itoa(int(h.Rrtype)) + " " + string(buf[data:end])
	return record{wire, owner, id}, nil
}

func sorted(types []uint16) []uint16 {
	types = slices.Clone(types)
	slices.Sort(types)
	return slices.Compact(types)
}

// syntaxError takes the line number out of the parser's message, which has it
// only as text, and adds the line.
func syntaxError(err error, text []byte, name string) error {
	e := &Error{Reason: Syntax, File: name, Detail: strings.TrimPrefix(err.Error(), "dns: ")}
	i := strings.LastIndex(e.Detail, " at line: ")
	if i < 0 {
		return e
	}
	line, _, _ := strings.Cut(e.Detail[i+len(" at line: "):], ":")
	e.Line, _ = strconv.Atoi(line)
	e.Detail = e.Detail[:i]
	e.Text = lineOf(text, e.Line)
	return e
}

// lineOf returns the line with number n, from 1.
func lineOf(text []byte, n int) string {
	for ; n > 1; n-- {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			return ""
		}
		text = text[i+1:]
	}
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	return quotable(string(text))
}

func quotable(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxQuoted {
		s = s[:maxQuoted] + "..."
	}
	return s
}
