package suite_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"crossfade.io/crossfade/e2e/suite/world"
)

// audited is one line of the API server's audit log, as far as it matters here.
type audited struct {
	Stage     string `json:"stage"`
	Verb      string `json:"verb"`
	ObjectRef struct {
		Resource, Subresource, Namespace, Name string
	} `json:"objectRef"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// isWrite tells whether the controller changed an object of a release; Events and leases are not of any.
func (a audited) isWrite() bool {
	return a.Stage == "ResponseComplete" && a.User.Username == world.ControllerUser &&
		slices.Contains([]string{"create", "update", "patch", "delete"}, a.Verb) && a.ResponseStatus.Code < 300 &&
		a.ObjectRef.Resource != "events" && a.ObjectRef.Resource != "leases"
}

func (a audited) String() string {
	text := a.Verb + " " + a.ObjectRef.Resource
	if a.ObjectRef.Subresource != "" {
		text += "/" + a.ObjectRef.Subresource
	}
	return text + " " + a.ObjectRef.Namespace + "/" + a.ObjectRef.Name
}

// followWrites tells of every write of the controller in the namespaces that begin with a prefix, as soon as it is in
// the audit log.
func followWrites(ctx context.Context, prefix string, tell func(audited)) error {
	file, err := os.Open(shared.Cluster.AuditLog())
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	reader, partial := bufio.NewReader(file), []byte{}
	err = wait.PollUntilContextCancel(ctx, time.Millisecond, true, func(context.Context) (bool, error) {
		for {
			text, err := reader.ReadBytes('\n')
			partial = append(partial, text...)
			if err != nil {
				return false, nil // the rest of the line is still to come
			}
			line := audited{}
			if bytes.Contains(partial, []byte(world.ControllerUser)) && json.Unmarshal(partial, &line) == nil &&
				line.isWrite() && strings.HasPrefix(line.ObjectRef.Namespace, prefix) {
				tell(line)
			}
			partial = partial[:0]
		}
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}
