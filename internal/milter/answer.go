package milter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/message"
)

// flushAt is how much is gathered before it is sent.
const flushAt = 64 << 10

// give sends an answer at the end of the body: the changes, then the action.
func (c *conn) give(e *envelope, a *Answer) {
	if a.Action == Accept {
		if err := c.change(e, a); err != nil {
			c.server.report(&e.Message, err)
			a = later()
		}
	}
	c.say(a)
}

// change sends the changes to an accepted message. With an error none was sent.
func (c *conn) change(e *envelope, a *Answer) error {
	insert, err := message.ParseHeader(a.Insert)
	if err != nil {
		return &Error{Reason: BadAnswer, Err: err}
	}
	for i := range insert.Fields {
		if f := &insert.Fields[i]; f.Malformed() || !bytes.HasSuffix(f.Raw, []byte("\r\n")) {
			return &Error{Reason: BadAnswer, Detail: fmt.Sprintf("inserting %.80q", f.Raw)}
		}
	}
	places, ok := placesOf(e.Header, a.Delete)
	if !ok {
		return &Error{Reason: BadAnswer, Detail: "deleting a field that is not there"}
	}
	for _, p := range places {
		c.add(repChangeHeader, binary.BigEndian.AppendUint32(nil, p.index), p.name, []byte{0, 0})
		c.flushSome()
	}
	// Each goes to the very top, so the last one first.
	for i := len(insert.Fields) - 1; i >= 0; i-- {
		f := &insert.Fields[i]
		c.add(repInsertHeader, []byte{0, 0, 0, 0}, f.Name(), []byte{0}, c.value(f.Value()), []byte{0})
		c.flushSome()
	}
	if a.Quarantine != "" && c.actions&actQuarantine != 0 {
		c.add(repQuarantine, []byte(line(a.Quarantine, maxQuarMark)), []byte{0})
	}
	return nil
}

// flushSome keeps many changes from being held; the next flush finds a fault.
func (c *conn) flushSome() {
	if len(c.out) >= flushAt {
		_ = c.flush()
	}
}

// value returns a header value as the mail server takes it: with LF, and without
// the space in front that it adds by itself.
func (c *conn) value(v []byte) []byte {
	if c.flags&leadingSpace == 0 && len(v) > 0 && v[0] == ' ' {
		v = v[1:]
	}
	return bytes.ReplaceAll(v, []byte("\r\n"), []byte("\n"))
}

// place names a header field as the protocol does: the how manieth of its name.
type place struct {
	name  []byte
	index uint32 // from 1
}

// placesOf returns the places of fields from the bottom up, so that deleting one
// leaves the others where they are.
func placesOf(h *message.Header, fields []int) ([]place, bool) {
	if len(fields) == 0 {
		return nil, true
	}
	fields = slices.Clone(fields)
	slices.Sort(fields)
	fields = slices.Compact(fields)
	if h == nil || fields[0] < 0 || fields[len(fields)-1] >= len(h.Fields) {
		return nil, false
	}
	counts := map[string]uint32{} // of the names that matter
	for _, i := range fields {
		counts[lower(h.Fields[i].Name())] = 0
	}
	var places []place
	next := 0
	for i := range h.Fields {
		if next == len(fields) {
			break
		}
		name := h.Fields[i].Name()
		key := lower(name)
		n, matters := counts[key]
		if matters {
			n++
			counts[key] = n
		}
		if i == fields[next] {
			places = append(places, place{name, n})
			next++
		}
	}
	slices.Reverse(places)
	return places, true
}

func lower(b []byte) string { return string(ascii.AppendLower(nil, b)) }

// say sends the reply that ends a message.
func (c *conn) say(a *Answer) {
	switch a.Action {
	case Accept:
		c.add(repAccept)
	case Discard:
		c.add(repDiscard)
	case Reject:
		c.refuse(a, '5', repReject)
	default:
		c.refuse(a, '4', repTempFail)
	}
}

// refuse sends the words of an answer, or a reply for which the mail server finds
// its own.
func (c *conn) refuse(a *Answer, class byte, plain byte) {
	if text := replyText(a, class); text != "" {
		c.add(repReplyCode, []byte(text), []byte{0})
	} else {
		c.add(plain)
	}
}

// replyText returns the reply of an answer in the form of the protocol, "" if it
// has no code that goes with its class.
func replyText(a *Answer, class byte) string {
	code := fmt.Sprint(a.Code)
	if len(code) != 3 || code[0] != class {
		return ""
	}
	enhanced := a.Enhanced
	if len(enhanced) < 5 || enhanced[0] != class || strings.Trim(enhanced, "0123456789.") != "" {
		enhanced = string(class) + ".7.1" // Postfix refuses a reply without one
	}
	text := line(a.Text, maxReplyText)
	if text == "" {
		text = "message refused by local policy"
	}
	// A mail server takes the text for a format string.
	text = strings.ReplaceAll(text, "%", "%%")
	var b strings.Builder
	for text != "" {
		var rest string
		text, rest = cut(text)
		separator := byte(' ')
		if rest != "" {
			separator = '-'
		}
		b.WriteString(code)
		b.WriteByte(separator)
		b.WriteString(enhanced + " " + text)
		if rest != "" {
			b.WriteString("\r\n")
		}
		text = rest
	}
	return b.String()
}

// cut splits a text after a line of it, at a space if there is one.
func cut(text string) (first, rest string) {
	if len(text) <= maxReplyLine {
		return text, ""
	}
	n := maxReplyLine
	if i := strings.LastIndexByte(text[:n], ' '); i > 0 {
		n = i
	} else if text[n-1] == '%' && strings.Count(text[:n], "%")%2 == 1 {
		n-- // a doubled sign stays whole
	}
	return text[:n], strings.TrimLeft(text[n:], " ")
}

// line makes a text one line of US-ASCII.
func line(s string, most int) string {
	b := make([]byte, 0, min(len(s), most))
	for i := 0; i < len(s) && len(b) < most; i++ {
		c := s[i]
		switch {
		case c == ' ' || ascii.IsPrint(c):
		case ascii.IsFWS(c):
			c = ' '
		default:
			c = '?'
		}
		b = append(b, c)
	}
	return strings.TrimSpace(string(b))
}
