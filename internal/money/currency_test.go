package money_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/money"
)

func TestParseCurrency(t *testing.T) {
	t.Parallel()
	for code, exponent := range map[string]int{"JPY": 0, "INR": 2, "EUR": 2, "KWD": 3, "CLF": 4} {
		c, err := money.ParseCurrency(code)
		if err != nil || c.Code() != code || c.String() != code || c.Exponent() != exponent || c.IsZero() {
			t.Errorf("%s is %q with %d decimals, %v; want %d", code, c, c.Exponent(), err, exponent)
		}
	}
	for _, code := range []string{"", "inr", "XAU", "XXX", "EU", "EURO", " EUR"} {
		if c, err := money.ParseCurrency(code); !errors.Is(err, money.ErrUnknownCurrency) || !c.IsZero() {
			t.Errorf("%q is %q, %v; want ErrUnknownCurrency", code, c, err)
		}
	}
}

func TestMustCurrencyPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		err, ok := recover().(error)
		if !ok || !errors.Is(err, money.ErrUnknownCurrency) {
			t.Errorf("panicked with %v, want ErrUnknownCurrency", err)
		}
	}()
	money.MustCurrency("???")
}

func TestCurrencyText(t *testing.T) {
	t.Parallel()
	want := map[money.Currency]int{inr: 2, jpy: 0}
	data, err := json.Marshal(want) // the keys of a map are texts
	if err != nil || string(data) != `{"INR":2,"JPY":0}` {
		t.Fatalf("encoded as %s, %v", data, err)
	}
	var got map[money.Currency]int
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if text, err := (money.Currency{}).MarshalText(); !errors.Is(err, money.ErrUnknownCurrency) {
		t.Errorf("no currency was encoded as %q, %v", text, err)
	}
	kept := inr
	if err := kept.UnmarshalText([]byte("???")); !errors.Is(err, money.ErrUnknownCurrency) || kept != inr {
		t.Errorf("an unknown code was read as %q, %v", kept, err)
	}
}
