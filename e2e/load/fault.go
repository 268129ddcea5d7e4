package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// Fault is the class of a failed request.
type Fault string

// The faults. Those from FaultTimeout on have no answer, hence status 0.
const (
	FaultUnsent      Fault = "unsent"      // never sent: the scheduler was too late, or too many were in flight
	FaultStatus      Fault = "status"      // answered outside 2xx
	FaultInjected    Fault = "injected"    // answered outside 2xx, as the app was told to
	FaultVersion     Fault = "version"     // answered 2xx by a version that is not expected
	FaultTimeout     Fault = "timeout"     // no complete answer within the timeout from the scheduled instant
	FaultRefused     Fault = "refused"     // connection refused
	FaultReset       Fault = "reset"       // connection reset, or broken while writing
	FaultClosed      Fault = "closed"      // connection closed before or amid the answer
	FaultUnreachable Fault = "unreachable" // no route to the address
	FaultName        Fault = "name"        // host name not resolved
	FaultTransport   Fault = "transport"   // any other error of the transport
)

// unsentError says why a request was never sent.
type unsentError string

func (e unsentError) Error() string { return string(e) }

// judge is the one place that decides whether a request failed; the detail is empty unless it did.
func judge(target Target, timeout, latency time.Duration, outcome outcome) (fault Fault, detail string) {
	switch {
	case outcome.err != nil:
		return faultOf(outcome.err), outcome.err.Error()
	case latency > timeout:
		return FaultTimeout, fmt.Sprintf("answered after %s", latency)
	case outcome.status < 200 || outcome.status > 299:
		fault = FaultStatus
		if outcome.injected {
			fault = FaultInjected
		}
		return fault, strings.TrimSpace(fmt.Sprintf("answered %d %s", outcome.status, outcome.detail))
	case !target.expects(outcome.version):
		return FaultVersion, fmt.Sprintf("version %q answered, expected %s", outcome.version, strings.Join(target.Versions, " or "))
	}
	return "", ""
}

func faultOf(err error) Fault {
	var unsent unsentError
	var name *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &unsent):
		return FaultUnsent
	case errors.As(err, &name):
		return FaultName
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return FaultTimeout
	case errors.Is(err, syscall.ECONNREFUSED), says(err, "connection refused"):
		return FaultRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), says(err, "reset by peer"):
		return FaultReset
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return FaultUnreachable
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		says(err, "server closed idle connection"), says(err, "EOF"):
		return FaultClosed
	}
	return FaultTransport
}

// says looks into the text where an error cannot be told by its type: gRPC flattens causes into text, and net/http
// does not export its errServerClosedIdle.
func says(err error, text string) bool { return strings.Contains(err.Error(), text) }
