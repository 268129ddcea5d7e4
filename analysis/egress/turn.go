package egress

import "sync"

// decoding is held by whoever decodes an answer, of all that this process asks.
var decoding sync.Mutex

// Turn is that to decode an answer. What that takes is many times an answer's size, fifty times where someone means it, so that
// one is decoded after the other. The zero Turn has not begun.
type Turn struct{ begun bool }

// Begin waits for the turn, once. Nobody may wait for a source while it lasts.
func (t *Turn) Begin() {
	if !t.begun {
		decoding.Lock()
		t.begun = true
	}
}

// End ends the turn, if it has begun.
func (t *Turn) End() {
	if t.begun {
		decoding.Unlock()
		t.begun = false
	}
}
