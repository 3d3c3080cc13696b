package activation

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
)

type object = map[string]any

func rupees(amount string) object { return object{"amount": amount, "currency": "INR"} }

// everySetting names all that a version can say.
func everySetting() object {
	return object{
		"accrual": "daily", "excess": "reduce_term", "defer_fees": true, "tolerance": rupees("1.00"),
		"late_fee": object{
			"grace_days": 3, "tolerance": rupees("5.00"), "percent": "2.5", "every_days": 30, "cap": rupees("500.00"),
		},
		"suspension": object{"after_days": 90, "reverse": true, "resume_days": 30},
		"stages": []any{
			object{"from_days": 0, "number": 1, "rate_percent": "0.4"},
			object{"from_days": 91, "number": 3, "rate_percent": "25"},
		},
		"posting": []any{object{
			"transaction": "WRITE_OFF", "of": "principal", "debit": "CHARGE_OFF_EXPENSE", "credit": "LOAN_PORTFOLIO",
		}},
		"allocation": object{
			"processing": "vertical", "future": "last",
			"rules": []any{object{"component": "interest"}, object{"component": "principal"}},
		},
	}
}

type versionAnswer struct {
	Code          string `json:"code"`
	Version       int64  `json:"version"`
	Currency      string `json:"currency"`
	EffectiveFrom string `json:"effective_from"`
	Settings      object `json:"settings"`
	Reason        string `json:"reason"`
	RecordedBy    string `json:"recorded_by"`
}

type versionList struct {
	Items []versionAnswer `json:"items"`
}

func (l versionList) names() string {
	var names []string
	for _, v := range l.Items {
		names = append(names, strings.TrimSpace(fmt.Sprintf("%s %d %s", v.Code, v.Version, v.Currency)))
	}
	return strings.Join(names, ", ")
}

func TestTheCatalogueKeepsVersions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	admin := f.http.As(uuid.New(), access.Admin).WithKey("first")
	officer := f.http.As(uuid.New(), access.Officer)
	order := object{"currency": "INR", "reason": "board decision 7", "settings": everySetting()}
	var first, again, second versionAnswer
	admin.Post(pathProducts+"/MICRO_LOAN/versions", order).Want(http.StatusCreated).Into(&first)
	admin.Post(pathProducts+"/MICRO_LOAN/versions", order).Want(http.StatusCreated).Into(&again)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the key answered differently (-first +again):\n%s", diff)
	}
	if first.Version != 1 || first.EffectiveFrom != "2026-01-15" || first.RecordedBy == "" {
		t.Errorf("first version %+v", first)
	}
	finance := f.http.As(uuid.New(), access.Finance)
	next := object{
		"currency": "INR", "reason": "board decision 8", "effective_from": "2026-04-01",
		"settings": object{"late_fee": object{"amount": rupees("100.00")}},
	}
	finance.Post(pathProducts+"/MICRO_LOAN/versions", next).Want(http.StatusCreated).Into(&second)
	next["currency"], next["settings"] = "EUR", object{}
	finance.Post(pathProducts+"/MICRO_LOAN/versions", next).Want(http.StatusCreated)
	var list versionList
	officer.Get(pathProducts).Want(http.StatusOK).Into(&list)
	if got := list.names(); got != "MICRO_LOAN 1 EUR, MICRO_LOAN 2 INR, MICRO_LOAN 0, PERSONAL_LOAN 0" {
		t.Errorf("products: %s", got)
	}
	officer.Get(pathProducts + "/MICRO_LOAN?currency=INR").Want(http.StatusOK).Into(&list)
	if got := list.names(); got != "MICRO_LOAN 2 INR, MICRO_LOAN 1 INR, MICRO_LOAN 0" {
		t.Fatalf("versions: %s", got)
	}
	if diff := cmp.Diff([]versionAnswer{second, first}, list.Items[:2]); diff != "" {
		t.Errorf("read again (-saved +read):\n%s", diff)
	}
	// JSON has one kind of numbers.
	if got, want := fmt.Sprint(list.Items[1].Settings), fmt.Sprint(everySetting()); got != want {
		t.Errorf("settings\n%s, want\n%s", got, want)
	}
}

