package milter

import (
	"bytes"
	"strings"
)

// Macros are what the mail server says beside the commands: names with values, for
// each stage of a connection. A stage's macros are true until the stage comes again
// or an earlier one begins anew.
type Macros struct {
	stages [stageCount][]byte // name NUL value NUL ..., as they came
}

// The stages, in their order.
const (
	stageConnect = iota
	stageHelo
	stageMail
	stageRcpt
	stageData
	stageHeader
	stageEndHeader
	stageBody
	stageEndBody
	stageCount
)

// stageOf returns the stage of a command, -1 if it has none.
func stageOf(cmd byte) int {
	return strings.IndexByte("CHMRTLNBE", cmd)
}

// Value returns the value of a macro, "" if it is not known; the braces of long
// names may be left out. What a later stage says is preferred.
func (m *Macros) Value(name string) string {
	if m == nil {
		return ""
	}
	name = bare(name)
	for i := stageCount - 1; i >= 0; i-- {
		for rest := m.stages[i]; len(rest) > 0; {
			var k, v []byte
			k, rest, _ = bytes.Cut(rest, []byte{0})
			v, rest, _ = bytes.Cut(rest, []byte{0})
			if bare(k) == name {
				return string(v)
			}
		}
	}
	return ""
}

func bare[T string | []byte](name T) string {
	s := string(name)
	if n := len(s); n > 2 && s[0] == '{' && s[n-1] == '}' {
		return s[1 : n-1]
	}
	return s
}

// Set gives a stage, named by its command, these macros in place of what it had, as
// names and values in turn. The later stages lose theirs: they are of the past.
func (m *Macros) Set(cmd byte, pairs ...string) {
	var b []byte
	for _, s := range pairs {
		b = append(append(b, s...), 0)
	}
	m.set(cmd, b)
}

// set is Set for the payload of a packet.
func (m *Macros) set(cmd byte, payload []byte) {
	i := stageOf(cmd)
	if i < 0 {
		return // of a command that we did not ask for
	}
	m.stages[i] = append(m.stages[i][:0], payload...)
	m.forget(i + 1)
}

// forget drops what the stages from one on said.
func (m *Macros) forget(from int) {
	for i := from; i < stageCount; i++ {
		m.stages[i] = m.stages[i][:0]
	}
}

// wantMacros are the names asked for at negotiation. A stage that is left out gets
// none from Postfix once one is asked for; header, body and recipients are left out
// on purpose, since their macros would come again with each of them.
var wantMacros = [...]struct {
	stage uint32 // SMFIM in libmilter
	names string
}{
	{0, "j {daemon_name} {daemon_addr} {client_addr} {client_name} {client_ptr} {client_port}"},
	{1, "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}"},
	{2, "i {auth_type} {auth_authen} {auth_author} {tls_version} {client_addr}"},
	{5, "i {auth_authen} {client_addr}"},
}
