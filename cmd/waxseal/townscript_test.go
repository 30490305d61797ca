package main

import (
	"bufio"
	"io"
	"net"
	"strings"
)

// garbage at the end of a reply to STARTTLS is a handshake that fails.
const garbage = "\x00"

// play starts an MX host that says what replies holds for each verb, and "" to hang
// up.
func (tn *town) play(replies map[string]string) *mx {
	l, m := tn.listen()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go m.script(c, replies)
		}
	}()
	return m
}

func (m *mx) script(c net.Conn, replies map[string]string) {
	defer c.Close()
	say := func(s string) { io.WriteString(c, s) }
	greeting, ok := replies["greeting"]
	if !ok {
		greeting = "220 mx.town\r\n"
	}
	say(greeting)
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		reply, known := replies[verb]
		switch {
		case verb == "MAIL" || verb == "RCPT" || verb == "STARTTLS":
			m.note("%s", strings.ToLower(verb))
		case verb == "QUIT":
			say("221 bye\r\n")
			return
		}
		switch {
		case known && reply == "":
			return
		case known && strings.HasSuffix(reply, garbage):
			say(strings.TrimSuffix(reply, garbage))
			in.ReadByte() // the handshake has begun
			say("this is no TLS\r\n")
			return
		case known:
			say(reply)
		case verb == "DATA":
			say("354 go on\r\n")
			for line != ".\r\n" && err == nil {
				line, err = in.ReadString('\n')
			}
			m.note("data")
			say("250 took it\r\n")
		default:
			say("250 mx.town\r\n")
		}
	}
}
