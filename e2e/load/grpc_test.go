package load

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"crossfade.io/crossfade/e2e/app/echo"
)

// everyFourthFails checks what it is sent and answers as v1.
type everyFourthFails struct{ calls atomic.Int64 }

func (e *everyFourthFails) Echo(ctx context.Context, text *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	if err := grpc.SendHeader(ctx, metadata.Pairs(echo.VersionKey, "v1")); err != nil {
		return nil, err
	}
	got, _ := metadata.FromIncomingContext(ctx)
	if got.Get(":authority")[0] != "shop.example" || got.Get("x-user")[0] != "7" || got.Get("cookie")[0] != "cohort=b" {
		return nil, status.Errorf(codes.InvalidArgument, "sent %v", got)
	}
	if e.calls.Add(1)%4 == 0 {
		return nil, status.Error(codes.Internal, "the fourth")
	}
	return text, nil
}

func TestGRPC(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	echo.Register(server, new(everyFourthFails))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)

	target := Target{
		URL: "grpc://shop.example:9090", Address: listener.Addr().String(), Host: "shop.example", Rate: 200, Versions: []string{"v1"},
		Headers: map[string]string{"x-user": "7"}, Cookies: map[string]string{"cohort": "b"},
	}
	for name, fresh := range map[string]bool{"kept connection": false, "fresh connections": true} {
		t.Run(name, func(t *testing.T) {
			target.Fresh = fresh
			report, err := Run(t.Context(), Config{Targets: []Target{target}, Duration: 100 * time.Millisecond})
			require.NoError(t, err)
			require.Equal(t, map[int]int{200: 15, 613: 5}, report.Targets[0].Statuses, report.String())
			require.Equal(t, "status: 5", counts(report.Targets[0].Faults))
			require.Equal(t, 20, report.Targets[0].Versions[0].Count)
		})
	}
	t.Run("no server", func(t *testing.T) {
		server.Stop()
		report, err := Run(t.Context(), Config{Targets: []Target{target}, Duration: 50 * time.Millisecond})
		require.NoError(t, err)
		require.Equal(t, map[int]int{0: 10}, report.Targets[0].Statuses, report.String())
		require.Equal(t, "refused: 10", counts(report.Targets[0].Faults))
	})
}

// TestGRPCServerThatIsLate: a server that takes connections and says nothing loses no call before the call's own timeout.
func TestGRPCServerThatIsLate(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	const longerThanSomeClientsWait = 3500 * time.Millisecond
	for name, fresh := range map[string]bool{"kept connection": false, "fresh connections": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := Target{URL: "grpc://" + listener.Addr().String(), Rate: 100, Versions: []string{"v1"}, Fresh: fresh}
			report, err := Run(t.Context(), Config{Targets: []Target{target}, Duration: 50 * time.Millisecond, Timeout: longerThanSomeClientsWait})
			require.NoError(t, err)
			require.Equal(t, "timeout: 5", counts(report.Targets[0].Faults), report.String())
		})
	}
}
