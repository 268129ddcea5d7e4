package release_test

import (
	"fmt"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// move is one thing that can happen. do says whether it did anything.
type move struct {
	name        string
	do          func(*world) bool
	fault, deed bool
	// after: it comes once a Release has ended, where all others come before.
	after bool
	// write is the index of the write that has a mishap, from 0; -1 if none has.
	write int
	how   mishap
}

// mostWrites is more than one look ever sends.
const mostWrites = 8

// mishapsOfWrites are what may befall a write; withoutTwins leaves out what does to the world what another does.
var (
	mishapsOfWrites = []mishap{refused, failed, lost, unanswered, killed, overtaken}
	withoutTwins    = []mishap{refused, unanswered, killed, overtaken}
)

// looks are a look of the product, with what may befall each of its writes; the first is one that goes well.
var looks = func() []move {
	out := []move{{name: "Crossfade looks", write: -1, do: func(w *world) bool { w.reconcile(); return true }}}
	for k := range mostWrites {
		for _, how := range mishapsOfWrites {
			spoiled := faults{at: k, how: how}
			out = append(out, move{
				name: fmt.Sprintf("Crossfade looks, and its write %d %s", k+1, how), fault: how != overtaken, write: k, how: how,
				do: func(w *world) bool {
					w.faults = spoiled
					w.reconcile()
					w.faults = noFaults
					return true
				},
			})
		}
	}
	return out
}()

// parties are what else moves by itself.
var parties = []move{
	party("the Deployment controller looks", func(w *world) bool { return w.model.SyncDeployment() }),
	party("the ReplicaSet controller looks", func(w *world) bool { return w.model.SyncReplicaSets() }),
	party("the kubelet looks", func(w *world) bool { return w.model.Kubelet() }),
	party("the endpoints are brought up to date", func(w *world) bool { moved := w.collectGarbage(); return w.syncEndpoints() || moved }),
	party("the gateway looks", (*world).acceptRoutes),
	party("the proxies look", (*world).takeRoute),
	party("probes are answered", (*world).answerProbes),
	{name: "time passes", write: -1, do: func(w *world) bool { w.model.Advance(tick); return true }},
}

func party(what string, look func(*world) bool) move {
	return move{name: what, write: -1, do: func(w *world) bool {
		moved := look(w)
		if moved {
			w.instant(what)
		}
		return moved
	}}
}

// pods are what fate does to the canary's.
var pods = []move{
	fate("a canary pod is not ready any more", func(w *world) bool {
		pods := w.canaryPods()
		if len(pods) > 0 {
			w.model.SetReady(pods[0], false)
		}
		return len(pods) > 0
	}),
	fate("no canary pod is ready any more", func(w *world) bool { w.unreadyCanary(); return len(w.canaryPods()) > 1 }),
	fate("a canary pod is gone", func(w *world) bool {
		pods := w.canaryPods()
		if len(pods) > 0 {
			w.model.DeletePod(pods[0])
			w.struck = true
		}
		return len(pods) > 0
	}),
	{name: "the pods are ready again", write: -1, do: (*world).healPods},
}

// stablePods are what fate does to stable's.
var stablePods = []move{
	fate("a stable pod is not ready any more", func(w *world) bool {
		pods := w.stablePods()
		if len(pods) > 0 {
			w.model.SetReady(pods[0], false)
		}
		return len(pods) > 0
	}),
	fate("a stable pod is gone", func(w *world) bool {
		pods := w.stablePods()
		if len(pods) > 0 {
			w.model.DeletePod(pods[0])
			w.robbed++
		}
		return len(pods) > 0
	}),
}

// stablePods names the stable pods that serve, but for what fate did.
func (w *world) stablePods() []string {
	var names []string
	for _, pod := range w.model.Pods {
		if pod.Owner == w.status.Progress.Stable && !pod.Terminating && (pod.Ready || pod.Stuck) {
			names = append(names, pod.Name)
		}
	}
	return names
}

// verdicts are what the evidence may say, in a world that is judged.
var verdicts = func() (out []move) {
	for _, v := range []v1alpha1.Verdict{v1alpha1.VerdictPass, v1alpha1.VerdictFail, v1alpha1.VerdictInconclusive, v1alpha1.VerdictNoData} {
		out = append(out, fate("the evidence says "+string(v), func(w *world) bool {
			if w.evidence == nil || w.evidence.Verdict == v {
				return false
			}
			w.judge(v, "as it is")
			return true
		}))
	}
	return append(out,
		fate("the evidence points to harm", func(w *world) bool {
			if w.evidence == nil || w.evidence.Harm {
				return false
			}
			w.doubt("as it is")
			return true
		}),
		fate("the evidence is too new", func(w *world) bool {
			if w.evidence == nil || w.evidence.Early {
				return false
			}
			w.tooSoon()
			return true
		}),
		fate("the metrics fall silent", func(w *world) bool {
			if w.evidence == nil || w.evidence.Unready != "" {
				return false
			}
			w.silence("no answer")
			return true
		}),
	)
}()

// silence is what befalls probes.
var silence = []move{fate("probes get no answers any more", func(w *world) bool {
	muted := !w.proxies.mute
	w.proxies.mute = true
	return muted
})}

func fate(what string, do func(*world) bool) move {
	return move{name: what, fault: true, write: -1, do: func(w *world) bool {
		struck := do(w)
		if struck {
			w.instant("fate struck")
		}
		return struck
	}}
}

// healPods ends what fate did to pods.
func (w *world) healPods() bool {
	healed := false
	for _, pod := range w.model.Pods {
		if pod.Stuck && !pod.Terminating {
			w.model.SetReady(pod.Name, true)
			healed = true
		}
	}
	return healed
}

// round is what comes after a look in a fair turn of everybody, with no faults: all others look; where nobody has had
// anything to do since before, time passes as Crossfade asked, or what fate did ends. It says whether the world is at
// rest.
func (p place) round(before mark) (atRest bool) {
	p.lag = nil
	p.model.SyncDeployment()
	p.instant("the Deployment controller looked")
	for p.model.SyncReplicaSets() {
	}
	p.instant("the ReplicaSet controller looked")
	p.model.Kubelet()
	p.instant("the kubelet looked")
	p.collectGarbage()
	p.syncEndpoints()
	p.acceptRoutes()
	p.takeRoute()
	p.answerProbes()
	p.instant("endpoints and gateway looked")
	if p.ended || p.mark() != before {
		return p.ended
	}
	if p.again > 0 {
		p.model.Advance(tick)
		if p.mark() != before {
			return false
		}
	}
	return !p.healPods()
}
