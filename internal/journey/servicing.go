package journey

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/client"
)

// Split is how a payment was divided; the parts sum to the amount.
type Split struct {
	Principal Money `json:"principal"`
	Interest  Money `json:"interest"`
	Fees      Money `json:"fees"`
	Penalties Money `json:"penalties"`
	Overpaid  Money `json:"overpaid"`
}

// Payment is a payment as the platform keeps it.
type Payment struct {
	ID         string `json:"payment_id"`
	Status     string `json:"status"`
	Kind       string `json:"kind"`
	Amount     Money  `json:"amount"`
	ValueDate  string `json:"value_date"`
	Reference  string `json:"reference"`
	Split      *Split `json:"split"`
	LoanStatus string `json:"loan_status"`
}

// Pay sends a payment through c: a partner's is posted at once, a borrower's
// is declared. kind is NORMAL or PAYOFF.
func Pay(ctx context.Context, c *client.Client, loanID, kind string, amount Money, reference string) (Payment, error) {
	var made Payment
	err := c.Post(ctx, "/api/v1/payments", map[string]any{
		"loan_id": loanID, "amount": amount, "kind": kind, "channel": "BANK_TRANSFER", "reference": reference,
	}, &made)
	return made, err
}

// BatchPayment is a payment of a batch.
type BatchPayment struct {
	Key       string `json:"idempotency_key"`
	LoanID    string `json:"loan_id"`
	Amount    Money  `json:"amount"`
	Channel   string `json:"channel"`
	Reference string `json:"reference"`
}

// BatchResult counts what became of the payments of a batch.
type BatchResult struct {
	Posted   int `json:"posted"`
	Replayed int `json:"replayed"`
	Rejected int `json:"rejected"`
}

// PayAll posts payments in one call.
func PayAll(ctx context.Context, c *client.Client, payments []BatchPayment) (BatchResult, error) {
	var made BatchResult
	err := c.Post(ctx, "/api/v1/payments/batch", map[string]any{"payments": payments}, &made)
	return made, err
}

// Prove sends the receipt of a declared payment.
func (b *Borrower) Prove(ctx context.Context, paymentID string) error {
	return b.Client.Upload(ctx, "/api/v1/payments/"+paymentID+"/proof", nil, "receipt.pdf", "application/pdf",
		[]byte(samplePDF), nil)
}

// VerifyPayment books a declared payment, or rejects it.
func (s *Staff) VerifyPayment(ctx context.Context, paymentID string, approve bool) (Payment, error) {
	body := map[string]string{"decision": "APPROVE"}
	if !approve {
		body = map[string]string{"decision": "REJECT", "reason": "no such transfer"}
	}
	var booked Payment
	err := s.Officer.Post(ctx, "/api/v1/payments/"+paymentID+"/verify", body, &booked)
	return booked, err
}

// Parts are components of a debt.
type Parts struct {
	Principal Money `json:"principal"`
	Interest  Money `json:"interest"`
	Total     Money `json:"total"`
}

// PayoffQuote is what closes a loan on a day.
type PayoffQuote struct {
	Date      string `json:"date"`
	Principal Money  `json:"principal"`
	Interest  Money  `json:"interest"`
	Total     Money  `json:"total"`
	PerDiem   Money  `json:"per_diem"`
}

// Outstanding is what a borrower owes.
type Outstanding struct {
	Status       string       `json:"status"`
	BusinessDate string       `json:"business_date"`
	Outstanding  Parts        `json:"outstanding"`
	DueNow       Parts        `json:"due_now"`
	DaysPastDue  int          `json:"days_past_due"`
	Payoff       *PayoffQuote `json:"payoff"`
}

// OutstandingOf reads what a loan owes.
func OutstandingOf(ctx context.Context, c *client.Client, loanID string) (Outstanding, error) {
	var owed Outstanding
	err := c.Get(ctx, "/api/v1/payments/"+loanID+"/outstanding", &owed)
	return owed, err
}

