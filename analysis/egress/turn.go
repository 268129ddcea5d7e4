package egress

import "context"

// decoding is full while somebody decodes an answer, of all that this process asks.
var decoding = make(chan struct{}, 1)

// Turn is that to decode an answer. What that takes is many times an answer's size, fifty times where someone means it, so that
// one is decoded after the other. Clients of others, such as the SDK of AWS, decode by themselves and take no turn: what they take is
// bounded by the size of an answer alone. The zero Turn has not begun.
type Turn struct{ begun bool }

// Begin waits for the turn, once, until ctx ends. Nobody may wait for a source while it lasts, nor compute what a user wrote.
func (t *Turn) Begin(ctx context.Context) error {
	if t.begun {
		return nil
	}
	select {
	case decoding <- struct{}{}:
		t.begun = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// End ends the turn, if it has begun.
func (t *Turn) End() {
	if t.begun {
		<-decoding
		t.begun = false
	}
}
