package lens

import (
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// remembering is a RESTMapper that keeps what it was told of a kind in one version: a cache asks with every
// reading whether the kind has namespaces, and the mapper below goes through all groups of the API server for
// that.
type remembering struct {
	meta.RESTMapper
	known *sync.Map // schema.GroupVersionKind to *meta.RESTMapping
}

// RESTMapping is the RESTMapper's; what it does not know is asked for again.
func (m remembering) RESTMapping(gk schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	if len(versions) != 1 {
		return m.RESTMapper.RESTMapping(gk, versions...)
	}
	if known, ok := m.known.Load(gk.WithVersion(versions[0])); ok {
		return known.(*meta.RESTMapping), nil
	}
	mapping, err := m.RESTMapper.RESTMapping(gk, versions...)
	if err == nil {
		m.known.Store(gk.WithVersion(versions[0]), mapping)
	}
	return mapping, err
}
