// Package routekind tells which kinds of route are described by objects, and says in these whether they can be used.
package routekind

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting"
	"crossfade.io/crossfade/trafficrouting/generic"
)

// most bounds how many descriptions are kept compiled.
const most = 128

// Kinds makes providers of descriptions, and remembers them, as compiling takes milliseconds. The zero value is ready.
type Kinds struct {
	mu    sync.Mutex
	known map[string]made
}

// made is what became of a description.
type made struct {
	kind     schema.GroupKind
	provider trafficrouting.Provider
	err      error
}

// Text returns the spec of the RouteKind of a kind as a Release keeps it; "" if there is none.
func Text(ctx context.Context, reader client.Reader, kind schema.GroupKind) (string, error) {
	var described v1alpha1.RouteKind
	name := generic.NameOf(kind)
	err := reader.Get(ctx, types.NamespacedName{Name: name}, &described)
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read RouteKind %s: %w", name, err)
	}
	text, err := json.Marshal(described.Spec)
	if err != nil {
		return "", fmt.Errorf("encode RouteKind %s: %w", name, err)
	}
	return string(text), nil
}

// Provider makes the provider of a description. An error says what of it cannot be used.
func (k *Kinds) Provider(text string) (schema.GroupKind, trafficrouting.Provider, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.known[text]; ok {
		return known.kind, known.provider, known.err
	}
	if k.known == nil || len(k.known) >= most {
		k.known = map[string]made{}
	}
	next := compiled(text)
	k.known[text] = next
	return next.kind, next.provider, next.err
}

func compiled(text string) made {
	var spec v1alpha1.RouteKindSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return made{err: fmt.Errorf("decode a RouteKind: %w", err)}
	}
	out := made{kind: schema.GroupKind{Group: spec.Group, Kind: spec.Kind}}
	provider, err := generic.New(spec)
	if err != nil {
		out.err = fmt.Errorf("RouteKind %s cannot be used: %w", generic.NameOf(out.kind), err)
		return out
	}
	out.provider = provider
	return out
}

// With returns a Registry that knows the kinds of these descriptions too.
func (k *Kinds) With(known trafficrouting.Registry, texts []string) (trafficrouting.Registry, error) {
	if len(texts) == 0 {
		return known, nil
	}
	described := map[schema.GroupKind]trafficrouting.Provider{}
	for _, text := range texts {
		kind, provider, err := k.Provider(text)
		if err != nil {
			return trafficrouting.Registry{}, err
		}
		described[kind] = provider
	}
	return known.With(described), nil
}
