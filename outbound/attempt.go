package outbound

import (
	"time"

	"github.com/waxseal/waxseal/dane"
	"github.com/waxseal/waxseal/smtp"
	"github.com/waxseal/waxseal/tlsrpt"
)

// Stage is how far an attempt came.
type Stage string

// The stages.
const (
	StagePlan    Stage = "plan"     // nobody connected: the plan or the message forbids it
	StageConnect Stage = "connect"  // TCP
	StageHello   Stage = "hello"    // greeting and EHLO
	StageTLS     Stage = "starttls" // STARTTLS, handshake and verification
	StageMessage Stage = "message"  // MAIL and what follows
)

// Attempt is one try at one address, with its evidence. No recipient is named to a
// server before Stage is StageMessage.
type Attempt struct {
	Host    string    `json:"mx"`
	Address string    `json:"address,omitempty"`
	Policy  Policy    `json:"policy"`
	Stage   Stage     `json:"stage"`
	Begin   time.Time `json:"begin"`
	Seconds float64   `json:"seconds"`

	// Reused is set if the connection was kept from an earlier message. Its server
	// was held against the policy again, without a new handshake.
	Reused          bool        `json:"reused,omitempty"`
	StartTLSOffered bool        `json:"starttls_offered"`
	TLS             *TLSState   `json:"tls"`
	Authenticated   bool        `json:"authenticated"`
	Match           *dane.Match `json:"dane,omitempty"`
	// PKIX says what is wrong with the certificate where somebody looked.
	PKIX  string `json:"pkix,omitempty"`
	Hello string `json:"hello,omitempty"` // the first line of the reply to EHLO

	// Delivery is what the server said to MAIL and after.
	Delivery *smtp.Delivery `json:"delivery,omitempty"`
	// Reply is the reply that ended the attempt, if one did.
	Reply *smtp.Reply `json:"reply,omitempty"`
	// Reason is a sentence for a person: why the attempt ended.
	Reason string `json:"reason"`
	// ResultType is the failure of the channel that TLSRPT reports, "" for none. It
	// can be set though the message was delivered: without a policy, or in testing.
	ResultType    tlsrpt.ResultType `json:"tlsrpt_result_type,omitempty"`
	FailureReason string            `json:"failure_reason_code,omitempty"`

	gone         bool        // proven that the host has no address
	noRequireTLS bool        // ended because REQUIRETLS cannot be kept
	unable       *smtp.Reply // ended because the server cannot take such a message
}
