package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

// TestBatchInterrupted: Ctrl-C ends a batch whose input goes on.
func TestBatchInterrupted(t *testing.T) {
	in, feed := io.Pipe()
	defer feed.Close()
	out, printed := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	var errs bytes.Buffer
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"dns", "--batch", "--example"}, stdio{in, printed, &errs})
	}()
	if _, err := io.WriteString(feed, "www.good.example\n"); err != nil {
		t.Fatal(err)
	}
	// What is known is printed while the rest of the input is awaited.
	var first [24]byte
	if _, err := io.ReadFull(out, first[:]); err != nil || string(first[:]) != `{"name":"www.good.exampl` {
		t.Fatalf("%q %v", first[:], err)
	}
	go io.Copy(io.Discard, out) //nolint:errcheck // until the end of the test
	cancel()
	if got := <-code; got != exitFailed || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("code %d, %q", got, errs.String())
	}
	_ = out.Close()
}

func TestKeyTag(t *testing.T) {
	// The root's key signing key of 2017, whose tag everybody knows.
	const key = ". 172800 IN DNSKEY 257 3 8 AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3 " +
		"+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlNVz8Og8kv ArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF " +
		"0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+e oZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfd " +
		"RUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwN R1AkUTV74bU="
	if got, want := keyText(key), "key 20326 (RSASHA256), entry point"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, line := range []string{"", ". 1 IN DNSKEY 257", ". 1 IN DNSKEY x 3 8 AAAA", ". 1 IN DNSKEY 257 3 8 ?"} {
		if got := keyText(line); got != line {
			t.Errorf("%q gives %q", line, got)
		}
	}
}
