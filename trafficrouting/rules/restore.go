package rules

import (
	"slices"

	"crossfade.io/crossfade/trafficrouting"
)

// userRule is one of the user's rules as read from a live route.
type userRule struct {
	Route
	// rule is without our backends; its weights are still the live ones until they are restored.
	rule Rule
	// refs are the backends of rule, to be given their weights.
	refs []Object
	// live are the weights that they have.
	live []int64
	// folded is, for each of refs, the weight that stood on our backends after it.
	folded []int64
	// ours says that there were such.
	ours bool
}

// readRule takes our backends out of a rule. They are known by the name of their Service, which is
// ours for as long as a Release is in flight: also where somebody copied a rule with them in it. What
// they carried goes to the Service that they were added for, so that a rule never loses its last
// backend.
func (r Route) readRule(rule Rule, namespace string, bases map[string]string, copied map[string]bool, changes map[string]trafficrouting.Headers) userRule {
	r.unmark(rule, namespace, bases, copied)
	u := userRule{Route: r, rule: rule}
	var orphans []orphan
	last := map[string]int{}
	weights := r.Weights(rule)
	for i, ref := range r.Refs(rule) {
		name, service := r.Service(ref, namespace)
		base := ""
		if service {
			base = bases[name]
		}
		if base == "" {
			last[r.Key(ref, namespace)] = len(u.refs)
			u.keep(ref, weights[i])
			continue
		}
		u.ours = true
		if headers, ok := changes[name]; ok {
			ref = r.Unchange(ref, headers)
		}
		ref = r.Renamed(ref, bare(base))
		if at, ok := last[r.Key(ref, namespace)]; ok {
			u.folded[at] += weights[i]
			continue
		}
		orphans = append(orphans, orphan{ref, weights[i]})
	}
	if !u.ours {
		return u
	}
	u.adopt(orphans)
	rule.Body[r.Format().Lists[rule.List].Refs] = Items(u.refs)
	return u
}

// marked says whether a backend gets copies of what the others of its rule get.
func (r Route) marked(ref Object) bool {
	flag := r.Format().MirrorFlag
	return flag != "" && ref[flag] == true
}

// unmark takes those of our backends out of a rule that get copies, but from one that has no others. Those that are there for
// copies alone are known without a flag too: what they have for a weight is percent, and no share of anything.
func (r Route) unmark(rule Rule, namespace string, bases map[string]string, copied map[string]bool) {
	refs := r.Refs(rule)
	kept := slices.DeleteFunc(slices.Clone(refs), func(ref Object) bool {
		name, ok := r.Service(ref, namespace)
		return ok && bases[name] != "" && (r.marked(ref) || copied[name])
	})
	if len(kept) > 0 && len(kept) < len(refs) {
		rule.Body[r.Format().Lists[rule.List].Refs] = Items(kept)
	}
}

// orphan is one of our backends without the user's before it, under the name of the user's.
type orphan struct {
	ref    Object
	weight int64
}

func (u *userRule) keep(ref Object, weight int64) {
	u.refs, u.live, u.folded = append(u.refs, ref), append(u.live, weight), append(u.folded, 0)
}

// adopt lets orphans stand in for the user's backend where the rule would otherwise send nothing anywhere.
func (u *userRule) adopt(orphans []orphan) {
	for i := range u.refs {
		if u.live[i]+u.folded[i] > 0 {
			return
		}
	}
	for _, o := range orphans {
		u.keep(o.ref, o.weight)
	}
}

// restoreWeights gives the rules the weights that the user wrote. A rule is the one of a record by,
// in this order: its content, its name, its backends; among equals the one whose weights are as they
// were written comes first, then the order of the list decides.
func (r Route) restoreWeights(rules []userRule, records []record, namespace string) {
	of := make([]*record, len(rules))
	taken := make([]bool, len(records))
	assign := func(reuse bool, fits func(u userRule, r record) bool) {
		for i := range rules {
			for j := range records {
				if of[i] == nil && (reuse || !taken[j]) && rules[i].rule.List == records[j].List && fits(rules[i], records[j]) {
					of[i], taken[j] = &records[j], true
				}
			}
		}
	}
	sameContent := func(u userRule, r record) bool { return u.shapeOf(u.rule) == r.Hash }
	sameName := func(u userRule, r record) bool { return r.Name != "" && u.nameOf(u.rule) == r.Name }
	sameBackends := func(u userRule, r record) bool { return slices.Equal(u.keys(namespace), r.Refs) }
	asWritten := func(u userRule, r record) bool {
		return slices.Equal(u.live, r.Rendered)
	}
	both := func(a, b func(userRule, record) bool) func(userRule, record) bool {
		return func(u userRule, r record) bool { return a(u, r) && b(u, r) }
	}
	assign(false, both(sameContent, asWritten))
	assign(false, sameContent)
	assign(false, sameName)
	assign(false, both(sameBackends, asWritten))
	assign(false, sameBackends)
	assign(true, both(sameBackends, asWritten)) // somebody copied a rule, with the weights of the split
	for i, u := range rules {
		switch {
		case of[i] != nil:
			u.restore(*of[i], namespace)
		case u.ours:
			u.restore(record{Scale: 1}, namespace)
		}
	}
}

