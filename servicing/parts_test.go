package servicing_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
)

func TestPartsComeBackFromTheirJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		currency := money.MustCurrency(rapid.SampledFrom([]string{"INR", "JPY", "KWD"}).Draw(t, "currency"))
		amount := func(name string) money.Amount {
			return money.New(rapid.OneOf(rapid.Just(int64(0)), rapid.Int64()).Draw(t, name), currency)
		}
		want := servicing.Parts{
			Principal: amount("principal"), Interest: amount("interest"), Fees: amount("fees"), Penalties: amount("penalties"),
		}
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got servicing.Parts
		if err := json.Unmarshal(data, &got); err != nil || got != want {
			t.Fatalf("%s was read as %+v, %v", data, got, err)
		}
	})
}

func TestPartsInJSON(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(servicing.Parts{Principal: inr(96_973), Interest: inr(-5), Fees: inr(0), Penalties: inr(0)})
	if want := `{"currency":"INR","principal":"969.73","interest":"-0.05"}`; err != nil || string(data) != want {
		t.Errorf("got %s, %v; want %s", data, err, want)
	}
	if data, err := json.Marshal(servicing.Parts{}); err == nil {
		t.Errorf("parts without a currency are %s", data)
	}
	mixed := servicing.NoParts(inr(0).Currency())
	mixed.Fees = money.New(1, money.MustCurrency("USD"))
	if data, err := json.Marshal(mixed); err == nil {
		t.Errorf("parts in two currencies are %s", data)
	}
	for _, bad := range []string{
		`{}`, `{"currency":"XXX"}`, `{"currency":"INR","principal":"1.234"}`, `{"currency":"INR","fee":"1.00"}`,
		`{"currency":"INR","fees":1}`, `[]`,
	} {
		var p servicing.Parts
		if err := json.Unmarshal([]byte(bad), &p); err == nil {
			t.Errorf("%s was read as %+v", bad, p)
		}
	}
}
