package release_test

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"crossfade.io/crossfade/intent"
)

// mishap is what becomes of one write.
type mishap string

const (
	// refused: 409, for somebody else was first; failed: 500; lost: no answer, and nothing written.
	refused mishap = "answers 409"
	failed  mishap = "answers 500"
	lost    mishap = "gets lost"
	// unanswered: written, and no answer.
	unanswered mishap = "is done, and its answer gets lost"
	// killed: written, and with it the process ends.
	killed mishap = "is the last before the process is killed"
	// touched: somebody writes the object just before; overtaken: the native controllers look just before.
	touched   mishap = "is overtaken by somebody's own"
	overtaken mishap = "comes after a look of the native controllers"
)

// mishaps are all of them.
var mishaps = []mishap{refused, failed, lost, unanswered, killed, touched, overtaken}

// faults spoil one look: its write of this index, from 0, has the mishap.
type faults struct {
	at  int
	how mishap
}

var noFaults = faults{}

// write does a write of the shell's, or what befalls it.
func (a *apiServer) write(write intent.Write, do func() error) error {
	w := a.world
	if w.dead {
		return errDead
	}
	mishap := mishap("")
	if w.sent == w.faults.at {
		mishap = w.faults.how
	}
	w.sent++
	if native := write.Kind.Kind == kindDeployment || write.Kind.Kind == kindReplicaSet; native && w.firstNative < 0 {
		w.firstNative = w.sent
	}
	w.spoiled = w.spoiled || mishap != "" && mishap != overtaken
	if err := w.refuses(mishap, write); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	w.done(write)
	if mishap == killed {
		w.dead = true
		return errDead
	}
	if mishap == unanswered {
		return timeout(write)
	}
	return nil
}

// refuses does what befalls a write before it is done, and returns the error by which it is not.
func (w *world) refuses(mishap mishap, write intent.Write) error {
	switch mishap {
	case refused:
		return conflict(write.Kind, write.Name)
	case failed:
		return apierrors.NewInternalError(errDead)
	case lost:
		return timeout(write)
	case touched:
		w.touch(write)
	case overtaken:
		w.nativeLook()
	case unanswered, killed:
	}
	return nil
}

func timeout(write intent.Write) error {
	return apierrors.NewServerTimeout(schema.GroupResource{Group: write.Kind.Group, Resource: write.Kind.Kind}, string(write.Verb), 1)
}

// done shows the world right after a write.
func (w *world) done(write intent.Write) {
	if write.Kind == releaseKind {
		w.instant("decided " + string(w.last.Rule))
		return
	}
	w.instant(string(write.Verb) + " " + write.Kind.Kind + " " + write.Name)
}

// nativeLook is a look of the native controllers between two writes.
func (w *world) nativeLook() {
	w.model.SyncDeployment()
	w.instant("the Deployment controller looked")
	w.model.SyncReplicaSets()
	w.instant("the ReplicaSet controller looked")
}
