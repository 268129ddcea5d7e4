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
	defaultMaxBytes = 4 << 20
	// maxRedirects is how many redirects are followed.
	maxRedirects = 3
	// unsaidExpiry is how long a token is used whose server doesn't say when it ends.
	unsaidExpiry = 5 * time.Minute
	// maxHeaders bounds the headers of an answer, in bytes.
	maxHeaders = 64 << 10
)

// Config says how one source is asked.
type Config struct {
	// Address is the URL under which the source serves, of http or https, without user and password.
	Address string
	Guard   Guard
	TLS     TLS
	// Credentials are sent to the host and port of Address alone, and by its scheme; so is all else, but for OAuth2's tokens.
	Credentials Credentials
	// Proxy is that of all requests; nil asks directly. The environment has no say. With a proxy, it is the proxy whose
	// address the guard looks at: the proxy then decides whom it asks.
	Proxy *url.URL
	// Timeout bounds one request with its answer and its redirects; 0 is 10 s.
	Timeout time.Duration
	// MaxBytes bounds an answer, unpacked; 0 is 4 MiB.
	MaxBytes int64

	resolver *net.Resolver // of tests; nil is that of the system
}

// TLS says whom to trust, and who asks.
type TLS struct {
	// CA are certificates in PEM that are trusted, instead of the system's; empty for these.
	CA []byte
	// Certificate and Key are those of the client in PEM; both or neither. They are shown to the host of Address alone.
	Certificate, Key []byte
	// ServerName is the name that the certificate of the host of Address must have; "" is that host. A proxy and the host of
	// tokens have their own.
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
	// TokenURL is asked for tokens, under the same Guard and trust, without the certificate of the client.
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
	own, others, err := config.TLS.configs()
	if err != nil {
		return nil, err
	}
	timeout := cmp.Or(config.Timeout, defaultTimeout)
	transport := func(secure *tls.Config) http.RoundTripper {
		return sized{next: transport(config, secure, others), most: cmp.Or(config.MaxBytes, defaultMaxBytes)}
	}
	tokens, err := config.Credentials.tokens(transport(others), timeout)
	if err != nil {
		return nil, err
	}
	signed := signed{next: transport(own), base: base, credentials: config.Credentials, tokens: tokens}
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

// configs are how the host of the address is spoken to, and how others are.
func (t TLS) configs() (own, others *tls.Config, err error) {
	//nolint:gosec // where the operator of the source says so
	others = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.InsecureSkipVerify}
	if len(t.CA) > 0 {
		others.RootCAs = x509.NewCertPool()
		if !others.RootCAs.AppendCertsFromPEM(t.CA) {
			return nil, nil, errors.New("CA: it has no certificate; put certificates in PEM there")
		}
	}
	own = others.Clone()
	own.ServerName = t.ServerName
	if len(t.Certificate) > 0 || len(t.Key) > 0 {
		pair, err := tls.X509KeyPair(t.Certificate, t.Key)
		if err != nil {
			return nil, nil, errors.New("client certificate: it and its key are no pair in PEM; put both there")
		}
		own.Certificates = []tls.Certificate{pair}
	}
	return own, others, nil
}

// transport speaks to servers as secure says, and to a proxy as others says.
func transport(config Config, secure, others *tls.Config) *http.Transport {
	dialer := config.Guard.dialer(config.resolver)
	t := &http.Transport{
		Proxy: http.ProxyURL(config.Proxy), DialContext: dialer.DialContext, TLSClientConfig: secure,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: maxHeaders, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second,
	}
	if config.Proxy != nil && config.Proxy.Scheme == "https" {
		// With a proxy, all that is dialled is the proxy.
		t.DialTLSContext = (&tls.Dialer{NetDialer: dialer, Config: others.Clone()}).DialContext
	}
	return t
}

// tokens checks the credentials, and is where tokens are had; nil if they want none.
func (c Credentials) tokens(transport http.RoundTripper, timeout time.Duration) (oauth2.TokenSource, error) {
	given := 0
	for _, is := range []bool{c.Bearer != "", c.Username != "" || c.Password != "", c.OAuth2 != nil} {
		if is {
			given++
		}
	}
	if given > 1 {
		return nil, errors.New("credentials: there are several; give one of a bearer token, a user with a password, and OAuth2")
	}
	if c.OAuth2 == nil {
		return nil, nil
	}
	if _, err := address(c.OAuth2.TokenURL); err != nil {
		return nil, fmt.Errorf("OAuth2 token URL: %w", err)
	}
	params := url.Values{}
	for name, value := range c.OAuth2.Params {
		params.Set(name, value)
	}
	// A token is asked for by the first request that needs it and kept for all, so it is under no request's context.
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{
		Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	return oauth2.ReuseTokenSource(nil, fresh{ctx, &clientcredentials.Config{
		ClientID: c.OAuth2.ClientID, ClientSecret: c.OAuth2.ClientSecret, TokenURL: c.OAuth2.TokenURL,
		Scopes: c.OAuth2.Scopes, EndpointParams: params,
	}}), nil
}

// fresh gets a new token each time.
type fresh struct {
	ctx    context.Context
	config *clientcredentials.Config
}

// Token has an end too where the server leaves it out, as RFC 6749 section 5.1 lets it: nobody would ask for another.
func (f fresh) Token() (*oauth2.Token, error) {
	token, err := f.config.Token(f.ctx)
	if err == nil && token.Expiry.IsZero() {
		token.Expiry = time.Now().Add(unsaidExpiry)
	}
	return token, err
}

// signed adds credentials to requests for one host, and sends none to others, to which a redirect may lead: what was asked,
// the certificate of the client and the address of the controller's network are nobody else's business.
type signed struct {
	next        http.RoundTripper
	base        *url.URL
	credentials Credentials
	tokens      oauth2.TokenSource
}

func (s signed) RoundTrip(request *http.Request) (*http.Response, error) {
	if !same(request.URL, s.base) {
		if request.Body != nil {
			_ = request.Body.Close()
		}
		return nil, redirectError{"it redirects to another host, port or scheme"}
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

func redirected(_ *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return redirectError{"it redirects again and again"}
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
