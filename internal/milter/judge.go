package milter

import (
	"time"

	"github.com/waxseal/waxseal/internal/panics"
)

// grace is how long End may take after its context has ended.
const grace = 5 * time.Second

// endBody waits for the judgement and gives it.
func (c *conn) endBody(data []byte) error {
	e := c.msg
	if !e.begun {
		c.begin()
	}
	e.write(data) // the last command may have the last chunk
	if e.answer != nil {
		c.say(e.answer)
	} else {
		answer, err := c.judge()
		if err != nil {
			return err
		}
		c.give(e, answer)
	}
	c.done()
	return nil
}

// judge runs End and tells the mail server meanwhile that it should wait. After an
// error End may still run, and the connection must not go on.
func (c *conn) judge() (*Answer, error) {
	e, tx := c.msg, c.msg.tx
	e.tx = nil // End is called, so Abort must not be
	done := make(chan ended, 1)
	go end(e, tx, done)

	tick := time.NewTicker(c.limits.Progress)
	defer tick.Stop()
	over, late := e.ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case r := <-done:
			if r.panicked != nil {
				c.server.report(&e.Message, panicked(r.panicked))
				return later(), nil
			}
			if r.answer == nil {
				return &Answer{Action: Accept}, nil
			}
			return r.answer, nil
		case <-tick.C:
			c.add(repProgress)
			if err := c.flush(); err != nil {
				return nil, err
			}
		case <-over:
			timer := time.NewTimer(grace)
			defer timer.Stop()
			over, late = nil, timer.C
		case <-late:
			c.say(later())
			_ = c.flush()
			return nil, &Error{Reason: NoVerdict, Detail: c.limits.Message.String()}
		}
	}
}

// ended is how a call of End ended.
type ended struct {
	answer   *Answer
	panicked *panics.Panic
}

func end(e *envelope, tx Transaction, done chan<- ended) {
	var r ended
	defer func() {
		r.panicked = panics.Of(recover())
		done <- r
	}()
	r.answer = tx.End(e.ctx)
}
