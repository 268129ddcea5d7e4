package egress

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOAuth2(t *testing.T) {
	refuse := false
	asked := 0
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if refuse {
			http.Error(w, `{"error":"invalid_client s3cret-client s3cret-answer"}`, http.StatusUnauthorized)
			return
		}
		id, secret, _ := r.BasicAuth()
		if id == "crossfade" && secret == "s3cret-client" && r.FormValue("audience") == "metrics" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"s3cret-token","token_type":"Bearer","expires_in":3600}`)
		}
	}))
	defer tokens.Close()
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	defer server.Close()
	config := Config{Address: server.URL, Guard: loopback, Credentials: Credentials{OAuth2: &OAuth2{
		ClientID: "crossfade", ClientSecret: "s3cret-client", TokenURL: tokens.URL, Params: map[string]string{"audience": "metrics"},
	}}}
	made := client(t, config)
	for range 2 {
		response, err := made.Get(server.URL)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	require.Equal(t, "Bearer s3cret-token", got)
	require.Equal(t, 1, asked, "a token is kept")

	refuse = true
	require.ErrorContains(t, explained(t, client(t, config), server.URL), "no OAuth2 token")
	config.Guard = Guard{}
	config.Address = "http://192.0.2.1"
	require.ErrorContains(t, explained(t, client(t, config), config.Address), "may not be asked", "the URL of tokens is guarded too")
}

// TestTokenThatNeverEnds: a server need not say when its tokens end, and they end all the same.
func TestTokenThatNeverEnds(t *testing.T) {
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"s3cret-token","token_type":"Bearer"}`)
	}))
	defer tokens.Close()
	source, err := Credentials{OAuth2: &OAuth2{TokenURL: tokens.URL}}.tokens(http.DefaultTransport, time.Minute)
	require.NoError(t, err)
	token, err := source.Token()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(unsaidExpiry), token.Expiry, time.Minute)
}
