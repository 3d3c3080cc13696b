package closeofday

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgersvc"
	"github.com/tenor-lending/tenor/servicing/activation"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

const products = "/api/v1/loan-products"

type object = map[string]any

// paysAtOnce is a payout channel without a bank.
type paysAtOnce struct{}

func (paysAtOnce) Pay(_ context.Context, order activation.PayoutOrder) (activation.Receipt, error) {
	return activation.Receipt{Reference: "bank-" + order.ID.String()[:8]}, nil
}

// lending is the fixture with the activation of loans and the ledger's reports.
type lending struct {
	*fixture
	activation *app.Component
	server     *httpapitest.Server
	system     *httpapitest.Client
	finance    *httpapitest.Client
	ledger     *httpapitest.Client
}

func openLending(t *testing.T) *lending {
	t.Helper()
	f := newFixture(t)
	l := &lending{fixture: f, activation: activation.NewWith(f.env, paysAtOnce{})}
	books, err := ledgersvc.New(f.env)
	if err != nil {
		t.Fatal(err)
	}
	l.server = httpapitest.New(t, l.activation)
	l.system, l.finance = l.server.As(uuid.New(), access.System), l.server.As(uuid.New(), access.Finance)
	l.ledger = httpapitest.New(t, books).As(uuid.New(), access.Finance)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.activation.Tasks[0].Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("payouts: %v", err)
		}
	})
	return l
}

type accountAnswer struct {
	LoanID      uuid.UUID `json:"loan_id"`
	Status      string    `json:"status"`
	DaysPastDue int       `json:"days_past_due"`
	Product     *struct {
		Code    string `json:"code"`
		Version int64  `json:"version"`
	} `json:"product"`
	Outstanding struct {
		Penalties struct {
			Amount string `json:"amount"`
		} `json:"penalties"`
	} `json:"outstanding"`
}

func (a *accountAnswer) product() string {
	if a.Product == nil {
		return ""
	}
	return fmt.Sprintf("%s %d", a.Product.Code, a.Product.Version)
}

// lend activates a loan for the product and waits until it is paid out.
func (l *lending) lend(product string) uuid.UUID {
	l.t.Helper()
	terms := loandbtest.RBITerms(loandbtest.Date(l.t, l.businessDate()))
	schedule, err := amortization.New(terms)
	if err != nil {
		l.t.Fatal(err)
	}
	data, err := json.Marshal(terms)
	if err != nil {
		l.t.Fatal(err)
	}
	signed := event.AgreementSigned{
		OnApplication: event.OnApplication{ApplicationID: uuid.New(), CustomerID: uuid.New()},
		Offer: event.Offer{
			OfferID: uuid.New(), Product: product, Terms: data, ScheduleHash: schedule.Hash(), Principal: terms.Principal,
			Instalment: loandbtest.INR(96_973), APRPercent: "17.07", ValidUntil: terms.DisbursementDate,
		},
		AgreementID: uuid.New(), Method: "ESIGN", SHA256: "00", SignedAt: loandbtest.Now,
	}
	streamtest.Deliver(l.t, l.db, "activation", l.activation.Subscriptions, signed)
	var account accountAnswer
	l.system.Post("/api/v1/activation/"+signed.ApplicationID.String()+"/trigger", nil).Want(http.StatusOK).Into(&account)
	for deadline := time.Now().Add(5 * time.Minute); account.Status != "ACTIVE"; time.Sleep(20 * time.Millisecond) {
		if account = l.account(account.LoanID); time.Now().After(deadline) {
			l.t.Fatalf("loan %s is %s", account.LoanID, account.Status)
		}
	}
	return account.LoanID
}

func (l *lending) account(id uuid.UUID) accountAnswer {
	l.t.Helper()
	var account accountAnswer
	l.system.Get("/api/v1/activation/" + id.String() + "/account").Want(http.StatusOK).Into(&account)
	return account
}

func rupees(amount string) object { return object{"amount": amount, "currency": "INR"} }

