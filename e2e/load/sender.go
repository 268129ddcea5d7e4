package load

import (
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// VersionHeader is the response header that names the version which answered.
const VersionHeader = "X-Version"

// InjectedHeader is the response header by which the sample app says that it was told to fail.
const InjectedHeader = "X-Injected"

const postedText = "a request that must arrive at most once"

// outcome is what one attempt came to.
type outcome struct {
	status  int // as Record.Status
	version string
	// injected: the app was told to answer with this failure.
	injected bool
	detail   string // more on a status outside 2xx, for people; may be empty
	err      error  // nil when answered
}

// sender makes requests to one target over one protocol.
type sender interface {
	// send makes one request, once. It blocks until the whole answer is read, or ctx ends.
	send(ctx context.Context, post bool) outcome
	close()
}

func newSender(target Target, timeout time.Duration, maxInFlight int) (sender, error) {
	if target.calls() {
		return newGRPCSender(target, timeout)
	}
	return newHTTPSender(target, timeout, maxInFlight)
}

type httpSender struct {
	transport *http.Transport
	get, post *http.Request
	// jar keeps cookies of site; nil keeps none.
	jar  http.CookieJar
	site *url.URL
}

func newHTTPSender(target Target, timeout time.Duration, maxInFlight int) (*httpSender, error) {
	parsed, err := url.Parse(target.URL)
	if err != nil {
		return nil, err
	}
	header := http.Header{"User-Agent": {"crossfade-load"}}
	for name, value := range target.Headers {
		header.Set(name, value)
	}
	get := &http.Request{Method: http.MethodGet, URL: parsed, Host: target.Host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	for name, value := range target.Cookies {
		get.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	post := get.Clone(context.Background())
	post.Method = http.MethodPost
	post.Header.Set("Content-Type", "text/plain")
	post.ContentLength = int64(len(postedText))

	dialer := &net.Dialer{Timeout: timeout}
	var jar http.CookieJar
	if target.KeepCookies {
		if jar, err = cookiejar.New(nil); err != nil {
			return nil, err
		}
	}
	site := &url.URL{Scheme: parsed.Scheme, Host: cmp.Or(target.Host, parsed.Host), Path: parsed.Path}
	return &httpSender{get: get, post: post, jar: jar, site: site, transport: &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if target.Address != "" {
				address = target.Address
			}
			return dialer.DialContext(ctx, network, address)
		},
		TLSClientConfig:     &tls.Config{ServerName: target.Host, InsecureSkipVerify: true}, //nolint:gosec // the app's is self-signed
		DisableKeepAlives:   target.Fresh,
		DisableCompression:  true,
		MaxIdleConnsPerHost: maxInFlight,
		// Shorter than the idle time of common servers and than they drain, so that it is the client who closes an
		// idle connection: a POST that meets the server's close fails, as it may not be sent again. Of those to a
		// server that drains, the ones in use are told to close.
		IdleConnTimeout: 5 * time.Second,
	}}, nil
}

// send goes to the transport itself: no redirects. The transport may send a GET again on another
// connection if a kept one turns out dead, as a browser does. It never does so with a POST: it cannot rewind a
// non-empty body without GetBody, which stays nil.
func (h *httpSender) send(ctx context.Context, post bool) outcome {
	request := h.get.WithContext(ctx)
	if post {
		request = h.post.WithContext(ctx)
		request.Body = io.NopCloser(strings.NewReader(postedText))
	}
	if h.jar != nil {
		request.Header = request.Header.Clone()
		for _, cookie := range h.jar.Cookies(h.site) {
			request.AddCookie(cookie)
		}
	}
	response, err := h.transport.RoundTrip(request)
	if err != nil {
		return outcome{err: err}
	}
	defer response.Body.Close()
	if h.jar != nil {
		h.jar.SetCookies(h.site, response.Cookies())
	}
	version := response.Header.Get(VersionHeader)
	// io.Discard reads into pooled buffers; a body read to its end gives the connection back.
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return outcome{version: version, err: err}
	}
	return outcome{
		status: response.StatusCode, version: version, injected: response.Header.Get(InjectedHeader) != "",
		detail: http.StatusText(response.StatusCode),
	}
}

func (h *httpSender) close() { h.transport.CloseIdleConnections() }
