package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/memblob" // mem://, for tests
	_ "gocloud.dev/blob/s3blob"  // s3://bucket?region=…&endpoint=…
	"gocloud.dev/gcerrors"
)

// Errors, for errors.Is.
var (
	// ErrNotFound means there is no such blob.
	ErrNotFound = errors.New("no such blob")
	// ErrTooLarge means the content is longer than the caller allowed.
	ErrTooLarge = errors.New("content exceeds the size limit")
	// ErrDamaged means a blob is not what was stored: it was changed, cut, or
	// belongs to another reference.
	ErrDamaged = errors.New("blob is damaged")
	// ErrUnavailable means the store cannot be reached now.
	ErrUnavailable = errors.New("blob store is unavailable")
)

const (
	keyBytes     = 16 // of randomness in a name
	abortTimeout = 10 * time.Second
	directory    = 0o700
)

// Sealer wraps the key of each blob, so that only its wrapped form is stored.
// A privacy.Keyring is one.
type Sealer interface {
	Seal(plain []byte, place string) (string, error)
	Open(sealed, place string) ([]byte, error)
}

// Ref is how a blob is found and read again. Whoever loses WrappedKey has
// destroyed the content for good, wherever copies of it may be.
type Ref struct {
	// Key is the random name of the blob in the store.
	Key string
	// WrappedKey is the blob's own encryption key, sealed by the platform's.
	WrappedKey string
}

// Object is what Put stored.
type Object struct {
	Ref
	// Size is the length of the content in bytes.
	Size int64
	// SHA256 is the hash of the content, in hex.
	SHA256 string
}

// Store is one place for blobs. It opens with the first use and is safe for
// concurrent use.
type Store struct {
	url    string
	seal   Sealer
	random io.Reader

	mu     sync.Mutex
	bucket *blob.Bucket
	dir    string // of a file store, else ""
}

// New returns the store at a file://, s3:// or mem:// URL; nothing is opened
// before its first use. random gives names and keys: crypto/rand.Reader.
func New(storeURL string, seal Sealer, random io.Reader) *Store {
	return &Store{url: storeURL, seal: seal, random: random}
}

// open returns the bucket, which it opens once.
func (s *Store) open(ctx context.Context) (*blob.Bucket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bucket != nil {
		return s.bucket, nil
	}
	place, err := url.Parse(s.url)
	if err != nil || place.Scheme == "" {
		return nil, errors.New("blob store: no URL is given, or it is malformed")
	}
	if place.Scheme == fileblob.Scheme {
		return s.openDirectory(place)
	}
	bucket, err := blob.OpenBucket(ctx, s.url)
	if err != nil {
		return nil, fmt.Errorf("opening blob store: %w", err)
	}
	s.bucket = bucket
	return bucket, nil
}

// openDirectory opens a file store. Temporary files stay on the same file
// system, or a rename would not be atomic; nothing but content is written.
func (s *Store) openDirectory(place *url.URL) (*blob.Bucket, error) {
	if place.Host != "" || place.RawQuery != "" || place.Path == "" {
		return nil, fmt.Errorf("blob store: want file:///directory, got %s", place)
	}
	bucket, err := fileblob.OpenBucket(place.Path, &fileblob.Options{
		CreateDir: true, DirFileMode: directory, NoTempDir: true, Metadata: fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("opening blob store: %w", err)
	}
	s.bucket, s.dir = bucket, place.Path
	return bucket, nil
}

// Close releases the store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bucket == nil {
		return nil
	}
	err := s.bucket.Close()
	s.bucket = nil
	if err != nil {
		return fmt.Errorf("closing blob store: %w", err)
	}
	return nil
}

// NewKey draws the name of a blob that does not exist yet: 32 hex digits in a
// folder of two, so that no directory grows without bound.
func (s *Store) NewKey() (string, error) {
	raw := make([]byte, keyBytes)
	if _, err := io.ReadFull(s.random, raw); err != nil {
		return "", fmt.Errorf("drawing a blob key: %w", err)
	}
	name := hex.EncodeToString(raw)
	return name[:2] + "/" + name, nil
}

