package supervisor_test

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/e2e/cluster/supervisor"
)

func TestForward(t *testing.T) {
	target := loopback(t)
	go func() {
		for {
			connection, err := target.Accept()
			if err != nil {
				return
			}
			// Answers only after the end of the request: a half-closed connection must
			// still carry the answer.
			request, _ := io.ReadAll(connection)
			_, _ = connection.Write(append([]byte("got "), request...))
			_ = connection.Close()
		}
	}()
	outside := loopback(t)
	go supervisor.Forward(t.Context(), outside, target.Addr().String())

	connection, err := net.Dial("tcp", outside.Addr().String())
	require.NoError(t, err)
	_, err = connection.Write([]byte("hello"))
	require.NoError(t, err)
	require.NoError(t, connection.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(connection)
	require.NoError(t, err)
	require.Equal(t, "got hello", string(answer))
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}
