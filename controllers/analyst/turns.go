package analyst

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// turns has one look compute at a time, so that a reconcile waits for no more than one of them when many are due at once. Who waits
// for others lets the next one on.
type turns struct{ mu sync.Mutex }

func (t *turns) take(compute func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	compute()
}

// aside waits for something, which others needn't. Its caller has the turn.
func (t *turns) aside(wait func()) {
	t.mu.Unlock()
	defer t.mu.Lock()
	wait()
}

// news is what a Release's reconcile is told.
type news int

const (
	noNews news = iota
	// numbers can wait a little.
	numbers
	// decisive is what the Release goes on, or back, by.
	decisive
)

// tellsPerSecond is how many Releases are told of numbers in a second at most, when many have some at once, as those do that began
// together or lost the same source. So many are told without a wait.
const tellsPerSecond = 20

// tells spreads what can wait.
type tells struct {
	once    sync.Once
	limiter *rate.Limiter
}

// delay is when to tell of numbers.
func (t *tells) delay() time.Duration {
	t.once.Do(func() { t.limiter = rate.NewLimiter(tellsPerSecond, tellsPerSecond) })
	return t.limiter.Reserve().Delay()
}

// tellOf tells of news: at once of what is decisive, of numbers in their turn.
func (a *Analyst) tellOf(i *inquiry, is news) {
	i.mu.Lock()
	tell, waiting := i.tell, i.telling
	i.telling = waiting || is == numbers
	i.mu.Unlock()
	switch {
	case is == decisive:
		tell()
	case is == numbers && !waiting:
		time.AfterFunc(a.tells.delay(), func() {
			i.mu.Lock()
			i.telling = false
			tell, gone := i.tell, i.gone
			i.mu.Unlock()
			if !gone {
				tell()
			}
		})
	}
}