// Put stores what content gives, under a key from NewKey. More than limit
// bytes are ErrTooLarge; an error of content is returned wrapped. After any
// error there is no blob of that key. Memory use does not depend on the size.
func (s *Store) Put(ctx context.Context, key string, content io.Reader, limit int64) (Object, error) {
	bucket, err := s.open(ctx)
	if err != nil {
		return Object{}, err
	}
	cipher, wrapped, err := s.newCipher(key)
	if err != nil {
		return Object{}, err
	}
	writing, abort := context.WithCancel(ctx)
	defer abort() // cancelled before Close, the store discards what was written
	writer, err := bucket.NewWriter(writing, key, &blob.WriterOptions{ContentType: "application/octet-stream"})
	if err != nil {
		return Object{}, storeError("storing", key, err)
	}
	size, sum, err := s.copy(cipher, writer, key, content, limit)
	if err != nil {
		abort()
		_ = writer.Close() // reports the abort
		return Object{}, err
	}
	err = writer.Close()
	if err == nil {
		err = s.settle(key)
	}
	if err != nil {
		s.discard(ctx, key)
		return Object{}, storeError("storing", key, err)
	}
	return Object{Ref: Ref{Key: key, WrappedKey: wrapped}, Size: size, SHA256: sum}, nil
}

// copy encrypts, counts and hashes content into w, which it leaves open.
func (s *Store) copy(
	cipher streamCipher, w io.Writer, key string, content io.Reader, limit int64,
) (size int64, sum string, err error) {
	encrypted, err := cipher.NewEncryptingWriter(w, []byte(key))
	if err != nil {
		return 0, "", fmt.Errorf("encrypting blob %s: %w", key, err)
	}
	digest := sha256.New()
	from := &source{reader: io.LimitReader(content, limit+1)}
	size, err = io.Copy(io.MultiWriter(digest, encrypted), from)
	if from.err != nil {
		return 0, "", fmt.Errorf("storing blob %s: %w", key, from.err)
	}
	if err != nil {
		return 0, "", storeError("storing", key, err)
	}
	if size > limit {
		return 0, "", fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)
	}
	if err := encrypted.Close(); err != nil {
		return 0, "", storeError("storing", key, err)
	}
	return size, hex.EncodeToString(digest.Sum(nil)), nil
}

// source remembers its own error, to tell it from one of the store.
type source struct {
	reader io.Reader
	err    error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// Get opens the content of a blob; the caller closes it. What was changed in
// the store is ErrDamaged, at the latest with the read that meets the change.
func (s *Store) Get(ctx context.Context, ref Ref) (io.ReadCloser, error) {
	bucket, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	cipher, err := s.openCipher(ref)
	if err != nil {
		return nil, err
	}
	reader, err := bucket.NewReader(ctx, ref.Key, nil)
	if err != nil {
		return nil, storeError("reading", ref.Key, err)
	}
	plain, err := cipher.NewDecryptingReader(reader, []byte(ref.Key))
	if err != nil {
		_ = reader.Close()
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, ref.Key, err)
	}
	return &content{plain: plain, raw: reader, key: ref.Key}, nil
}

type content struct {
	plain io.Reader
	raw   io.Closer
	key   string
}

// Read implements io.Reader.
func (c *content) Read(p []byte) (int, error) {
	n, err := c.plain.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("%w: %s: %w", ErrDamaged, c.key, err)
	}
	return n, err
}

// Close implements io.Closer.
func (c *content) Close() error { return c.raw.Close() }

// Delete removes a blob; that it does not exist is no error.
func (s *Store) Delete(ctx context.Context, key string) error {
	bucket, err := s.open(ctx)
	if err != nil {
		return err
	}
	err = bucket.Delete(ctx, key)
	if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return storeError("deleting", key, err)
	}
	return s.removeLeftovers(key)
}

// Exists reports whether there is a blob of that key.
func (s *Store) Exists(ctx context.Context, key string) (bool, error) {
	bucket, err := s.open(ctx)
	if err != nil {
		return false, err
	}
	found, err := bucket.Exists(ctx, key)
	if err != nil {
		return false, storeError("looking for", key, err)
	}
	return found, nil
}

// Ping reports whether the store can be reached, for readiness.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Exists(ctx, "ping")
	return err
}

// discard removes what a failed write may have left, although ctx may be over.
func (s *Store) discard(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_ = s.Delete(ctx, key) // the write's own error is the one to report; the caller sweeps what is left
}

func storeError(doing, key string, err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%w: %s", ErrNotFound, key)
	}
	return fmt.Errorf("%s blob %s: %w: %w", doing, key, ErrUnavailable, err)
}
