package release_test

import (
	"fmt"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
)

// move is one thing that can happen. do says whether it did anything.
type move struct {
	name        string
	do          func(*world) bool
	fault, deed bool
	// write is the index of the write that has a mishap, from 0; -1 if none has.
	write int
	how   mishap
}

// mostWrites is more than one look ever sends.
const mostWrites = 8

// looks are a look of the product, with what may befall each of its writes; the first is one that goes well.
var looks = func() []move {
	out := []move{{name: "Crossfade looks", write: -1, do: func(w *world) bool { w.reconcile(); return true }}}
	for k := range mostWrites {
		for _, how := range []mishap{refused, failed, lost, unanswered, killed, overtaken} {
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
	return out
}()

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

func deed(what string, do func(*world)) move {
	return move{name: what, deed: true, write: -1, do: func(w *world) bool { do(w); w.instant("a user acted"); return true }}
}

// What users do, by sort.
var (
	newer   = deed("a newer template comes", func(w *world) { w.image("checkout:3") })
	older   = deed("the stable template comes", func(w *world) { w.image("checkout:1") })
	again   = deed("the new template comes again", func(w *world) { w.image("checkout:2") })
	aborts  = deed("abort", (*world).abort)
	promote = deed("promote", (*world).promote)
	deletes = deed("the Rollout is deleted", (*world).deleteRollout)
	suspend = deed("the Rollout is suspended", (*world).suspend)
	pauses  = []move{
		deed("kubectl rollout pause", (*world).rolloutPause), deed("kubectl rollout resume", (*world).rolloutResume),
		deed("pause", (*world).pause), deed("resume", (*world).resume),
	}
	approves = deed("approve", func(w *world) { w.approve(w.status.StepName) })
	goesTo   = []move{
		deed("go to the first step", func(w *world) { w.goTo(w.policy.Strategy.Steps[0].Name) }),
		deed("go to the last step", func(w *world) { w.goTo(w.policy.Strategy.Steps[len(w.policy.Strategy.Steps)-1].Name) }),
	}
	scales = []move{
		deed("scale to 2", func(w *world) { w.scale(2) }), deed("scale to 1", func(w *world) { w.scale(1) }), deed("scale to 0", func(w *world) { w.scale(0) }),
	}
	resets = []move{
		deed("the route is applied from Git, with no guard", (*world).resetRoute),
		deed("the Service is applied from Git, with no guard", (*world).resetService),
		deed("the route is edited, with a guard", func(w *world) { w.addHostname("h.example.com") }),
		deed("the Deployment is edited, with a guard", (*world).labelDeployment),
	}
	gone = []move{
		deed("the route is deleted", func(w *world) { w.remove(kindRoute, "checkout") }),
		deed("the Service is deleted", func(w *world) { w.remove(kindService, "checkout") }),
	}
)

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

// stepsOf are steps of these weights; the last one waits for approval.
func stepsOf(weights ...int32) []v1alpha1.Step {
	var steps []v1alpha1.Step
	for i, weight := range weights {
		hold := holdFor(time.Duration(0))
		if i == len(weights)-1 {
			hold = approval()
		}
		step := weigh(fmt.Sprintf("s%d", weight), weight, hold)
		step.Skippable = true
		steps = append(steps, step)
	}
	return steps
}