// History reads the payments of a loan, newest first.
func History(ctx context.Context, c *client.Client, loanID string) ([]Payment, error) {
	var page struct {
		Payments []Payment `json:"payments"`
	}
	err := c.Get(ctx, "/api/v1/payments/"+loanID+"/history?limit=200", &page)
	return page.Payments, err
}

// WaitMessage waits until the borrower's inbox has a message of the type.
func (b *Borrower) WaitMessage(ctx context.Context, eventType string) (Message, error) {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	var found Message
	err := client.Until(ctx, "a message about "+eventType, func() (bool, error) {
		messages, err := b.Inbox(ctx)
		if err != nil {
			return false, err
		}
		for _, m := range messages {
			if strings.HasPrefix(m.Type, eventType) {
				found = m
				return true, nil
			}
		}
		return false, nil
	})
	return found, err
}

// Line is a line of a journal entry.
type Line struct {
	Account string `json:"account"`
	Side    string `json:"side"`
	Amount  Money  `json:"amount"`
}

// Entry is a journal entry.
type Entry struct {
	Kind          string `json:"kind"`
	EffectiveDate string `json:"effective_date"`
	Lines         []Line `json:"lines"`
}

// Journal reads the entries about a loan, in their order.
func (s *Staff) Journal(ctx context.Context, loanID string) ([]Entry, error) {
	var page struct {
		Items []Entry `json:"items"`
	}
	err := s.Finance.Get(ctx, "/api/v1/ledger/entries?limit=200&reference="+loanID, &page)
	return page.Items, err
}

// TrialRow is one account of a trial balance.
type TrialRow struct {
	Code    string `json:"gl_code"`
	Name    string `json:"name"`
	Debits  Money  `json:"debits"`
	Credits Money  `json:"credits"`
	Balance Money  `json:"balance"`
}

// TrialBalance is the standing check of the books.
type TrialBalance struct {
	Balanced bool       `json:"balanced"`
	Rows     []TrialRow `json:"rows"`
	Totals   []struct {
		Currency   string `json:"currency"`
		Debits     Money  `json:"debits"`
		Credits    Money  `json:"credits"`
		Difference Money  `json:"difference"`
	} `json:"totals"`
}

// TrialBalance reads it.
func (s *Staff) TrialBalance(ctx context.Context) (TrialBalance, error) {
	var balance TrialBalance
	err := s.Finance.Get(ctx, "/api/v1/ledger/trial-balance", &balance)
	return balance, err
}

// TimelineEntry is one thing that happened to an application.
type TimelineEntry struct {
	Event    string `json:"event"`
	Role     string `json:"actor_role"`
	Sentence string `json:"sentence"`
	To       string `json:"to"`
	Outcome  string `json:"outcome"`
}

// Timeline reads what happened to an application.
func Timeline(ctx context.Context, c *client.Client, applicationID string) ([]TimelineEntry, error) {
	var page struct {
		Events []TimelineEntry `json:"events"`
	}
	err := c.Get(ctx, "/api/v1/applications/"+applicationID+"/timeline?limit=200", &page)
	return page.Events, err
}

// MoveTo closes business days until the business date is date.
func (s *Staff) MoveTo(ctx context.Context, loanID, date string) error {
	through, err := dayBefore(date)
	if err != nil {
		return err
	}
	if err := s.System.Do(ctx, http.MethodPost, "/api/v1/close-of-day/runs", "close-through-"+through,
		map[string]string{"through": through}, nil); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	return client.Until(ctx, "business date "+date, func() (bool, error) {
		owed, err := OutstandingOf(ctx, s.Officer, loanID)
		if err != nil {
			return false, err
		}
		if owed.BusinessDate > date {
			return false, fmt.Errorf("the business date is %s, past %s", owed.BusinessDate, date)
		}
		return owed.BusinessDate == date, nil
	})
}

func dayBefore(date string) (string, error) {
	day, err := civil.ParseDate(date)
	if err != nil {
		return "", err
	}
	return day.AddDays(-1).String(), nil
}
