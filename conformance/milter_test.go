package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/waxseal/waxseal/message"
)

// milterClient is the side of the mail server in the milter protocol, version
// 6: as much of it as hands messages over and takes header fields.
type milterClient struct {
	conn net.Conn
}

const (
	milterVersion     = 6
	milterActions     = 0x1ff    // everything a filter may do to a message
	milterHeaderSpace = 0x100000 // values keep the white space in front of them
	milterMaxBody     = 65535    // bytes in one chunk of the body
)

// dialMilter connects as a mail server that has a client on loopback, whose mail
// a signing filter signs.
func dialMilter(socket string) (*milterClient, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	m := &milterClient{conn}
	var options []byte
	for _, n := range []uint32{milterVersion, milterActions, milterHeaderSpace} {
		options = binary.BigEndian.AppendUint32(options, n)
	}
	if err := m.send('O', string(options)); err != nil {
		return nil, err
	}
	kind, answer, err := m.receive()
	if err != nil {
		return nil, err
	}
	if kind != 'O' || len(answer) != 12 || binary.BigEndian.Uint32(answer[8:]) != milterHeaderSpace {
		return nil, fmt.Errorf("negotiation: %c %x", kind, answer)
	}
	for _, step := range []struct {
		kind byte
		text string
	}{
		{'C', "localhost\x004\x00\x19127.0.0.1\x00"},
		{'H', "localhost\x00"},
	} {
		if _, done, err := m.step(step.kind, step.text); err != nil || done {
			return nil, fmt.Errorf("%c: accepted %t: %w", step.kind, done, err)
		}
	}
	return m, nil
}

// message hands over a message and returns the header fields that the filter
// puts in front of it, with their line ends.
func (m *milterClient) message(text string) (string, error) {
	read, err := message.Read(strings.NewReader(text))
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(read.Body)
	if err != nil {
		return "", err
	}
	if err := m.send('D', "Mi\x00QUEUEID\x00"); err != nil {
		return "", err
	}
	steps := []string{"M<joe@" + peerDomain + ">\x00", "R<ann@example.net>\x00"}
	for i := range read.Header.Fields {
		f := &read.Header.Fields[i]
		// The name with the white space before its colon. Folded lines have the
		// line end of the mail server's own system.
		name, value, _ := bytes.Cut(bytes.TrimSuffix(f.Raw, []byte("\r\n")), []byte(":"))
		value = bytes.ReplaceAll(value, []byte("\r\n"), []byte("\n"))
		steps = append(steps, "L"+string(name)+"\x00"+string(value)+"\x00")
	}
	steps = append(steps, "N")
	for len(body) > 0 {
		n := min(len(body), milterMaxBody)
		steps = append(steps, "B"+string(body[:n]))
		body = body[n:]
	}
	steps = append(steps, "E")
	var added string
	for _, s := range steps {
		fields, done, err := m.step(s[0], s[1:])
		if err != nil {
			return "", fmt.Errorf("%q: %w", s[:min(len(s), 80)], err)
		}
		added += fields
		if done {
			return added, nil
		}
	}
	return added, nil
}

// step sends a command and returns the fields that are added in answer to it
// and whether the filter has seen enough of the message.
func (m *milterClient) step(kind byte, text string) (fields string, done bool, err error) {
	if err := m.send(kind, text); err != nil {
		return "", false, err
	}
	for {
		kind, answer, err := m.receive()
		if err != nil {
			return "", false, err
		}
		switch kind {
		case 'c':
			return fields, false, nil
		case 'a':
			return fields, true, nil
		case 'p': // still at work
		case 'h', 'i':
			if kind == 'i' {
				answer = answer[min(4, len(answer)):] // the place: all go to the top
			}
			name, value, _ := strings.Cut(strings.TrimSuffix(string(answer), "\x00"), "\x00")
			fields = name + ":" + strings.ReplaceAll(value, "\n", "\r\n") + "\r\n" + fields
		default:
			return "", false, fmt.Errorf("answer %c %q", kind, answer)
		}
	}
}

func (m *milterClient) send(kind byte, text string) error {
	packet := binary.BigEndian.AppendUint32(nil, uint32(1+len(text)))
	packet = append(packet, kind)
	_, err := m.conn.Write(append(packet, text...))
	return err
}

func (m *milterClient) receive() (kind byte, answer []byte, err error) {
	var size [4]byte
	if _, err := io.ReadFull(m.conn, size[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n == 0 || n > 1<<20 {
		return 0, nil, fmt.Errorf("packet of %d bytes", n)
	}
	packet := make([]byte, n)
	_, err = io.ReadFull(m.conn, packet)
	return packet[0], packet[1:], err
}

func (m *milterClient) close() error {
	m.send('Q', "")
	return m.conn.Close()
}
