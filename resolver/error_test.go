package resolver

import (
	"encoding/json"
	"testing"
)

func TestErrorAsAnswer(t *testing.T) {
	const head = `{"name":"a.example","type":"A",`
	tests := []struct {
		name string
		err  *Error
		want string
	}{
		{
			"timeout", &Error{Reason: Timeout, Name: "a.example", Type: TypeA, Detail: "192.0.2.1:53"},
			head + `"status":"indeterminate","rcode":"SERVFAIL","records":[],"reason":"timeout: 192.0.2.1:53","ede":22,"chain":[]}`,
		},
		{
			"refused", &Error{Reason: ServerFailed, Name: "a.example", Type: TypeA, Detail: "REFUSED from x", Answer: &Answer{RCode: Refused}},
			head + `"status":"indeterminate","rcode":"REFUSED","records":[],"reason":"server failure: REFUSED from x","chain":[]}`,
		},
		{
			"bogus", &Error{Reason: BogusAnswer, Name: "a.example", Type: TypeA, Detail: "expired", Answer: &Answer{
				Status: Bogus, RCode: ServFail, Reason: "the signature expired", EDE: 7, HasEDE: true, Chain: []Link{{Zone: ".", Status: Secure}},
			}},
			head + `"status":"bogus","rcode":"SERVFAIL","records":[],"reason":"the signature expired","ede":7,"chain":[{"zone":".","status":"secure","ds":null,"keys":null,"reason":""}]}`,
		},
		{
			"bare-bogus", &Error{Reason: BogusAnswer, Name: "a.example", Type: TypeA},
			head + `"status":"bogus","rcode":"SERVFAIL","records":[],"reason":"bogus","ede":6,"chain":[]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := json.Marshal(tt.err.AsAnswer())
			if err != nil || string(got) != tt.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
}
