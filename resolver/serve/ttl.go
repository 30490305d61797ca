package serve

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// capTTL lowers the TTLs of a packed message to what is left of the answer. The
// records themselves are shared and keep theirs.
func capTTL(wire []byte, most uint32) {
	if len(wire) < headerSize {
		return
	}
	off := headerSize
	for range binary.BigEndian.Uint16(wire[4:]) {
		if off = skipName(wire, off) + 4; off > len(wire) {
			return
		}
	}
	records := 0
	for _, count := range []int{6, 8, 10} {
		records += int(binary.BigEndian.Uint16(wire[count:]))
	}
	for range records {
		off = skipName(wire, off)
		if off+10 > len(wire) {
			return
		}
		// In an OPT record the field holds something else (RFC 6891, Section 6.1.3).
		if t := binary.BigEndian.Uint16(wire[off:]); t != dns.TypeOPT {
			ttl := wire[off+4 : off+8]
			binary.BigEndian.PutUint32(ttl, min(binary.BigEndian.Uint32(ttl), most))
		}
		off += 10 + int(binary.BigEndian.Uint16(wire[off+8:]))
	}
}

// skipName returns the offset behind the name at off, beyond the message if it
// does not end.
func skipName(wire []byte, off int) int {
	for off < len(wire) {
		switch n := int(wire[off]); {
		case n == 0:
			return off + 1
		case n >= 0xc0: // RFC 1035, Section 4.1.4
			return off + 2
		default:
			off += 1 + n
		}
	}
	return len(wire) + 1
}
