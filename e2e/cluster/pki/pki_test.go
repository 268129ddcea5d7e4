package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"

	"crossfade.io/crossfade/e2e/cluster/pki"
)

func TestAuthority(t *testing.T) {
	authority, err := pki.NewAuthority("test")
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(authority.Certificate()))

	t.Run("a server certificate is valid for each of its names and addresses", func(t *testing.T) {
		pair, err := authority.Server("kube-apiserver", "127.0.0.1", "10.96.0.1", "kubernetes.default.svc")
		require.NoError(t, err)
		leaf := parse(t, pair.Certificate)
		for _, host := range []string{"127.0.0.1", "10.96.0.1", "kubernetes.default.svc"} {
			_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host})
			require.NoError(t, err, host)
		}
		_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "elsewhere"})
		require.Error(t, err)
	})

	t.Run("a client certificate carries its user and groups and no server rights", func(t *testing.T) {
		pair, err := authority.Client("system:node:a", "system:nodes")
		require.NoError(t, err)
		leaf := parse(t, pair.Certificate)
		require.Equal(t, "system:node:a", leaf.Subject.CommonName)
		require.Equal(t, []string{"system:nodes"}, leaf.Subject.Organization)
		usage := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: usage})
		require.NoError(t, err)
		_, err = leaf.Verify(x509.VerifyOptions{Roots: roots})
		require.Error(t, err, "server authentication is the default usage")
	})

	t.Run("certificate and key belong together", func(t *testing.T) {
		pair, err := authority.Client("admin")
		require.NoError(t, err)
		_, err = tls.X509KeyPair(pair.Certificate, pair.Key)
		require.NoError(t, err)
	})
}

func TestSigningKey(t *testing.T) {
	pair, err := pki.SigningKey()
	require.NoError(t, err)
	block, _ := pem.Decode(pair.Certificate)
	require.Equal(t, "PUBLIC KEY", block.Type)
	_, err = x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	block, _ = pem.Decode(pair.Key)
	_, err = x509.ParseECPrivateKey(block.Bytes)
	require.NoError(t, err)
}

func parse(t *testing.T, encoded []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(encoded)
	require.NotNil(t, block)
	leaf, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return leaf
}
