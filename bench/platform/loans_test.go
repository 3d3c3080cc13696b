package platform

import (
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// TestWhatIsPaidIsWhatTheScenariosSay holds that an instalment which is due costs
// one entry and settles the day, and that a part payment in advance costs two.
func TestWhatIsPaidIsWhatTheScenariosSay(t *testing.T) {
	t.Parallel()
	for _, on := range []civil.Date{
		{Year: 2026, Month: time.November, Day: 26},
		{Year: 2027, Month: time.March, Day: 31},
		{Year: 2028, Month: time.February, Day: 29},
		{Year: 2027, Month: time.January, Day: 1},
	} {
		for _, c := range []struct {
			name           string
			like           kind
			instalment     bool
			entries, lines int
		}{
			{"due", dueToday(on), true, 1, 3},
			{"in advance", monthLater(on), false, 2, 4},
		} {
			book := loandb.Book{ID: uuid.New(), BusinessDate: on}
			story, err := storyOf(book, uuid.New(), c.like.firstDue(0), c.like)
			if err != nil {
				t.Fatalf("%s on %s: %v", c.name, on, err)
			}
			loan := &story[len(story)-1].Loan
			amount := loan.DueNow(on).Total()
			if amount.IsZero() == c.instalment {
				t.Fatalf("%s on %s: %s is due", c.name, on, amount)
			}
			if !c.instalment {
				amount = money.New(paymentMinor, currency)
			}
			paid, err := loan.Pay(servicing.Payment{
				ID: uuid.New(), Kind: servicing.Normal, Amount: amount, ValueDate: on,
			}, on)
			if err != nil {
				t.Fatalf("%s on %s: %v", c.name, on, err)
			}
			lines := 0
			for i := range paid.Entries {
				lines += len(paid.Entries[i].Lines)
			}
			if len(paid.Entries) != c.entries || lines != c.lines {
				t.Errorf("%s on %s: %d entries of %d lines, want %d of %d", c.name, on, len(paid.Entries), lines,
					c.entries, c.lines)
			}
			l := newPaidLoans([]made{{id: loan.ID, due: amount}})
			l.instalments = c.instalment
			if l.times[0].Add(1); !l.fits(0, &paid.Loan) || l.fits(0, loan) {
				t.Errorf("%s on %s: a paid loan does not fit, or an unpaid one does", c.name, on)
			}
			if l.times[0].Add(1); l.fits(0, &paid.Loan) {
				t.Errorf("%s on %s: a loan fits that misses a payment", c.name, on)
			}
		}
	}
}

// TestLoansArePaidInTurn holds that payments are counted on the loans that they pay.
func TestLoansArePaidInTurn(t *testing.T) {
	t.Parallel()
	l := newPaidLoans([]made{{due: money.New(100, currency)}, {due: money.New(30, currency)}})
	for n := range int64(3) {
		l.times[l.at(n)].Add(1)
	}
	sum, again := l.acknowledged()
	if sum.count != 3 || sum.volume != 230 || again != 1 {
		t.Errorf("%d payments of %d, %d loans again", sum.count, sum.volume, again)
	}
}
