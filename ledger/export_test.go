package ledger_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/ledger"
)

func TestPlainNames(t *testing.T) {
	t.Parallel()
	named := func(code string, kind ledger.AccountType) string {
		return ledger.Account{Code: code, GLCode: "1000", Type: kind}.PlainName()
	}
	for code, want := range map[string]string{"1000.INR": "Assets:1000:1000:INR", "A-1": "Assets:1000:A-1"} {
		if got := named(code, ledger.Asset); got != want {
			t.Errorf("%s is called %s, want %s", code, got, want)
		}
	}
	seen := map[string]string{}
	for _, code := range []string{"cash", "Cash", "ca/sh", "ca:sh", "ca_sh", "a.b", "a..b", "-a", "Xa", "a-b", "A.B"} {
		name := named(code, ledger.Income)
		if other, ok := seen[name]; ok {
			t.Errorf("%q and %q are both called %s", code, other, name)
		}
		seen[name] = code
		for _, level := range strings.Split(name, ":") {
			if level == "" || strings.ContainsAny(level, "_/ ") || level[0] >= 'a' && level[0] <= 'z' || level[0] == '-' {
				t.Errorf("%q is called %s, which plain-text tools do not read", code, name)
			}
		}
	}
}

func TestPlainTextJournals(t *testing.T) {
	t.Parallel()
	name := func(id uuid.UUID) string {
		return map[uuid.UUID]string{
			ledger.AccountID("cash"): "Assets:Cash", ledger.AccountID("loan"): "Assets:Loan",
			ledger.AccountID("interest"): "Income:Interest",
		}[id]
	}
	e := valid()
	e.BookingDate = e.EffectiveDate.AddDays(31)
	e.Description = `a; "b" | c`
	const wantHledger = `2026-03-01=2026-04-01 (ID) REPAYMENT a, "b" / c
    Assets:Cash  10.00 EUR
    Assets:Loan  -9.00 EUR
    Income:Interest  -1.00 EUR

`
	got := strings.Replace(string(e.AppendHledger(nil, name)), e.ID().String(), "ID", 1)
	if diff := cmp.Diff(wantHledger, got); diff != "" {
		t.Errorf("hledger (-want +got):\n%s", diff)
	}
	const wantBeancount = `2026-03-01 * "REPAYMENT" "a; \"b\" | c"
  id: "ID"
  key: "payment/1"
  reference: "loan-1"
  booking-date: 2026-04-01
  Assets:Cash  10.00 EUR
  Assets:Loan  -9.00 EUR
  Income:Interest  -1.00 EUR

`
	got = strings.Replace(string(e.AppendBeancount(nil, name)), e.ID().String(), "ID", 1)
	if diff := cmp.Diff(wantBeancount, got); diff != "" {
		t.Errorf("Beancount (-want +got):\n%s", diff)
	}
	a := ledger.Account{Code: "A", GLCode: "1", Type: ledger.Asset, Currency: eur}
	if got, want := string(a.AppendBeancountOpen(nil)), "1900-01-01 open Assets:1:A EUR\n"; got != want {
		t.Errorf("open directive %q, want %q", got, want)
	}
}
