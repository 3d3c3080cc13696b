package blob

import (
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

// Each blob is encrypted in segments (AES-256-GCM with a key derived per blob
// by HKDF, as in Tink's streaming AEAD), so that memory is bounded, and that a
// changed, moved or cut segment is noticed. The name of the blob is bound in:
// one blob cannot be put in the place of another.
const (
	dataKeyBytes = 32
	segmentBytes = 64 << 10
)

type streamCipher = *subtle.AESGCMHKDF

func place(key string) string { return "blob:" + key }

func (s *Store) newCipher(key string) (c streamCipher, wrapped string, err error) {
	raw := make([]byte, dataKeyBytes)
	if _, err := io.ReadFull(s.random, raw); err != nil {
		return nil, "", fmt.Errorf("drawing a blob's key: %w", err)
	}
	wrapped, err = s.seal.Seal(raw, place(key))
	if err != nil {
		return nil, "", fmt.Errorf("wrapping the key of blob %s: %w", key, err)
	}
	c, err = cipherOf(raw)
	return c, wrapped, err
}

func (s *Store) openCipher(ref Ref) (streamCipher, error) {
	raw, err := s.seal.Open(ref.WrappedKey, place(ref.Key))
	if err != nil {
		return nil, fmt.Errorf("%w: unwrapping the key of %s: %w", ErrDamaged, ref.Key, err)
	}
	return cipherOf(raw)
}

func cipherOf(raw []byte) (streamCipher, error) {
	c, err := subtle.NewAESGCMHKDF(raw, "SHA256", dataKeyBytes, segmentBytes, 0)
	if err != nil {
		return nil, fmt.Errorf("making a blob's cipher: %w", err)
	}
	return c, nil
}
