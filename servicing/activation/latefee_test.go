package activation

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// save adds a version of a product for loans in rupees.
func (f *fixture) save(code string, settings object) versionAnswer {
	f.t.Helper()
	var saved versionAnswer
	f.http.As(uuid.New(), access.Finance).Post(pathProducts+"/"+code+"/versions", object{
		"currency": "INR", "reason": "r", "settings": settings,
	}).Want(http.StatusCreated).Into(&saved)
	return saved
}

func flatFee(amount string) object {
	return object{"late_fee": object{"grace_days": 3, "amount": rupees(amount)}}
}

// signedFor is an agreement over the published loan for a version of a product.
func (f *fixture) signedFor(code string, version int64, fee event.LateFee) event.AgreementSigned {
	f.t.Helper()
	signed := f.signed()
	signed.Product, signed.ProductVersion, signed.LateFee = code, &version, fee
	return signed
}

// TestASavedVersionIsAnnounced with its late fee, once.
func TestASavedVersionIsAnnounced(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	finance := f.http.As(uuid.New(), access.Finance).WithKey("once")
	order := object{
		"currency": "INR", "reason": "r", "effective_from": "2026-04-01", "settings": everySetting(),
	}
	finance.Post(pathProducts+"/MICRO_LOAN/versions", order).Want(http.StatusCreated)
	finance.Post(pathProducts+"/MICRO_LOAN/versions", order).Want(http.StatusCreated)
	first := streamtest.Last[event.LoanProductSaved](t, f.db)
	want := event.LoanProductSaved{
		ProductID: first.ProductID, Code: "MICRO_LOAN", Currency: "INR", Version: 1,
		EffectiveFrom: loandbtest.Date(t, "2026-04-01"),
		LateFee: event.LateFee{
			GraceDays: 3, Tolerance: loandbtest.INR(500), Percent: "2.5", EveryDays: 30, Cap: loandbtest.INR(50_000),
		},
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
	// Days of grace are no fee, and an amount of zero is none.
	f.save("MICRO_LOAN", object{"late_fee": object{"grace_days": 3, "amount": rupees("0.00")}})
	second := streamtest.Last[event.LoanProductSaved](t, f.db)
	if second.Version != 2 || second.ProductID != first.ProductID || second.LateFee != (event.LateFee{}) {
		t.Errorf("announced %+v", second)
	}
	f.save("PERSONAL_LOAN", object{"late_fee": object{"amount": rupees("1.00"), "cap": rupees("0.00")}})
	var other event.LoanProductSaved
	for _, env := range streamtest.Announced(t, f.db) {
		if saved, err := event.Decode[event.LoanProductSaved](env); err == nil && saved.Code == "PERSONAL_LOAN" {
			other = saved
		}
	}
	if other.ProductID == first.ProductID || other.LateFee != (event.LateFee{Amount: loandbtest.INR(100)}) {
		t.Errorf("announced %+v", other)
	}
	if diff := cmp.Diff([]string{
		"loan_product.saved.v1", "loan_product.saved.v1", "loan_product.saved.v1",
	}, streamtest.Types(t, f.db)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestALoanIsServicedByTheVersionThatWasSigned, whatever is in force by now.
func TestALoanIsServicedByTheVersionThatWasSigned(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.save("MICRO_LOAN", flatFee("100.00"))
	hundred := streamtest.Last[event.LoanProductSaved](t, f.db).LateFee
	f.save("MICRO_LOAN", flatFee("999.00"))
	first, builtIn := f.signedFor("MICRO_LOAN", 1, hundred), f.signedFor("MICRO_LOAN", 0, event.LateFee{})
	unnumbered, unnamed := f.signed(), f.signed()
	unnumbered.Product = "MICRO_LOAN"
	var together []event.Event
	for _, e := range []event.AgreementSigned{first, builtIn, unnumbered, unnamed} {
		together = append(together, e)
	}
	streamtest.DeliverTogether(t, f.db, "activation", f.component.Subscriptions, together...)
	for name, c := range map[string]struct {
		signed  event.AgreementSigned
		code    string
		version int64
		fee     int64
	}{
		"the version that was signed":     {first, "MICRO_LOAN", 1, 10_000},
		"the built-in version":            {builtIn, "MICRO_LOAN", 0, 0},
		"no version: the one in force":    {unnumbered, "MICRO_LOAN", 2, 99_900},
		"no product, no catalogue at all": {unnamed, "", 0, 0},
	} {
		loan := loandbtest.Loan(t, f.db, f.trigger(c.signed.ApplicationID).LoanID)
		want := servicing.LateFee{}
		if c.fee > 0 {
			want = servicing.LateFee{GraceDays: 3, Amount: loandbtest.INR(c.fee)}
		}
		if p := loan.Product; p.Code != c.code || p.Version != c.version || p.LateFee != want {
			t.Errorf("%s: serviced by %s %d with %+v", name, p.Code, p.Version, p.LateFee)
		}
		if (len(loan.Product.Stages) > 0) != (name == "the built-in version") {
			t.Errorf("%s: stages %+v", name, loan.Product.Stages)
		}
	}
}

// TestALateFeeThatIsNotThatOfTheVersionActivatesNothing: like a schedule with
// another hash it is for people to look at, and the others go on.
func TestALateFeeThatIsNotThatOfTheVersionActivatesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.save("MICRO_LOAN", flatFee("100.00"))
	fee := streamtest.Last[event.LoanProductSaved](t, f.db).LateFee
	dearer, later := fee, fee
	dearer.Amount, later.GraceDays = loandbtest.INR(10_001), 4
	for name, e := range map[string]event.AgreementSigned{
		"another amount":                f.signedFor("MICRO_LOAN", 1, dearer),
		"another grace":                 f.signedFor("MICRO_LOAN", 1, later),
		"none":                          f.signedFor("MICRO_LOAN", 1, event.LateFee{}),
		"a fee of the built-in version": f.signedFor("MICRO_LOAN", 0, fee),
		"a version that is not there":   f.signedFor("MICRO_LOAN", 2, fee),
		"no such number":                f.signedFor("MICRO_LOAN", -1, fee),
		"of another product":            f.signedFor("PERSONAL_LOAN", 1, fee),
		"of no product":                 f.signedFor("", 1, fee),
	} {
		err := streamtest.TryDeliver(t, f.db, "activation", f.component.Subscriptions, streamtest.Envelope(t, e))
		if err == nil || !strings.Contains(err.Error(), ErrVersion.Error()) {
			t.Errorf("%s: refused with %v", name, err)
		}
		f.system.Post("/api/v1/activation/"+e.ApplicationID.String()+"/trigger", nil).
			WantProblem(http.StatusNotFound, "application-not-found")
	}
	if diff := cmp.Diff([]string{"loan_product.saved.v1"}, streamtest.Types(t, f.db)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	f.deliver(f.signedFor("MICRO_LOAN", 1, fee))
	if got := streamtest.Last[event.LoanActivated](t, f.db); got.LoanID == uuid.Nil {
		t.Error("the version with its own late fee makes no loan")
	}
}
