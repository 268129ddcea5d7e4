package rules

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/trafficrouting"
)

// partVersion is written into every part; a part of another version counts as unreadable.
const partVersion = 1

// part is what one owner has in the route, as its annotation holds it: enough to write the part again,
// and to put back what the user wrote.
type part struct {
	Version int `json:"v"`
	// Splits are what the owner wants.
	Splits []trafficrouting.Split `json:"splits"`
	// Rules are the user's rules that the owner splits.
	Rules []record `json:"rules,omitempty"`
	// Copies are hashes of the rules that were inserted for the owner, in order: by these they are
	// known where a name was lost.
	Copies []string `json:"copies,omitempty"`
}

// record is the weights of one of the user's rules, as they were and as they were written.
type record struct {
	// Index of the rule among the user's; unique within a part, the same in every owner's.
	Index int `json:"i"`
	// List that the rule stands in.
	List int `json:"l,omitempty"`
	// Hash of the rule less weights and name.
	Hash string `json:"h"`
	// Name of the rule. Empty means none.
	Name string `json:"n,omitempty"`
	// Refs are the keys of the user's backends, in order.
	Refs []string `json:"b"`
	// Own are the user's weights; null where none was set.
	Own []*int64 `json:"w"`
	// Rendered are the weights that were written to the same backends.
	Rendered []int64 `json:"r"`
	// Scale is by what all of the rule's weights were multiplied.
	Scale int64 `json:"k"`
}

// own returns the user's weight of backend i in effect.
func (r record) own(i int, of Route) int64 { return of.effective(r.Own)[i] }

// whole says whether the record's lists belong together, which a foreign hand may have broken.
func (r record) whole() bool {
	return len(r.Own) == len(r.Refs) && len(r.Rendered) == len(r.Refs) && r.Scale > 0
}

// decodePart reads an owner's annotation.
func decodePart(text string) (part, error) {
	var p part
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return part{}, err
	}
	if p.Version != partVersion {
		return part{}, fmt.Errorf("version %d is not %d", p.Version, partVersion)
	}
	if len(p.Splits) == 0 {
		return part{}, errors.New("it splits no Service")
	}
	for _, r := range p.Rules {
		if !r.whole() {
			return part{}, fmt.Errorf("rule %d is incomplete", r.Index)
		}
	}
	return p, nil
}

// Mirroring is that copies of what a Service gets go to another one, for an owner as it is named on the route.
type Mirroring struct {
	Owner string
	trafficrouting.Mirror
}

// Mirrors returns what is mirrored on a route, by the Service that gets copies.
func (r Route) Mirrors(route *unstructured.Unstructured) map[string]Mirroring {
	out := map[string]Mirroring{}
	for key, text := range route.GetAnnotations() {
		p, err := decodePart(text)
		if owner := annotated(key); owner != "" && err == nil {
			for _, s := range p.Splits {
				for _, rule := range s.Rules {
					if rule.Mirror != nil {
						out[rule.Mirror.To.Service] = Mirroring{owner, *rule.Mirror}
					}
				}
			}
		}
	}
	return out
}

// compact encodes as JSON that people can read: without HTML escapes and line ends.
func compact(value any) (string, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return "", err
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// hashOf identifies a rule by its content but for the name, which people change and old API servers
// drop, and the user's weights if asked: 40 bits do among 16 rules.
func hashOf(rule Object) string {
	text, err := compact(without(rule, "name"))
	if err != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:5])
}

// shapeOf identifies one of the user's rules by its content less name and weights.
func (r Route) shapeOf(rule Rule) string {
	refs := r.Refs(rule)
	for i := range refs {
		refs[i] = without(refs[i], r.weightField())
	}
	return hashOf(r.with(rule, refs).Body)
}

// nameOf is what tells a rule from the others whatever becomes of its backends: its name, or of rules without names a hash
// of the match. Empty means nothing.
func (r Route) nameOf(rule Rule) string {
	format := r.Format()
	switch list := format.Lists[rule.List]; {
	case list.Single:
		return list.Field
	case format.Nameless && list.Match != "":
		return hashOf(Object{list.Match: rule.Body[list.Match]})
	case format.Nameless:
		return ""
	}
	name, _ := rule.Body["name"].(string)
	return name
}

// signOf is by what a copy is known that has no name: a hash of it, or of its match where that is what it has for a name.
func (r Route) signOf(rule Rule) string {
	if r.Format().Nameless {
		return r.nameOf(rule)
	}
	return hashOf(rule.Body)
}

// packers are kept for use again: each takes most of a megabyte, and every look renders.
var packers = sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }}

// disasterCopy packs a spec for the annotation crossfade.io/base: JSON, gzip, base64. Read it with
// base64 -d | gunzip. The same spec gives the same text.
func disasterCopy(spec any) (string, error) {
	text, err := compact(spec)
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	w := packers.Get().(*gzip.Writer)
	defer packers.Put(w)
	w.Reset(&packed)
	if _, err := w.Write([]byte(text)); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(packed.Bytes()), nil
}