func (u userRule) keys(namespace string) []string {
	keys := make([]string, len(u.refs))
	for i, ref := range u.refs {
		keys[i] = u.Key(ref, namespace)
	}
	return keys
}

// fate says what somebody has done to a weight since it was written.
type fate int

const (
	// edited: it is something else, the user's newest intent.
	edited fate = iota
	// unchanged: it is as it was written, or its group only shares in another way.
	unchanged
	// reverted: it is the user's own.
	reverted
)

// fateOf compares backend i with entry j of the record; j < 0 means that it is new.
func (u userRule) fateOf(i int, r record, j int) fate {
	live := u.live[i]
	switch {
	case j < 0:
		return edited
	case live == r.Rendered[j], u.ours && live+u.folded[i] == r.own(j, u.Route)*r.Scale:
		return unchanged
	case live == r.own(j, u.Route):
		return reverted
	}
	return edited
}

// restore gives a rule's backends the user's weights. An edited one is meant beside the other live
// weights if these are still scaled, else beside the user's own.
func (u userRule) restore(r record, namespace string) {
	at := u.align(r, namespace)
	fates := make([]fate, len(u.refs))
	scaled := u.ours
	applied := u.applied(r, at)
	for i := range u.refs {
		fates[i] = u.fateOf(i, r, at[i])
		if applied && fates[i] == unchanged {
			fates[i] = edited
		}
		scaled = scaled || fates[i] == unchanged && r.Rendered[at[i]] != r.own(at[i], u.Route)
	}
	if scaled && slices.Contains(fates, edited) {
		u.write(u.meant(fates, at, r, namespace), r.Scale)
		return
	}
	for i, ref := range u.refs {
		if fates[i] == unchanged {
			u.setWeight(ref, r.Own[at[i]])
		}
	}
}

// applied says whether the rule is one that somebody wrote anew, without our backends: a weight in it that looks like one that
// was written is what they want. Where these are scaled, and all there, ours were only taken out.
func (u userRule) applied(r record, at []int) bool {
	if u.ours {
		return false
	}
	for i, j := range at {
		if j < 0 || u.live[i] != r.Rendered[j] {
			return true
		}
	}
	return r.Scale == 1
}

// meant returns the weights in the scale of the live ones.
func (u userRule) meant(fates []fate, at []int, r record, namespace string) []int64 {
	groups := map[string]bool{}
	for _, key := range u.keys(namespace) {
		groups[key] = true
	}
	values := make([]int64, len(u.refs))
	for i, live := range u.live {
		switch {
		case fates[i] != edited:
			values[i] = r.own(at[i], u.Route) * r.Scale
		case len(groups) == 1 && live > 0 && at[i] >= 0:
			values[i] = live // alone in its rule, a weight means nothing: keep what was typed
		default:
			values[i] = live + u.folded[i]
		}
	}
	return values
}

// write sets the weights, divided by the scale if all can be, and never above the API's maximum.
func (u userRule) write(values []int64, scale int64) {
	for _, v := range values {
		if v%scale != 0 {
			scale = 1
		}
	}
	for i, ref := range u.refs {
		weight := min(values[i]/scale, max(u.Format().MaxWeight, u.live[i]))
		if u.weightOf(ref) == nil && u.live[i] == weight {
			continue
		}
		u.setWeight(ref, &weight)
	}
}

// align returns, for each backend, its index in the record, or -1.
func (u userRule) align(r record, namespace string) []int {
	taken := make([]bool, len(r.Refs))
	at := make([]int, len(u.refs))
	for i, key := range u.keys(namespace) {
		at[i] = -1
		for j := range r.Refs {
			if at[i] < 0 && !taken[j] && r.Refs[j] == key {
				at[i], taken[j] = j, true
			}
		}
	}
	return at
}

// setWeight sets a backend's weight; nil takes it away.
func (r Route) setWeight(ref Object, weight *int64) {
	if weight == nil {
		delete(ref, r.weightField())
		return
	}
	ref[r.weightField()] = *weight
}
