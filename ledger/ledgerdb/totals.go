package ledgerdb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/ledger"
)

// totals are sums of debits and credits in minor units, neither negative.
type totals struct{ debits, credits int64 }

// add returns the sum of both; false means that it leaves the range.
func (t totals) add(u totals) (totals, bool) {
	if t.debits > math.MaxInt64-u.debits || t.credits > math.MaxInt64-u.credits {
		return t, false
	}
	return totals{t.debits + u.debits, t.credits + u.credits}, true
}

// heading is a general ledger code in a currency.
type heading struct{ gl, currency string }

// batchTotal is one sum of a batch as ledger_batch keeps it. A sum that would
// leave the range goes on in a further row of the same heading and dates.
type batchTotal struct {
	GL        string     `json:"gl"`
	Currency  string     `json:"currency"`
	Effective civil.Date `json:"effective"`
	Booking   civil.Date `json:"booking"`
	Debits    int64      `json:"debits"`
	Credits   int64      `json:"credits"`
}

func (t batchTotal) heading() heading { return heading{t.GL, t.Currency} }

// date returns the date that counts for a basis.
func (t batchTotal) date(basis Basis) civil.Date {
	if basis == ByBooking {
		return t.Booking
	}
	return t.Effective
}

// totaller sums lines by heading and dates.
type totaller struct {
	list []batchTotal
	at   map[totalKey]int
}

type totalKey struct {
	heading
	effective, booking civil.Date
}

func (t *totaller) add(account ledger.Account, effective, booking civil.Date, line ledger.Line) {
	if t.at == nil {
		t.at = map[totalKey]int{}
	}
	key := totalKey{heading{account.GLCode, account.Currency.Code()}, effective, booking}
	i, ok := t.at[key]
	debit, credit := sidesOf(line)
	if ok {
		have := &t.list[i]
		sum, fits := totals{have.Debits, have.Credits}.add(totals{debit, credit})
		if fits {
			have.Debits, have.Credits = sum.debits, sum.credits
			return
		}
	}
	t.at[key] = len(t.list)
	t.list = append(t.list, batchTotal{key.gl, key.currency, effective, booking, debit, credit})
}

// totals sums the lines of the items that are posted.
func (b *batch) totals(items []*item) []batchTotal {
	var t totaller
	for _, it := range items {
		for _, line := range it.entry.Lines {
			t.add(b.accounts[line.AccountID], it.entry.EffectiveDate, it.entry.BookingDate, line)
		}
	}
	return t.list
}

func encodeTotals(list []batchTotal) (string, error) {
	data, err := json.Marshal(list)
	if err != nil {
		return "", fmt.Errorf("encoding the totals of a batch: %w", err)
	}
	return string(data), nil
}

// sameTotals compares totals with those that are stored, names and all: reading
// them into a struct would overlook a name that is gone.
func sameTotals(list []batchTotal, stored []byte) (bool, error) {
	want, err := json.Marshal(list)
	if err != nil {
		return false, fmt.Errorf("encoding the totals of a batch: %w", err)
	}
	var values [2]any
	for i, data := range [][]byte{want, stored} {
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		if err := decoder.Decode(&values[i]); err != nil {
			return false, fmt.Errorf("reading the totals of a batch: %w", err)
		}
	}
	return reflect.DeepEqual(values[0], values[1]), nil
}
