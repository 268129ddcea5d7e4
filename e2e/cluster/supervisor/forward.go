package supervisor

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
)

// Forward accepts connections on listener and joins each to a new connection
// to address, until the listener is closed. A socket stays in the network
// namespace that it was made in: a listener inherited from outside makes an
// address inside reachable from there.
func Forward(ctx context.Context, listener net.Listener, address string) {
	for {
		outside, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			slog.Error("Connection was not accepted", "target", address, "error", err)
			return
		}
		go join(ctx, outside, address)
	}
}

func join(ctx context.Context, outside net.Conn, address string) {
	defer outside.Close()
	var dialer net.Dialer
	inside, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		// Normal while the target starts: the client sees a closed connection and retries.
		return
	}
	defer inside.Close()
	done := make(chan struct{}, 2)
	go func() { transfer(inside, outside); done <- struct{}{} }()
	go func() { transfer(outside, inside); done <- struct{}{} }()
	<-done
	<-done
}

// transfer copies one direction and passes its end on, since either side may
// finish sending long before it finishes receiving.
func transfer(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(*net.TCPConn); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	_ = to.Close()
	_ = from.Close()
}
