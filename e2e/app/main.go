// Command app is the workload of the end-to-end tests: an HTTP and a gRPC server that name their version in every
// answer and fail, slow down or go unready on request.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// config is what is fixed at start, and the settings that hold at first.
type config struct {
	version string
	// pod names the answering pod; empty means the host name, which is the pod's name in Kubernetes.
	pod string
	// Addresses are host:port; port 0 takes a free one.
	httpAddress, grpcAddress, adminAddress string
	tlsAddress                             string // empty means none
	// drainDelay is how long the app serves on, unready, after SIGTERM.
	drainDelay time.Duration
	// shutdownLimit bounds the wait for requests in flight after the drain delay.
	shutdownLimit time.Duration
	// exitAtOnce ends the process on SIGTERM without draining.
	exitAtOnce bool
	settings   settings
	// requiredHeader is name=value of a header without which a request to the HTTP server is refused; empty means none.
	requiredHeader string
}

func main() {
	cfg, err := parseConfig(os.Args[1:], os.LookupEnv, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(2)
	}
	if err := run(cfg); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}

func run(cfg config) error {
	// Signals are taken before the ports open. As process 1 of a container the app has no default action for
	// SIGTERM, so even exiting at once needs the signal to be caught.
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	ctx, drain := context.WithCancel(context.Background())
	defer drain()
	go func() {
		<-ended
		if cfg.exitAtOnce {
			os.Exit(0)
		}
		drain()
		<-ended // a second signal cuts the drain
		os.Exit(1)
	}()

	a, err := listen(cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "app: version %q serves HTTP on %s, gRPC on %s, admin on %s\n",
		cfg.version, a.httpListener.Addr(), a.grpcListener.Addr(), a.adminListener.Addr())
	return a.serve(ctx)
}

// parseConfig reads flags over environment over defaults. A flag's environment variable is its name in capitals
// behind APP_: --error-ratio is APP_ERROR_RATIO. Its error is flag.ErrHelp when help was asked for.
func parseConfig(args []string, lookupEnv func(string) (string, bool), usage io.Writer) (config, error) {
	cfg := config{}
	flags := flag.NewFlagSet("app", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&cfg.version, "version", "v1", "version named in every answer")
	flags.StringVar(&cfg.pod, "pod-name", "", "pod named in every answer (default the host name)")
	flags.StringVar(&cfg.httpAddress, "http-address", ":8080", "host:port of the HTTP server")
	flags.StringVar(&cfg.grpcAddress, "grpc-address", ":9090", "host:port of the gRPC server")
	flags.StringVar(&cfg.tlsAddress, "tls-address", "", "host:port of the HTTP server behind TLS (default none)")
	flags.StringVar(&cfg.adminAddress, "admin-address", ":8081", "host:port of /settings and /metrics")
	flags.Float64Var(&cfg.settings.ErrorRatio, "error-ratio", 0, "share of requests answered with an error, 0 to 1")
	flags.TextVar(&cfg.settings.Latency, "latency", duration(0), "wait before every answer")
	flags.TextVar(&cfg.settings.Jitter, "jitter", duration(0), "random wait of up to this long on top of --latency")
	flags.TextVar(&cfg.settings.Work, "work", duration(0), "processor time spent on every answer")
	flags.BoolVar(&cfg.settings.Ready, "ready", true, "what the readiness probes report")
	flags.StringVar(&cfg.requiredHeader, "require-header", "", "name=value of a header without which HTTP requests are refused (default none)")
	flags.DurationVar(&cfg.drainDelay, "drain-delay", 10*time.Second, "how long to serve on, unready, after SIGTERM")
	flags.DurationVar(&cfg.shutdownLimit, "shutdown-limit", 10*time.Second, "how long requests in flight may take after the drain delay")
	flags.BoolVar(&cfg.exitAtOnce, "exit-at-once", false, "exit on SIGTERM without draining")

	var failure error
	flags.VisitAll(func(f *flag.Flag) {
		name := "APP_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value, found := lookupEnv(name); found && failure == nil {
			if err := flags.Set(f.Name, value); err != nil {
				failure = fmt.Errorf("read %s=%q: %w", name, value, err)
			}
		}
	})
	if failure != nil {
		return config{}, failure
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(usage)
			flags.PrintDefaults()
			return config{}, err
		}
		return config{}, fmt.Errorf("read flags: %w; see --help", err)
	}
	return cfg.complete(flags.Args())
}

// complete checks what was read and fills in the pod's name.
func (c config) complete(rest []string) (config, error) {
	switch {
	case len(rest) > 0:
		return config{}, fmt.Errorf("argument %q is not understood: all settings are flags, see --help", rest[0])
	case c.version == "":
		return config{}, errors.New("--version is empty: name the version that this app shows")
	case c.drainDelay < 0 || c.shutdownLimit < 0:
		return config{}, errors.New("--drain-delay and --shutdown-limit cannot be negative: give durations such as 3s")
	}
	if err := c.settings.validate(); err != nil {
		return config{}, err
	}
	if c.pod == "" {
		host, err := os.Hostname()
		if err != nil {
			return config{}, fmt.Errorf("read host name: %w; set --pod-name", err)
		}
		c.pod = host
	}
	return c, nil
}
