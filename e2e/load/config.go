package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"sigs.k8s.io/yaml"
)

// Defaults of Config.
const (
	DefaultTimeout     = 5 * time.Second
	DefaultMaxInFlight = 4096
)

// Config is one run: its targets are loaded side by side.
type Config struct {
	Targets []Target `json:"targets"`
	// Duration is how long requests are scheduled, counted from the start; zero means until the context ends.
	// A file writes it as "30s".
	Duration time.Duration `json:"duration,omitempty"`
	// Timeout bounds a request's time from its scheduled instant to the last byte of its answer; zero means 5 s.
	// A file writes it as "5s".
	Timeout time.Duration `json:"timeout,omitempty"`
	// MaxInFlight bounds the requests in flight per target; one over it is unsent. Zero means 4096.
	MaxInFlight int `json:"maxInFlight,omitempty"`
	// RawFile is where every request is logged as a line of CSV, for RawLog; empty logs none.
	RawFile string `json:"rawFile,omitempty"`
	// SamplesFile is where counts per second are written as lines of JSON, see Sample; empty writes none.
	SamplesFile string `json:"samplesFile,omitempty"`
}

// Target is one constant stream of requests, every second of which is a POST.
type Target struct {
	// Name tells the target apart in records and reports; empty means its URL.
	Name string `json:"name,omitempty"`
	// URL is http://host:port/path or, without a look at the certificate, https://host:port/path; or, for the sample app's
	// Echo service, grpc://host:port, or xds://host:port for where the mesh's control plane sends calls of that name, which
	// the environment tells where to find (GRPC_XDS_BOOTSTRAP_CONFIG).
	URL string `json:"url"`
	// Address is the host:port that is dialled; empty means the URL's.
	Address string `json:"address,omitempty"`
	// Host is the Host header and the name that TLS asks for, or gRPC's authority; empty means the URL's.
	Host string `json:"host,omitempty"`
	// Rate is in requests per second, above 0.
	Rate float64 `json:"rate"`
	// Fresh opens a connection for every request; otherwise connections are kept alive and used again.
	Fresh bool `json:"fresh,omitempty"`
	// Headers are sent with every request.
	Headers map[string]string `json:"headers,omitempty"`
	// Cookies are sent with every request; cookies that answers set are ignored unless KeepCookies.
	Cookies map[string]string `json:"cookies,omitempty"`
	// KeepCookies has all requests be those of one user, whose browser keeps cookies that answers set.
	KeepCookies bool `json:"keepCookies,omitempty"`
	// Versions are those expected to answer; an answer of any other is a failed request. Empty expects any.
	Versions []string `json:"versions,omitempty"`
}

// ParseConfig reads a Config from YAML or JSON. An unknown field is an error; Run does the rest of the checks.
func ParseConfig(text []byte) (Config, error) {
	type plain Config
	config := Config{}
	file := struct {
		*plain
		Duration span `json:"duration"`
		Timeout  span `json:"timeout"`
	}{plain: (*plain)(&config)}
	asJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return Config{}, fmt.Errorf("parse config: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return Config{}, fmt.Errorf("parse config: %w", err)
	}
	config.Duration, config.Timeout = time.Duration(file.Duration), time.Duration(file.Timeout)
	return config, nil
}

// span is a time.Duration that a file writes as "30s".
type span time.Duration

func (s *span) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*s = span(parsed)
	return err
}

// complete checks the config and fills in its defaults, leaving the receiver as it was.
func (c Config) complete() (Config, error) {
	switch {
	case len(c.Targets) == 0:
		return c, errors.New("no target: name at least one URL to load")
	case c.Duration < 0:
		return c, fmt.Errorf("duration is %s: give a positive one, or 0 to run until stopped", c.Duration)
	case c.Timeout < 0:
		return c, fmt.Errorf("timeout is %s: give a positive one, or 0 for %s", c.Timeout, DefaultTimeout)
	case c.MaxInFlight < 0:
		return c, fmt.Errorf("maxInFlight is %d: give a positive number, or 0 for %d", c.MaxInFlight, DefaultMaxInFlight)
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = DefaultMaxInFlight
	}
	completed := make([]Target, 0, len(c.Targets))
	names := map[string]bool{}
	for _, target := range c.Targets {
		if target.Name == "" {
			target.Name = target.URL
		}
		if err := target.validate(); err != nil {
			return c, fmt.Errorf("target %q: %w", target.Name, err)
		}
		if names[target.Name] {
			return c, fmt.Errorf("target %q: the name is used twice: give each target a name of its own", target.Name)
		}
		names[target.Name] = true
		completed = append(completed, target)
	}
	c.Targets = completed
	return c, nil
}

func (t Target) validate() error {
	parsed, err := url.Parse(t.URL)
	if err != nil {
		return fmt.Errorf("url %q cannot be read: write http://host:port/path, https://host:port/path, grpc://host:port or xds://host:port", t.URL)
	}
	if !slices.Contains([]string{"http", "https", "grpc", "xds"}, parsed.Scheme) || parsed.Host == "" {
		return fmt.Errorf("url is %q: write http://host:port/path, https://host:port/path, grpc://host:port or xds://host:port", t.URL)
	}
	if t.calls() && parsed.Port() == "" && t.Address == "" {
		return fmt.Errorf("url is %q: name the port, as in grpc://host:9090", t.URL)
	}
	if !(t.Rate > 0) || math.IsInf(t.Rate, 0) {
		return fmt.Errorf("rate is %v: give a number of requests per second above 0", t.Rate)
	}
	if t.Address != "" {
		if _, _, err := net.SplitHostPort(t.Address); err != nil {
			return fmt.Errorf("address is %q: write host:port", t.Address)
		}
	}
	if strings.ContainsFunc(t.Name, unicode.IsControl) {
		return errors.New("the name holds a control character: use printable ones")
	}
	return t.validateHeaders()
}

func (t Target) validateHeaders() error {
	if t.KeepCookies && t.calls() {
		return errors.New("keepCookies is set: callers of gRPC keep none")
	}
	for name := range t.Headers {
		if strings.EqualFold(name, "Host") {
			return errors.New("headers name Host: set the target's host instead")
		}
	}
	return nil
}

// calls says whether the target is called by gRPC.
func (t Target) calls() bool {
	return strings.HasPrefix(t.URL, "grpc:") || strings.HasPrefix(t.URL, "xds:")
}

// expects reports whether an answer of this version is a right one.
func (t Target) expects(version string) bool {
	for _, expected := range t.Versions {
		if expected == version {
			return true
		}
	}
	return len(t.Versions) == 0
}
