package controlplane

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Request is one request of the controller to the API server.
type Request struct {
	Verb, Resource, Subresource, Name, Namespace string
	Code                                         int
	// Received and Answered are the API server's times.
	Received, Answered time.Time
}

// event is what is read of a line of the audit log.
type event struct {
	Stage            string    `json:"stage"`
	Received         time.Time `json:"requestReceivedTimestamp"`
	Answered         time.Time `json:"stageTimestamp"`
	Verb             string    `json:"verb"`
	ImpersonatedUser struct {
		Username string `json:"username"`
	} `json:"impersonatedUser"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// Mark is where the audit log ends now; Requests reads on from there.
func (c *Controller) Mark(t testing.TB) int64 {
	t.Helper()
	info, err := os.Stat(c.audit)
	require.NoError(t, err)
	return info.Size()
}

// Requests are the controller's requests since a mark, but for leases and watches.
func (c *Controller) Requests(t testing.TB, since int64) []Request {
	t.Helper()
	file, err := os.Open(c.audit)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	_, err = file.Seek(since, io.SeekStart)
	require.NoError(t, err)
	var requests []Request
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return requests // the rest of a line that is being written
		}
		require.NoError(t, err)
		var e event
		require.NoError(t, json.Unmarshal(line, &e))
		ours := e.ImpersonatedUser.Username == User && e.Stage == "ResponseComplete"
		if ours && e.Verb != "watch" && e.ObjectRef.Resource != "leases" {
			requests = append(requests, Request{
				Verb: e.Verb, Resource: e.ObjectRef.Resource, Subresource: e.ObjectRef.Subresource,
				Name: e.ObjectRef.Name, Namespace: e.ObjectRef.Namespace, Code: e.ResponseStatus.Code,
				Received: e.Received, Answered: e.Answered,
			})
		}
	}
}
