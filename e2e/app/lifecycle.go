package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"

	"crossfade.io/crossfade/e2e/app/identity"
)

// patience is how long a connection may be silent: longer than any test. A server that closes first races
// with a request on its way, and a proxy sends none again that went over a connection's first use, which
// may come long after it was opened: it was dialled for a request that another connection took.
const patience = time.Hour

// app is the sample app: one HTTP, one gRPC and one admin server over one state.
type app struct {
	config  config
	state   *state
	metrics *metrics

	http, admin *http.Server
	grpc        *grpc.Server

	httpListener, grpcListener, adminListener net.Listener
	tlsListener                               net.Listener // nil unless it has an address
}

// listen builds the app and opens its three ports, so that a caller knows the addresses before serve.
func listen(cfg config) (*app, error) {
	a := &app{config: cfg, state: newState(cfg.settings), metrics: newMetrics(cfg.version)}
	a.http = &http.Server{Handler: a.httpHandler(), ReadHeaderTimeout: patience, IdleTimeout: patience}
	a.admin = &http.Server{Handler: a.adminHandler(), ReadHeaderTimeout: 10 * time.Second}
	a.grpc = a.newGRPCServer()
	if cfg.tlsAddress != "" {
		certificate, err := identity.Certificate()
		if err != nil {
			return nil, err
		}
		a.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
		// A server of both, with and without TLS, would offer HTTP/2 behind TLS and not speak it.
		a.http.Protocols = new(http.Protocols)
		a.http.Protocols.SetHTTP1(true)
	}
	for _, port := range []struct {
		listener      *net.Listener
		flag, address string
	}{
		{&a.httpListener, "http-address", cfg.httpAddress},
		{&a.grpcListener, "grpc-address", cfg.grpcAddress},
		{&a.adminListener, "admin-address", cfg.adminAddress},
		{&a.tlsListener, "tls-address", cfg.tlsAddress},
	} {
		if port.address == "" {
			continue
		}
		opened, err := net.Listen("tcp", port.address)
		if err != nil {
			a.closeListeners()
			return nil, fmt.Errorf("open --%s: %w", port.flag, err)
		}
		*port.listener = opened
	}
	return a, nil
}

// serve blocks until ctx ends and the app has drained, or until a server fails.
func (a *app) serve(ctx context.Context) error {
	failed := make(chan error, 4)
	go func() { failed <- a.http.Serve(a.httpListener) }()
	if a.tlsListener != nil {
		go func() { failed <- a.http.ServeTLS(a.tlsListener, "", "") }()
	}
	go func() { failed <- a.grpc.Serve(a.grpcListener) }()
	go func() { failed <- a.admin.Serve(a.adminListener) }()
	defer a.admin.Close()

	select {
	case err := <-failed:
		a.closeListeners()
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		return a.drain()
	}
}

// drain goes unready, keeps serving for the drain delay while endpoints and proxies take note, and then shuts
// both servers down: what is in flight may finish, within the shutdown limit. The admin port stays to the end.
func (a *app) drain() error {
	a.state.drain()
	time.Sleep(a.config.drainDelay)

	ctx, cancel := context.WithTimeout(context.Background(), a.config.shutdownLimit)
	defer cancel()
	var both sync.WaitGroup
	both.Go(func() { a.stopGRPC(ctx) })
	err := a.http.Shutdown(ctx)
	both.Wait()
	if errors.Is(err, context.DeadlineExceeded) {
		_ = a.http.Close()
		return fmt.Errorf("drain http: requests still ran after %s", a.config.shutdownLimit)
	}
	return err
}

// stopGRPC sends GOAWAY and lets calls finish; at the end of ctx it cuts those that are left.
func (a *app) stopGRPC(ctx context.Context) {
	stop := context.AfterFunc(ctx, a.grpc.Stop)
	defer stop()
	a.grpc.GracefulStop()
}

func (a *app) closeListeners() {
	for _, listener := range []net.Listener{a.httpListener, a.grpcListener, a.adminListener, a.tlsListener} {
		if listener != nil {
			_ = listener.Close()
		}
	}
}
