package load

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	_ "google.golang.org/grpc/xds" // names of scheme xds

	"crossfade.io/crossfade/e2e/app/echo"
)

// grpcStatusBase plus the gRPC code is the status of an answer that is not OK.
const grpcStatusBase = 600

// staleRoute is what grpc-go says of a call for which it chose a cluster by a route, while what picks its connection still goes by
// the route before, or already by the next one: it swaps them one after the other. The call was never sent, and it is the client that
// would lose it.
const staleRoute = "unknown cluster selected for RPC"

// swapTime is how long that may take, on a busy machine; if it takes longer, something else is wrong.
const swapTime = time.Second

// grpcSender calls the sample app's Echo service. gRPC sends a call again only if the server is known not to have
// seen it; configured retries are off.
type grpcSender struct {
	address  string
	options  []grpc.DialOption
	shared   *grpc.ClientConn // nil when every call opens its own
	metadata metadata.MD
}

func newGRPCSender(target Target, timeout time.Duration) (*grpcSender, error) {
	parsed, err := url.Parse(target.URL)
	if err != nil {
		return nil, err
	}
	address, authority := parsed.Host, parsed.Host
	if target.Address != "" {
		address = target.Address
	}
	if target.Host != "" {
		authority = target.Host
	}
	resolver := "passthrough:///"
	if parsed.Scheme == "xds" {
		resolver = "xds:///"
	}
	g := &grpcSender{
		address: resolver + address,
		options: []grpc.DialOption{
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithAuthority(authority),
			grpc.WithDisableRetry(),
			grpc.WithUserAgent("crossfade-load"),
			// Reconnect at once: the default waits from a second up, in which every call fails unsent.
			grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{
				BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: 250 * time.Millisecond,
				// A server that is late to answer a new connection is not lost: each call waits until its own timeout, also one that
				// joins the first of those who wait, within its timeout.
			}, MinConnectTimeout: 2 * timeout}),
		},
		metadata: metadata.New(target.Headers),
	}
	for name, value := range target.Cookies {
		g.metadata.Append("cookie", name+"="+value)
	}
	if target.Fresh {
		return g, nil
	}
	g.shared, err = grpc.NewClient(g.address, g.options...)
	return g, err
}

func (g *grpcSender) send(ctx context.Context, _ bool) outcome {
	conn := g.shared
	if conn == nil {
		fresh, err := grpc.NewClient(g.address, g.options...)
		if err != nil {
			return outcome{err: err}
		}
		defer fresh.Close()
		conn = fresh
	}
	var header metadata.MD
	call := func() error {
		_, err := echo.Call(metadata.NewOutgoingContext(ctx, g.metadata), conn, postedText, grpc.Header(&header))
		return err
	}
	err := call()
	for pause := time.Millisecond; err != nil && strings.Contains(err.Error(), staleRoute) && pause < swapTime; pause *= 2 {
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		err = call()
	}
	version := strings.Join(header.Get(echo.VersionKey), ",")
	code := status.Code(err)
	switch {
	case err == nil:
		return outcome{status: 200, version: version}
	case code == codes.DeadlineExceeded:
		return outcome{version: version, err: errors.Join(context.DeadlineExceeded, err)}
	case version == "" && code == codes.Unavailable:
		return outcome{err: err}
	}
	return outcome{status: grpcStatusBase + int(code), version: version, detail: err.Error()}
}

func (g *grpcSender) close() {
	if g.shared != nil {
		_ = g.shared.Close()
	}
}
