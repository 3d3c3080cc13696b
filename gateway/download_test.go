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
	const timeout = 2 * time.Second
	b := setup(t, options{change: func(cfg *config.Config) { cfg.Gateway.Timeout = timeout }})
	const parts = 2
	b.upstream.set(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("part\n"))
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/api/v1/ledger/export" {
			time.Sleep(timeout + timeout/4)
		} else {
			<-r.Context().Done() // the gateway cuts it off
		}
		_, _ = w.Write([]byte("part\n"))
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
