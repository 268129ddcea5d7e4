// Package intent describes writes to the cluster before they happen: what to send, and the exact
// version of the object that it was decided on. The pure packages return intents; the shell sends
// them.
package intent

import (
	"encoding/json"
	"fmt"
	"maps"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Verb is what a Write does.
type Verb string

// The verbs of a Write.
const (
	// Create makes Object; an object of that name that exists already is a conflict.
	Create Verb = "create"
	// Patch sends a JSON merge patch, which carries UID and resourceVersion.
	Patch Verb = "patch"
	// Scale sets Replicas through the scale subresource, with UID and resourceVersion.
	Scale Verb = "scale"
	// Delete removes the object, with UID and resourceVersion as preconditions.
	Delete Verb = "delete"
)

// Write is one write to one object. It names an end state, so repeating it is harmless, and it is
// refused by the API server (409) if the object is not the version that it was decided on.
type Write struct {
	Verb      Verb
	Kind      schema.GroupVersionKind
	Namespace string
	Name      string
	// UID and ResourceVersion of the object that was observed. Empty for Create only.
	UID             types.UID
	ResourceVersion string
	// Object is the whole object, for Create.
	Object *unstructured.Unstructured
	// Body is the merge patch, for Patch; ChangesSpec says that it changes the spec.
	Body        []byte
	ChangesSpec bool
	// Replicas in pods, for Scale.
	Replicas int32
	// Why is one phrase in the imperative for logs, events and stories: "raise maxSurge to 50%".
	Why string
	// Group names what the write is a part of, such as a route with what is beside it. Where one is refused, those of other groups
	// are sent all the same. Empty is part of all: nothing is sent after one is refused, nor it after any other.
	Group string
}

// String tells the write in one line, such as "patch Deployment shop/checkout: raise maxSurge to 50%".
func (w Write) String() string {
	return fmt.Sprintf("%s %s %s/%s: %s", w.Verb, w.Kind.Kind, w.Namespace, w.Name, w.Why)
}

// PatchTo returns the write that turns live into want, and whether there is anything to write. Both
// are whole objects; live must carry UID and resourceVersion. Lists are replaced whole, as the API
// server treats them atomically. It fails only if an object cannot be encoded.
func PatchTo(live, want *unstructured.Unstructured, why string) (Write, bool, error) {
	if live == want || equality.Semantic.DeepEqual(live.Object, want.Object) {
		return Write{}, false, nil // by far the most frequent answer, and much cheaper than encoding both
	}
	before, err := json.Marshal(withoutManagers(live.Object))
	if err != nil {
		return Write{}, false, fmt.Errorf("encode %s %s: %w", live.GetKind(), live.GetName(), err)
	}
	after, err := json.Marshal(withoutManagers(want.Object))
	if err != nil {
		return Write{}, false, fmt.Errorf("encode %s %s: %w", want.GetKind(), want.GetName(), err)
	}
	raw, err := jsonpatch.CreateMergePatch(before, after)
	if err != nil {
		return Write{}, false, fmt.Errorf("compare %s %s: %w", live.GetKind(), live.GetName(), err)
	}
	var patch map[string]any
	if err := json.Unmarshal(raw, &patch); err != nil {
		return Write{}, false, fmt.Errorf("decode patch of %s %s: %w", live.GetKind(), live.GetName(), err)
	}
	if len(patch) == 0 {
		return Write{}, false, nil
	}
	metadata, ok := patch["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
		patch["metadata"] = metadata
	}
	metadata["uid"] = string(live.GetUID())
	metadata["resourceVersion"] = live.GetResourceVersion()
	body, err := json.Marshal(patch)
	if err != nil {
		return Write{}, false, fmt.Errorf("encode patch of %s %s: %w", live.GetKind(), live.GetName(), err)
	}
	w := Of(Patch, live, why)
	w.Body = body
	_, w.ChangesSpec = patch["spec"]
	return w, true, nil
}

// withoutManagers leaves out what is half of an object, and the API server's own to write.
func withoutManagers(obj map[string]any) map[string]any {
	metadata, ok := obj["metadata"].(map[string]any)
	if !ok {
		return obj
	}
	obj, metadata = maps.Clone(obj), maps.Clone(metadata)
	delete(metadata, "managedFields")
	obj["metadata"] = metadata
	return obj
}

// Of returns a write of obj's identity: for Delete and Scale as it is, for the others to be filled.
func Of(verb Verb, obj *unstructured.Unstructured, why string) Write {
	return Write{
		Verb: verb, Kind: obj.GroupVersionKind(), Namespace: obj.GetNamespace(), Name: obj.GetName(),
		UID: obj.GetUID(), ResourceVersion: obj.GetResourceVersion(), Why: why,
	}
}
