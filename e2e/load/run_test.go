package load

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// serve answers like version v1 unless the handler does otherwise.
func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(VersionHeader, "v1")
		if handler != nil {
			handler(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestRun(t *testing.T) {
	t.Run("every request is counted, half of them POSTs with a body", func(t *testing.T) {
		var gets, posts, bodies, answered atomic.Int64
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			switch r.Method {
			case http.MethodGet:
				gets.Add(1)
			case http.MethodPost:
				posts.Add(1)
				bodies.Add(int64(len(body)))
			}
			if answered.Add(1)%4 == 0 {
				w.Header().Set(VersionHeader, "v2")
			}
			_, _ = io.WriteString(w, "some text")
		})
		report, err := Run(t.Context(), Config{
			Targets:  []Target{{Name: "shop", URL: server.URL, Rate: 400, Versions: []string{"v1", "v2"}}},
			Duration: 500 * time.Millisecond,
		})
		require.NoError(t, err)
		require.Equal(t, []int{200, 200, 0}, []int{report.Scheduled, report.Sent, report.Failed}, report.String())
		require.EqualValues(t, 100, gets.Load())
		require.EqualValues(t, 100, posts.Load())
		require.EqualValues(t, 100*len(postedText), bodies.Load())

		target := report.Targets[0]
		require.Equal(t, map[int]int{200: 200}, target.Statuses)
		require.Len(t, target.Versions, 2)
		require.Equal(t, 50, target.Versions[1].Count)
		require.InDelta(t, 0.25, target.Versions[1].Share, 1e-9)
		require.LessOrEqual(t, target.Latency.P50, target.Latency.P99)
		require.LessOrEqual(t, target.Lag.P50, target.Latency.P50, "latency counts from the scheduled instant")
		require.Contains(t, report.String(), "25.00 %")
	})
	t.Run("a slow server does not slow the rate, and targets keep theirs side by side", func(t *testing.T) {
		server := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-time.After(100 * time.Millisecond) })
		report, err := Run(t.Context(), Config{
			Targets: []Target{
				{Name: "fast", URL: server.URL, Rate: 300},
				{Name: "slow", URL: server.URL, Rate: 100},
			},
			Duration: 300 * time.Millisecond,
		})
		require.NoError(t, err)
		require.Zero(t, report.Failed, report.String())
		require.Equal(t, 90, report.Targets[0].Sent)
		require.Equal(t, 3, report.Targets[0].Sent/report.Targets[1].Sent)
	})
	t.Run("host, address, headers and cookies are sent as given", func(t *testing.T) {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			cookie, err := r.Cookie("cohort")
			if r.Host != "shop.example" || r.URL.Path != "/cart" || r.Header.Get("X-User") != "7" || err != nil || cookie.Value != "b" {
				w.WriteHeader(http.StatusBadRequest)
			}
		})
		report, err := Run(t.Context(), Config{Duration: 50 * time.Millisecond, Targets: []Target{{
			URL: "http://ignored.invalid/cart", Address: server.Listener.Addr().String(), Host: "shop.example", Rate: 100,
			Headers: map[string]string{"x-user": "7"}, Cookies: map[string]string{"cohort": "b"},
		}}})
		require.NoError(t, err)
		require.Equal(t, map[int]int{200: 5}, report.Targets[0].Statuses)
	})
}

func TestKeepCookies(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		version := "new"
		if cookie, err := r.Cookie("lane"); err == nil {
			version = cookie.Value
		}
		w.Header().Set(VersionHeader, version)
		http.SetCookie(w, &http.Cookie{Name: "lane", Value: "kept", Path: "/", MaxAge: 60})
	}))
	t.Cleanup(server.Close)
	for keeps, want := range map[bool]int{true: 1, false: 20} {
		report, err := Run(t.Context(), Config{Duration: time.Second, Targets: []Target{{
			URL: "http://ignored.invalid/cart", Address: server.Listener.Addr().String(), Host: "shop.example", Rate: 20, KeepCookies: keeps,
		}}})
		require.NoError(t, err)
		require.Zero(t, report.Failed, report.String())
		require.Equal(t, "new", report.Targets[0].Versions[len(report.Targets[0].Versions)-1].Version)
		require.Equal(t, want, report.Targets[0].Versions[len(report.Targets[0].Versions)-1].Count, "answers to somebody unknown")
	}
}

func injected(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set(InjectedHeader, "true")
	w.WriteHeader(http.StatusInternalServerError)
}

