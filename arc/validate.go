package arc

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"github.com/waxseal/waxseal/dkim"
	"github.com/waxseal/waxseal/message"
	"github.com/waxseal/waxseal/resolver"
)

// Validator validates chains. It is safe for use by many goroutines.
type Validator struct {
	Resolver resolver.Resolver // required
	Time     func() time.Time  // for x=; nil means time.Now
	Keys     *dkim.KeyCache    // may be that of a dkim.Verifier; nil means no cache

	// NewestOnly leaves the older message signatures alone, which cost a public
	// key operation each and decide nothing; OldestPass is then not known and 0.
	NewestOnly bool
}

// Pending is a validation under way: the keys are being looked up while the body
// arrives.
type Pending struct {
	out     Validation
	hops    []hop // by instance; nil if the structure already decided
	lookups dkim.Lookups
	keys    *dkim.KeyCache
	body    *dkim.Body
	older   bool // whether older message signatures are verified
}

// hop is what is verified of one set.
type hop struct{ ams, as check }

// check is one signature of a set; sig is nil for one that cannot be evaluated.
type check struct {
	sig    *dkim.Signature
	header [sha256.Size]byte
	key    int
	body   dkim.BodyHash
}

// Begin reads the chain of h, starts to look its keys up and registers with b
// the hashes that it needs. The body is then to be written to b and b to be
// closed; h is needed no more when Begin returns.
func (v *Validator) Begin(ctx context.Context, h *message.Header, b *dkim.Body) *Pending {
	p := &Pending{keys: v.Keys, body: b, older: !v.NewestOnly, out: Validation{Result: None, Sets: []Set{}}}
	c := collect(h)
	if len(c.sets) == 0 && c.reason == "" {
		p.out.Reason = "the message has no ARC set"
		return p
	}
	p.out.Result = Fail
	now := time.Now
	if v.Time != nil {
		now = v.Time
	}
	hops := p.read(c, now().Unix())
	if p.out.Reason = p.structure(c); p.out.Reason != "" {
		return p
	}
	p.hops = hops
	for i := range hops {
		if v.NewestOnly && i < len(hops)-1 {
			hops[i].ams.sig = nil
		}
		for _, k := range [...]*check{&hops[i].as, &hops[i].ams} {
			if k.sig != nil {
				k.key = p.lookups.Add(ctx, v.Resolver, k.sig.KeyName)
			}
		}
	}
	p.hash(h, c)
	return p
}

// read begins the verdicts on all sets and returns what there is to verify.
func (p *Pending) read(c chain, now int64) []hop {
	hops := make([]hop, len(c.sets))
	p.out.Sets = make([]Set, len(c.sets))
	for i := range c.sets {
		s, set := &c.sets[i], &p.out.Sets[i]
		set.Instance = i + 1
		set.AMS.Result, set.AS.Result = dkim.None, dkim.None
		if s.aar != nil {
			set.AuthResults = unfold(s.results)
		}
		if s.ams.field != nil {
			set.AMS = s.ams.verdict(now)
			set.SignsFrom = covers(s.ams.sig, "From")
			// RFC 8617, Section 4.1.2 forbids it.
			if set.AMS.Result == "" && covers(s.ams.sig, asName) {
				set.AMS.Result, set.AMS.Reason = dkim.PermError, "h= covers ARC-Seal"
			}
		}
		if s.as.field != nil {
			set.AS, set.CV = s.as.verdict(now), string(s.as.sig.Chain)
		}
		if set.AMS.Result == "" {
			hops[i].ams.sig = s.ams.sig
		}
		if set.AS.Result == "" {
			hops[i].as.sig = s.as.sig
		}
	}
	return hops
}

// verdict begins the verdict on a field. It has a result if the signature is not
// to be evaluated.
func (s *signed) verdict(now int64) dkim.Verification {
	out := dkim.NewVerification(s.sig, s.err, s.at)
	if out.Result != "" {
		return out
	}
	if r, reason := s.sig.Untimely(now); r == dkim.Fail { // t= is left alone
		out.Result, out.Reason = r, reason
	}
	return out
}

// structure returns what fails a chain before any signature is verified (RFC
// 8617, Section 5.2, steps 2 and 3).
func (p *Pending) structure(c chain) string {
	if c.reason != "" {
		return c.reason
	}
	sets := p.out.Sets
	if p.out.Ended() {
		return fmt.Sprintf("the sealer of set %d found the chain broken (cv=fail)", len(sets))
	}
	for i := range sets {
		if sets[i].AS.Result != "" {
			return fmt.Sprintf("the ARC-Seal of set %d is unusable: %s", i+1, sets[i].AS.Reason)
		}
		if want := expectedCV(i + 1); sets[i].CV != string(want) {
			return fmt.Sprintf("set %d has cv=%s, not %s", i+1, shorten(sets[i].CV), want)
		}
	}
	if last := &sets[len(sets)-1].AMS; last.Result != "" {
		return fmt.Sprintf("the ARC-Message-Signature of set %d is unusable: %s", len(sets), last.Reason)
	}
	return ""
}

// expectedCV is the cv= that a set of a good chain has (RFC 8617, Section 4.4).
func expectedCV(instance int) Result {
	if instance == 1 {
		return None
	}
	return Pass
}

func shorten(s string) string {
	if len(s) > 20 {
		return fmt.Sprintf("%q...", s[:20])
	}
	return fmt.Sprintf("%q", s)
}

