package lens

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/cache"
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

// patience is how long a kind that was not served is taken not to be.
const patience = time.Minute

// Sparing returns a RESTMapper for kinds that many clusters do not serve: the one below asks the API server each time for
// what it does not know, and this one once a minute.
func Sparing(mapper meta.RESTMapper) meta.RESTMapper {
	return sparing{RESTMapper: mapper, absent: cache.NewExpiring()}
}

type sparing struct {
	meta.RESTMapper
	absent *cache.Expiring // schema.GroupKind to error
}

// RESTMapping is the RESTMapper's.
func (m sparing) RESTMapping(gk schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	if err, ok := m.absent.Get(gk); ok && len(versions) == 0 {
		return nil, err.(error)
	}
	mapping, err := m.RESTMapper.RESTMapping(gk, versions...)
	if meta.IsNoMatchError(err) && len(versions) == 0 {
		m.absent.Set(gk, err, patience)
	}
	return mapping, err
}
