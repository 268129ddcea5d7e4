package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"crossfade.io/crossfade/e2e/app/echo"
)

// TestMain lets a test start this binary as the app itself.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_AS_APP") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

type running struct {
	*app
	drain context.CancelFunc
	ended chan error
}

func start(t *testing.T, flags ...string) running {
	t.Helper()
	flags = append([]string{
		"--version=v7", "--pod-name=pod-1", "--drain-delay=0s",
		"--http-address=127.0.0.1:0", "--grpc-address=127.0.0.1:0", "--admin-address=127.0.0.1:0",
	}, flags...)
	cfg, err := parseConfig(flags, noEnv, io.Discard)
	require.NoError(t, err)
	a, err := listen(cfg)
	require.NoError(t, err)
	ctx, drain := context.WithCancel(context.Background())
	r := running{app: a, drain: drain, ended: make(chan error, 1)}
	go func() { r.ended <- a.serve(ctx); close(r.ended) }()
	t.Cleanup(func() { drain(); <-r.ended })
	return r
}

func noEnv(string) (string, bool) { return "", false }

func (r running) do(t *testing.T, method, path string, body io.Reader) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.httpListener.Addr().String()+path, body)
	require.NoError(t, err)
	return send(t, req)
}

func (r running) admin(t *testing.T, method, path, body string) (*http.Response, string) {
	t.Helper()
	url := "http://" + r.adminListener.Addr().String() + path
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	return send(t, req)
}

func send(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

func TestHTTP(t *testing.T) {
	r := start(t)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		response, body := r.do(t, method, "/any/path?at=all", strings.NewReader("text"))
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Equal(t, "v7", response.Header.Get("X-Version"))
		var got answer
		require.NoError(t, json.Unmarshal([]byte(body), &got))
		require.Equal(t, answer{Version: "v7", Pod: "pod-1", Method: method}, got)
	}
	response, _ := r.do(t, http.MethodDelete, "/", nil)
	require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
	require.Empty(t, response.Header.Get("X-Injected"), "nobody told it to")
	response, _ = r.do(t, http.MethodGet, "/healthz", nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "v7", response.Header.Get("X-Version"), "probes name the version too")

	_, exposed := r.admin(t, http.MethodGet, "/metrics", "")
	require.Contains(t, exposed, `http_requests_total{code="200",method="POST",version="v7"} 1`)
	require.Contains(t, exposed, `http_requests_total{code="500",method="GET",version="v7"} 0`, "series start at zero")
	require.Contains(t, exposed, `http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",version="v7"} 1`)
}

func TestRequiredHeader(t *testing.T) {
	r := start(t, "--require-header=X-Lane=next")
	response, body := r.do(t, http.MethodGet, "/", nil)
	require.Equal(t, http.StatusPreconditionFailed, response.StatusCode)
	require.Contains(t, body, "send the header X-Lane=next")
	response, _ = r.do(t, http.MethodGet, "/readyz", nil)
	require.Equal(t, http.StatusOK, response.StatusCode, "probes need none")
}

func TestSettings(t *testing.T) {
	r := start(t, "--latency=1ms")
	_, body := r.admin(t, http.MethodPut, "/settings", `{"errorRatio": 1}`)
	want := `{"version":"v7","errorRatio":1,"latency":"1ms","jitter":"0s","work":"0s","ready":true}`
	require.JSONEq(t, want, body, "a field left out keeps its value")
	_, body = r.admin(t, http.MethodGet, "/settings", "")
	require.JSONEq(t, want, body)

	response, body := r.do(t, http.MethodGet, "/", nil)
	require.Equal(t, http.StatusInternalServerError, response.StatusCode)
	require.Equal(t, "v7", response.Header.Get("X-Version"), "errors name the version too")
	require.Equal(t, "true", response.Header.Get("X-Injected"))
	require.Contains(t, body, "errorRatio")

	for refused, names := range map[string]string{
		`{"version": "v8"}`:         "version",
		`{"errorRatio": 2}`:         "from 0 to 1",
		`{"latency": "-1s"}`:        "negative",
		`{"latency": "fast"}`:       "fast",
		`{"ready": false, "no": 1}`: "no",
	} {
		response, body = r.admin(t, http.MethodPut, "/settings", refused)
		require.Equal(t, http.StatusBadRequest, response.StatusCode, refused)
		require.Contains(t, body, names)
	}
	_, body = r.admin(t, http.MethodGet, "/settings", "")
	require.JSONEq(t, want, body, "a refused update changes nothing")

	r.admin(t, http.MethodPut, "/settings", `{"ready": false}`)
	response, _ = r.do(t, http.MethodGet, "/readyz", nil)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
}

