// Package admission holds the gate and the guards as data: what becomes of a foreign write of an armed
// object before it is stored. A new template is held instead of rolling out, and what a Release put on
// the user's objects keeps its value. The tables are rendered as MutatingAdmissionPolicies, which the
// API server evaluates by itself, and as the configuration of the webhook that applies them where it cannot. The package is pure: no client, no clock.
package admission

import "crossfade.io/crossfade/apis/v1alpha1"

// Table is what is done to foreign updates of one kind of object. A write is foreign unless it comes
// from our controller; the controller's probe counts as foreign too.
type Table struct {
	// Name of the table: one lower-case word.
	Name string
	// Group, Version and Resource of the objects; no subresource is meant.
	Group, Version, Resource string
	// Label arms an object, whether the stored or the written object has it.
	Label string
	// Gated in CEL says whether a write meets the gate alone: no guard has anything to keep. Empty means that the
	// table has no gate.
	Gated string
	// Facts may be used in the conditions and values of the rules, and of later facts, as variables.NAME.
	Facts []Fact
	// Rules apply in order; each sees the object as the rules before it left it. The API server may
	// apply all of them a second time to their own result, so together they are idempotent.
	Rules []Rule
}

// Fact is a named CEL expression over object (as written) and oldObject (as stored).
type Fact struct {
	// Name in lowerCamelCase.
	Name string
	// Expression in CEL. It is total: it never fails on an object that the API server can decode.
	Expression string
}

// Rule is one gate or guard.
type Rule struct {
	// Name in kebab-case.
	Name string
	// Protects says in one sentence what would happen without the rule.
	Protects string
	// When in CEL says whether the rule applies to the write. Empty means that it always does.
	When string
	// Changes of the written object, in order.
	Changes []Change
}

// Change is one change of the written object, at Path. Maps on the way that are missing are made.
type Change struct {
	// Do says what becomes of the value.
	Do Deed
	// Path of keys from the object's root, not escaped.
	Path []string
	// Value in CEL, for Set only.
	Value string
}

// Deed is what a Change does.
type Deed string

// The deeds.
const (
	// Keep gives the value that the stored object has, or none if it has none.
	Keep Deed = "Keep"
	// Set gives the value of a CEL expression.
	Set Deed = "Set"
	// Remove leaves no value.
	Remove Deed = "Remove"
)

// Tables returns gate and guards of all kinds of object. Changes of the ignored pod-template
// annotations alone are no new version; they count as one while a Release borrows the workload's
// fields, since a third ReplicaSet would then take pods from the stable one.
func Tables(ignored []string) []Table {
	return []Table{workloads(ignored), services()}
}

func services() Table {
	hash := []string{"spec", "selector", v1alpha1.LabelTemplateHash}
	return Table{
		Name: "services", Version: "v1", Resource: "services",
		Label: v1alpha1.LabelPinned,
		Rules: []Rule{{
			Name:     "pin",
			Protects: "A pinned Service would select pods of both versions, or none; other keys of its selector are free.",
			Changes: []Change{
				{Do: Keep, Path: label(v1alpha1.LabelPinned)},
				{Do: Keep, Path: hash},
			},
		}},
	}
}

func label(key string) []string      { return []string{"metadata", "labels", key} }
func annotation(key string) []string { return []string{"metadata", "annotations", key} }
func marker() []string {
	return []string{"spec", "template", "metadata", "annotations", v1alpha1.AnnotationPending}
}
