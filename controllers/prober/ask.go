package prober

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/trafficrouting/probes"
)

const (
	// inARow is how many requests must agree, each on a connection of its own: a gateway has several proxies, each with
	// several workers, and a connection stays with one.
	inARow = 3
	// within bounds one request, in all.
	within = 2 * time.Second
	// mostSaid is how much of a header is kept, in bytes.
	mostSaid = 64
	// mostHeaders bounds the headers of an answer, in bytes.
	mostHeaders = 64 << 10
)

// switchedOff is the answer where the installation allows for no probes.
const switchedOff = "probes are switched off in this installation; have its operator set probes.enabled, or leave them out"

// answer asks a question: the gateway first, then, unless pods' names tell the versions, the Services.
func (p *Prober) answer(ctx context.Context, q probes.Question) probes.Answer {
	if !p.Allowed {
		return probes.Answer{Key: q.Key, Problem: switchedOff}
	}
	var said probes.Said
	var failed error
	for range inARow {
		value, err := p.ask(ctx, q.Request, q.Request.URL, q.Request.InsecureSkipVerify)
		if err != nil {
			failed = err
			break
		}
		said.Gateway = append(said.Gateway, value)
	}
	if !q.ByPods(said.Gateway) {
		var err error
		if said.Stable, err = p.directly(ctx, q, q.Stable); err == nil {
			said.Canary, err = p.directly(ctx, q, q.Canary)
		}
		if err != nil {
			return probes.Answer{Key: q.Key, Problem: err.Error()}
		}
	}
	answer := q.Judge(said)
	if failed != nil {
		answer.Problem = failed.Error()
	}
	return answer
}

// directly asks the Service of a version what its answers say. By its address no certificate could be verified, and none
// need be: it is asked what it is called.
func (p *Prober) directly(ctx context.Context, q probes.Question, arm probes.Arm) (string, error) {
	asked, err := url.Parse(q.Request.URL)
	if err != nil {
		return "", fmt.Errorf("read url: %w", err)
	}
	value, err := p.ask(ctx, q.Request, arm.Service+asked.RequestURI(), true)
	if err != nil {
		return "", fmt.Errorf("by which versions can't be told: Service %s at %s, asked directly: %w; say identifiedBy.port, or have the app say its pod's name in the header",
			arm.Name, arm.Service, err)
	}
	return value, nil
}

// ask sends one request on a connection of its own, and returns what the answer's header says, shortened. Nothing else of
// the answer is read. Its errors are for people, and tell of nothing but this request.
func (p *Prober) ask(ctx context.Context, probe v1alpha1.Probe, address string, anyCertificate bool) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, probes.Method(probe), address, nil)
	if err != nil {
		return "", fmt.Errorf("read url: %w", err)
	}
	request.Header["User-Agent"] = nil // only what the probe names is sent: a match could be by any header
	for _, h := range probe.Headers {
		if request.Header.Get(h.Name) == "" {
			request.Header.Set(h.Name, h.Value)
		}
	}
	if probe.Host != nil {
		request.Host = *probe.Host
	}
	response, err := p.transport(request.Host, anyCertificate).RoundTrip(request) // follows no redirect
	if err != nil {
		return "", inWords(err)
	}
	_ = response.Body.Close()
	value := response.Header.Get(probe.IdentifiedBy.Header)
	if value == "" {
		return "", fmt.Errorf("the answer, %d, has no header %s", response.StatusCode, probe.IdentifiedBy.Header)
	}
	return value[:min(len(value), mostSaid)], nil
}

// transport is for one connection: one that is kept would stay with its proxy, and with what that knew.
func (p *Prober) transport(host string, anyCertificate bool) *http.Transport {
	dialer := &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || p.Forbidden(at.Addr()) {
			return forbiddenError{address}
		}
		return nil
	}}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	return &http.Transport{
		DialContext: dialer.DialContext, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: mostHeaders,
		//nolint:gosec // where the author of a probe says so, and of Services, which are asked their name alone
		TLSClientConfig: &tls.Config{ServerName: name, InsecureSkipVerify: anyCertificate},
	}
}

// forbiddenError is an address that is never asked.
type forbiddenError struct{ address string }

func (e forbiddenError) Error() string {
	return "address " + e.address + " is not asked, as it is of the controller's own host or link, or of cloud metadata"
}

// inWords says what became of a request, and nothing that a scan could use beside.
func inWords(err error) error {
	var forbidden forbiddenError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var unknown *net.DNSError
	switch {
	case errors.As(err, &forbidden):
		return forbidden
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no answer within %s", within)
	case errors.As(err, &certificate), errors.As(err, &authority):
		return errors.New("its certificate can't be trusted; use one that can, or insecureSkipVerify")
	case errors.As(err, &unknown):
		return fmt.Errorf("host %s is not known", unknown.Name)
	}
	return errors.New("it could not be reached, or gave no answer of HTTP")
}
