package servicing_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/posting"
)

func recoded(t tester, l *servicing.Loan) servicing.Loan {
	t.Helper()
	data, err := servicing.EncodeLoan(l)
	if err != nil {
		t.Fatalf("encoding: %v", err)
	}
	again, err := servicing.DecodeLoan(data)
	if err != nil {
		t.Fatalf("decoding: %v", err)
	}
	return again
}

func TestEveryStateComesBackFromItsEncoding(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, _ := live(t)
		again := recoded(t, &b.loan)
		if diff := cmp.Diff(b.loan, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		data, err := servicing.EncodeLoan(&b.loan)
		if err != nil {
			t.Fatalf("encoding: %v", err)
		}
		if second, err := servicing.EncodeLoan(&again); err != nil || string(second) != string(data) {
			t.Fatalf("encoded again it differs: %v", err)
		}
	})
}

// Every field of the state, those of the terms included, is in the encoding:
// a field that is added later and forgotten there fails this test.
func TestNoFieldIsForgottenByTheEncoding(t *testing.T) {
	t.Parallel()
	var l servicing.Loan
	fill(t, reflect.ValueOf(&l).Elem())
	if diff := cmp.Diff(l, recoded(t, &l)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// fill sets every field to a value that is not zero.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Interface().(type) {
	case money.Amount:
		v.Set(reflect.ValueOf(inr(7)))
		return
	case civil.Date:
		v.Set(reflect.ValueOf(civil.Date{Year: 2026, Month: time.March, Day: 31}))
		return
	case amortization.Decimal:
		v.Set(reflect.ValueOf(amortization.MustDecimal("-1.25")))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0))
		fill(t, v.Index(1))
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	case reflect.String:
		v.SetString("word")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(5)
	case reflect.Uint8:
		v.SetUint(5)
	default:
		t.Fatalf("a field of kind %s: teach this test", v.Kind())
	}
}

// Layout 1 ended before Opened: the accounts of a loan were opened with it.
// Layout 2 ended before the version of the product.
func TestEarlierLayoutsAreStillRead(t *testing.T) {
	t.Parallel()
	b := disbursed(t, rbiTerms(t))
	data, err := servicing.EncodeLoan(&b.loan)
	if err != nil {
		t.Fatal(err)
	}
	second, err := servicing.DecodeLoan(append([]byte{2}, data[1:len(data)-2]...))
	if diff := cmp.Diff(b.loan, second, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("layout 2 without a product: %v (-want +got):\n%s", err, diff)
	}
	first := append([]byte{1}, data[1:len(data)-3]...)
	got, err := servicing.DecodeLoan(first)
	if err != nil {
		t.Fatal(err)
	}
	want := b.loan
	want.Opened = posting.AllLoanRoles
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	change, err := got.StartDay(got.AttentionOn())
	if err != nil || len(change.Entries) != 1 || len(change.Opens) != 0 {
		t.Errorf("opens %v with %d entries, %v", change.Opens, len(change.Entries), err)
	}
}

func TestDamagedEncodingsAreRefused(t *testing.T) {
	t.Parallel()
	b := disbursed(t, rbiTerms(t))
	data, err := servicing.EncodeLoan(&b.loan)
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if _, err := servicing.DecodeLoan(data[:n]); !errors.Is(err, servicing.ErrCorrupt) {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
	}
	other := append([]byte{data[0] + 100}, data[1:]...)
	for name, bad := range map[string][]byte{"longer": append(data[:len(data):len(data)], 0), "layout": other} {
		if _, err := servicing.DecodeLoan(bad); !errors.Is(err, servicing.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeLoan(f *testing.F) {
	b := disbursed(f, rbiTerms(f))
	data, err := servicing.EncodeLoan(&b.loan)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := servicing.DecodeLoan(data); err != nil && !errors.Is(err, servicing.ErrCorrupt) {
			t.Error(err)
		}
	})
}

func BenchmarkEncodeLoan(b *testing.B) {
	books := disbursed(b, rbiTerms(b))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := servicing.EncodeLoan(&books.loan); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeLoan(b *testing.B) {
	books := disbursed(b, rbiTerms(b))
	data, err := servicing.EncodeLoan(&books.loan)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := servicing.DecodeLoan(data); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(data)), "bytes/loan")
}
