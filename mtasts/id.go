package mtasts

import (
	"crypto/sha256"
	"encoding/hex"
)

// idBytes is how much of the hash an id has: enough that two policies of one domain
// never share it, and short enough to be compared by eye.
const idBytes = 10

// ID returns an id for the policy as String publishes it: the same policy has the
// same id, another one has another. RFC 8461, Section 3.1 asks for no order of ids,
// only that they tell policies apart.
func (p *Policy) ID() string {
	sum := sha256.Sum256([]byte(p.String()))
	return hex.EncodeToString(sum[:idBytes])
}

// String returns the text of the TXT record.
func (r *Record) String() string { return versionTag + " id=" + r.ID + ";" }
