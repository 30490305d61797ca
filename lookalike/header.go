package lookalike

import (
	"bytes"

	"github.com/waxseal/waxseal/internal/ascii"
	"github.com/waxseal/waxseal/message"
)

// ReadHeader fills in what a header tells: Author where it is not set,
// ReplyTo, Sender, List and AutoSubmitted. An address list with an error counts
// for the addresses that were found.
func (in *Input) ReadHeader(h *message.Header) {
	if in.Author.Fields == 0 {
		in.Author = h.Author()
	}
	in.ReplyTo, in.Sender = nil, nil
	for i := range h.Fields {
		f := &h.Fields[i]
		name := f.Name()
		if len(name) < len("Sender") {
			continue
		}
		switch ascii.Lower(name[0]) {
		case 'r':
			if f.Is("Reply-To") && len(in.ReplyTo) < MaxMailboxes {
				in.ReplyTo = addresses(in.ReplyTo, f)
			}
		case 's':
			if f.Is("Sender") && len(in.Sender) < MaxMailboxes {
				in.Sender = addresses(in.Sender, f)
			}
		case 'l':
			if f.Is("List-Id") || f.Is("List-Post") {
				in.List = true
			}
		case 'a':
			if f.Is("Auto-Submitted") {
				word, _, _ := bytes.Cut(f.Value(), []byte(";"))
				in.AutoSubmitted = !ascii.EqualFold(ascii.TrimFWS(word), "no")
			}
		}
	}
}

func addresses(list []message.Address, f *message.Field) []message.Address {
	more, _ := message.ParseAddressList(f.Value()) // what was found is what a reader may follow
	if len(list) == 0 {
		return more
	}
	return append(list, more...)
}
