package live_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"crossfade.io/crossfade/e2e/controlplane"
)

// mishap is what happens to one request on its way to the API server and back.
type mishap string

const (
	// refused: the server answers 500 and has done nothing.
	refused mishap = "refused"
	// lost: it is done, and the answer never comes.
	lost mishap = "lost"
	// repeated: it is done twice, and the second answer comes.
	repeated mishap = "repeated"
	// late: it is done after a while, when more may have happened.
	late mishap = "late"
	// killed: it is done, and the controller is killed before the answer.
	killed mishap = "killed"
	// lagging: this one is well, but all that the controller watches comes late from it on.
	lagging mishap = "lagging"
)

// lag is how late watches and late requests are: longer than a decision takes.
const lag = 150 * time.Millisecond

// line is the way to the API server: it spoils the n-th write in a namespace.
type line struct {
	mu sync.Mutex
	// planned, by namespace; writes counts them.
	planned map[string]plan
	writes  map[string]int
	// spoiled names the request that was, by namespace.
	spoiled map[string]string
	slow    bool
	// onKill is told that the controller is to be killed; it returns once it has been.
	onKill func()
}

type plan struct {
	kind mishap
	n    int
}

func newLine() *line {
	return &line{planned: map[string]plan{}, writes: map[string]int{}, spoiled: map[string]string{}}
}

func (l *line) plan(namespace string, kind mishap, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.planned[namespace], l.writes[namespace] = plan{kind, n}, 0
}

// did tells which request was spoiled in a namespace, empty if none, and how many writes there were.
func (l *line) did(namespace string) (string, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.spoiled[namespace], l.writes[namespace]
}

// meets says what happens to a request.
func (l *line) meets(r *http.Request) mishap {
	_, rest, found := strings.Cut(r.URL.Path, "/namespaces/")
	namespace, what, _ := strings.Cut(rest, "/")
	if !found || r.Method == http.MethodGet || strings.HasPrefix(what, "events") {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	planned, ok := l.planned[namespace]
	if !ok {
		return ""
	}
	l.writes[namespace]++
	if l.writes[namespace] != planned.n {
		return ""
	}
	l.spoiled[namespace] = r.Method + " " + what
	l.slow = l.slow || planned.kind == lagging
	return planned.kind
}

func (l *line) lags() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slow
}

// through is the handler that the controller talks to.
func (l *line) through(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") != "" {
			stream := newStream(w, l)
			defer stream.close()
			next.ServeHTTP(stream, r)
			return
		}
		met := l.meets(r)
		if met == "" || met == lagging {
			next.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		send := func(to http.ResponseWriter) {
			again := r.Clone(r.Context())
			again.Body = io.NopCloser(bytes.NewReader(body))
			next.ServeHTTP(to, again)
		}
		switch met {
		case refused:
			w.WriteHeader(http.StatusInternalServerError)
		case repeated:
			send(httptest.NewRecorder())
			send(w)
		case late:
			time.Sleep(lag) //nolint:forbidigo // to be late is the fault
			send(w)
		case lost:
			send(httptest.NewRecorder())
			panic(http.ErrAbortHandler)
		case killed:
			send(httptest.NewRecorder())
			l.onKill()
			panic(http.ErrAbortHandler)
		case lagging:
		}
	})
}

// faultSteps need pods twice, and have a match, so that every kind of write is in a release.
const faultSteps = `  strategy:
    steps:
    - {name: quarter, weight: 25}
    - {name: insiders, weight: 25, match: [{headers: [{name: x-canary, exact: "yes"}]}]}
    - {name: most, weight: 75}
  timing: {settle: 0s, drain: 0s}
`

// every is the distance from one n to the next: FAULTS=all spoils every write, make test some of them.
func every() int {
	if os.Getenv("FAULTS") == "all" {
		return 1
	}
	return 8
}

// way is what a release goes through and how it ends: by what kind of route, and at which step it is aborted; empty
// for a promotion.
type way struct{ kind, abortAt string }

// route is the resource that carries the requests.
func (w way) route() schema.GroupVersionResource { return controlplane.Resources[w.kind] }

// weights that the route has on this way. A canary Ingress comes with the first share, and is not set to 0.
func (w way) weights() []string {
	steps, end := []string{"25", "25+", "75"}, []string{"100", "50", "-"}
	if w.abortAt != "" {
		end = []string{"0", "-"}
	}
	switch {
	case w.kind != "Ingress":
		steps = append([]string{"0"}, steps...)
	case w.abortAt != "":
		end = []string{"-"}
	}
	return append(steps, end...)
}

// TestFaults spoils the n-th write of a release, for every n, in every way: each release ends as if nothing had
// happened, takes each step once, in order, and raises no weight that it has not decided to.
func TestFaults(t *testing.T) {
	wire := newLine()
	c := controlplane.StartThrough(t, wire.through)
	for name, way := range map[string]way{
		"promote": {"HTTPRoute", ""}, "abort": {"HTTPRoute", "most"},
		"promote by an Ingress": {"Ingress", ""}, "abort by an Ingress": {"Ingress", "most"},
		"promote by a VirtualService": {"VirtualService", ""},
	} {
		writes := spoilt(t, c, wire, "", 0, way)
		require.Greater(t, writes, 25, "writes of a release")
		for i, kind := range []mishap{refused, lost, repeated, late} {
			t.Run(fmt.Sprintf("%s, %s", name, kind), func(t *testing.T) {
				for n := 1 + i%every(); n <= writes; n += every() {
					t.Run(fmt.Sprint(n), func(t *testing.T) {
						t.Parallel()
						spoilt(t, c, wire, kind, n, way)
					})
				}
			})
		}
	}
}

