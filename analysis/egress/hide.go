package egress

import (
	"bytes"
	"encoding/base64"
	encoding "encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

const (
	// mostQuoted is how much of what a source says is passed on, in bytes.
	mostQuoted = 200
	hidden     = "***"
)

// Quote is what a source said, for people: one line, shortened, without these credentials. It is empty where the source may
// have been shown secrets that are not among them, which are the tokens of OAuth2.
func (c Credentials) Quote(said string) string {
	if c.OAuth2 != nil {
		return ""
	}
	secrets := []string{c.Bearer, c.Username, c.Password}
	if c.Username != "" || c.Password != "" {
		secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password)))
	}
	for _, value := range c.Headers {
		secrets = append(secrets, value)
	}
	for _, secret := range secrets[:len(secrets):len(secrets)] {
		secrets = append(secrets, escaped(secret)...)
	}
	// The longest first: of one that has another in it nothing is left.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range secrets {
		if secret != "" {
			said = strings.ReplaceAll(said, secret, hidden)
		}
	}
	said = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) { // a terminal would obey it
			return ' '
		}
		return r
	}, strings.ToValidUTF8(said, "?"))
	said = strings.Join(strings.Fields(said), " ")
	if len(said) > mostQuoted {
		said = strings.ToValidUTF8(said[:mostQuoted], "") + " ..."
	}
	return said
}

// escaped is how JSON and URLs write a text: what a source says of what it was sent may be of either.
func escaped(text string) []string {
	out := []string{url.QueryEscape(text), url.PathEscape(text)}
	for _, html := range []bool{true, false} {
		var json bytes.Buffer
		encoder := encoding.NewEncoder(&json)
		encoder.SetEscapeHTML(html)
		if encoder.Encode(text) == nil { // of a text it is never wrong
			written := strings.TrimSuffix(json.String(), "\"\n")[1:]
			out = append(out, written, strings.ReplaceAll(written, "/", `\/`))
		}
	}
	return out
}
