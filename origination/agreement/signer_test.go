package agreement

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/privacy"
)

func TestProcessesShareOneCertificate(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "agreement")
	now := time.Now()
	const n = 6
	prints := make([]string, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			process := testSigners(t)
			process.db = db
			got, err := process.get(t.Context(), now)
			if err != nil {
				t.Errorf("process %d: %v", i, err)
				return
			}
			prints[i] = fingerprint(got.certificate)
		})
	}
	group.Wait()
	for _, print := range prints {
		if print != prints[0] || print == "" {
			t.Fatalf("certificates %v", prints)
		}
	}
	var sealed string
	if err := db.Pool().QueryRow(t.Context(), `select sealed_key from signer where id = 1`).Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(sealed, "test.") {
		t.Errorf("the key is kept as %.10s…", sealed)
	}

	// Another platform's keys do not open it, and it is not made anew.
	stranger := testSigners(t)
	keyring, err := privacy.NewKeyring("test:"+strings.Repeat("ff", privacy.KeyBytes), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stranger.db, stranger.keyring = db, keyring
	if _, err := stranger.get(t.Context(), now); !errors.Is(err, privacy.ErrSealed) {
		t.Errorf("with other keys: %v, want ErrSealed", err)
	}
}

func TestExpiredCertificatesDoNotSign(t *testing.T) {
	t.Parallel()
	s := testSigners(t)
	s.db = dbtest.New(t, "agreement")
	now := time.Now()
	for _, c := range []struct {
		at   time.Time
		want error
	}{
		{now, nil},
		{now.AddDate(selfMadeYears, 0, -1), nil},
		{now.AddDate(selfMadeYears, 0, 1), ErrCertificate},
		{now.AddDate(0, 0, -2), ErrCertificate},
	} {
		if _, err := s.get(t.Context(), c.at); !errors.Is(err, c.want) {
			t.Errorf("at %s: %v, want %v", c.at, err, c.want)
		}
	}
}

// TestAConfiguredCertificateSigns uses an RSA certificate with its issuer.
func TestAConfiguredCertificateSigns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	caKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Issuer"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Lender"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Agreement{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	chain := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})...)
	err = errors.Join(os.WriteFile(cfg.CertFile, chain, 0o600),
		os.WriteFile(cfg.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	by, err := (&signers{config: cfg}).get(context.Background(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	info, err := VerifySignature(signed(t, by))
	if err != nil {
		t.Fatal(err)
	}
	if info.Subject != "CN=Lender" || info.Fingerprint != fingerprint(by.certificate) || len(by.chain) != 1 {
		t.Errorf("signed by %s with a chain of %d", info.Subject, len(by.chain))
	}
	cfg.KeyFile = cfg.CertFile
	if _, err := (&signers{config: cfg}).get(context.Background(), time.Now()); err == nil {
		t.Error("a certificate without its key is accepted")
	}
}
