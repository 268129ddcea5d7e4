package controlplane

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// program is the controller as a process that can be killed and launched again.
type program struct {
	command func(log *os.File) *exec.Cmd
	log     *os.File
	process *exec.Cmd
	binary  string
}

// Version builds the controller of a checkout, this one if it is empty, and returns what Run takes.
func (p *program) Version(t testing.TB, of string) string {
	t.Helper()
	if of == "" {
		of = checkout(t)
	}
	binary := filepath.Join(t.TempDir(), "crossfade")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/crossfade")
	build.Dir = of
	out, err := build.CombinedOutput()
	require.NoError(t, err, "build the controller of %s: %s", of, out)
	return binary
}

// Run has later launches run another version.
func (p *program) Run(version string) { p.binary = version }

// build makes the program, which acts as User. Its process, if any is left, ends with the test.
func (p *program) build(t testing.TB, file *api.Config, flags []string, logPath string) {
	t.Helper()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	p.binary = p.Version(t, "")
	for _, user := range file.AuthInfos {
		user.Impersonate, user.ImpersonateGroups = User, []string{"system:masters"}
	}
	require.NoError(t, clientcmd.WriteToFile(*file, kubeconfig))
	log, err := os.Create(logPath)
	require.NoError(t, err)
	p.log = log
	flags = append([]string{"--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=0"}, flags...)
	p.command = func(log *os.File) *exec.Cmd {
		cmd := exec.Command(p.binary, flags...)
		cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
		cmd.Stdout, cmd.Stderr = log, log
		return cmd
	}
	t.Cleanup(func() {
		if p.process != nil {
			_ = p.process.Process.Signal(os.Interrupt)
			_ = p.process.Wait()
		}
		_ = p.log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(logPath)
			t.Logf("controller's log ends:\n%s", text[max(0, len(text)-8000):])
		}
	})
}

// Launch starts the process.
func (p *program) Launch(t testing.TB) {
	t.Helper()
	p.process = p.command(p.log)
	require.NoError(t, p.process.Start())
}

// Kill ends the process at once, as a lost node does.
func (p *program) Kill(t testing.TB) {
	t.Helper()
	require.NoError(t, p.process.Process.Kill())
	_ = p.process.Wait()
	p.process = nil
}

// detour leads every cluster of a kubeconfig through wrap's handler, on loopback, to the API server.
func detour(t testing.TB, file *api.Config, admin *rest.Config, wrap func(http.Handler) http.Handler) {
	t.Helper()
	target, err := url.Parse(admin.Host)
	require.NoError(t, err)
	transport, err := rest.TransportFor(admin)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1, // watches are streams
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := httptest.NewServer(wrap(proxy))
	// A watch lives as long as its client: what is left of them must not keep the test.
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	for _, cluster := range file.Clusters {
		cluster.Server, cluster.CertificateAuthorityData, cluster.CertificateAuthority = server.URL, nil, ""
	}
	for _, user := range file.AuthInfos {
		user.ClientCertificateData, user.ClientKeyData, user.ClientCertificate, user.ClientKey = nil, nil, "", ""
	}
}
