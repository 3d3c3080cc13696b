package discussion_test

import (
	"net/http"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
)

// flat is a late fee of an amount after three days.
func flat(minor int64) event.LateFee { return event.LateFee{GraceDays: 3, Amount: rupees(minor)} }

// saved is a version of the product that is applied for, for loans in rupees.
func saved(version int64, from civil.Date, fee event.LateFee) event.LoanProductSaved {
	return event.LoanProductSaved{
		ProductID: uuid.NewSHA1(uuid.NameSpaceOID, []byte("PERSONAL_LOAN INR")), Code: "PERSONAL_LOAN", Currency: "INR",
		Version: version, EffectiveFrom: from, LateFee: fee,
	}
}

// offerOfProduct reads of an offer what it says of the product.
type offerOfProduct struct {
	Version  *int64 `json:"product_version"`
	KeyFacts struct {
		LateFee object `json:"late_fee"`
	} `json:"key_facts"`
}

func (b *bench) product() offerOfProduct {
	b.t.Helper()
	var view offerOfProduct
	b.asOwner().Get(b.path("offer")).Want(http.StatusOK).Into(&view)
	return view
}

// wantProduct wants an offer by a version, with a fee of an amount in rupees; ""
// for none.
func (b *bench) wantProduct(version int64, fee string) {
	b.t.Helper()
	got := b.product()
	if got.Version == nil || *got.Version != version {
		b.t.Fatalf("version %v, want %d", got.Version, version)
	}
	var want object
	if fee != "" {
		want = object{
			"grace_days": 3.0, "every_days": 0.0, "amount": map[string]any{"amount": fee, "currency": "INR"},
		}
	}
	if diff := cmp.Diff(want, got.KeyFacts.LateFee); diff != "" {
		b.t.Errorf("late fee of version %d (-want +got):\n%s", version, diff)
	}
}

var today = civil.Date{Year: 2026, Month: 11, Day: 23}

// TestAnOfferTakesTheVersionInForce: of those that were heard of, the one that
// took effect last by the business date, for its product and its currency.
func TestAnOfferTakesTheVersionInForce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	b.offer(illustration())
	b.wantProduct(0, "") // the built-in version, which nobody announces

	euros, other := saved(1, today, flat(1)), saved(1, today, flat(2))
	euros.Currency, other.Code = "EUR", "MICRO_LOAN"
	b.deliver(euros, other, saved(1, today, flat(100_00)), saved(2, today.AddDays(1), flat(200_00)))
	b.offer(illustration())
	b.wantProduct(1, "100.00")

	b.closeDay(today, today.AddDays(1))
	o := b.offer(illustration())
	b.wantProduct(2, "200.00")
	made := streamtest.Last[event.OfferMade](t, b.db)
	if made.OfferID != o.ID || made.ProductVersion == nil || *made.ProductVersion != 2 || made.LateFee != flat(200_00) {
		t.Errorf("event %+v", made)
	}

	// One of the same day counts if it was saved later.
	b.deliver(saved(3, today.AddDays(1), event.LateFee{}))
	b.offer(illustration())
	b.wantProduct(3, "")
}

// TestAVersionSavedMeanwhileIsNotForAnOpenOffer: what was shown is accepted, and
// what was shown when the same request comes again is shown again.
func TestAVersionSavedMeanwhileIsNotForAnOpenOffer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	b.deliver(saved(1, today, flat(100_00)))
	officer := b.asOfficer().WithKey("offer")
	first := officer.Post(b.path("offer"), illustration()).Want(http.StatusCreated)
	b.deliver(saved(2, today, flat(999_00)))
	again := officer.Post(b.path("offer"), illustration()).Want(http.StatusCreated)
	if string(first.Body) != string(again.Body) {
		t.Errorf("same key: %s\nfirst: %s", again.Body, first.Body)
	}
	b.wantProduct(1, "100.00")
	b.asOwner().Post(b.path("accept"), acceptance(b.current())).Want(http.StatusOK)
	b.wantProduct(1, "100.00")
	accepted := streamtest.Last[event.OfferAccepted](t, b.db)
	if *accepted.ProductVersion != 1 || accepted.LateFee != flat(100_00) {
		t.Errorf("accepted version %d with %+v", *accepted.ProductVersion, accepted.LateFee)
	}
}

// TestVersionsThatComeLate: news on its way does not hold an offer up, and its
// order does not matter for the offers after it.
func TestVersionsThatComeLate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	yesterday := today.AddDays(-1)
	b.deliver(saved(3, today, flat(300_00)))
	b.offer(illustration())
	b.wantProduct(3, "300.00")
	b.deliver(saved(2, yesterday, flat(200_00)), saved(1, today, flat(100_00)), saved(3, today, flat(300_00)))
	b.offer(illustration())
	b.wantProduct(3, "300.00")
}

// TestEverythingOfALateFeeIsShown: a fee in percent, charged again and again.
func TestEverythingOfALateFeeIsShown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	fee := event.LateFee{Tolerance: rupees(5_00), Percent: "2.5", EveryDays: 30, Cap: rupees(500_00)}
	b.deliver(saved(1, today, fee))
	b.offer(illustration())
	want := object{
		"grace_days": 0.0, "tolerance": map[string]any{"amount": "5.00", "currency": "INR"}, "percent": "2.5",
		"every_days": 30.0, "cap": map[string]any{"amount": "500.00", "currency": "INR"},
	}
	if diff := cmp.Diff(want, b.product().KeyFacts.LateFee); diff != "" {
		t.Errorf("late fee (-want +got):\n%s", diff)
	}
	if made := streamtest.Last[event.OfferMade](t, b.db); made.LateFee != fee {
		t.Errorf("event %+v", made.LateFee)
	}
}

// TestAnApplicationWithoutAProductHasNoVersion: it was submitted before the
// product travelled, and its loan is serviced as before.
func TestAnApplicationWithoutAProductHasNoVersion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deliver(
		event.ApplicationCreated{OnApplication: b.on, Amount: rupees(20_000_00), Instalments: 24},
		event.ApplicationSubmitted{
			OnApplication: b.on, Amount: rupees(20_000_00), Instalments: 24, MonthlyIncome: rupees(50_000_00),
			MonthlyObligations: rupees(0),
		},
		b.riskApproved(),
		event.ApplicationStageChanged{OnApplication: b.on, From: event.StageRisk, To: event.StageDiscussion},
		saved(1, today, flat(100_00)))
	b.offer(illustration())
	if got := b.product(); got.Version != nil || got.KeyFacts.LateFee != nil {
		t.Errorf("offer %+v", got)
	}
	if made := streamtest.Last[event.OfferMade](t, b.db); made.ProductVersion != nil || made.LateFee != (event.LateFee{}) {
		t.Errorf("event %+v", made)
	}
}
