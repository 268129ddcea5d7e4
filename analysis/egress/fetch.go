package egress

import (
	"io"
	"net/http"
)

// Fetch sends a request and returns the body of its answer, if that is one of success. Its errors say in words why there is
// none, and are ErrUnreachable and ErrRefused of package analysis.
func Fetch(client *http.Client, source string, request *http.Request) ([]byte, error) {
	response, err := client.Do(request)
	if err != nil {
		return nil, Explain(source, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode/100 != 2 {
		return nil, Status(source, response.StatusCode)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, Explain(source, err)
	}
	return body, nil
}
