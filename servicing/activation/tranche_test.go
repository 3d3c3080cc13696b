package activation

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// inTranches is an agreement of which 5,000 are paid out a month later.
func (f *fixture) inTranches() event.AgreementSigned {
	f.t.Helper()
	signed := f.signed()
	terms := loandbtest.RBITerms(loandbtest.Date(f.t, "2026-01-15"))
	terms.Tranches = []amortization.Tranche{{Date: loandbtest.Date(f.t, "2026-02-15"), Amount: loandbtest.INR(500_000)}}
	schedule, err := amortization.New(terms)
	if err != nil {
		f.t.Fatal(err)
	}
	if signed.Terms, err = json.Marshal(terms); err != nil {
		f.t.Fatal(err)
	}
	signed.ScheduleHash = schedule.Hash()
	return signed
}

func TestASecondTrancheIsPaidOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	signed := f.inTranches()
	f.deliver(signed)
	loanID := f.trigger(signed.ApplicationID).LoanID
	manager := f.http.As(uuid.New(), access.Manager)
	path := "/api/v1/activation/" + loanID.String() + "/tranches"
	manager.Post(path, nil).WantProblem(http.StatusConflict, "loan-not-active") // the first is not out yet
	f.payOut()
	loandbtest.InTx(t, f.db, func(ctx context.Context, tx database.Tx) error {
		loan, err := loandb.Find(ctx, tx, loanID)
		if err != nil {
			return err
		}
		return loandb.MoveBusinessDate(ctx, tx, loan.BookID, loan.ActivatedOn, loandbtest.Date(t, "2026-02-15"))
	})
	f.channel.say = func(PayoutOrder) error { return fmt.Errorf("%w: account closed", ErrRefused) }
	manager.Post(path, nil).Want(http.StatusOK)
	manager.Post(path, nil).WantProblem(http.StatusConflict, "wrong-state") // it is on its way
	for range PayoutRefusalsMax {
		f.system.Post("/api/v1/activation/"+loanID.String()+"/disburse", nil).Want(http.StatusOK)
		f.payOut()
	}
	loan := loandbtest.Loan(t, f.db, loanID)
	if !loan.PayoutFailed || loan.Status != servicing.Active || loan.Undisbursed != loandbtest.INR(500_000) {
		t.Fatalf("after the refusals: %s, failed %t, not lent %s", loan.Status, loan.PayoutFailed, loan.Undisbursed)
	}
	loandbtest.TieOut(t, f.db, loanID)
	f.channel.say = nil
	keyed := manager.WithKey("second tranche")
	var first, again accountBody
	keyed.Post(path, nil).Want(http.StatusOK).Into(&first)
	f.payOut()
	keyed.Post(path, nil).Want(http.StatusOK).Into(&again)
	if first != again || first.Disbursement.Status != "INITIATED" {
		t.Errorf("the key answered %+v and %+v", first, again)
	}
	if got := f.account(loanID).Disbursement; got.Status != "COMPLETED" {
		t.Errorf("payout %+v", got)
	}
	loan = loandbtest.Loan(t, f.db, loanID)
	if !loan.Undisbursed.IsZero() || loan.Outstanding().Principal != loandbtest.INR(2_000_000) {
		t.Errorf("not lent %s, outstanding %s", loan.Undisbursed, loan.Outstanding().Principal)
	}
	if paid := streamtest.Last[event.DisbursementCompleted](t, f.db); paid.Amount != loandbtest.INR(500_000) {
		t.Errorf("event %+v", paid)
	}
	manager.Post(path, nil).WantProblem(http.StatusConflict, "wrong-state") // none is left
	manager.Post("/api/v1/activation/"+uuid.NewString()+"/tranches", nil).
		WantProblem(http.StatusNotFound, "loan-not-found")
	loandbtest.TieOut(t, f.db, loanID)
}
