// Command load sends constant streams of requests and reports on every one of them.
//
// It exits with 0 when the rate was kept, also if requests failed: the report counts those; with 1 when it was not,
// or a file could not be written; and with 2 on bad input.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"crossfade.io/crossfade/e2e/load"
)

// options are the command line.
type options struct {
	config     load.Config
	reportFile string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (exitCode int) {
	options, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "load:", err)
		return 2
	}
	running, err := load.Start(ctx, options.config)
	if err != nil {
		fmt.Fprintln(stderr, "load:", err)
		return 2
	}
	report, err := running.Wait()
	fmt.Fprint(stdout, report)
	if options.reportFile != "" {
		encoded, _ := json.MarshalIndent(report, "", "  ") // only texts, numbers and times
		err = errors.Join(err, os.WriteFile(options.reportFile, append(encoded, '\n'), 0o644))
	}
	if err != nil {
		fmt.Fprintln(stderr, "load:", err)
		return 1
	}
	return 0
}

// single are the flags that describe the one target of a command line without --config.
var single = []string{"url", "name", "address", "host", "rate", "fresh", "header", "cookie", "expect-version"}

// parse reads the command line. Its error is flag.ErrHelp when help was asked for.
func parse(args []string, usage io.Writer) (options, error) {
	var given options
	var file string
	target, flagged := load.Target{}, load.Config{}
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&file, "config", "", "YAML or JSON `file` with the targets, instead of --url and what describes it")
	flags.StringVar(&target.URL, "url", "", "http://host:port/path, https://host:port/path or grpc://host:port of a single target")
	flags.StringVar(&target.Name, "name", "", "name of the target (default its URL)")
	flags.StringVar(&target.Address, "address", "", "`host:port` to dial instead of the URL's")
	flags.StringVar(&target.Host, "host", "", "Host header instead of the URL's")
	flags.Float64Var(&target.Rate, "rate", 10, "requests per second")
	flags.BoolVar(&target.Fresh, "fresh", false, "open a connection for every request")
	flags.Func("header", "`name=value` to send with every request; may be given again", pair(&target.Headers))
	flags.Func("cookie", "`name=value` to send with every request; may be given again", pair(&target.Cookies))
	flags.Func("expect-version", "`version` that may answer; may be given again (default any)", func(version string) error {
		target.Versions = append(target.Versions, version)
		return nil
	})
	flags.DurationVar(&flagged.Duration, "duration", 10*time.Second, "how long to send; 0 until SIGINT or SIGTERM")
	flags.DurationVar(&flagged.Timeout, "timeout", load.DefaultTimeout, "time for a request, from its scheduled instant to the last byte")
	flags.IntVar(&flagged.MaxInFlight, "max-in-flight", load.DefaultMaxInFlight, "requests in flight per target; one over it is unsent")
	flags.StringVar(&flagged.RawFile, "raw", "", "`file` for every request as a line of CSV")
	flags.StringVar(&flagged.SamplesFile, "samples", "", "`file` for counts per second as lines of JSON")
	flags.StringVar(&given.reportFile, "report", "", "`file` for the report as JSON")

	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(usage)
		flags.PrintDefaults()
		return given, err
	}
	if err != nil {
		return given, fmt.Errorf("read flags: %w; see --help", err)
	}
	if flags.NArg() > 0 {
		return given, fmt.Errorf("argument %q is not understood: give a target with --url", flags.Arg(0))
	}
	if file != "" {
		given.config, err = readConfig(file, flags, flagged)
		return given, err
	}
	if target.URL == "" {
		return given, errors.New("no target: give --url, or --config with a list of targets")
	}
	given.config, given.config.Targets = flagged, []load.Target{target}
	return given, nil
}

// readConfig reads the file; flags given beside it win, except those of a single target, which are an error.
func readConfig(file string, flags *flag.FlagSet, flagged load.Config) (load.Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return load.Config{}, fmt.Errorf("read --config: %w", err)
	}
	config, err := load.ParseConfig(text)
	if err != nil {
		return load.Config{}, fmt.Errorf("read --config %s: %w", file, err)
	}
	flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "duration":
			config.Duration = flagged.Duration
		case "timeout":
			config.Timeout = flagged.Timeout
		case "max-in-flight":
			config.MaxInFlight = flagged.MaxInFlight
		case "raw":
			config.RawFile = flagged.RawFile
		case "samples":
			config.SamplesFile = flagged.SamplesFile
		}
		if slices.Contains(single, f.Name) && err == nil {
			err = fmt.Errorf("--%s goes with --url, not with --config: set it in %s", f.Name, file)
		}
	})
	return config, err
}

// pair reads name=value into a map that it makes on first use.
func pair(values *map[string]string) func(string) error {
	return func(text string) error {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return errors.New("write name=value")
		}
		if *values == nil {
			*values = map[string]string{}
		}
		(*values)[name] = value
		return nil
	}
}