// TestKilledAtEachWrite kills the controller right after the n-th write of a release and launches it again.
func TestKilledAtEachWrite(t *testing.T) {
	wire := newLine()
	c := controlplane.StartThrough(t, wire.through)
	wire.onKill = func() {
		c.Kill(t)
		c.Launch(t)
	}
	kinds := []string{"HTTPRoute", "Ingress"}
	if every() == 1 {
		kinds = append(kinds, "VirtualService") // takes as long as the others
	}
	for i, kind := range kinds {
		writes := spoilt(t, c, wire, "", 0, way{kind: kind})
		for n := 1 + 2*i%every(); n <= writes; n += every() {
			t.Run(fmt.Sprint(kind, " ", n), func(t *testing.T) { spoilt(t, c, wire, killed, n, way{kind: kind}) })
		}
	}
}

// TestLaggingCaches lets all that the controller watches come late: it decides on an old world, and is refused
// where that matters.
func TestLaggingCaches(t *testing.T) {
	wire := newLine()
	c := controlplane.StartThrough(t, wire.through)
	for _, kind := range []string{"HTTPRoute", "Ingress", "VirtualService"} {
		for i := range 4 {
			t.Run(fmt.Sprint(kind, " ", i), func(t *testing.T) {
				t.Parallel()
				spoilt(t, c, wire, lagging, 1, way{kind, []string{"", "most"}[i%2]})
			})
		}
	}
}

// spoilt leads one release to its end under a mishap, n = 0 for none, and returns how many writes there were.
func spoilt(t *testing.T, c *controlplane.Controller, wire *line, kind mishap, n int, goes way) int {
	t.Helper()
	namespace := c.Namespace(t, "fault")
	more := faultSteps
	if goes.abortAt != "" {
		more = strings.Replace(more, "weight: 75}", "weight: 75, hold: {approval: Required}}", 1)
	}
	for _, obj := range controlplane.By(t, goes.kind, controlplane.Objects(t, namespace, "app", 4, more)) {
		c.Create(t, namespace, obj)
	}
	c.AwaitArmed(t, namespace, "app")
	user := read(t, c, namespace, goes.route())
	weights := watchWeights(t, c, namespace, goes.route())
	wire.plan(namespace, kind, n)
	c.SetImage(t, namespace, "app", "app:v2")
	outcome := "Promoted"
	if goes.abortAt != "" {
		await(t, c, namespace, "app-1", "it holds", func(release *unstructured.Unstructured) bool {
			held, _ := controlplane.Condition(release, "Held")
			return held == "True"
		})
		abort(t, c, namespace, "app-1")
		outcome = "Aborted"
	}
	awaitOutcome(t, c, namespace, "app-1", outcome)
	awaitAtRest(t, c, namespace, goes.route(), user, outcome)
	spoiled, writes := wire.did(namespace)
	t.Logf("%s %d: %s, of %d writes", kind, n, spoiled, writes)
	require.Equal(t, n > 0 && n <= writes, spoiled != "", "the write to spoil")
	require.Equal(t, goes.weights(), weights(), "weights that the route had")
	requireStepsOnce(t, c, namespace)
	return writes
}

// watchWeights notes what the route gives the canary whenever that changes: in percent, with a plus where what
// matches goes there too, and - once the route knows no canary any more.
func watchWeights(t *testing.T, c *controlplane.Controller, namespace string, resource schema.GroupVersionResource) func() []string {
	t.Helper()
	live, err := c.In(namespace, resource).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	watching, err := c.In(namespace, resource).Watch(t.Context(), metav1.ListOptions{ResourceVersion: live.GetResourceVersion()})
	require.NoError(t, err)
	t.Cleanup(watching.Stop)
	weightOf := weightIn
	if resource == controlplane.Ingresses {
		weightOf = weightBeside
	}
	var mu sync.Mutex
	var seen []string
	go func() {
		for event := range watching.ResultChan() {
			obj, ok := event.Object.(*unstructured.Unstructured)
			if !ok {
				continue
			}
			weight := "-"
			if event.Type != watch.Deleted {
				weight = weightOf(obj)
			}
			mu.Lock()
			if (len(seen) > 0 || weight != "-") && (len(seen) == 0 || seen[len(seen)-1] != weight) {
				seen = append(seen, weight)
			}
			mu.Unlock()
		}
	}()
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string{}, seen...)
	}
}

// weightBeside reads a canary Ingress.
func weightBeside(ingress *unstructured.Unstructured) string {
	const prefix = "nginx.ingress.kubernetes.io/canary-"
	weight, ok := ingress.GetAnnotations()[prefix+"weight"]
	if !ok {
		return "-"
	}
	if ingress.GetAnnotations()[prefix+"by-header"] != "" {
		weight += "+"
	}
	return weight
}

// weightIn reads a route that is split in place.
func weightIn(route *unstructured.Unstructured) string {
	list, backends := "rules", "backendRefs"
	if route.GetKind() == "VirtualService" {
		list, backends = "http", "route"
	}
	rules, _, _ := unstructured.NestedSlice(route.Object, "spec", list)
	weight, matched := "-", ""
	for _, rule := range rules {
		refs, _, _ := unstructured.NestedSlice(rule.(map[string]any), backends)
		all, canary, known := int64(0), int64(0), false
		for _, ref := range refs {
			backend := ref.(map[string]any)
			w, ok := backend["weight"].(int64)
			if !ok {
				w = 1
			}
			all += w
			host, _, _ := unstructured.NestedString(backend, "destination", "host")
			if backend["name"] == "app-canary" || host == "app-canary" {
				canary, known = canary+w, true
			}
		}
		switch {
		case known && len(refs) == 1:
			matched = "+"
		case known:
			weight = fmt.Sprint(canary * 100 / all)
		}
	}
	return weight + matched
}
