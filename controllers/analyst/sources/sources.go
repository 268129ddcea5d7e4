// Package sources opens what metrics are asked of: it reads the Secrets that a source names, keeps it within limits, and
// away from addresses that are not to be asked.
package sources

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/egress"
	"crossfade.io/crossfade/analysis/limit"
	"crossfade.io/crossfade/analysis/prometheus"
	"crossfade.io/crossfade/apis/v1alpha1"
)

const (
	// mostKept is how many sources are kept. One that is dropped goes on for who has it, with limits of its own.
	mostKept = 4096
	// keptFor is how long a source is kept that nobody opens.
	keptFor = time.Hour
	// installationAtATime is how many requests the Prometheus of the installation is asked at once, for all Releases.
	installationAtATime = 16
)

// Options are what the operator of the installation decides.
type Options struct {
	// Prometheus is the address of the installation's. Empty means that it has none.
	Prometheus string
	// Namespace is the controller's own, whose Secrets are those of ClusterAnalysisTemplates.
	Namespace string
	// Allow are addresses that may be asked although they are denied by default.
	Allow []netip.Prefix
	// Deny are further addresses that may not be asked, unless they are among Allow.
	Deny []netip.Prefix
	// Denied are addresses that may not be asked as of now, such as those of the API server.
	Denied func(context.Context) ([]netip.Prefix, error)
	// Clock tells the time.
	Clock func() time.Time
	// Poll is how often a Job is looked at; 0 is every 2 s.
	Poll time.Duration
}

// Sources are those of all Releases. They are safe for use by several at once.
type Sources struct {
	options Options
	// reader reads from the API server: Secrets may be got, and neither listed nor watched. jobs makes and removes Jobs.
	reader client.Reader
	jobs   client.Writer
	// own is the installation's Prometheus.
	own func() (analysis.CounterSource, error)

	mu   sync.Mutex
	kept *cache.LRUExpireCache
}

// New returns sources of which none is open. Nothing is asked yet.
func New(options Options, reader client.Reader, jobs client.Writer) *Sources {
	options.Poll = cmp.Or(options.Poll, 2*time.Second)
	return &Sources{
		options: options, reader: reader, jobs: jobs,
		own:  sync.OnceValues(func() (analysis.CounterSource, error) { return installation(options.Prometheus) }),
		kept: cache.NewLRUExpireCacheWithClock(mostKept, clock(options.Clock)),
	}
}

// clock tells a cache the time.
type clock func() time.Time

func (c clock) Now() time.Time { return c() }

// installation is its Prometheus. The operator chose its address, so none is denied.
func installation(address string) (analysis.CounterSource, error) {
	const name = "the installation's Prometheus"
	if address == "" {
		return nil, fmt.Errorf("%w: this installation has no Prometheus; have its operator set analysis.prometheus.address of the chart, or give the template a source", analysis.ErrRefused)
	}
	guard := egress.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	source, err := prometheus.New(name, egress.Config{Address: address, Guard: guard})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", analysis.ErrRefused, err)
	}
	return limit.NewCounters(name, source, limit.Limits{AtATime: installationAtATime}), nil
}

// Check says why the installation's Prometheus can't be asked, whether it runs or not; nil if it can.
func (s *Sources) Check() error {
	_, err := s.own()
	return err
}

// identity is what tells sources apart.
type identity struct {
	namespace, spec string
	cluster         bool
	// release is the one whose Jobs it runs; empty for other sources.
	release types.UID
}

// opened is a source, within limits, and what of it changes with its Secrets; nil of a Job.
type opened struct {
	source   analysis.Source
	rotating *rotating
}