// strict is a version with a late fee after three days and a provision from the
// first day on.
func strict(from, fee string) object {
	return object{
		"currency": "INR", "effective_from": from, "reason": "the board's decision of 10 January",
		"settings": object{
			"accrual": "daily", "defer_fees": true,
			"late_fee":   object{"grace_days": 3, "amount": rupees(fee)},
			"suspension": object{"after_days": 90, "reverse": true},
			"stages": []object{
				{"from_days": 0, "number": 1, "rate_percent": "1"},
				{"from_days": 10, "number": 2, "rate_percent": "10"},
			},
			"allocation": object{"rules": []object{
				{"component": "interest"}, {"component": "principal"}, {"component": "fee"}, {"component": "penalty"},
			}},
		},
	}
}

// TestALoanIsServicedByItsProduct puts a version by HTTP, misses an instalment
// and reads what the loan, the events and the books say; loans of before keep
// their terms.
func TestALoanIsServicedByItsProduct(t *testing.T) {
	t.Parallel()
	l := openLending(t)
	unnamed, before := l.lend(""), l.lend("MICRO_LOAN")
	l.finance.Post(products+"/MICRO_LOAN/versions", strict("2026-01-15", "100.00")).Want(http.StatusCreated)
	toCome := strict("2026-03-01", "999.00")
	l.finance.Post(products+"/MICRO_LOAN/versions", toCome).Want(http.StatusCreated)
	after, other := l.lend("MICRO_LOAN"), l.lend("PERSONAL_LOAN")
	named := map[string]string{}
	for name, id := range map[string]uuid.UUID{"unnamed": unnamed, "before": before, "after": after, "other": other} {
		account := l.account(id)
		named[name] = account.product()
	}
	if diff := cmp.Diff(map[string]string{
		"unnamed": "", "before": "MICRO_LOAN 0", "after": "MICRO_LOAN 1", "other": "PERSONAL_LOAN 0",
	}, named); diff != "" {
		t.Errorf("products of the loans (-want +got):\n%s", diff)
	}
	if got := loandbtest.Balance(t, l.db, ledger.LossAllowance); got != 0 {
		t.Errorf("allowance %d before a day is closed", got)
	}
	// The instalments of 15 February are missed.
	if run := l.closeThrough("2026-02-26"); run.Status != "DONE" || run.TiedOut != "AGREES" {
		t.Errorf("run %+v", run)
	}
	for name, c := range map[string]struct {
		id        uuid.UUID
		penalties string
	}{"unnamed": {unnamed, "0.00"}, "before": {before, "0.00"}, "after": {after, "100.00"}, "other": {other, "0.00"}} {
		account := l.account(c.id)
		if got := account.Outstanding.Penalties.Amount; got != c.penalties || account.DaysPastDue != 12 {
			t.Errorf("%s: penalties %s, %d days past due", name, got, account.DaysPastDue)
		}
	}
	if diff := cmp.Diff([]int{1, 2}, l.stages(after)); diff != "" {
		t.Errorf("stages of the loan (-want +got):\n%s", diff)
	}
	provision := loandbtest.Loan(t, l.db, after).Provision
	if provision.Minor() < 200_000 { // 10 percent of 20,000 and of the interest that is receivable
		t.Errorf("provision %s", provision)
	}
	l.onTheBalanceSheet(provision.Text())
	fee := streamtest.Last[event.LateFeeCharged](t, l.db)
	want := event.LateFeeCharged{
		OnLoan: fee.OnLoan, Instalment: 1, DueDate: loandbtest.Date(t, "2026-02-15"), Amount: loandbtest.INR(10_000),
		ValueDate: loandbtest.Date(t, "2026-02-19"), DaysPastDue: 4,
	}
	if diff := cmp.Diff(want, fee); diff != "" || fee.LoanID != after || l.told(want.Type()) != 1 {
		t.Errorf("late fee of %s, told %d times (-want +got):\n%s", fee.LoanID, l.told(want.Type()), diff)
	}
	l.atRisk(after, provision.Text())
	if income := loandbtest.Balance(t, l.db, ledger.IncomeFromPenalties); income != 10_000 {
		t.Errorf("penalties in the ledger %d", income)
	}
	for _, c := range l.tieOut("").Components {
		if c.Difference.Amount != "0.00" {
			t.Errorf("%s: loans and ledger differ by %s", c.Role, c.Difference.Amount)
		}
	}
	loandbtest.TieOut(t, l.db, unnamed, before, after, other)
	// By the built-in product a loan is graded too, and 31 days late provided for.
	l.closeThrough("2026-03-17")
	if got := loandbtest.Loan(t, l.db, before).Provision; !got.IsPositive() {
		t.Errorf("31 days past due: provision %s", got)
	}
	if got := loandbtest.Loan(t, l.db, unnamed).Provision; !got.IsZero() {
		t.Errorf("without a product: provision %s", got)
	}
	if got := l.account(l.lend("MICRO_LOAN")); got.product() != "MICRO_LOAN 2" {
		t.Errorf("activated in March by %s", got.product())
	}
}

