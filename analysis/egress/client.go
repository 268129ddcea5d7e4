package egress

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Limits of one request where the configuration has none.
const (
	defaultTimeout  = 10 * time.Second
	defaultMaxBytes = 16 << 20
	// maxRedirects is how many redirects are followed.
	maxRedirects = 3
	// maxHeaders bounds the headers of an answer, in bytes.
	maxHeaders = 64 << 10
)

// Config says how one source is asked.
type Config struct {
	// Address is the URL under which the source serves, of http or https, without user and password.
	Address string
	Guard   Guard
	TLS     TLS
	// Credentials are sent to the host and port of Address alone, and by its scheme.
	Credentials Credentials
	// Proxy is that of all requests; nil asks directly. The environment has no say. With a proxy, it is the proxy whose
	// address the guard looks at: the proxy then decides whom it asks.
	Proxy *url.URL
	// Timeout bounds one request with its answer and its redirects; 0 is 10 s.
	Timeout time.Duration
	// MaxBytes bounds an answer, unpacked; 0 is 16 MiB.
	MaxBytes int64

	resolver *net.Resolver // of tests; nil is that of the system
}

// TLS says whom to trust, and who asks.
type TLS struct {
	// CA are certificates in PEM that are trusted, instead of the system's; empty for these.
	CA []byte
	// Certificate and Key are those of the client in PEM; both or neither.
	Certificate, Key []byte
	// ServerName is the name that the server's certificate must have; "" is the host of the address.
	ServerName string
	// InsecureSkipVerify trusts any certificate.
	InsecureSkipVerify bool
}

// Credentials say who asks. At most one of Bearer, Username and OAuth2 may be given.
type Credentials struct {
	// Bearer is a token.
	Bearer string
	// Username and Password are those of HTTP's basic authentication.
	Username, Password string
	// Headers are further headers, such as X-Scope-OrgID or an API key.
	Headers map[string]string
	// OAuth2 gets tokens by client credentials; nil for none.
	OAuth2 *OAuth2
}

// OAuth2 are client credentials.
type OAuth2 struct {
	ClientID, ClientSecret string
	// TokenURL is asked for tokens, under the same Guard and TLS.
	TokenURL string
	Scopes   []string
	// Params are further parameters that are sent to TokenURL, such as audience.
	Params map[string]string
}

// New returns a client that asks the source of the configuration, and nobody else with its credentials. Its errors name what
// is wrong in the configuration, and no secret.
func New(config Config) (*http.Client, error) {
	base, err := address(config.Address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	transport, err := transport(config)
	if err != nil {
		return nil, err
	}
	timeout := cmp.Or(config.Timeout, defaultTimeout)
	sized := sized{next: transport, most: cmp.Or(config.MaxBytes, defaultMaxBytes)}
	signed, err := sign(config.Credentials, base, sized, timeout)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: signed, Timeout: timeout, CheckRedirect: redirected}, nil
}

func address(text string) (*url.URL, error) {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return nil, errors.New("it is no URL of http or https; correct it")
	}
	if parsed.User != nil {
		return nil, errors.New("it has a user or password; put them into a Secret")
	}
	return parsed, nil
}

func transport(config Config) (*http.Transport, error) {
	//nolint:gosec // where the operator of the source says so
	secure := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: config.TLS.ServerName, InsecureSkipVerify: config.TLS.InsecureSkipVerify}
	if len(config.TLS.CA) > 0 {
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(config.TLS.CA) {
			return nil, errors.New("CA: it has no certificate; put certificates in PEM there")
		}
	}
	if len(config.TLS.Certificate) > 0 || len(config.TLS.Key) > 0 {
		pair, err := tls.X509KeyPair(config.TLS.Certificate, config.TLS.Key)
		if err != nil {
			return nil, errors.New("client certificate: it and its key are no pair in PEM; put both there")
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	return &http.Transport{
		Proxy: http.ProxyURL(config.Proxy), DialContext: config.Guard.dialer(config.resolver), TLSClientConfig: secure,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: maxHeaders, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second,
	}, nil
}

// sign adds the credentials to requests.
func sign(c Credentials, base *url.URL, next http.RoundTripper, timeout time.Duration) (http.RoundTripper, error) {
	given := 0
	for _, is := range []bool{c.Bearer != "", c.Username != "" || c.Password != "", c.OAuth2 != nil} {
		if is {
			given++
		}
	}
	if given > 1 {
		return nil, errors.New("credentials: there are several; give one of a bearer token, a user with a password, and OAuth2")
	}
	signed := signed{next: next, base: base, credentials: c}
	if c.OAuth2 != nil {
		if _, err := address(c.OAuth2.TokenURL); err != nil {
			return nil, fmt.Errorf("OAuth2 token URL: %w", err)
		}
		params := url.Values{}
		for name, value := range c.OAuth2.Params {
			params.Set(name, value)
		}
		// A token is asked for by the first request that needs it and kept for all, so it is under no request's context.
		ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{
			Transport: next, Timeout: timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		})
		signed.tokens = (&clientcredentials.Config{
			ClientID: c.OAuth2.ClientID, ClientSecret: c.OAuth2.ClientSecret, TokenURL: c.OAuth2.TokenURL,
			Scopes: c.OAuth2.Scopes, EndpointParams: params,
		}).TokenSource(ctx)
	}
	return signed, nil
}

// signed adds credentials to requests for one host, and takes nothing along to others.
type signed struct {
	next        http.RoundTripper
	base        *url.URL
	credentials Credentials
	tokens      oauth2.TokenSource
}

func (s signed) RoundTrip(request *http.Request) (*http.Response, error) {
	if !same(request.URL, s.base) {
		return s.next.RoundTrip(request)
	}
	request = request.Clone(request.Context())
	for name, value := range s.credentials.Headers {
		request.Header.Set(name, value)
	}
	switch {
	case s.tokens != nil:
		token, err := s.tokens.Token()
		if err != nil {
			return nil, tokenError{err}
		}
		token.SetAuthHeader(request)
	case s.credentials.Bearer != "":
		request.Header.Set("Authorization", "Bearer "+s.credentials.Bearer)
	case s.credentials.Username != "" || s.credentials.Password != "":
		request.SetBasicAuth(s.credentials.Username, s.credentials.Password)
	}
	return s.next.RoundTrip(request)
}

// same says whether two URLs are of one server.
func same(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		if u.Port() == "" {
			return map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		return u.Port()
	}
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

// redirected says whether a redirect is followed. Elsewhere go requests without a body alone: a query may be nobody's
// business.
func redirected(request *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return redirectError{"it redirects again and again"}
	case first.Scheme == "https" && request.URL.Scheme != "https":
		return redirectError{"it redirects from https to another scheme"}
	case !same(request.URL, first) && request.Body != nil && request.Body != http.NoBody:
		return redirectError{"it redirects a request with a body to another host"}
	}
	if !same(request.URL, first) {
		// Who signed the request itself, or named a key in its URL, which would be the Referer, meant the first host too.
		request.Header = http.Header{"Accept": request.Header["Accept"], "User-Agent": request.Header["User-Agent"]}
	}
	return nil
}

// sized bounds the answers.
type sized struct {
	next http.RoundTripper
	most int64
}

func (s sized) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := s.next.RoundTrip(request)
	if err == nil && response.Body != nil {
		response.Body = http.MaxBytesReader(nil, response.Body, s.most)
	}
	return response, err
}
