package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/tenor-lending/tenor/internal/privacy"
)

// credentials are those of a program (an OAuth 2.0 client).
type credentials struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

// secrets are what an embedded platform keeps between runs.
type secrets struct {
	DataKeys      string `json:"data_keys"`
	AdminPassword string `json:"admin_password"`
	StaffPassword string `json:"staff_password"`
	// DatabasePassword is that of the login that the services use.
	DatabasePassword string      `json:"database_password"`
	System           credentials `json:"system"`
	Partner          credentials `json:"partner"`
	// Gateway is where the platform answered last.
	Gateway string `json:"gateway"`

	path string
}

// loadSecrets reads the file, or makes new secrets in it, readable to its owner only.
func loadSecrets(path string) (*secrets, error) {
	s := &secrets{path: path}
	data, err := os.ReadFile(path) //nolint:gosec // a path of our own directory
	if err == nil {
		if err := json.Unmarshal(data, s); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		return s, s.complete()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s.DataKeys = "dev:" + randomHex(privacy.KeyBytes)
	s.AdminPassword, s.StaffPassword = randomHex(passwordBytes), randomHex(passwordBytes)
	return s, s.complete()
}

const passwordBytes = 12

// complete makes what a file of an earlier version lacks, and writes the file.
func (s *secrets) complete() error {
	if s.DatabasePassword == "" {
		s.DatabasePassword = randomHex(passwordBytes)
		return s.save()
	}
	return nil
}

func (s *secrets) save() error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	// Never half a file: without its data keys the data could not be read again.
	whole := s.path + ".new"
	if err := os.WriteFile(whole, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(whole, s.path)
}

func randomHex(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(raw)
}

// certificateFiles are a self-made authority and the gateway's certificate.
type certificateFiles struct {
	ca, cert, key string
	pool          *x509.CertPool
	expires       time.Time
}

// transport trusts the self-made authority.
func (f *certificateFiles) transport() *http.Transport {
	t := newTransport()
	t.TLSClientConfig = &tls.Config{RootCAs: f.pool, MinVersion: tls.VersionTLS13}
	return t
}

const (
	certificateLife  = 365 * 24 * time.Hour
	certificateRenew = 30 * 24 * time.Hour
	serialBits       = 120
)

// ensureCertificate makes an authority and a certificate for localhost in dir,
// unless those there are good for another month.
func ensureCertificate(dir string, now time.Time) (*certificateFiles, error) {
	files, err := loadCertificate(dir)
	if err == nil && files.expires.After(now.Add(certificateRenew)) {
		return files, nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	return files, files.make(now)
}

// loadCertificate reads what ensureCertificate made. The paths are good even
// when there is an error.
func loadCertificate(dir string) (*certificateFiles, error) {
	files := &certificateFiles{
		ca: filepath.Join(dir, "ca.pem"), cert: filepath.Join(dir, "gateway.pem"),
		key: filepath.Join(dir, "gateway-key.pem"), pool: x509.NewCertPool(),
	}
	pair, err := tls.LoadX509KeyPair(files.cert, files.key)
	if err != nil {
		return files, err
	}
	files.expires = pair.Leaf.NotAfter
	authority, err := os.ReadFile(files.ca) //nolint:gosec // below the directory that the user named
	if err != nil {
		return files, err
	}
	if !files.pool.AppendCertsFromPEM(authority) {
		return files, fmt.Errorf("%s holds no certificate", files.ca)
	}
	return files, nil
}

func (f *certificateFiles) make(now time.Time) error {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	authority := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Tenor development authority"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.Add(certificateLife), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := sign(authority, authority, &caKey.PublicKey, caKey)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf := &x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER, err := sign(leaf, authority, &key.PublicKey, caKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	parsed, err := x509.ParseCertificate(caDER)
	if err != nil {
		return err
	}
	f.pool.AddCert(parsed)
	return errors.Join(writePEM(f.ca, "CERTIFICATE", caDER), writePEM(f.cert, "CERTIFICATE", leafDER),
		writePEM(f.key, "PRIVATE KEY", keyDER))
}

func sign(template, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	return x509.CreateCertificate(rand.Reader, template, parent, public, key)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
