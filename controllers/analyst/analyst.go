// Package analyst collects the evidence on canaries beside the reconciling, has it judged, and keeps a record of it.
package analyst

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/controllers/release/planner"
)

const (
	// again is when to ask again what gave no answer, or no data.
	again = 15 * time.Second
	// idle is for how long nobody asks before the collecting stops, as where a Release has ended, or goes back.
	idle = 3 * time.Minute
	// atATime is how many queries of one source are under way at once; further ones wait here, where nobody waits for them.
	atATime = 16
)

// Analyst collects and judges the evidence on all Releases in flight. Nothing waits for it: what Judge returns is what is known.
type Analyst struct {
	Sources Sources
	Clock   func() time.Time
	// Context ends all queries.
	Context context.Context
	// Lag is that of the installation's Prometheus, as in PrometheusSource; 0 for none.
	Lag time.Duration
	// Metrics may be nil.
	Metrics *Metrics

	mu        sync.Mutex
	inquiries map[types.NamespacedName]*inquiry
	gates     gates
	turns     turns
	tells     tells
}

// Judge returns what is known about a Release in flight, and goes on to collect; nil if its policy asks for no analysis,
// or if it goes back to a version that served, which nothing may hold up.
func (a *Analyst) Judge(release *v1alpha1.Release, tell func()) *planner.Evidence {
	if release.Spec.Policy.Analysis == nil || release.Spec.Undo != nil {
		return nil
	}
	if revision(release.Status.Stable) == "" || revision(release.Status.Canary) == "" {
		return &planner.Evidence{Verdict: v1alpha1.VerdictNoData, Message: "the new version has no pods yet"}
	}
	i := a.inquiry(release)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.gone {
		return published{}.at(courseOf(release))
	}
	i.tell, i.askedAt = tell, a.Clock()
	moved := i.release == nil || moved(i.release, release)
	if i.release == nil || i.release.ResourceVersion != release.ResourceVersion || moved {
		i.release = lean(release).DeepCopy()
	}
	if moved || !i.running && i.timer == nil {
		a.wake(i)
	}
	return i.published.at(courseOf(release))
}

// lean is the Release without the record of its analysis, which is large, and of which the outlook alone is asked.
func lean(release *v1alpha1.Release) *v1alpha1.Release {
	out := *release
	if record := release.Status.Analysis; record != nil {
		out.Status.Analysis = &v1alpha1.AnalysisStatus{Outlook: record.Outlook}
	}
	return &out
}

// moved says whether the Release is elsewhere on its way.
func moved(before, now *v1alpha1.Release) bool {
	was, is := courseOf(before), courseOf(now)
	_, wasAt := was.present()
	_, isAt := is.present()
	return !wasAt.Equal(isAt) || was.stage != is.stage || len(was.visits) != len(is.visits)
}

// Forget drops what is known of a Release.
func (a *Analyst) Forget(release types.NamespacedName) {
	a.mu.Lock()
	i := a.inquiries[release]
	delete(a.inquiries, release)
	a.mu.Unlock()
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.gone = true
	i.stop()
	i.cancel()
	a.Metrics.forget(release.Namespace, i.rollout)
}

// inquiry is that into a Release; another one of the same name is another one.
func (a *Analyst) inquiry(release *v1alpha1.Release) *inquiry {
	key := client.ObjectKeyFromObject(release)
	a.mu.Lock()
	i := a.inquiries[key]
	if i != nil && i.uid != release.UID {
		a.mu.Unlock()
		a.Forget(key)
		a.mu.Lock()
		i = a.inquiries[key]
	}
	defer a.mu.Unlock()
	if i != nil {
		return i
	}
	if a.inquiries == nil {
		a.inquiries = map[types.NamespacedName]*inquiry{}
	}
	i = &inquiry{uid: release.UID, rollout: release.Spec.Rollout.Name, begun: release.CreationTimestamp.Time}
	i.ctx, i.cancel = context.WithCancel(a.Context)
	a.inquiries[key] = i
	return i
}

// wake has the inquiry look now, or once more if it is looking. It holds its lock.
func (a *Analyst) wake(i *inquiry) {
	i.stop()
	if i.running {
		i.again = true
		return
	}
	i.running = true
	go a.look(i)
}

// look has the inquiry look, tells of what is new, and says when the next look is due.
func (a *Analyst) look(i *inquiry) {
	for {
		i.mu.Lock()
		release := i.release
		i.again = false
		i.mu.Unlock()
		var next time.Time
		a.turns.take(func() { next = i.look(a, release) })

		i.mu.Lock()
		is := i.news
		i.news = noNews
		done := !i.again || i.gone
		if done {
			i.running = false
			if now := a.Clock(); !i.gone && i.ctx.Err() == nil && now.Sub(i.askedAt) <= idle {
				i.timer = time.AfterFunc(max(next.Sub(now), time.Millisecond), func() { a.due(i) })
			}
		}
		i.mu.Unlock()
		a.tellOf(i, is)
		if done {
			return
		}
	}
}

// due is a look whose time has come.
func (a *Analyst) due(i *inquiry) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.gone {
		a.wake(i)
	}
}
