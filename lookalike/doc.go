// Package lookalike finds what authentication leaves open: a name of From that
// shows another address, a protected person or a brand, characters that deceive
// the eye, domains that look like others, and answers that go elsewhere. A
// message can pass SPF, DKIM and DMARC and have all of these.
//
// All of it is advice. No finding is proof, no finding rejects a message, and
// where a rule would alarm more readers than it saves, it is silent: each rule
// has its exemptions, and a Finding tells why none of them applied.
//
// An Inspector works on plain values and looks nothing up. Its rules use the
// skeletons of UTS #39, Unicode Security Mechanisms, with the data of Unicode
// 15.0.0. Skeleton is coarser than the one of the standard on purpose: cases are
// folded, combining marks are dropped, and letters that are told apart only by a
// careful reader are one. The restriction levels of UTS #39 are not implemented;
// of the tests for mixed scripts, a word is looked at for itself, and Latin
// letters beside those of East Asia are not mixed.
//
// What a rule needs to know of the past, such as whether somebody has written
// before, and what it needs of the body, such as links, is not here.
package lookalike
