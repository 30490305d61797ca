package message_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/waxseal/waxseal/message"
)

func ExampleRead() {
	m, err := message.Read(strings.NewReader("From: Ann <ann@a.example>\nSubject: hello\n\nthe body\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d fields, body %q, converted: %v\n", len(m.Header.Fields), body, m.LineEnds().Converted)
	// Output: 2 fields, body "the body\r\n", converted: true
}

func ExampleHeader_Author() {
	h, err := message.ParseHeader([]byte("From: \"service@bank.example\" <eve@evil.example>\r\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	a := h.Author()
	fmt.Println(a.Addresses[0].Domain)
	fmt.Println(a.Detail)
	// Output:
	// evil.example
	// the display name shows another address, "service@bank.example"
}

func ExampleHeader_Trace() {
	h, err := message.ParseHeader([]byte("Return-Path: <ann@a.example>\r\n" +
		"Received: from mail.a.example (mx.a.example [192.0.2.1]) by mx.b.example (Postfix)\r\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := h.Trace()
	fmt.Println(t.IP, t.Helo, t.MailFrom, err)
	// Output: 192.0.2.1 mail.a.example ann@a.example <nil>
}
