package cli_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"crossfade.io/crossfade/apis/v1alpha1"
	"crossfade.io/crossfade/cli"
	"crossfade.io/crossfade/cli/clitest"
)

// world is an API server with one story in it.
type world struct {
	client.WithWatch
	patches int
	// beforePatch runs before each patch reaches the server.
	beforePatch func(n int) error
}

func newWorld(t *testing.T, story clitest.Story) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	require.NoError(t, appsv1.AddToScheme(scheme))
	w := &world{}
	builder := fake.NewClientBuilder().WithScheme(scheme).
		WithStatusSubresource(&v1alpha1.Rollout{}, &v1alpha1.Release{}).
		WithIndex(&v1alpha1.Rollout{}, "metadata.name", func(o client.Object) []string { return []string{o.GetName()} })
	if story.Rollout.Name != "" {
		builder = builder.WithObjects(&story.Rollout)
	}
	for i := range story.Releases {
		builder = builder.WithObjects(&story.Releases[i])
	}
	w.WithWatch = interceptor.NewClient(builder.Build(), interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			w.patches++
			if w.beforePatch != nil {
				if err := w.beforePatch(w.patches); err != nil {
					return err
				}
			}
			o.SetGeneration(o.GetGeneration() + 1) // as the real server does
			return c.Patch(ctx, o, p, opts...)
		},
	})
	return w
}

func (w *world) release(t *testing.T) *v1alpha1.Release {
	t.Helper()
	var rel v1alpha1.Release
	require.NoError(t, w.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "checkout-4"}, &rel))
	return &rel
}

// run runs one command as a person would, and returns what it printed.
func (w *world) run(ctx context.Context, args ...string) (string, error) {
	out := &bytes.Buffer{}
	err := w.program(out).run(ctx, args...)
	return out.String(), err
}

type program struct{ cli.Program }

func (w *world) program(out *bytes.Buffer) program {
	return program{cli.Program{
		Streams: genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: out, ErrOut: out},
		Connect: func(genericclioptions.RESTClientGetter) (client.WithWatch, error) { return w, nil },
		Now:     func() time.Time { return clitest.Now },
	}}
}

func (p program) run(ctx context.Context, args ...string) error {
	cmd := p.Command()
	cmd.SetArgs(append(args, "-n", "shop"))
	return cmd.ExecuteContext(ctx)
}
