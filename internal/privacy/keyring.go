package privacy

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// KeyBytes is the length of a key: AES-256.
const KeyBytes = 32

// Errors of the keyring, for errors.Is.
var (
	// ErrKey means a key is malformed or none is given.
	ErrKey = errors.New("malformed encryption key")
	// ErrSealed means sealed text is malformed, was made with an unknown key,
	// was changed, or is bound to another place.
	ErrSealed = errors.New("sealed text cannot be opened")
)

// Keyring holds the platform's key-encryption keys. The first seals; all open,
// so that a key can be rotated while old text is still about.
type Keyring struct {
	current string
	keys    map[string]cipher.AEAD
	index   []byte
	random  io.Reader
}

// NewKeyring reads keys written as "id:hex,id:hex", newest first; each is 32
// bytes. random gives the nonces: crypto/rand.Reader.
func NewKeyring(spec string, random io.Reader) (*Keyring, error) {
	ring := &Keyring{keys: make(map[string]cipher.AEAD), random: random}
	for entry := range strings.SplitSeq(spec, ",") {
		id, text, _ := strings.Cut(strings.TrimSpace(entry), ":")
		key, err := hex.DecodeString(text)
		if err != nil || len(key) != KeyBytes || id == "" || strings.Contains(id, ".") {
			return nil, fmt.Errorf("%w: want id:%d hex digits", ErrKey, 2*KeyBytes)
		}
		if _, twice := ring.keys[id]; twice {
			return nil, fmt.Errorf("%w: id %q is given twice", ErrKey, id)
		}
		aead, err := newAEAD(key)
		if err != nil {
			return nil, err
		}
		ring.keys[id] = aead
		if ring.current == "" {
			ring.current = id
		}
		if ring.index, err = hkdf.Key(sha256.New, key, nil, indexPurpose, KeyBytes); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
	}
	return ring, nil
}

// indexPurpose keeps the key of indexes apart from the key that encrypts.
const indexPurpose = "tenor blind index v1"

// Index returns a keyed fingerprint of value in hex (HMAC-SHA256), by which
// equal values can be found without being stored or guessed. place keeps the
// indexes of different columns apart.
//
// It is made with the oldest key of the ring, so that putting a new key in
// front changes no index; retiring the oldest key means to index again.
func (k *Keyring) Index(value []byte, place string) string {
	mac := hmac.New(sha256.New, k.index)
	mac.Write([]byte(place)) // a hash.Hash never fails
	mac.Write([]byte{0})     // ends the place: places hold no zero byte
	mac.Write(value)
	return hex.EncodeToString(mac.Sum(nil))
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return cipher.NewGCM(block)
}

// Seal encrypts plain and binds it to place, a name for where it belongs
// ("customer.credential:<id>"): it opens nowhere else.
func (k *Keyring) Seal(plain []byte, place string) (string, error) {
	sealed, err := seal(k.keys[k.current], k.random, plain, place)
	if err != nil {
		return "", err
	}
	return k.current + "." + sealed, nil
}

// Open decrypts what Seal made for the same place, or returns ErrSealed.
func (k *Keyring) Open(sealed, place string) ([]byte, error) {
	id, text, _ := strings.Cut(sealed, ".")
	aead, ok := k.keys[id]
	if !ok {
		return nil, fmt.Errorf("%w: unknown key", ErrSealed)
	}
	return open(aead, text, place)
}

func seal(aead cipher.AEAD, random io.Reader, plain []byte, place string) (string, error) {
	nonce := make([]byte, aead.NonceSize())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return "", fmt.Errorf("drawing a nonce: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, plain, []byte(place))), nil
}

func open(aead cipher.AEAD, sealed, place string) ([]byte, error) {
	data, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(data) < aead.NonceSize() {
		return nil, fmt.Errorf("%w: malformed", ErrSealed)
	}
	plain, err := aead.Open(nil, data[:aead.NonceSize()], data[aead.NonceSize():], []byte(place))
	if err != nil {
		return nil, fmt.Errorf("%w: changed, or bound to another place", ErrSealed)
	}
	return plain, nil
}

// SubjectKey is one person's own key. Destroying its wrapped form makes
// everything sealed with it unreadable for ever, backups included.
type SubjectKey struct {
	aead   cipher.AEAD
	random io.Reader
}

// NewSubjectKey makes a key for one person and returns it with its wrapped
// form, which is what may be stored.
func (k *Keyring) NewSubjectKey(subject string) (key *SubjectKey, wrapped string, err error) {
	raw := make([]byte, KeyBytes)
	if _, err := io.ReadFull(k.random, raw); err != nil {
		return nil, "", fmt.Errorf("drawing a key: %w", err)
	}
	wrapped, err = k.Seal(raw, "subject-key:"+subject)
	if err != nil {
		return nil, "", err
	}
	aead, err := newAEAD(raw)
	if err != nil {
		return nil, "", err
	}
	return &SubjectKey{aead: aead, random: k.random}, wrapped, nil
}

// SubjectKey unwraps a person's key.
func (k *Keyring) SubjectKey(subject, wrapped string) (*SubjectKey, error) {
	raw, err := k.Open(wrapped, "subject-key:"+subject)
	if err != nil {
		return nil, fmt.Errorf("unwrapping subject key: %w", err)
	}
	aead, err := newAEAD(raw)
	if err != nil {
		return nil, err
	}
	return &SubjectKey{aead: aead, random: k.random}, nil
}

// Seal encrypts one field of the person's data, bound to its place.
func (s *SubjectKey) Seal(plain Text, place string) (string, error) {
	return seal(s.aead, s.random, []byte(plain.Reveal()), place)
}

// Open decrypts one field.
func (s *SubjectKey) Open(sealed, place string) (Text, error) {
	plain, err := open(s.aead, sealed, place)
	return Text(plain), err
}