func TestRunFailures(t *testing.T) {
	// late is more than a request is ever sent too late by, on a busy machine: that would be unsent.
	const late = 2 * time.Second
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		config  Config
		fault   Fault
		status  int
	}{
		"an answer outside 2xx": {
			handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
			fault:   FaultStatus, status: 502,
		},
		"an answer outside 2xx, as the app was told to": {handler: injected, fault: FaultInjected, status: 500},
		"a redirect, which is not followed": {
			handler: func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusTemporaryRedirect) },
			fault:   FaultStatus, status: 307,
		},
		"an answer of another version": {
			handler: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(VersionHeader, "v9") },
			fault:   FaultVersion, status: 200,
		},
		"an answer without a version": {
			handler: func(w http.ResponseWriter, _ *http.Request) { w.Header().Del(VersionHeader) },
			fault:   FaultVersion, status: 200,
		},
		"no answer in time": {handler: hang, config: Config{Timeout: late}, fault: FaultTimeout},
		"an answer cut short": {
			handler: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, "less")
			},
			fault: FaultClosed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, tc.handler)
			tc.config.Duration = 50 * time.Millisecond
			tc.config.Targets = []Target{{Name: "shop", URL: server.URL, Rate: 200, Versions: []string{"v1", "v2"}}}
			report, err := Run(t.Context(), tc.config)
			require.NoError(t, err)
			require.Equal(t, []int{10, 10, 10}, []int{report.Scheduled, report.Sent, report.Failed}, report.String())
			require.Equal(t, map[int]int{tc.status: 10}, report.Targets[0].Statuses)
			require.Equal(t, string(tc.fault)+": 10", counts(report.Targets[0].Faults))
			require.Len(t, report.Examples, examplesKept)
			require.NotEmpty(t, report.Examples[0].Detail)
		})
	}

	t.Run("a refused connection", func(t *testing.T) {
		server := serve(t, nil)
		server.Close()
		report, err := Run(t.Context(), Config{Duration: 20 * time.Millisecond, Targets: []Target{{URL: server.URL, Rate: 100}}})
		require.NoError(t, err)
		require.Equal(t, "refused: 2", counts(report.Targets[0].Faults))
		require.Equal(t, map[int]int{0: 2}, report.Targets[0].Statuses)
	})
	t.Run("requests over the in-flight limit are unsent and fail the run", func(t *testing.T) {
		server := serve(t, hang)
		report, err := Run(t.Context(), Config{
			Targets:  []Target{{Name: "shop", URL: server.URL, Rate: 200}},
			Duration: 100 * time.Millisecond, Timeout: late, MaxInFlight: 5,
		})
		require.ErrorIs(t, err, ErrRate)
		require.ErrorContains(t, err, `target "shop"`)
		require.Equal(t, []int{20, 5, 20}, []int{report.Scheduled, report.Sent, report.Failed})
		require.Equal(t, "timeout: 5, unsent: 15", counts(report.Targets[0].Faults))
		require.Equal(t, map[int]int{0: 5}, report.Targets[0].Statuses, "an unsent request has no status")
	})
	t.Run("requests that the scheduler is too late for are unsent", func(t *testing.T) {
		server := serve(t, nil)
		report, err := Run(t.Context(), Config{
			Targets:  []Target{{URL: server.URL, Rate: 1e6}},
			Duration: time.Millisecond, Timeout: time.Nanosecond,
		})
		require.ErrorIs(t, err, ErrRate)
		require.Equal(t, "unsent: 1000", counts(report.Targets[0].Faults))
	})
}

func TestConnections(t *testing.T) {
	opened := func(fresh bool) (connections int64) {
		var count atomic.Int64
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				count.Add(1)
			}
		}
		server.Start()
		defer server.Close()
		report, err := Run(t.Context(), Config{
			Targets: []Target{{URL: server.URL, Rate: 50, Fresh: fresh}}, Duration: time.Second,
		})
		require.NoError(t, err)
		require.Equal(t, map[int]int{404: 50}, report.Targets[0].Statuses)
		return count.Load()
	}
	require.EqualValues(t, 50, opened(true), "one connection per request")
	require.Less(t, opened(false), int64(25), "connections are used again")
}

// attempts counts requests as they arrive, by method.
type attempts struct {
	mu       sync.Mutex
	byMethod map[string]int
	total    int
}

func (a *attempts) add(method string) (total int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byMethod[method]++
	a.total++
	return a.total
}

// of is asked while the server's handlers may still run: a hijacked connection outlives the load.
func (a *attempts) of(method string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.byMethod[method]
}

