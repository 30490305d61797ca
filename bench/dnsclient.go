package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// dnsWindow is how many queries a client keeps under way.
const dnsWindow = 16

const typeTLSA = 52

// appendQuery writes a query with RD, AD and DO, as Postfix sends it.
func appendQuery(b []byte, id uint16, name string) []byte {
	b = binary.BigEndian.AppendUint16(b, id)
	b = append(b, 1, 0x20, 0, 1, 0, 0, 0, 0, 0, 1)
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	b = append(b, 0, 0, typeTLSA, 0, 1)
	return append(b, 0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0) // OPT: 1232 bytes, DO
}

// ask asks a server over UDP for the TLSA records of the names, several at a
// time, and returns how long that took. With proven, each must have the AD bit.
func ask(addr string, names []string, proven bool) (time.Duration, error) {
	if len(names) > 1<<16 {
		return 0, errors.New("more names than query numbers")
	}
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	begin := time.Now()
	done := make([]bool, len(names))
	next, left, silence := 0, len(names), 0
	var query []byte
	reply := make([]byte, 4096)
	send := func(i int) error {
		query = appendQuery(query[:0], uint16(i), names[i])
		_, err := conn.Write(query)
		return err
	}
	for ; next < min(dnsWindow, len(names)); next++ {
		if err := send(next); err != nil {
			return 0, err
		}
	}
	for left > 0 {
		_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		n, err := conn.Read(reply)
		if err != nil {
			if silence++; silence > 20 || !errors.Is(err, os.ErrDeadlineExceeded) {
				time.Sleep(20 * time.Millisecond) // it may not listen yet
				return 0, err
			}
			for i := range next {
				if !done[i] {
					if err := send(i); err != nil {
						return 0, err
					}
				}
			}
			continue
		}
		i := int(binary.BigEndian.Uint16(reply))
		if n < 12 || i >= next || done[i] {
			continue
		}
		if rcode := reply[3] & 0xf; rcode != 0 || proven && reply[3]&0x20 == 0 {
			return 0, fmt.Errorf("%s: response code %d, AD %t", names[i], rcode, reply[3]&0x20 != 0)
		}
		done[i] = true
		left--
		if next < len(names) {
			if err := send(next); err != nil {
				return 0, err
			}
			next++
		}
	}
	return time.Since(begin), nil
}
