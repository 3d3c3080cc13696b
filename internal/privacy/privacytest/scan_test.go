package privacytest

import (
	"encoding/base64"
	"encoding/hex"
	"testing"
)

func TestFind(t *testing.T) {
	t.Parallel()
	const canary = "Asha Canary"
	base := base64.StdEncoding
	forms := map[string]string{
		`{"name":"asha canary"}`:                       "as it is",
		`\x` + hex.EncodeToString([]byte("xx"+canary)): "in hex",
		base.EncodeToString([]byte(canary + "yy")):     "in base64",
		base.EncodeToString([]byte("1" + canary)):      "in base64",
		base.EncodeToString([]byte("22" + canary)):     "in base64",
		"Asha had a canary":                            "",
		"":                                             "",
	}
	for value, want := range forms {
		if got := find([]byte(value), canary); got != want {
			t.Errorf("find(%q) = %q, want %q", value, got, want)
		}
	}
}
