package agreement_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/internal/upload/uploadtest"
	"github.com/tenor-lending/tenor/origination/agreement"
)

// at runs n calls at the same time and counts their statuses.
func at(n int, call func() int) map[int]int {
	var mu sync.Mutex
	var group sync.WaitGroup
	counts := map[int]int{}
	for range n {
		group.Go(func() {
			status := call()
			mu.Lock()
			defer mu.Unlock()
			counts[status]++
		})
	}
	group.Wait()
	return counts
}

func TestOfManySigningsOneConcludes(t *testing.T) {
	t.Parallel()
	s := approvedSuite(t)
	code := s.code()
	const n = 8
	borrower := s.borrower.Patient()
	counts := at(n, func() int { return borrower.Post(s.path("/esign"), s.consent(code)).Status })
	if counts[http.StatusOK] != 1 || counts[http.StatusOK]+counts[http.StatusConflict] != n {
		t.Errorf("statuses %v, want one 200 and else 409", counts)
	}
	signed := 0
	for _, typ := range streamtest.Types(t, s.db) {
		if typ == (event.AgreementSigned{}).Type() {
			signed++
		}
	}
	if signed != 1 {
		t.Errorf("announced as signed %d times", signed)
	}
}

func TestGuessesAtOnceUseUpTheAttempts(t *testing.T) {
	t.Parallel()
	s := approvedSuite(t)
	wrong := other(s.code())
	const n = 12
	borrower := s.borrower.Patient()
	counts := at(n, func() int { return borrower.Post(s.path("/esign"), s.consent(wrong)).Status })
	if counts[http.StatusUnprocessableEntity] != agreement.CodeAttemptsMax ||
		counts[http.StatusConflict] != n-agreement.CodeAttemptsMax {
		t.Errorf("statuses %v, want %d wrong and else void", counts, agreement.CodeAttemptsMax)
	}
}

func TestOfSigningAndSendingInOneConcludes(t *testing.T) {
	t.Parallel()
	s := approvedSuite(t)
	code := s.code()
	borrower := s.server.As(s.on.CustomerID, access.Customer).Patient()
	var group sync.WaitGroup
	var esign, upload int
	group.Go(func() { esign = borrower.Post(s.path("/esign"), s.consent(code)).Status })
	group.Go(func() { upload = s.send(borrower, uploadtest.PDF("by hand", "")).Status })
	group.Wait()
	status := s.get().Status
	switch {
	case esign == http.StatusOK && upload == http.StatusConflict && status == "SIGNED":
	case esign == http.StatusConflict && upload == http.StatusOK && status == "UNDER_REVIEW":
	default:
		t.Errorf("esign %d, upload %d, agreement %s", esign, upload, status)
	}
	if at := s.state(); at.Blobs != int(at.Copies) || at.Loose != 0 {
		t.Errorf("blobs and rows differ: %+v", at)
	}
}
