package gateway

import (
	"net/http"
	"testing"
	"time"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/config"
)

// TestADownloadMayTakeItsTime streams for longer than an answer may take: the
// export comes whole, any other answer is cut off.
func TestADownloadMayTakeItsTime(t *testing.T) {
	t.Parallel()
	b := setup(t, options{change: func(cfg *config.Config) { cfg.Gateway.Timeout = 300 * time.Millisecond }})
	const parts = 6
	b.upstream.set(func(w http.ResponseWriter, _ *http.Request) {
		for range parts {
			_, _ = w.Write([]byte("part\n"))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(100 * time.Millisecond)
		}
	})
	token := b.tokens.give(access.Finance)
	read := func(path string) (int, error) {
		r := b.request(http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err
		}
		defer func() { _ = answer.Body.Close() }()
		var size int
		for buffer := make([]byte, 1024); ; {
			n, err := answer.Body.Read(buffer)
			size += n
			if err != nil {
				return size, err
			}
		}
	}
	if size, err := read("/api/v1/ledger/export"); size != parts*len("part\n") || err.Error() != "EOF" {
		t.Errorf("%d bytes of the export came (%v)", size, err)
	}
	if size, err := read("/api/v1/ledger/trial-balance"); size >= parts*len("part\n") && err.Error() == "EOF" {
		t.Errorf("%d bytes of an ordinary answer came in time", size)
	}
}
