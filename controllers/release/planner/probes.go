package planner

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"k8s.io/utils/ptr"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/probes"
)

const (
	barrierRoute = "route"
	barrierProbe = "probe"

	// probeEvery is how often a probe is asked that has not seen what it must.
	probeEvery = time.Second
	// longestPrefix is how much of a ReplicaSet's name its pods have, in bytes (MaxGeneratedNameLength of the API server).
	longestPrefix = 58
	// patience is how long, on the way back, an answer is waited for that tells a version: Services that were pinned anew
	// may give the old one for a moment.
	patience = 10 * time.Second
)

// probing is one probe of a route that must see something of the stage's split.
type probing struct {
	question probes.Question
	want     probes.Version
	// answer counts where known.
	answer probes.Answer
	known  bool
}

func (p probing) passed() bool { return p.known && p.answer.Passed(p.want) }

func (p probing) tell() string { return p.answer.Tell(p.question.Request, p.want, p.known) }

// asksProbes: the stage waits for its split to come into effect, and the user's Services select stable alone, so that the
// versions can be told apart. Once in effect, what a process has seen need not be seen again by the next.
func (d *draft) asksProbes(s stage) bool {
	return s.wait == waitSettle && s.pin == pinStable && d.progress.EffectSince == nil
}

// unprobed says which of a route's probes has not seen the split, and has it asked; "" if all have. On the way back the
// canary's pods stay only where a probe has reached them: who cannot be reached must not keep them for ever.
func (d *draft) unprobed(s stage, r Route) string {
	if !d.asksProbes(s) {
		return ""
	}
	missing := ""
	for _, p := range d.probings(s, r) {
		if p.passed() || d.progress.Cause != "" && !d.holdsBack(p) {
			continue
		}
		d.asks = append(d.asks, p.question)
		d.wakeAt(d.in.Now.Add(probeEvery))
		if missing == "" {
			missing = fmt.Sprintf("%s %s: %s", r.Ref.Kind, r.Ref.Name, p.tell())
		}
	}
	return missing
}

// holdsBack: on the way back, the canary was reached; or nothing is known yet, as an answer comes soon, if only that there
// is none; or it is too early to give up.
func (d *draft) holdsBack(p probing) bool {
	early := d.in.Now.Before(d.progress.StageSince.Add(patience))
	return p.want == probes.Stable && (p.answer.Canary || !p.known || early)
}

// probed: requests were seen to follow the stage's split, as far as probes must see anything of it.
func (d *draft) probed(s stage, r Route) bool {
	asked := d.probings(s, r)
	return len(asked) > 0 && !slices.ContainsFunc(asked, func(p probing) bool { return !p.passed() })
}

// probings are the probes of a route that must see something of the stage's split.
func (d *draft) probings(s stage, r Route) []probing {
	service, split, ok := d.probedService(s, r)
	if !ok {
		return nil
	}
	var asked []probing
	for _, probe := range r.Ref.Probes {
		want, err := probes.Wants(probe, split)
		if err != nil {
			d.broken(err)
		}
		if want == probes.Either {
			continue
		}
		p := probing{want: want, question: probes.Question{
			Key:     probes.Key{Route: path.Join(r.Ref.Kind, ptr.Deref(r.Ref.Namespace, ""), r.Ref.Name), Probe: probe.Name, State: d.stateOf(s, r)},
			Request: probe,
			Stable:  d.arm(service.User, d.pods.Stable.Hash, probe),
			Canary:  d.arm(service.Canary, d.pods.Canary.Hash, probe),
		}}
		for _, answer := range d.in.Observed.Probes {
			if answer.Key == p.question.Key {
				p.answer, p.known = answer, true
			}
		}
		asked = append(asked, p)
	}
	return asked
}

// probedService is the Service that a route's probes are to reach, with the split that the stage wants of it: of all
// Services the first that the route names, as all are split alike.
func (d *draft) probedService(s stage, r Route) (Service, trafficrouting.Split, bool) {
	if len(r.Ref.Probes) == 0 || r.Objects.Route == nil {
		return Service{}, trafficrouting.Split{}, false
	}
	for i, split := range d.splits(s.route) {
		service := d.in.Observed.Services[i]
		if service.User != nil && service.Canary != nil && r.Provider.Names(r.Objects, trafficrouting.NameOn(r.Objects.Route, d.in.Namespace, service.Name)) {
			return service, split, true
		}
	}
	return Service{}, trafficrouting.Split{}, false
}

// arm is how one version is told from the other.
func (d *draft) arm(service *unstructured.Unstructured, hash string, probe v1alpha1.Probe) probes.Arm {
	arm := probes.Arm{Name: service.GetName(), Service: directly(service, probe.IdentifiedBy.Port)}
	if hash != "" {
		name := d.in.Policy.WorkloadRef.Name + "-" + hash + "-"
		arm.Pods = name[:min(len(name), longestPrefix)]
	}
	return arm
}

// directly is the base of URLs by which a Service is asked at a port of its own, nil for its first.
func directly(service *unstructured.Unstructured, port *int32) string {
	ports, _, _ := unstructured.NestedSlice(service.Object, "spec", "ports")
	var chosen map[string]any
	for _, p := range ports {
		if entry, ok := p.(map[string]any); ok && chosen == nil && (port == nil || entry["port"] == int64(*port)) {
			chosen = entry
		}
	}
	number, _ := chosen["port"].(int64)
	if port != nil {
		number = int64(*port) // one that it does not have cannot be reached, which the answer says
	}
	host, _, _ := unstructured.NestedString(service.Object, "spec", "clusterIP")
	switch {
	case host == "" || host == "None":
		host = service.GetName() + "." + service.GetNamespace() + ".svc"
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	scheme := "http"
	if chosen["appProtocol"] == "https" || chosen["name"] == "https" || number == 443 {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s:%d", scheme, host, number)
}

// stateOf is a fingerprint of what is asked about: the split, the revisions, and the objects that carry it, as they were
// written. What was seen before a foreign edit is not known of what was put right after it.
func (d *draft) stateOf(s stage, r Route) string {
	type carrier struct {
		UID        types.UID
		Generation int64
	}
	state := struct {
		Splits         []trafficrouting.Split
		Stable, Canary string
		Carriers       []carrier
		Repairs        int32
		RepairsSince   *metav1.MicroTime
	}{
		Splits: d.splits(s.route), Stable: d.pods.Stable.Hash, Canary: d.pods.Canary.Hash,
		Carriers: []carrier{{r.Objects.Route.GetUID(), r.Objects.Route.GetGeneration()}},
		Repairs:  d.progress.Repairs, RepairsSince: d.progress.RepairsSince,
	}
	for _, obj := range r.Objects.Beside {
		if obj.GetLabels()[v1alpha1.LabelRollout] == d.in.Rollout {
			state.Carriers = append(state.Carriers, carrier{obj.GetUID(), obj.GetGeneration()})
		}
	}
	text, err := json.Marshal(state)
	if err != nil {
		d.broken(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))[:16]
}