// told counts the events of a type.
func (l *lending) told(typ string) int {
	l.t.Helper()
	count := 0
	for _, announced := range streamtest.Types(l.t, l.db) {
		if announced == typ {
			count++
		}
	}
	return count
}

// atRisk reads what an officer sees of a loan that is 12 days past due, and that
// its borrower does not see it.
func (l *lending) atRisk(id uuid.UUID, provision string) {
	l.t.Helper()
	type answer struct {
		CustomerID   uuid.UUID `json:"customer_id"`
		DaysPastDue  int       `json:"days_past_due"`
		PastDueSince string    `json:"past_due_since"`
		Risk         *struct {
			Bucket          string
			Stage           int
			Provision       struct{ Amount string }
			ProvisionedOn   string `json:"provisioned_on"`
			IncomeSuspended bool   `json:"income_suspended"`
		}
	}
	path := "/api/v1/activation/" + id.String() + "/account"
	var seen, own answer
	l.server.As(uuid.New(), access.Officer).Get(path).Want(http.StatusOK).Into(&seen)
	if seen.Risk == nil || seen.PastDueSince != "2026-02-15" {
		l.t.Fatalf("an officer sees %+v", seen)
	}
	if r := seen.Risk; r.Bucket != "DPD_1_30" || r.Stage != 2 || r.Provision.Amount != provision || r.IncomeSuspended ||
		r.ProvisionedOn != "2026-02-25" {
		l.t.Errorf("an officer sees the risk %+v, want a provision of %s", *r, provision)
	}
	l.server.As(seen.CustomerID, access.Customer).Get(path).Want(http.StatusOK).Into(&own)
	if own.Risk != nil || own.DaysPastDue != 12 || own.PastDueSince != seen.PastDueSince {
		l.t.Errorf("the borrower sees %+v", own)
	}
}

// stages returns the stages that a loan was announced to have come to.
func (l *lending) stages(loan uuid.UUID) []int {
	l.t.Helper()
	var to []int
	for _, env := range streamtest.Announced(l.t, l.db) {
		if env.Type != (event.LoanStageChanged{}).Type() {
			continue
		}
		staged, err := event.Decode[event.LoanStageChanged](env)
		if err != nil {
			l.t.Fatal(err)
		}
		if staged.LoanID == loan {
			to = append(to, staged.To)
		}
	}
	slices.Sort(to)
	return to
}

// onTheBalanceSheet compares the allowance for losses and wants a sheet that balances.
func (l *lending) onTheBalanceSheet(allowance string) {
	l.t.Helper()
	type money struct{ Amount string }
	var sheet struct {
		Currencies []struct{ Difference money }
		Rows       []struct {
			Code    string `json:"gl_code"`
			Balance money
		}
	}
	l.ledger.Get("/api/v1/ledger/balance-sheet?effective=2026-02-26").Want(http.StatusOK).Into(&sheet)
	if len(sheet.Currencies) != 1 || sheet.Currencies[0].Difference.Amount != "0.00" {
		l.t.Errorf("balance sheet %+v", sheet.Currencies)
	}
	found := ""
	for _, row := range sheet.Rows {
		if row.Code == "1190" {
			found = strings.TrimPrefix(row.Balance.Amount, "-")
		}
	}
	if found != allowance {
		l.t.Errorf("allowance on the balance sheet %q, want %s", found, allowance)
	}
}
