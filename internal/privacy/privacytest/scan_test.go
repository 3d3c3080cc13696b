package privacytest

import (
	"encoding/base64"
	"encoding/hex"
	"testing"
)

func TestFind(t *testing.T) {
	t.Parallel()
	const canary = "Asha Canary"
	forms := map[string]string{
		`{"name":"asha canary"}`:                                               "as it is",
		`\x` + hex.EncodeToString([]byte("xx"+canary)):                         "in hex",
		base64.StdEncoding.EncodeToString([]byte(canary + "yy")):               "in base64",
		base64.RawURLEncoding.EncodeToString([]byte(`{"a":"` + canary + `"}`)): "in base64",
		base64.StdEncoding.EncodeToString([]byte("1" + canary)):                "in base64",
		"Asha had a canary":                                                    "",
		"":                                                                     "",
	}
	for value, want := range forms {
		if got := find([]byte(value), canary); got != want {
			t.Errorf("find(%q) = %q, want %q", value, got, want)
		}
	}
}
