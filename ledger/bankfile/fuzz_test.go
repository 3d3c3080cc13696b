package bankfile_test

import (
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/tenor-lending/tenor/ledger/bankfile"
)

// hold checks what must be true of every file whatever its bytes are: it is
// refused with a fault that names a place, or it is whole.
func hold(t *testing.T, data []byte, o bankfile.Options) {
	t.Helper()
	f, err := bankfile.Read(bytes.NewReader(data), o)
	if err != nil {
		var fault *bankfile.Fault
		if !errors.As(err, &fault) && !errors.Is(err, bankfile.ErrTooLarge) && !errors.Is(err, bankfile.ErrMapping) {
			t.Fatalf("error %v is no fault", err)
		}
		return
	}
	count := 0
	for i, s := range f.Statements {
		sum := s.Opening
		for _, l := range s.Lines {
			count++
			if l.Amount.IsZero() || l.Amount.Currency() != o.Currency || !l.BookingDate.IsValid() || !l.ValueDate.IsValid() {
				t.Fatalf("line %+v", l)
			}
			for _, text := range []string{l.Reference, l.BankReference, l.Counterparty, l.Text} {
				if !utf8.ValidString(text) || len(text) > bankfile.TextBytesMax {
					t.Fatalf("text %q", text)
				}
			}
			if l.BookingDate.Before(s.From) || len(l.Reference) > bankfile.ReferenceBytesMax {
				t.Fatalf("statement from %s has %+v", s.From, l)
			}
			sum, err = sum.Add(l.Amount)
			if err != nil {
				t.Fatal(err)
			}
		}
		if sum != s.Closing || s.To.Before(s.From) {
			t.Fatalf("statement %d from %s to %s: lines make %s, closing is %s", i, s.From, s.To, sum, s.Closing)
		}
	}
	if count != f.Lines || count > bankfile.LinesMax {
		t.Fatalf("%d lines, announced %d", count, f.Lines)
	}
}

func FuzzCSV(f *testing.F) {
	mappings := []bankfile.Options{plain(), german(), indian()}
	for i, name := range []string{"plain.csv", "german.csv", "indian.csv"} {
		f.Add(content(f, name), uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8) {
		hold(t, data, mappings[int(which)%len(mappings)])
	})
}

func FuzzCamt053(f *testing.F) {
	f.Add(content(f, "daily.camt053.xml"))
	f.Fuzz(func(t *testing.T, data []byte) {
		hold(t, data, bankfile.Options{Format: bankfile.Camt053, Currency: eur})
	})
}

func FuzzMT940(f *testing.F) {
	f.Add(content(f, "two.mt940"))
	f.Fuzz(func(t *testing.T, data []byte) {
		hold(t, data, bankfile.Options{Format: bankfile.MT940, Currency: eur})
	})
}
