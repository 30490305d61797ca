package conformance

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/waxseal/waxseal/smtp"
)

// arrival is a message as it was delivered.
type arrival struct {
	From string
	To   []string
	Text string
}

// serveFinal takes what Postfix delivers. It refuses the local-part "gone".
func (b *filterBed) serveFinal(t *testing.T) {
	t.Helper()
	offers := smtp.DefaultExtensions()
	offers.MaxSize = 0
	serveAt(t, finalServer, &smtp.Server{
		Hostname: "final.signed", LMTP: true, Extensions: &offers,
		Handler: smtp.HandlerFunc(func(context.Context, *smtp.Conn) (smtp.Session, *smtp.Reply) {
			return &arriving{came: b.came}, nil
		}),
	})
}

// arriving is a session of Postfix behind the bed.
type arriving struct {
	arrival
	came chan<- arrival
}

func (a *arriving) Mail(_ context.Context, from smtp.Path, _ *smtp.MailOptions) *smtp.Reply {
	a.arrival = arrival{From: from.String()}
	return nil
}

func (a *arriving) Rcpt(_ context.Context, to smtp.Path, _ *smtp.RcptOptions) *smtp.Reply {
	if to.Local == "gone" {
		return smtp.NewReply(550, smtp.EnhancedCode{5, 1, 1}, "gone")
	}
	a.To = append(a.To, to.String())
	return nil
}

func (a *arriving) Data(_ context.Context, message io.Reader) *smtp.Reply {
	var text strings.Builder
	if _, err := io.Copy(&text, message); err == nil {
		a.Text = text.String()
		a.came <- a.arrival
	}
	return nil
}

func (a *arriving) Reset() {}

// next returns the next message that is delivered.
func (b *filterBed) next(t *testing.T) arrival {
	t.Helper()
	const patience = 60 * time.Second
	select {
	case a := <-b.came:
		return a
	case <-time.After(patience):
		t.Fatalf("nothing was delivered in %v", patience)
		return arrival{}
	}
}

// nothing fails the test if something was delivered that it did not wait for.
func (b *filterBed) nothing(t *testing.T) {
	t.Helper()
	select {
	case a := <-b.came:
		t.Errorf("delivered and should not have been: %+v", a)
	default:
	}
}