func TestPostIsNeverSentAgain(t *testing.T) {
	cut := func(w http.ResponseWriter, reset bool) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		if reset {
			_ = conn.(*net.TCPConn).SetLinger(0)
		}
		_ = conn.Close()
	}
	for name, tc := range map[string]struct {
		misbehave func(w http.ResponseWriter)
		getsAgain bool // the server sees GETs that the transport sent again
	}{
		"closed on a request": {func(w http.ResponseWriter) { cut(w, false) }, true},
		"reset on a request":  {func(w http.ResponseWriter) { cut(w, true) }, true},
		"closed after an answer that promised to keep it": {func(w http.ResponseWriter) {
			conn, stream, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			_, _ = stream.WriteString("HTTP/1.1 200 OK\r\nX-Version: v1\r\nContent-Length: 0\r\n\r\n")
			_ = stream.Flush()
			_ = conn.Close()
		}, false},
	} {
		t.Run("on a connection "+name, func(t *testing.T) {
			seen := &attempts{byMethod: map[string]int{}}
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if seen.add(r.Method)%3 == 0 {
					tc.misbehave(w)
				}
			})
			running, err := Start(t.Context(), Config{
				// The key would make a POST fit for sending again, if its body were.
				Targets:  []Target{{URL: server.URL, Rate: 1000, Headers: map[string]string{"Idempotency-Key": "1"}}},
				Duration: 400 * time.Millisecond,
			})
			require.NoError(t, err)
			_, err = running.Wait()
			require.NoError(t, err)

			var posts, answeredPosts, gets int
			for _, record := range running.Records() {
				switch {
				case !record.Post:
					gets++
				case record.Status != 0:
					answeredPosts++
					posts++
				default:
					posts++
				}
			}
			require.Equal(t, 200, posts)
			require.LessOrEqual(t, seen.of("POST"), posts, "more POSTs arrived than were made")
			require.GreaterOrEqual(t, seen.of("POST"), answeredPosts)
			if tc.getsAgain {
				require.Greater(t, seen.of("GET"), gets, "the trap works: GETs are sent again")
			}
		})
	}
}

func TestStop(t *testing.T) {
	release := make(chan struct{})
	arrived := make(chan struct{}, 1000)
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-release
	})
	ctx, cancel := context.WithCancel(t.Context())
	running, err := Start(ctx, Config{Targets: []Target{{Name: "shop", URL: server.URL, Rate: 200}}})
	require.NoError(t, err)
	for range 20 {
		<-arrived
	}
	require.Empty(t, running.Records(), "requests in flight are no records yet")
	cancel()
	<-running.stopped
	close(release)
	report, err := running.Wait()
	require.NoError(t, err)
	require.Zero(t, report.Failed, "requests in flight were awaited:\n%s", report)
	require.GreaterOrEqual(t, report.Sent, 20)
	require.Equal(t, report.Scheduled, report.Sent)
	require.InDelta(t, report.Seconds*200, report.Scheduled, 1)
	running.Stop() // again, after the end
}

func TestStartRefusesBadConfig(t *testing.T) {
	good := Target{Name: "shop", URL: "http://shop", Rate: 1}
	with := func(change func(*Target)) Config {
		target := good
		change(&target)
		return Config{Targets: []Target{target}}
	}
	for names, config := range map[string]Config{
		"no target":           {},
		"duration is -1s":     {Targets: []Target{good}, Duration: -time.Second},
		"timeout is -1s":      {Targets: []Target{good}, Timeout: -time.Second},
		"maxInFlight is -1":   {Targets: []Target{good}, MaxInFlight: -1},
		"used twice":          {Targets: []Target{good, good}},
		"url is \"shop\"":     with(func(t *Target) { t.URL = "shop" }),
		"url is \"ftps://s":   with(func(t *Target) { t.URL = "ftps://shop" }),
		"name the port":       with(func(t *Target) { t.URL = "grpc://shop" }),
		"rate is 0":           with(func(t *Target) { t.Rate = 0 }),
		"address is \"shop\"": with(func(t *Target) { t.Address = "shop" }),
		"headers name Host":   with(func(t *Target) { t.Headers = map[string]string{"host": "x"} }),
		"create raw log":      {Targets: []Target{good}, RawFile: t.TempDir()},
	} {
		_, err := Run(t.Context(), config)
		require.ErrorContains(t, err, names)
		require.NotErrorIs(t, err, ErrRate)
	}
}