// TestARefusedVersionChangesNothing names the field at fault.
func TestARefusedVersionChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	finance := f.http.As(uuid.New(), access.Finance)
	path := pathProducts + "/PERSONAL_LOAN/versions"
	for _, c := range []struct {
		field string
		order object
	}{
		{"settings.late_fee", object{"late_fee": object{"amount": rupees("1.00"), "percent": "1"}}},
		{"settings.late_fee.percent", object{"late_fee": object{"percent": "101"}}},
		{"settings.late_fee.cap", object{"late_fee": object{"percent": "1", "every_days": 30}}},
		{"settings.suspension.resume_days", object{"suspension": object{"after_days": 30, "resume_days": 30}}},
		{"settings.stages", object{"stages": []object{{"from_days": 1, "number": 1, "rate_percent": "1"}}}},
		{"settings.posting.0", object{"posting": []object{
			{"transaction": "REPAYMENT", "of": "principal", "debit": "FUND_SOURCE", "credit": "FUND_SOURCE"},
		}}},
		{"settings.allocation", object{"allocation": object{
			"rules": []object{{"component": "fee"}, {"component": "fee"}},
		}}},
		{"settings", object{"tolerance": object{"amount": "1.00", "currency": "EUR"}}},
		{"body.settings.late_fee.fine", object{"late_fee": object{"fine": 1}}},
		{"body.settings.tolerance.amount", object{"tolerance": rupees("0.001")}},
		{"body.settings.accrual", object{"accrual": "weekly"}},
	} {
		body := object{"currency": "INR", "reason": "r", "settings": c.order}
		answer := finance.Post(path, body).Want(http.StatusUnprocessableEntity)
		var problem struct {
			Errors []struct{ Location string }
		}
		answer.Into(&problem)
		if len(problem.Errors) == 0 || strings.TrimPrefix(problem.Errors[0].Location, "body.") !=
			strings.TrimPrefix(c.field, "body.") {
			t.Errorf("%s: named %+v", c.field, problem.Errors)
		}
	}
	settings := object{"currency": "INR", "reason": "r", "settings": object{}}
	finance.Post(pathProducts+"/GOLD_LOAN/versions", settings).WantProblem(http.StatusNotFound, "loan-product-not-found")
	finance.Get(pathProducts+"/GOLD_LOAN?currency=INR").WantProblem(http.StatusNotFound, "loan-product-not-found")
	finance.Get(pathProducts+"/MICRO_LOAN?currency=XQX").WantProblem(http.StatusUnprocessableEntity, "invalid-value").
		WantField(t, "query.currency")
	settings["effective_from"] = "2026-01-14"
	finance.Post(path, settings).WantProblem(http.StatusUnprocessableEntity, "invalid-value")
	settings["currency"], settings["effective_from"] = "XQX", "2026-01-15"
	finance.Post(path, settings).WantProblem(http.StatusUnprocessableEntity, "invalid-value")
	for _, role := range access.Roles {
		if role != access.Admin && role != access.Finance {
			f.http.As(uuid.New(), role).Post(path, settings).WantProblem(http.StatusForbidden, "forbidden")
		}
	}
	var list versionList
	finance.Get(pathProducts + "/PERSONAL_LOAN?currency=INR").Want(http.StatusOK).Into(&list)
	if got := list.names(); got != "PERSONAL_LOAN 0" {
		t.Errorf("after refusals: %s", got)
	}
}

func TestTheVersionsOfAProductAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	finance := f.http.As(uuid.New(), access.Finance)
	order := object{"currency": "INR", "reason": "r", "settings": object{}}
	for range VersionsMax {
		finance.Post(pathProducts+"/MICRO_LOAN/versions", order).Want(http.StatusCreated)
	}
	finance.Post(pathProducts+"/MICRO_LOAN/versions", order).WantProblem(http.StatusConflict, "loan-product-full")
}

func TestTheBuiltInProductsAreValid(t *testing.T) {
	t.Parallel()
	for _, code := range ProductCodes {
		for _, currency := range []string{"INR", "JPY"} {
			v := builtIn(code)
			if err := v.Currency.UnmarshalText([]byte(currency)); err != nil {
				t.Fatal(err)
			}
			if err := checkVersion(&v); err != nil {
				t.Errorf("%s: %v", code, err)
			}
		}
	}
}
