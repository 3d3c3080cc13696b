package activation

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
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

// over is the agreement over other terms.
func (f *fixture) over(terms amortization.Terms) event.AgreementSigned {
	f.t.Helper()
	signed := f.signed()
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

// inTranches is an agreement of which 5,000 are paid out a month later.
func (f *fixture) inTranches() event.AgreementSigned {
	f.t.Helper()
	terms := loandbtest.RBITerms(loandbtest.Date(f.t, "2026-01-15"))
	terms.Tranches = []amortization.Tranche{{Date: loandbtest.Date(f.t, "2026-02-15"), Amount: loandbtest.INR(500_000)}}
	return f.over(terms)
}

// capitalising is an agreement of which the interest of the first months becomes
// principal: no offer can ask for it.
func (f *fixture) capitalising() event.AgreementSigned {
	f.t.Helper()
	terms := loandbtest.RBITerms(loandbtest.Date(f.t, "2026-01-15"))
	terms.Grace = amortization.Grace{InterestPayment: 3, Capitalise: true}
	return f.over(terms)
}

func TestASecondTrancheIsPaidOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	signed := f.inTranches()
	f.deliver(signed)
	loanID := f.trigger(signed.ApplicationID).LoanID
	manager := f.http.As(uuid.New(), access.Manager)
	path := "/api/v1/activation/" + loanID.String() + "/tranches"
	f.wantPrincipal(loanID, "20000.00", "15000.00", "5000.00", "14600.00")
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
	f.wantPrincipal(loanID, "20000.00", "15000.00", "5000.00", "14600.00")
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
	f.wantPrincipal(loanID, "20000.00", "20000.00", "0.00", "19600.00")
	manager.Post(path, nil).WantProblem(http.StatusConflict, "wrong-state") // none is left
	manager.Post("/api/v1/activation/"+uuid.NewString()+"/tranches", nil).
		WantProblem(http.StatusNotFound, "loan-not-found")
	loandbtest.TieOut(t, f.db, loanID)
}

// wantPrincipal compares what the account says was agreed, is lent, is still to
// be lent, and was paid out after charges of 400.
func (f *fixture) wantPrincipal(loan uuid.UUID, principal, disbursed, undisbursed, net string) {
	f.t.Helper()
	var got struct {
		Principal, Disbursed, Undisbursed struct{ Amount string }
		NetDisbursed                      struct{ Amount string } `json:"net_disbursed"`
		LenderFees                        struct{ Amount string } `json:"lender_fees"`
		ThirdPartyFees                    struct{ Amount string } `json:"third_party_fees"`
	}
	f.system.Get("/api/v1/activation/" + loan.String() + "/account").Want(http.StatusOK).Into(&got)
	said := []string{got.Principal.Amount, got.Disbursed.Amount, got.Undisbursed.Amount, got.NetDisbursed.Amount}
	if !slices.Equal(said, []string{principal, disbursed, undisbursed, net}) ||
		got.LenderFees.Amount != "240.00" || got.ThirdPartyFees.Amount != "160.00" {
		f.t.Errorf("the account says %+v", got)
	}
}
