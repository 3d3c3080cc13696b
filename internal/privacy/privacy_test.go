package privacy_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/privacy"
)

const (
	keyA = "a:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	keyB = "b:f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f"
)

func keyring(t testing.TB, spec string) *privacy.Keyring {
	t.Helper()
	ring, err := privacy.NewKeyring(spec, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestTextMasksItselfEverywhere(t *testing.T) {
	t.Parallel()
	const canary = "Canary McSecret"
	name := privacy.Text(canary)
	record := struct {
		Name privacy.Text `json:"name"`
		List []privacy.Text
		Map  map[string]privacy.Text
	}{name, []privacy.Text{name}, map[string]privacy.Text{"k": name}}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "name", name, "record", record)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "name", name, "record", record)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb, name)
		fmt.Fprintf(&out, verb, record)
	}
	data, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(data)
	fmt.Fprint(&out, name, fmt.Errorf("for %v: %w", name, errors.New("x")))
	for _, leak := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q shows in: %s", leak, out.String())
		}
	}
	if name.Reveal() != canary {
		t.Error("Reveal must give the value")
	}
}

func TestSealedTextOpensOnlyInItsPlace(t *testing.T) {
	t.Parallel()
	ring := keyring(t, keyB)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		place := rapid.String().Draw(t, "place")
		other := rapid.String().Filter(func(s string) bool { return s != place }).Draw(t, "other")
		sealed, err := ring.Seal(plain, place)
		if err != nil {
			t.Fatal(err)
		}
		if opened, err := ring.Open(sealed, place); err != nil || !bytes.Equal(opened, plain) {
			t.Fatalf("opened %x, %v; want %x", opened, err, plain)
		}
		if _, err := ring.Open(sealed, other); !errors.Is(err, privacy.ErrSealed) {
			t.Fatalf("opened in another place: %v", err)
		}
		i := rapid.IntRange(0, len(sealed)-1).Draw(t, "i")
		changed := []byte(sealed)
		changed[i] ^= 1 << rapid.IntRange(0, 6).Draw(t, "bit")
		if opened, err := ring.Open(string(changed), place); err == nil && !bytes.Equal(opened, plain) {
			t.Fatalf("changed text opened as %x", opened)
		}
	})
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	before, after := keyring(t, keyA), keyring(t, keyB+","+keyA)
	old, err := before.Seal([]byte("x"), "p")
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := after.Open(old, "p"); err != nil || string(plain) != "x" {
		t.Errorf("old text after the rotation: %q, %v", plain, err)
	}
	fresh, err := after.Seal([]byte("y"), "p")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.Open(fresh, "p"); !errors.Is(err, privacy.ErrSealed) {
		t.Errorf("new text with the old key: %v, want ErrSealed", err)
	}
}

func TestSubjectsCannotReadEachOther(t *testing.T) {
	t.Parallel()
	ring := keyring(t, keyB)
	key, wrapped, err := ring.NewSubjectKey("ada")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := key.Seal("Ada Lovelace", "name")
	if err != nil {
		t.Fatal(err)
	}
	again, err := ring.SubjectKey("ada", wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if name, err := again.Open(sealed, "name"); err != nil || name.Reveal() != "Ada Lovelace" {
		t.Errorf("unwrapped key opened %q, %v", name.Reveal(), err)
	}
	if _, err := ring.SubjectKey("eve", wrapped); !errors.Is(err, privacy.ErrSealed) {
		t.Errorf("another subject unwrapped the key: %v", err)
	}
	stranger, _, err := ring.NewSubjectKey("eve")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Open(sealed, "name"); !errors.Is(err, privacy.ErrSealed) {
		t.Errorf("another subject's key opened the text: %v", err)
	}
}

func TestBadKeysAreRefused(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{
		"", "a", "a:", "a:00", ":" + keyA[2:], keyA + "," + keyA, "a.b:" + keyA[2:], "a:zz" + keyA[4:],
	} {
		if _, err := privacy.NewKeyring(spec, rand.Reader); !errors.Is(err, privacy.ErrKey) {
			t.Errorf("%q: %v, want ErrKey", spec, err)
		}
	}
}