func TestGRPC(t *testing.T) {
	r := start(t)
	conn, err := grpc.NewClient(r.grpcListener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	call := func() (string, metadata.MD, error) {
		var header metadata.MD
		text, err := echo.Call(t.Context(), conn, "hello", grpc.Header(&header))
		return text, header, err
	}
	text, header, err := call()
	require.NoError(t, err)
	require.Equal(t, "hello", text)
	require.Equal(t, []string{"v7"}, header.Get(echo.VersionKey))
	require.Equal(t, []string{"pod-1"}, header.Get(podKey))

	checkHealth := func() grpc_health_v1.HealthCheckResponse_ServingStatus {
		answer, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		require.NoError(t, err)
		return answer.Status
	}
	require.Equal(t, grpc_health_v1.HealthCheckResponse_SERVING, checkHealth())
	r.admin(t, http.MethodPut, "/settings", `{"errorRatio": 1, "ready": false}`)
	require.Equal(t, grpc_health_v1.HealthCheckResponse_NOT_SERVING, checkHealth())
	_, header, err = call()
	require.Equal(t, codes.Internal, status.Code(err))
	require.Equal(t, []string{"v7"}, header.Get(echo.VersionKey), "errors name the version too")
}

func TestDrain(t *testing.T) {
	t.Run("a draining app is unready, serves on and asks its clients to leave", func(t *testing.T) {
		r := start(t)
		r.state.drain()
		r.admin(t, http.MethodPut, "/settings", `{"ready": true}`)
		response, _ := r.do(t, http.MethodGet, "/readyz", nil)
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		response, _ = r.do(t, http.MethodPost, "/", strings.NewReader("text"))
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.True(t, response.Close)
	})
	t.Run("a request in flight is answered", func(t *testing.T) {
		r := start(t)
		response, err := http.DefaultClient.Do(r.postAndDrain(t))
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.NoError(t, <-r.ended)
	})
	t.Run("one that outlasts the limit is cut", func(t *testing.T) {
		r := start(t, "--shutdown-limit=10ms", "--latency=1h")
		_, err := http.DefaultClient.Do(r.postAndDrain(t))
		require.Error(t, err)
		require.ErrorContains(t, <-r.ended, "requests still ran")
	})
}

// postAndDrain is a POST that drains the app as soon as its handler asks for the body.
func (r running) postAndDrain(t *testing.T) *http.Request {
	t.Helper()
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: r.drain})
	url := "http://" + r.httpListener.Addr().String()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("text"))
	require.NoError(t, err)
	req.Header.Set("Expect", "100-continue")
	return req
}

func TestSIGTERM(t *testing.T) {
	for name, flags := range map[string][]string{
		"an app told to exit at once does not drain": {"--exit-at-once", "--drain-delay=1h"},
		"an app with no drain delay ends in order":   {"--drain-delay=0s"},
	} {
		t.Run(name, func(t *testing.T) {
			flags = append(flags, "--http-address=127.0.0.1:0", "--grpc-address=127.0.0.1:0", "--admin-address=127.0.0.1:0")
			command := exec.CommandContext(t.Context(), os.Args[0], flags...)
			command.Env = append(os.Environ(), "RUN_AS_APP=1")
			stderr, err := command.StderrPipe()
			require.NoError(t, err)
			require.NoError(t, command.Start())
			line, err := bufio.NewReader(stderr).ReadString('\n')
			require.NoError(t, err)
			require.Contains(t, line, "serves HTTP")
			require.NoError(t, command.Process.Signal(syscall.SIGTERM))
			require.NoError(t, command.Wait())
		})
	}
}

func TestWork(t *testing.T) {
	r := start(t, "--work=30ms")
	before := used(t)
	response, _ := r.do(t, http.MethodGet, "/", nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.GreaterOrEqual(t, used(t)-before, 30*time.Millisecond)
}

// used is the processor time that this process has used.
func used(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func TestParseConfig(t *testing.T) {
	env := map[string]string{"APP_VERSION": "v2", "APP_LATENCY": "20ms", "APP_EXIT_AT_ONCE": "true"}
	lookup := func(name string) (string, bool) { value, found := env[name]; return value, found }
	cfg, err := parseConfig([]string{"--latency=30ms", "--jitter=5ms", "--error-ratio=0.25"}, lookup, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "v2", cfg.version)
	require.True(t, cfg.exitAtOnce)
	require.NotEmpty(t, cfg.pod)
	want := settings{ErrorRatio: 0.25, Latency: duration(30 * time.Millisecond), Jitter: duration(5 * time.Millisecond), Ready: true}
	require.Equal(t, want, cfg.settings, "flags win over the environment")

	env = map[string]string{"APP_ERROR_RATIO": "many"}
	_, err = parseConfig(nil, lookup, io.Discard)
	require.ErrorContains(t, err, "APP_ERROR_RATIO")
	for _, refused := range []string{"--error-ratio=NaN", "--version=", "--drain-delay=-1s", "--nonsense", "stray"} {
		_, err := parseConfig([]string{refused}, noEnv, io.Discard)
		require.Error(t, err, refused)
		require.NotContains(t, fmt.Sprint(err), "\n")
	}
}