// hash computes the header hashes of all signatures. That of a seal goes on from
// what the seal below it covered, so the work is linear in the hops.
func (p *Pending) hash(h *message.Header, c chain) {
	x := dkim.NewHeaderIndex(h)
	defer x.Release()
	seals := sha256.New()
	pooled := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	buf := *pooled
	for i := range c.sets {
		s := &c.sets[i]
		if ams := &p.hops[i].ams; ams.sig != nil {
			ams.header = x.Hash(ams.sig, s.ams.field)
			ams.body = p.body.Want(ams.sig.Body, ams.sig.Length)
		}
		// RFC 8617, Section 5.1.1: by instance, and AAR, AMS, AS in each.
		buf = dkim.AppendField(buf[:0], s.aar, dkim.Relaxed)
		buf = dkim.AppendField(buf, s.ams.field, dkim.Relaxed)
		seals.Write(buf)
		if upTo, err := seals.(hash.Cloner).Clone(); err == nil {
			buf = dkim.AppendUnsigned(buf[:0], s.as.field, dkim.Relaxed)
			upTo.Write(buf)
			upTo.Sum(p.hops[i].as.header[:0])
		}
		buf = dkim.AppendField(buf[:0], s.as.field, dkim.Relaxed)
		seals.Write(buf)
	}
	if cap(buf) <= maxBuffer {
		*pooled = buf
	}
}

// buffers are for canonical fields; one that a huge field has made larger than
// maxBuffer is not kept.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

const maxBuffer = 64 << 10

// Wait returns the verdict. It is to be called once the body was closed; it
// waits for the keys.
func (p *Pending) Wait() *Validation {
	if p.hops == nil {
		return &p.out
	}
	p.lookups.Wait()
	newest := len(p.hops) - 1
	p.verifyAMS(newest)
	for i := newest; i >= 0; i-- {
		p.verifyAS(i)
	}
	p.out.Result = Pass
	for i := newest; i >= 0 && p.out.Result == Pass; i-- {
		set := &p.out.Sets[i]
		if i == newest && set.AMS.Result != dkim.Pass {
			p.fail("the ARC-Message-Signature of set %d fails: %s", i+1, &set.AMS)
		} else if set.AS.Result != dkim.Pass {
			p.fail("the ARC-Seal of set %d fails: %s", i+1, &set.AS)
		}
	}
	p.oldestPass(newest)
	for i := range p.out.Sets {
		set := &p.out.Sets[i]
		set.DNSSEC = set.AS.DNSSEC
		if set.AMS.KeyBits > 0 || set.AMS.Result == dkim.TempError {
			set.DNSSEC = set.DNSSEC.Worse(set.AMS.DNSSEC)
		}
		if set.Reason = set.AS.Reason; set.Reason == "" {
			set.Reason = set.AMS.Reason
		}
	}
	p.hops = nil
	return &p.out
}

func (p *Pending) fail(format string, instance int, v *dkim.Verification) {
	p.out.Result, p.out.Reason = Fail, fmt.Sprintf(format, instance, v.Reason)
	p.out.Temporary = v.Result == dkim.TempError // RFC 8617, Section 5.2.1
}

// oldestPass goes down the older message signatures to the first that fails (RFC
// 8617, Section 5.2, step 5). Those below it are not evaluated.
func (p *Pending) oldestPass(newest int) {
	passed := p.out.Result == Pass && p.older
	for i := newest - 1; i >= 0; i-- {
		ams := &p.out.Sets[i].AMS
		switch {
		case !passed && ams.Result == "":
			ams.Result, ams.Reason = dkim.Neutral, "not evaluated"
		case passed:
			p.verifyAMS(i)
			if passed = ams.Result == dkim.Pass; !passed {
				p.out.OldestPass = i + 2
			}
		}
	}
}

// verifyAMS fills the verdict on the message signature of a hop.
func (p *Pending) verifyAMS(i int) {
	c, out := &p.hops[i].ams, &p.out.Sets[i].AMS
	if c.sig == nil {
		return
	}
	key := p.key(c, out)
	result, reason := c.sig.CheckBody(p.body, c.body)
	if out.BodyHash = "match"; result == dkim.Fail {
		out.BodyHash = "mismatch"
	}
	switch {
	case result == dkim.Fail && key.Result == dkim.Pass:
		// Most older signatures end here, without a public-key operation.
		out.Result, out.Reason = result, reason
	default:
		if verify(c, key, out); out.Result == dkim.Pass {
			out.Result, out.Reason = result, reason
		}
	}
}

// verifyAS fills the verdict on the seal of a hop.
func (p *Pending) verifyAS(i int) {
	c, out := &p.hops[i].as, &p.out.Sets[i].AS
	verify(c, p.key(c, out), out)
}

// key returns the key of a signature and notes it in the verdict.
func (p *Pending) key(c *check, out *dkim.Verification) dkim.KeyAnswer {
	key := p.lookups.Key(c.key, p.keys, c.sig.Algorithm)
	out.DNSSEC = key.Status
	if key.Record != nil {
		out.KeyBits, out.Testing = key.Record.Bits, key.Record.Testing
	}
	return key
}

// verify fills the verdict on a signature over its header hash.
func verify(c *check, key dkim.KeyAnswer, out *dkim.Verification) {
	switch {
	case key.Result != dkim.Pass:
		out.Result, out.Reason = key.Result, key.Reason
	case !key.Record.Verify(c.header, c.sig.Value):
		out.Result, out.Reason = dkim.Fail, "signature does not verify"
	default:
		out.Result = dkim.Pass
	}
}

// Validate validates the chain of a message whose body is read from r. The error
// is that of r; there is then no verdict.
func (v *Validator) Validate(ctx context.Context, h *message.Header, r io.Reader) (*Validation, error) {
	var b dkim.Body
	p := v.Begin(ctx, h, &b)
	if err := b.ReadAll(r); err != nil {
		return nil, err
	}
	return p.Wait(), nil
}
