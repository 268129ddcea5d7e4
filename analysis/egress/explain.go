package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"crossfade.io/crossfade/analysis"
)

// ErrTooLarge is that there is more to answer than is taken in. It is ErrRefused.
var ErrTooLarge = fmt.Errorf("%w: too large", analysis.ErrRefused)

// tokenError is that there was no token. What the server of tokens said is not passed on: it may repeat what it was sent.
type tokenError struct{ cause error }

func (tokenError) Error() string   { return "no token" }
func (e tokenError) Unwrap() error { return e.cause }

// redirectError is a redirect that is not followed.
type redirectError struct{ what string }

func (e redirectError) Error() string { return e.what }

// Explain says in words why a client of this package had no answer of the source. It passes on nothing that others wrote,
// since that may have addresses with secrets in them.
func Explain(source string, err error) error {
	says := func(reason error, problem, mend string) error {
		return &analysis.SourceError{Source: source, Reason: reason, Problem: problem, Mend: mend}
	}
	var token tokenError
	var denied deniedError
	var redirect redirectError
	var size *http.MaxBytesError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var unknown *net.DNSError
	switch {
	case errors.As(err, &denied):
		return says(analysis.ErrRefused, "its address is one that may not be asked", "use another, or have the operator allow it")
	case errors.As(err, &redirect):
		return says(analysis.ErrRefused, redirect.what, "use the address that it redirects to")
	case errors.As(err, &size):
		return says(ErrTooLarge, fmt.Sprintf("its answer is over %d bytes", size.Limit), "select fewer series or a shorter time")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), timedOut(err):
		return says(analysis.ErrUnreachable, "it gave no answer in time", "see whether it is overloaded, or give it a longer timeout")
	case errors.Is(err, context.Canceled):
		return says(analysis.ErrUnreachable, "the request was cancelled", "ask again")
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &name):
		return says(analysis.ErrUnreachable, "its certificate can't be trusted", "give the CA that signed it, or the name that it has")
	case errors.As(err, &alert):
		return says(analysis.ErrUnreachable, "it refused the TLS connection", "give it a client certificate that it accepts")
	case errors.As(err, &record):
		return says(analysis.ErrUnreachable, "it doesn't speak TLS", "use http, or the port at which it does")
	case errors.As(err, &token):
		return says(analysis.ErrUnreachable, "there was no OAuth2 token", "see whether the token URL can be reached, and correct the client and its secret")
	case errors.As(err, &unknown):
		return says(analysis.ErrUnreachable, "the host of its address is not known", "correct the address")
	case errors.Is(err, syscall.ECONNREFUSED):
		return says(analysis.ErrUnreachable, "nothing listens at its address", "see whether it runs, and correct the address")
	}
	return says(analysis.ErrUnreachable, "the connection broke or it gave no answer of HTTP", "see whether it runs, and correct the address")
}

// Broken says whether an answer ended early, as by a limit or a broken connection, so that Explain knows why.
func Broken(err error) bool {
	var size *http.MaxBytesError
	return errors.As(err, &size) || errors.Is(err, io.ErrUnexpectedEOF) || timedOut(err) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// Status says in words what a status other than success means.
func Status(source string, code int) error {
	says := func(reason error, problem, mend string) error {
		return &analysis.SourceError{Source: source, Reason: reason, Problem: fmt.Sprintf("it answered %d, %s", code, problem), Mend: mend}
	}
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return says(analysis.ErrRefused, "its credentials don't count", "correct them in their Secret")
	case code == http.StatusNotFound || code == http.StatusMethodNotAllowed:
		return says(analysis.ErrRefused, "it serves no queries there", "correct the address")
	case code == http.StatusTooManyRequests:
		return says(analysis.ErrUnreachable, "it is asked too often", "ask it less often, or have its limit raised")
	case code == http.StatusRequestTimeout || code >= 500:
		return says(analysis.ErrUnreachable, "it has a problem of its own", "see its logs")
	case code/100 == 3:
		return says(analysis.ErrRefused, "it redirects to nowhere", "use the address that it redirects to")
	}
	return says(analysis.ErrRefused, "it can't do what it was asked", "correct the query")
}
