// Package echo is the gRPC service of the sample app: one unary method that answers with the text it was sent.
// It is registered by hand over a well-known type, so neither side needs generated code.
package echo

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Method is the full name of the one method, as a gRPC route matches it.
const Method = "/" + service + "/Echo"

// VersionKey is the header metadata key under which every answer, also a failed one, names the version that gave it.
const VersionKey = "x-version"

const service = "crossfade.e2e.Echo"

// Server answers Echo calls.
type Server interface {
	// Echo answers with the text it was sent, or with a gRPC status error.
	Echo(ctx context.Context, text *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
}

// Register adds the Echo service to a gRPC server; call it before Serve.
func Register(registrar grpc.ServiceRegistrar, server Server) {
	registrar.RegisterService(&grpc.ServiceDesc{
		ServiceName: service,
		HandlerType: (*Server)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Echo", Handler: answer}},
	}, server)
}

// Call sends one text and returns the one that came back; its errors are gRPC status errors.
func Call(ctx context.Context, conn grpc.ClientConnInterface, text string, opts ...grpc.CallOption) (string, error) {
	answer := new(wrapperspb.StringValue)
	if err := conn.Invoke(ctx, Method, wrapperspb.String(text), answer, opts...); err != nil {
		return "", err
	}
	return answer.GetValue(), nil
}

//nolint:revive // context-as-argument: the signature is grpc.MethodHandler's
func answer(server any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
	text := new(wrapperspb.StringValue)
	if err := decode(text); err != nil {
		return nil, err
	}
	call := func(ctx context.Context, request any) (any, error) {
		return server.(Server).Echo(ctx, request.(*wrapperspb.StringValue))
	}
	if intercept == nil {
		return call(ctx, text)
	}
	return intercept(ctx, text, &grpc.UnaryServerInfo{Server: server, FullMethod: Method}, call)
}
