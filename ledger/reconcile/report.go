package reconcile

import (
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
)

// ItemKind says where an item of a report comes from.
type ItemKind string

// The kinds of items between bank and books, in the order of a report.
const (
	// ItemBank is a bank line that is not matched.
	ItemBank ItemKind = "BANK_LINE"
	// ItemBooks is a line of the books that is not matched.
	ItemBooks ItemKind = "BOOK_LINE"
	// ItemDifference is what a match leaves.
	ItemDifference ItemKind = "DIFFERENCE"
	// ItemTiming is a match of which one side counts on another day: after the
	// report's, or before the first statement.
	ItemTiming ItemKind = "TIMING"
)

// ItemKinds lists them.
var ItemKinds = []ItemKind{ItemBank, ItemBooks, ItemDifference, ItemTiming}

// Item is one thing that stands between bank and books.
type Item struct {
	ID   uuid.UUID
	Kind ItemKind
	// Break is the kind of the break, for lines that are not matched.
	Break Kind
	// Amount is what the bank has more than the books because of it.
	Amount money.Amount
	Day    civil.Date
	// Age is the days from Day to the day of the report.
	Age             int
	State           string
	Reference, Text string
	Note            string
}

// Sum counts and adds items.
type Sum struct {
	Count  int64
	Amount money.Amount
}

// Ages are the upper ends of the age groups of a report, in days; the last
// group has no end.
var Ages = []int{1, 7, 30, 90}

// Report shows how the balance of the bank follows from that of the books.
// Balances of the books are debits less credits.
type Report struct {
	Account  string
	Currency money.Currency
	// Start is the first day of the first statement, Through the day of the report.
	Start, Through civil.Date
	// Stated says that the bank's closing balance is one that the bank states.
	Stated                                 bool
	BankOpening, BankMovement, BankClosing money.Amount
	BankLines                              int64
	BookOpening, BookClosing               money.Amount
	Matches                                int64
	// Items are what stands between, one by one as far as they are not too many;
	// Left counts the others.
	Items []Item
	Left  int64
	// ByKind and ByAge sum all items.
	ByKind map[ItemKind]Sum
	ByAge  []Sum
	// OpeningDifference is what the bank had more than the books before the first
	// statement. Gap is what the statements leave out: the bank's closing balance
	// less its opening balance and its lines.
	OpeningDifference, Gap money.Amount
	// Unexplained is what is left of the difference of the closing balances. It is
	// zero in a report that is Proven; else lines came that were not reconciled yet.
	Unexplained money.Amount
	Proven      bool
}

// Add takes an item into the report; at most limit of them are named.
func (r *Report) Add(item Item, limit int) error {
	item.Age = r.Through.DaysSince(item.Day)
	if r.ByKind == nil {
		r.ByKind, r.ByAge = map[ItemKind]Sum{}, make([]Sum, len(Ages)+1)
		for i := range r.ByAge {
			r.ByAge[i].Amount = money.Zero(r.Currency)
		}
	}
	group := len(Ages)
	for i, end := range Ages {
		if item.Age <= end {
			group = i
			break
		}
	}
	ofKind, ok := r.ByKind[item.Kind]
	if !ok {
		ofKind.Amount = money.Zero(r.Currency)
	}
	var err error
	if ofKind.Amount, err = ofKind.Amount.Add(item.Amount); err != nil {
		return fmt.Errorf("summing %s: %w", item.Kind, err)
	}
	ofKind.Count++
	r.ByKind[item.Kind] = ofKind
	if r.ByAge[group].Amount, err = r.ByAge[group].Amount.Add(item.Amount); err != nil {
		return fmt.Errorf("summing items: %w", err)
	}
	r.ByAge[group].Count++
	if len(r.Items) < limit {
		r.Items = append(r.Items, item)
	} else {
		r.Left++
	}
	return nil
}

// Prove adds up the report: the balance of the books, the opening difference,
// all items and the gap must make the balance of the bank. It fills in what
// follows from the rest.
func (r *Report) Prove() error {
	var err error
	sub := func(a, b money.Amount) money.Amount {
		if err != nil {
			return a
		}
		var d money.Amount
		d, err = a.Sub(b)
		return d
	}
	r.OpeningDifference = sub(r.BankOpening, r.BookOpening)
	r.Gap = sub(sub(r.BankClosing, r.BankOpening), r.BankMovement)
	left := sub(sub(r.BankClosing, r.BookClosing), r.OpeningDifference)
	left = sub(left, r.Gap)
	for _, kind := range ItemKinds {
		if sum, ok := r.ByKind[kind]; ok {
			left = sub(left, sum.Amount)
		}
	}
	if err != nil {
		return fmt.Errorf("adding up the report: %w", err)
	}
	r.Unexplained = left
	r.Proven = left.IsZero() && r.Gap.IsZero()
	return nil
}
