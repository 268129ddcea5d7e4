package main

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"crossfade.io/crossfade/e2e/app/echo"
)

// podKey is the header metadata key that names the answering pod.
const podKey = "x-pod"

func (a *app) newGRPCServer() *grpc.Server {
	server := grpc.NewServer(grpc.UnaryInterceptor(a.tagAnswer))
	echo.Register(server, a)
	grpc_health_v1.RegisterHealthServer(server, a.state.health)
	return server
}

// tagAnswer puts version and pod into the header metadata of every answer, failed ones included.
func (a *app) tagAnswer(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	tags := metadata.Pairs(echo.VersionKey, a.config.version, podKey, a.config.pod)
	if err := grpc.SendHeader(ctx, tags); err != nil {
		return nil, err
	}
	return next(ctx, request)
}

// Echo answers with the text it was sent, subject to the latency and error ratio in force.
func (a *app) Echo(ctx context.Context, text *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	fail, err := a.state.behave(ctx)
	if err != nil {
		return nil, status.FromContextError(err).Err()
	}
	if fail {
		return nil, status.Error(codes.Internal, "injected by errorRatio")
	}
	return text, nil
}
