// Package prober sends the requests of probes, beside the reconciling, so that a gateway that hangs holds up nobody else.
package prober

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"crossfade.io/crossfade/trafficrouting/probes"
)

const (
	// every is how often one probe is asked at most.
	every = time.Second
	// atATime bounds the probes of one Release that are under way.
	atATime = 4
)

// Prober asks the questions of Releases. It does nothing unless asked, and ends by itself.
type Prober struct {
	// Clock tells the time.
	Clock func() time.Time
	// Allowed says that requests may be sent; else every answer says that they may not.
	Allowed bool
	// Forbidden says which addresses are never asked, whatever name they go by.
	Forbidden func(netip.Addr) bool

	mu    sync.Mutex
	books map[types.NamespacedName]*book
}

// book is what is known of the probes of one Release.
type book struct {
	pages map[subject]*page
	slots chan struct{}
}

// subject is a probe of a route, whatever state that is in.
type subject struct{ route, probe string }

// page is one probe. A round of requests that is under way ends before the next begins, at most every second.
type page struct {
	running bool
	ended   time.Time
	answer  probes.Answer
}

// Answers are what the probes of a Release have seen last, sorted; also what an earlier state of a route was asked.
func (p *Prober) Answers(release types.NamespacedName) []probes.Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.books[release]
	if known == nil {
		return nil
	}
	var answers []probes.Answer
	for _, page := range known.pages {
		if !page.ended.IsZero() {
			answers = append(answers, page.answer)
		}
	}
	slices.SortFunc(answers, func(a, b probes.Answer) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Probe, b.Probe))
	})
	return answers
}

// Ask has the questions asked that are due, and returns at once. tell is called, from elsewhere, for each answer that is
// another than the last.
func (p *Prober) Ask(release types.NamespacedName, questions []probes.Question, tell func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range questions {
		b := p.open(release)
		about := subject{q.Route, q.Probe}
		if b.pages[about] == nil {
			b.pages[about] = &page{}
		}
		page := b.pages[about]
		if page.running || p.Clock().Sub(page.ended) < every {
			continue
		}
		page.running = true
		go func() {
			b.slots <- struct{}{}
			answer := p.answer(context.Background(), q)
			<-b.slots
			if p.note(page, answer) {
				tell()
			}
		}()
	}
}

// open returns the book of a Release; the caller holds the lock.
func (p *Prober) open(release types.NamespacedName) *book {
	if p.books == nil {
		p.books = map[types.NamespacedName]*book{}
	}
	if p.books[release] == nil {
		p.books[release] = &book{pages: map[subject]*page{}, slots: make(chan struct{}, atATime)}
	}
	return p.books[release]
}

// note writes an answer down, and says whether it is news.
func (p *Prober) note(page *page, answer probes.Answer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	news := page.answer != answer
	page.running, page.ended, page.answer = false, p.Clock(), answer
	return news
}

// Forget drops what is known of a Release that has ended.
func (p *Prober) Forget(release types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.books, release)
}

// metadata are addresses of cloud providers' metadata that are not of the link.
var metadata = []netip.Addr{
	netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("168.63.129.16"), netip.MustParseAddr("fd00:ec2::254"),
}

// Forbidden are the addresses of the controller's own host and link, and of cloud metadata: who names one in a probe would
// ask what trusts the controller for where it runs.
func Forbidden(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	return address.IsLoopback() || address.IsUnspecified() || address.IsMulticast() ||
		address.IsLinkLocalUnicast() || slices.Contains(metadata, address)
}
