// Package smtp speaks SMTP (RFC 5321) and LMTP (RFC 2033) on the wire, as
// client and as server, with STARTTLS (RFC 3207), PIPELINING (2920), SIZE
// (1870), 8BITMIME (6152), SMTPUTF8 (6531), CHUNKING (3030), DSN (3461),
// ENHANCEDSTATUSCODES (2034), REQUIRETLS and TLS-Required (8689), and for a
// server behind a proxy, PROXY protocol versions 1 and 2 and XCLIENT.
//
// The bytes of a message are passed on as they came. Only CRLF ends a line and
// only CRLF.CRLF ends DATA; a bare CR or LF in a command, a reply or a message
// is refused in both directions, because two servers that read such a byte
// differently let a stranger put a second message behind the first. A server
// may be told to normalise a bare LF instead, before anyone sees the message.
// A body that is cut short, or whose client stalls, is an error to those who
// read it and closes the connection: what follows is never read as commands.
//
// Where it diverges from the standards: AUTH, BINARYMIME, EXPN, HELP topics and
// source routes are not implemented (a route is read and dropped, as RFC 5321,
// Appendix C allows); dots in odd places of a local-part are accepted, since
// such mailboxes exist; a space after "FROM:" and "TO:" is accepted; a client
// that sends on before it may (after EHLO, DATA or STARTTLS, or without having
// been offered PIPELINING) is sent away.
package smtp