// Open returns the source of a template, whose arguments are filled in, for the Release; nil spec is the installation's
// Prometheus. ref is nil for golden signals of the Rollout. It blocks while it reads Secrets. Equal sources of a namespace are
// one, so that limits hold over all Releases. Within a minute it sees by itself that a Secret has changed. Its errors are for
// people, hold no secret, and are ErrRefused and ErrUnreachable of package analysis.
func (s *Sources) Open(ctx context.Context, release *v1alpha1.Release, ref *v1alpha1.AnalysisTemplateRef, spec *v1alpha1.MetricSource) (analysis.Source, error) {
	if spec == nil {
		return s.own()
	}
	id := identity{namespace: release.Namespace, cluster: ref != nil && ref.Kind == "ClusterAnalysisTemplate"}
	if id.cluster {
		id.namespace = s.options.Namespace
	}
	switch {
	case id.cluster && spec.Job != nil:
		return nil, fmt.Errorf("%w: a ClusterAnalysisTemplate runs no Jobs; use an AnalysisTemplate of the Rollout's namespace", analysis.ErrRefused)
	case id.cluster && id.namespace == "" && len(named(spec)) > 0:
		return nil, fmt.Errorf("%w: the controller doesn't know its own namespace, whose Secrets a ClusterAnalysisTemplate names; have its operator set --leader-election-namespace", analysis.ErrRefused)
	case spec.Job != nil:
		id.release = release.UID
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("encode the source: %w", err)
	}
	id.spec = string(text)
	found, err := s.keep(id, release, spec)
	if err != nil {
		return nil, err
	}
	if found.rotating != nil {
		if _, err := found.rotating.current(ctx); err != nil {
			return nil, err
		}
	}
	return found.source, nil
}

// keep finds the source of an identity, or makes it.
func (s *Sources) keep(id identity, release *v1alpha1.Release, spec *v1alpha1.MetricSource) (*opened, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, is := s.kept.Get(id); is {
		s.kept.Add(id, known, keptFor)
		return known.(*opened), nil
	}
	made, err := s.open(id, release, spec.DeepCopy())
	if err != nil {
		return nil, err
	}
	s.kept.Add(id, made, keptFor)
	return made, nil
}

// open makes a source. Its Secrets are yet to be read.
func (s *Sources) open(id identity, release *v1alpha1.Release, spec *v1alpha1.MetricSource) (*opened, error) {
	whose := " of namespace " + id.namespace
	if id.cluster {
		whose = " of a ClusterAnalysisTemplate"
	}
	rotating := &rotating{sources: s, namespace: id.namespace, named: named(spec)}
	bounded := func(timeout *v1alpha1.Duration) limit.Limits {
		if timeout == nil {
			return limit.Limits{}
		}
		return limit.Limits{Timeout: timeout.Duration.Duration + 5*time.Second} // it gives up by itself, and says why
	}
	switch {
	case spec.Job != nil:
		job, err := s.job(release, spec.Job)
		if err != nil {
			return nil, err
		}
		return &opened{source: limit.New(job.name, job, limit.Limits{Wait: job.most, Timeout: job.most})}, nil
	case spec.Prometheus != nil:
		rotating.name, rotating.build = "the Prometheus"+whose, func(e entries) (analysis.Source, error) { return e.prometheus(spec.Prometheus) }
		return &opened{limit.NewCounters(rotating.name, counting{rotating}, bounded(spec.Prometheus.Timeout)), rotating}, nil
	case spec.Web != nil:
		rotating.name, rotating.build = "the web source"+whose, func(e entries) (analysis.Source, error) { return e.web(spec.Web) }
		return &opened{limit.New(rotating.name, rotating, bounded(spec.Web.Timeout)), rotating}, nil
	case spec.Datadog != nil:
		rotating.name, rotating.build = "Datadog"+whose, func(e entries) (analysis.Source, error) { return e.datadog(spec.Datadog) }
	case spec.CloudWatch != nil:
		rotating.name, rotating.build = "CloudWatch"+whose, func(e entries) (analysis.Source, error) { return e.cloudWatch(spec.CloudWatch) }
	default:
		return nil, errors.New("the source names nothing to ask; give it prometheus, web, datadog, cloudWatch or job")
	}
	return &opened{past{limit.New(rotating.name, rotating, limit.Limits{})}, rotating}, nil
}

// past is a vendor's source, which keeps what it has for longer than a Release takes.
type past struct{ *limit.Source }

// KnowsPast marks it.
func (past) KnowsPast() {}
