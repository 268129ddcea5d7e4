package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"crossfade.io/crossfade/analysis"
	"crossfade.io/crossfade/analysis/calibration"
	"crossfade.io/crossfade/analysis/egress"
	"crossfade.io/crossfade/analysis/goldensignals"
	"crossfade.io/crossfade/analysis/prometheus"
	"crossfade.io/crossfade/cli/control"
	"crossfade.io/crossfade/cli/reading"
)

type calibrateFlags struct {
	prometheus, bearerFile, caFile string
	headers                        map[string]string
	replicaSet, podLabel           string
	requests, errors               []string
	from                           time.Duration
	weights                        []int
}

func (s *session) calibrateCommand() *cobra.Command {
	var flags calibrateFlags
	cmd := &cobra.Command{
		Use:   "calibrate [ROLLOUT] --prometheus URL",
		Short: "Replay a service's own past: false alarms, and the time to find a doubling of errors",
		Long: "Replay a service's own past, in which nothing was released: each of its pods in turn stands for a canary that is no\n" +
			"worse, and is judged as a canary would be. It tells how many false alarms there would have been in releases of an\n" +
			"hour, how long it takes to find a doubling of errors at each weight, and which noise to set.\n\n" +
			"The counters are those of the pods themselves. With ROLLOUT they are the names of OpenTelemetry, of the ReplicaSet\n" +
			"that has the most pods now; else name the ReplicaSet, or the counters with --requests and --errors. Prometheus is\n" +
			"asked from here, and nothing is written anywhere.",
		Example: "  kubectl port-forward -n monitoring svc/prometheus 9090 &\n" +
			"  kubectl crossfade calibrate checkout --prometheus http://localhost:9090\n" +
			"  kubectl crossfade calibrate --prometheus http://localhost:9090 --from 72h --weights 1,10 \\\n" +
			`    --requests 'http_requests_total{app="checkout"}' --errors 'http_requests_total{app="checkout",code=~"5.."}'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: s.completeRollout,
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.calibrate(cmd, append(args, "")[0], flags)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.prometheus, "prometheus", "", "the URL of Prometheus, or of what speaks its query API; required")
	f.StringVar(&flags.bearerFile, "bearer-file", "", "a file with the token to show to Prometheus")
	f.StringVar(&flags.caFile, "ca-file", "", "a file with the certificates to trust, in PEM; by default the system's")
	f.StringToStringVar(&flags.headers, "header", nil, "a further header, such as X-Scope-OrgID=shop")
	f.StringVar(&flags.replicaSet, "replicaset", "", "the ReplicaSet whose pods are replayed")
	f.StringArrayVar(&flags.requests, "requests", nil, "a selector of a counter of all requests; may be given more than once")
	f.StringArrayVar(&flags.errors, "errors", nil, "a selector of a counter of errors; may be given more than once")
	f.StringVar(&flags.podLabel, "pod-label", "pod", "the label that tells pods from each other")
	f.DurationVar(&flags.from, "from", 24*time.Hour, "how far to look back")
	f.IntSliceVar(&flags.weights, "weights", []int{5, 10, 25, 50}, "the weights to look at, in percent")
	return cmd
}

// check refuses flags that don't go together.
func (f calibrateFlags) check(rollout string) error {
	given := 0
	for _, one := range []bool{rollout != "", f.replicaSet != "", len(f.requests) > 0 || len(f.errors) > 0} {
		if one {
			given++
		}
	}
	switch {
	case f.prometheus == "":
		return errors.New("calibrate: say where Prometheus is with --prometheus, such as http://localhost:9090 after kubectl port-forward")
	case given != 1:
		return fmt.Errorf("calibrate: say whose past it is by one of: %s calibrate ROLLOUT, --replicaset, or --requests with --errors", control.Command)
	case len(f.requests) == 0 != (len(f.errors) == 0):
		return errors.New("calibrate: --requests and --errors go together")
	case f.from < time.Hour:
		return fmt.Errorf("calibrate: --from %s is less than the hour that a release is taken to last; look further back", f.from)
	}
	for _, weight := range f.weights {
		if weight < 1 || weight > 99 {
			return fmt.Errorf("calibrate: --weights %d is no share of the requests; give percents from 1 to 99", weight)
		}
	}
	return nil
}

func (s *session) calibrate(cmd *cobra.Command, rollout string, flags calibrateFlags) error {
	if err := flags.check(rollout); err != nil {
		return err
	}
	source, err := flags.source()
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	selectors, err := s.selectors(cmd.Context(), rollout, flags)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.Streams.ErrOut, "Reading %s of %s ...\n", reading.Span(flags.from), strings.Join(selectors.Requests, ", ")); err != nil {
		return err
	}
	now := s.Now()
	past, err := calibration.Read(cmd.Context(), source, selectors, now.Add(-flags.from), now)
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	asked := calibration.Asked{Comparison: analysis.DefaultComparison()}
	for _, weight := range flags.weights {
		asked.Weights = append(asked.Weights, float64(weight)/100)
	}
	return calibration.Replay(past, asked).Write(s.Streams.Out)
}

// source is the Prometheus of the flags. It is the person's own machine that asks, so that its loopback may be asked.
func (f calibrateFlags) source() (*prometheus.Source, error) {
	config := egress.Config{
		Address:     f.prometheus,
		Guard:       egress.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}},
		Credentials: egress.Credentials{Headers: f.headers},
		Timeout:     time.Minute,
		MaxBytes:    256 << 20,
	}
	if f.bearerFile != "" {
		token, err := os.ReadFile(f.bearerFile)
		if err != nil {
			return nil, fmt.Errorf("read --bearer-file: %w", err)
		}
		config.Credentials.Bearer = strings.TrimSpace(string(token))
	}
	if f.caFile != "" {
		ca, err := os.ReadFile(f.caFile)
		if err != nil {
			return nil, fmt.Errorf("read --ca-file: %w", err)
		}
		config.TLS.CA = ca
	}
	return prometheus.New("prometheus", config)
}

// selectors are those of the flags, or of the Rollout's pods.
func (s *session) selectors(ctx context.Context, rollout string, flags calibrateFlags) (calibration.Selectors, error) {
	of := calibration.Selectors{Requests: flags.requests, Errors: flags.errors, Pod: flags.podLabel}
	if len(flags.requests) > 0 {
		return of, nil
	}
	namespace, err := s.namespace()
	if err != nil {
		return of, err
	}
	replicaSet := flags.replicaSet
	if replicaSet == "" {
		if replicaSet, err = s.largest(ctx, rollout); err != nil {
			return of, err
		}
	}
	backend := goldensignals.Backend{Namespace: namespace, ReplicaSet: replicaSet}
	signals, err := goldensignals.For(goldensignals.Application, backend, backend)
	if err != nil {
		return of, fmt.Errorf("calibrate: %w", err)
	}
	of.Requests, of.Errors = signals.Stable.Requests, signals.Stable.Errors
	return of, nil
}

// largest is the ReplicaSet of the Rollout's workload that has the most ready pods.
func (s *session) largest(ctx context.Context, rollout string) (string, error) {
	c, scope, err := s.connect(rollout)
	if err != nil {
		return "", err
	}
	sight, err := see(ctx, c, scope)
	if err != nil {
		return "", err
	}
	name, most := "", int64(0)
	for _, revision := range sight.Revisions {
		ready, _, _ := unstructured.NestedInt64(revision.Object, "status", "readyReplicas")
		if ready > most {
			name, most = revision.GetName(), ready
		}
	}
	if name == "" {
		return "", fmt.Errorf("calibrate Rollout %s/%s: its workload has no ready pods; name a ReplicaSet of before with --replicaset", scope.Namespace, rollout)
	}
	return name, nil
}
