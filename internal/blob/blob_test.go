package blob_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/blob"
	"github.com/tenor-lending/tenor/internal/privacy"
)

const keys = "test:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

func store(t *testing.T, url string) *blob.Store {
	t.Helper()
	keyring, err := privacy.NewKeyring(keys, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := blob.New(url, keyring, rand.Reader)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return s
}

func newKey(t *testing.T, s *blob.Store) string {
	t.Helper()
	key, err := s.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// files lists everything below dir.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func stores(t *testing.T) map[string]*blob.Store {
	t.Helper()
	return map[string]*blob.Store{
		"file": store(t, "file://"+filepath.Join(t.TempDir(), "made", "on demand")), "mem": store(t, "mem://"),
	}
}

func TestWhatIsPutIsGot(t *testing.T) {
	t.Parallel()
	for name, s := range stores(t) {
		for _, size := range []int{0, 1, 64<<10 - 40, 64 << 10, 1 << 20} {
			content := bytes.Repeat([]byte("tenor"), size/5+1)[:size]
			key := newKey(t, s)
			object, err := s.Put(t.Context(), key, bytes.NewReader(content), int64(size))
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", name, size, err)
			}
			sum := sha256.Sum256(content)
			if object.Size != int64(size) || object.SHA256 != hex.EncodeToString(sum[:]) || object.Key != key {
				t.Errorf("%s: stored %+v of %d bytes with hash %x", name, object, size, sum)
			}
			reader, err := s.Get(t.Context(), object.Ref)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(reader)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, content) {
				t.Errorf("%s: %d bytes came back as %d others", name, size, len(got))
			}
			if err := reader.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestKeysAreRandomNames(t *testing.T) {
	t.Parallel()
	s := store(t, "mem://")
	first, second := newKey(t, s), newKey(t, s)
	if first == second || !regexp.MustCompile(`^[0-9a-f]{2}/[0-9a-f]{32}$`).MatchString(first) {
		t.Errorf("keys %q and %q", first, second)
	}
}

func TestAFailedPutLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := store(t, "file://"+dir)
	broken := errors.New("the client hung up")
	cancelled, cancel := context.WithCancel(t.Context())
	cases := []struct {
		name    string
		ctx     context.Context
		content io.Reader
		want    error
	}{
		{"one byte over the limit", t.Context(), bytes.NewReader(make([]byte, 200_001)), blob.ErrTooLarge},
		{"endless", t.Context(), rand.Reader, blob.ErrTooLarge},
		{"broken at once", t.Context(), iotest.ErrReader(broken), broken},
		{
			"broken later", t.Context(),
			io.MultiReader(bytes.NewReader(make([]byte, 150_000)), iotest.ErrReader(broken)), broken,
		},
		{
			"given up", cancelled,
			io.MultiReader(bytes.NewReader(make([]byte, 90_000)), cancelling(cancel)), blob.ErrUnavailable,
		},
	}
	for _, c := range cases {
		key := newKey(t, s)
		if _, err := s.Put(c.ctx, key, c.content, 200_000); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if found, err := s.Exists(t.Context(), key); err != nil || found {
			t.Errorf("%s: exists %v, %v", c.name, found, err)
		}
	}
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := s.Put(t.Context(), newKey(t, s), bytes.NewReader(make([]byte, 200_000)), 200_000); err != nil {
		t.Errorf("exactly the limit: %v", err)
	}
}

// cancelling is the moment at which the request is given up.
func cancelling(cancel func()) io.Reader {
	return readFunc(func([]byte) (int, error) { cancel(); return 0, io.EOF })
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestStoredFilesAreEncryptedAndNoticeEveryChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := store(t, "file://"+dir)
	content := bytes.Repeat([]byte("canary of a passport number "), 10_000)
	object, err := s.Put(t.Context(), newKey(t, s), bytes.NewReader(content), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, object.Key)
	stored, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(stored, []byte("canary")) {
		t.Error("the content lies readable in the directory")
	}
	changes := map[string][]byte{
		"a bit flipped in front": flip(stored, 60), "a bit flipped behind": flip(stored, len(stored)-1),
		"cut at a segment": stored[:64<<10], "cut": stored[:len(stored)-1], "longer": append(bytes.Clone(stored), 0),
		"empty": {},
	}
	for name, changed := range changes {
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := readAll(t, s, object.Ref); !errors.Is(err, blob.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
	if err := os.WriteFile(path, stored, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := readAll(t, s, object.Ref); err != nil {
		t.Errorf("restored: %v", err)
	}
	// Another blob in its place, even with the other's key, does not open.
	other, err := s.Put(t.Context(), newKey(t, s), bytes.NewReader([]byte("other")), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	swapped := blob.Ref{Key: object.Key, WrappedKey: other.WrappedKey}
	if err := readAll(t, s, swapped); !errors.Is(err, blob.ErrDamaged) {
		t.Errorf("swapped: %v, want ErrDamaged", err)
	}
}

func flip(data []byte, at int) []byte {
	changed := bytes.Clone(data)
	changed[at] ^= 1
	return changed
}

func readAll(t *testing.T, s *blob.Store, ref blob.Ref) error {
	t.Helper()
	reader, err := s.Get(t.Context(), ref)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, reader)
	return errors.Join(err, reader.Close())
}

func TestDeleteRemovesLeftoversAndMayBeRepeated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := store(t, "file://"+dir)
	object, err := s.Put(t.Context(), newKey(t, s), bytes.NewReader([]byte("x")), 1)
	if err != nil {
		t.Fatal(err)
	}
	neighbour := filepath.Join(dir, object.Key[:3], "0neighbour")
	left := filepath.Join(dir, object.Key+".1234.tmp")
	for _, path := range []string{neighbour, left} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := s.Delete(t.Context(), object.Key); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{neighbour}, files(t, dir)); diff != "" {
		t.Errorf("files after deletion (-want +got):\n%s", diff)
	}
	if _, err := s.Get(t.Context(), object.Ref); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("reading the deleted: %v, want ErrNotFound", err)
	}
}

func TestAMisspeltURLIsRefused(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "documents", "file://host/dir", "file:///dir?create_dir=1", "gopher://x", "file://"} {
		s := store(t, url)
		if err := s.Ping(t.Context()); err == nil {
			t.Errorf("%q opens", url)
		}
	}
	if err := store(t, "mem://").Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
