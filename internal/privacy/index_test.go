package privacy_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/tenor-lending/tenor/internal/privacy"
)

const (
	oldKey = "old:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	newKey = "new:f00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)

func ringOf(t *testing.T, spec string) *privacy.Keyring {
	t.Helper()
	ring, err := privacy.NewKeyring(spec, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestIndex(t *testing.T) {
	t.Parallel()
	ring := ringOf(t, oldKey)
	first := ring.Index([]byte("asha@example.com"), "customer.email")
	if again := ring.Index([]byte("asha@example.com"), "customer.email"); again != first {
		t.Errorf("the same value has two indexes: %s and %s", first, again)
	}
	if len(first) != 64 || strings.Contains(first, "asha") {
		t.Errorf("index %q is not a fingerprint", first)
	}
	rotated := ringOf(t, newKey+","+oldKey)
	if got := rotated.Index([]byte("asha@example.com"), "customer.email"); got != first {
		t.Error("a new key in front changes the index")
	}
	others := map[string]string{
		"another value":          ring.Index([]byte("asha@example.org"), "customer.email"),
		"another place":          ring.Index([]byte("asha@example.com"), "customer.phone"),
		"the border moved":       ring.Index([]byte("ilasha@example.com"), "customer.ema"),
		"another platform's key": ringOf(t, newKey).Index([]byte("asha@example.com"), "customer.email"),
	}
	for name, index := range others {
		if index == first {
			t.Errorf("%s gives the same index", name)
		}
	}
}
