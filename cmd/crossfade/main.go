// Command crossfade is the controller: it moves live traffic from one version of a workload to the
// next. This package alone builds clients, the clock and providers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
	_ "time/tzdata" // the image has no time zones

	"github.com/go-logr/logr"
	"go.uber.org/zap/zapcore"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"crossfade.io/crossfade/controllers/admission"
)

// options are what flags set.
type options struct {
	metricsAddress, healthAddress, profilingAddress string
	leaderElect                                     bool
	leaderNamespace                                 string
	lease, renew, retry                             time.Duration
	workers                                         int
	requestsPerSecond                               float64
	hook                                            hookOptions
	// probes: the probes of Rollouts may have requests sent.
	probes   bool
	analysis analysisOptions
	// ignored are pod-template annotations whose change alone is no new version.
	ignored []string
	// letGo is the Deployment, in namespace/name form, whose place this process takes to let go of everything.
	letGo string
}

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "crossfade:", err)
		os.Exit(1)
	}
}

// garbagePercent is how much the heap grows, in percent of what is in use, before garbage is collected,
// unless GOGC says so. Little is in use, and a release makes much garbage in little time: at Go's 100 a
// tenth of its processor time would go into collecting.
const garbagePercent = 400

// memoryLimit is how much memory the Go runtime uses, in bytes, before garbage is collected sooner than at garbagePercent, unless
// GOMEMLIMIT says so. It is no hard limit: a few hundred Releases that are judged have some 70 MiB in use.
const memoryLimit = 224 << 20

// processors is how many the Go scheduler uses, unless GOMAXPROCS says so: with more it spends a tenth of a
// release's processor time on handing goroutines from one to the next. All that the API server is asked for at
// --kube-api-qps takes half of one.
const processors = 1

func run(args []string) error {
	opts, log, err := parse(args)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(processors)
	}
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	limit(config, opts)
	mgr, err := newManager(config, opts)
	if err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	if opts.letGo != "" {
		return letGo(ctx, mgr, opts.letGo)
	}
	return start(ctx, mgr)
}

func start(ctx context.Context, mgr ctrl.Manager) error {
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("run the manager: %w", err)
	}
	return nil
}

func parse(args []string) (options, logr.Logger, error) {
	var o options
	flags := flag.NewFlagSet("crossfade", flag.ContinueOnError)
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", ":8080", "address of Prometheus metrics over HTTP; 0 turns them off")
	flags.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz")
	flags.StringVar(&o.profilingAddress, "pprof-bind-address", "0", "address of Go's profiling pages; 0 turns them off")
	flags.BoolVar(&o.leaderElect, "leader-elect", true, "act only while holding the lease, so that several replicas can run")
	flags.StringVar(&o.leaderNamespace, "leader-election-namespace", "", "namespace of the lease; empty means the pod's own")
	flags.DurationVar(&o.lease, "lease-duration", 15*time.Second, "how long a lease is valid that is not renewed")
	flags.DurationVar(&o.renew, "renew-deadline", 10*time.Second, "how long a leader tries to renew before it steps down")
	flags.DurationVar(&o.retry, "retry-period", 2*time.Second, "how often the lease is tried for")
	flags.IntVar(&o.workers, "workers", 8, "how many Releases are reconciled at a time")
	flags.Float64Var(&o.requestsPerSecond, "kube-api-qps", 200, "requests a second to the API server; the server's own priority and fairness limits beside it")
	flags.BoolVar(&o.probes, "probes", false, "send the requests of probes that Rollouts name; their authors choose the addresses")
	flags.StringVar(&o.analysis.prometheus, "prometheus-address", "", "URL of the installation's Prometheus, which golden signals and templates without a source ask; empty means that there is none")
	flags.DurationVar(&o.analysis.lag, "prometheus-lag", 0, "how much later than in what scraped them samples can be read of the installation's Prometheus, as of a store that gets copies; at most 10m")
	allow := flags.String("analysis-allow", "", "CIDRs that sources of metrics may be at although they are denied by default, as loopback, link-local and the API server's are, separated by commas")
	deny := flags.String("analysis-deny", "", "CIDRs that sources of metrics may not be at beside what is denied by default, separated by commas; what is allowed counts more")
	ignored := flags.String("ignored-annotations", strings.Join(admission.DefaultIgnored, ","), "pod-template annotations whose change alone is no new version, separated by commas; the gate must say the same")
	flags.IntVar(&o.hook.port, "webhook-port", 0, "port of the admission webhook; 0 turns it off")
	flags.StringVar(&o.hook.secret, "webhook-secret", "", "namespace/name of the Secret that has the webhook's certificate")
	flags.StringVar(&o.hook.configurations, "webhook-configurations", "", "names of the webhook's configurations, separated by commas, for which the certificate is made and renewed; empty leaves that to others")
	flags.StringVar(&o.hook.host, "webhook-host", "", "DNS name by which the API server calls the webhook, for the certificate")
	flags.StringVar(&o.hook.folder, "webhook-certificates", "/run/crossfade", "folder in which the Secret is mounted, to see that it is")
	flags.BoolVar(&o.hook.tables, "webhook-gate", false, "the webhook holds new templates and guards workloads and Services, where the API server has no MutatingAdmissionPolicy")
	flags.StringVar(&o.letGo, "let-go", "", "stop the Deployment namespace/name of a controller, take its Releases back, let go of all workloads, and exit: what comes before an uninstallation")
	logging := zap.Options{TimeEncoder: zapcore.RFC3339NanoTimeEncoder}
	logging.BindFlags(flags)
	if err := flags.Parse(args); err != nil {
		return o, logr.Discard(), err
	}
	o.ignored = strings.FieldsFunc(*ignored, func(r rune) bool { return r == ',' })
	if o.analysis.lag < 0 || o.analysis.lag > 10*time.Minute {
		return o, logr.Discard(), fmt.Errorf("--prometheus-lag is %s; give 0s to 10m", o.analysis.lag)
	}
	var err error
	if o.analysis.allow, err = prefixes("analysis-allow", *allow); err != nil {
		return o, logr.Discard(), err
	}
	if o.analysis.deny, err = prefixes("analysis-deny", *deny); err != nil {
		return o, logr.Discard(), err
	}
	if flags.NArg() > 0 {
		return o, logr.Discard(), fmt.Errorf("argument %q is not understood; all settings are flags, see --help", flags.Arg(0))
	}
	return o, zap.New(zap.UseFlagOptions(&logging)), nil
}

// limit sets the client's own rate limit; bursts of twice a second's worth pass.
func limit(config *rest.Config, o options) {
	config.QPS = float32(o.requestsPerSecond)
	config.Burst = int(2 * o.requestsPerSecond)
	config.UserAgent = "crossfade"
}
