package agreement

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"sync"
	"time"

	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/privacy"
)

// ErrCertificate means that there is no certificate that can sign now.
var ErrCertificate = errors.New("no valid signing certificate")

const (
	selfMadeYears = 10
	serialBits    = 127
	placeOfKey    = "agreement.signer"
)

// oidDocumentSigning is the extended key usage of RFC 9336.
var oidDocumentSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 36}

// signers gives the platform's signer: from files if configured, else one that
// is made once and shared by all processes through the database.
type signers struct {
	config  config.Agreement
	db      *database.DB
	keyring *privacy.Keyring
	random  io.Reader

	mu     sync.Mutex
	loaded *signer
}

// get returns the signer, valid at the instant now.
func (s *signers) get(ctx context.Context, now time.Time) (*signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loaded == nil {
		loaded, err := s.load(ctx, now)
		if err != nil {
			return nil, err
		}
		s.loaded = loaded
	}
	c := s.loaded.certificate
	if now.Before(c.NotBefore) || now.After(c.NotAfter) {
		return nil, fmt.Errorf("%w: it is valid from %s to %s", ErrCertificate, c.NotBefore, c.NotAfter)
	}
	return s.loaded, nil
}

func (s *signers) load(ctx context.Context, now time.Time) (*signer, error) {
	if s.config.CertFile != "" {
		return s.loadFiles()
	}
	stored, found, err := s.loadStored(ctx)
	if err != nil || found {
		return stored, err
	}
	der, sealed, err := s.make(now)
	if err != nil {
		return nil, err
	}
	// Of several processes that made one at the same time, the first wins.
	err = database.InTx(ctx, s.db, func(tx database.Tx) error { return insertSigner(ctx, tx, der, sealed, now) })
	if err != nil {
		return nil, err
	}
	stored, found, err = s.loadStored(ctx)
	if err == nil && !found {
		err = fmt.Errorf("%w: it was stored and is gone", ErrCertificate)
	}
	return stored, err
}

func (s *signers) loadFiles() (*signer, error) {
	pair, err := tls.LoadX509KeyPair(s.config.CertFile, s.config.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("loading the signing certificate: %w", err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: its key cannot sign", ErrCertificate)
	}
	loaded := &signer{certificate: pair.Leaf, key: key}
	for _, der := range pair.Certificate[1:] {
		parent, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("parsing the chain of the signing certificate: %w", err)
		}
		loaded.chain = append(loaded.chain, parent)
	}
	return loaded, nil
}

func (s *signers) loadStored(ctx context.Context) (*signer, bool, error) {
	var der []byte
	var sealed string
	found := false
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		der, sealed, found, err = findSigner(ctx, tx)
		return err
	})
	if err != nil || !found {
		return nil, false, err
	}
	stored, err := s.open(der, sealed)
	return stored, err == nil, err
}

// open makes a signer of what is stored.
func (s *signers) open(der []byte, sealed string) (*signer, error) {
	raw, err := s.keyring.Open(sealed, placeOfKey)
	if err != nil {
		return nil, fmt.Errorf("opening the signing key: %w", err)
	}
	key, err := x509.ParseECPrivateKey(raw)
	if err != nil {
		return nil, fmt.Errorf("parsing the signing key: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parsing the signing certificate: %w", err)
	}
	return &signer{certificate: certificate, key: key}, nil
}

// make returns a new self-signed certificate and its sealed key.
func (s *signers) make(now time.Time) (der []byte, sealed string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), s.random)
	if err != nil {
		return nil, "", fmt.Errorf("making a signing key: %w", err)
	}
	serial := make([]byte, serialBits/8)
	if _, err := io.ReadFull(s.random, serial); err != nil {
		return nil, "", fmt.Errorf("drawing a serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      pkix.Name{CommonName: s.config.Lender + ", agreements", Organization: []string{s.config.Lender}},
		NotBefore:    now.AddDate(0, 0, -1), NotAfter: now.AddDate(selfMadeYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
		UnknownExtKeyUsage:    []asn1.ObjectIdentifier{oidDocumentSigning},
		BasicConstraintsValid: true,
	}
	der, err = x509.CreateCertificate(s.random, template, template, key.Public(), key)
	if err != nil {
		return nil, "", fmt.Errorf("making a signing certificate: %w", err)
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, "", fmt.Errorf("encoding the signing key: %w", err)
	}
	sealed, err = s.keyring.Seal(raw, placeOfKey)
	if err != nil {
		return nil, "", fmt.Errorf("sealing the signing key: %w", err)
	}
	return der, sealed, nil
}
