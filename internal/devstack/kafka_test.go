package devstack

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKafka runs where Apache Kafka was asked for: make test-kafka and CI. In
// the ordinary suite only its parts below are tested.
func TestKafka(t *testing.T) {
	t.Parallel()
	if os.Getenv(KafkaEnv) == "" {
		t.Skipf("NOT RUN: %s is not set; make test-kafka sets it", KafkaEnv)
	}
	kafka, err := StartKafka(t.Context(), KafkaOptions{Log: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	dir := kafka.inst.dir
	roundTrip(t, kafka.Seeds, "real")
	err = errors.Join(kafka.Stop(), kafka.Stop())
	if err != nil {
		t.Error(err)
	}
	_, err = os.Stat(dir)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (%v)", dir, err)
	}
}

func TestPinnedJars(t *testing.T) {
	t.Parallel()
	archives, err := parseArchives(kafkaJars)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, a := range archives {
		name := filepath.Base(a.path)
		if names[name] {
			t.Errorf("%s is pinned twice", name)
		}
		names[name] = true
	}
	if want := "kafka_2.13-" + kafkaVersion + ".jar"; !names[want] {
		t.Errorf("%s is not pinned", want)
	}
	for _, bad := range []string{"abc x.jar", strings.Repeat("a", 64), strings.Repeat("a", 64) + "  /etc/x"} {
		_, err = parseArchives(bad)
		if err == nil {
			t.Errorf("%q is taken for a pin", bad)
		}
	}
}

func TestClusterID(t *testing.T) {
	t.Parallel()
	for range 1_000 {
		id := clusterID()
		raw, err := base64.RawURLEncoding.DecodeString(id)
		if err != nil || len(raw) != 16 || strings.HasPrefix(id, "-") {
			t.Fatalf("cluster id %q (%v)", id, err)
		}
	}
}

func sumOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func TestFetch(t *testing.T) {
	t.Parallel()
	tries := 0
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good.jar":
			_, _ = w.Write([]byte("content"))
		case "/stumbles.jar":
			tries++
			if tries == 1 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			_, _ = w.Write([]byte("content"))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(registry.Close)
	for _, tc := range []struct {
		path, sum string
		want      error
	}{
		{"good.jar", sumOf("content"), nil},
		{"stumbles.jar", sumOf("content"), nil},
		{"good.jar", sumOf("tampered"), errSum},
		{"absent.jar", sumOf("content"), ErrUnavailable},
	} {
		into := t.TempDir()
		err := fetchAll(t.Context(), registry.URL, []archive{{sha256: tc.sum, path: tc.path}}, into)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.path, err, tc.want)
		}
		if tc.want == errSum && errors.Is(err, ErrUnavailable) { //nolint:errorlint // compares the table's own value
			t.Errorf("%s: a false checksum passes for an absent registry", tc.path)
		}
		_, statErr := os.Stat(filepath.Join(into, tc.path))
		if (statErr == nil) != (tc.want == nil) {
			t.Errorf("%s: file there: %v", tc.path, statErr == nil)
		}
	}
}

// TestInstallOnce interrupts an installation and tries again.
func TestInstallOnce(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	fault := errors.New("cut off")
	fills := 0
	fill := func(result error) func(ctx context.Context, into string) error {
		return func(_ context.Context, into string) error {
			fills++
			return errors.Join(os.WriteFile(filepath.Join(into, "part"), nil, 0o600), result)
		}
	}
	err := installOnce(t.Context(), base, "thing", fill(fault))
	if !errors.Is(err, fault) {
		t.Errorf("error %v, want the fault", err)
	}
	entries, err := filepath.Glob(filepath.Join(base, "thing*"))
	if err != nil || len(entries) != 1 { // the lock file
		t.Errorf("left behind %v (%v)", entries, err)
	}
	for range 2 {
		err = installOnce(t.Context(), base, "thing", fill(nil))
		if err != nil {
			t.Fatal(err)
		}
	}
	if fills != 2 {
		t.Errorf("filled %d times, want once for each needed time: 2", fills)
	}
}
