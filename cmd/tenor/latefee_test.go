package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/journey"
)

// lateFeeCase is a loan whose product has a late fee, on its way.
type lateFeeCase struct {
	t     *testing.T
	staff *journey.Staff
	b     *journey.Borrower
	id    string
	loan  string
}

// testLateFee takes a late fee from the catalogue to the borrower's account: what
// was offered and signed is what is charged, although the catalogue has another
// one by then, and a payment that comes in late takes it back.
func testLateFee(ctx context.Context, t *testing.T, p *platform, staff *journey.Staff) {
	c := &lateFeeCase{t: t, staff: staff}
	c.save(ctx, "100.00")
	var err error
	c.b, err = journey.Register(ctx, p.client, "Jaya Menon")
	must(t, err)
	application := illustrationApplication()
	application.Product = "PERSONAL_LOAN"
	c.id, err = c.b.Apply(ctx, application)
	must(t, err)
	must(t, c.b.SubmitIdentity(ctx))
	must(t, c.b.UploadDocuments(ctx, c.id))
	_, err = journey.WaitStage(ctx, c.b.Client, c.id, "KYC_REVIEW")
	must(t, err)
	must(t, staff.ReviewKYC(ctx, c.id, true))
	must(t, staff.DecideRisk(ctx, c.id, true, rupees("20000.00")))
	offer := c.offer(ctx)
	c.save(ctx, "999.00") // while the offer is open
	must(t, c.b.Accept(ctx, c.id, offer))
	must(t, staff.ApproveAll(ctx, c.id))
	must(t, c.b.ESign(ctx, c.id))
	c.loan, err = c.b.Loan(ctx, c.id)
	must(t, err)

	due, err := civil.ParseDate(offer.Schedule[0].DueDate)
	must(t, err)
	must(t, staff.MoveTo(ctx, c.loan, due.AddDays(4).String()))
	c.wantPenalties(ctx, "100.00", 1)
	c.wantTold(ctx, "late_fee.charged", "100.00")

	must(t, staff.Partner.Post(ctx, "/api/v1/payments", map[string]any{
		"loan_id": c.loan, "amount": offer.KeyFacts.Instalment, "channel": "BANK_TRANSFER", "reference": "LATE 1",
		"value_date": due.String(),
	}, nil))
	c.wantPenalties(ctx, "0.00", 1)
	c.wantTold(ctx, "late_fee.reversed", "100.00")
}

// save has the product charge a late fee from the fourth day on.
func (c *lateFeeCase) save(ctx context.Context, fee string) {
	c.t.Helper()
	must(c.t, c.staff.Finance.Post(ctx, "/api/v1/loan-products/PERSONAL_LOAN/versions", map[string]any{
		"currency": "INR", "reason": "the board's decision",
		"settings": map[string]any{"late_fee": map[string]any{"grace_days": 3, "amount": rupees(fee)}},
	}, nil))
}

// offer makes offers until one has the first version: the news is on its way.
func (c *lateFeeCase) offer(ctx context.Context) journey.Offer {
	c.t.Helper()
	var made journey.Offer
	var shown struct {
		ID       string `json:"id"`
		Version  int64  `json:"product_version"`
		KeyFacts struct {
			LateFee *struct {
				GraceDays int           `json:"grace_days"`
				Amount    journey.Money `json:"amount"`
			} `json:"late_fee"`
		} `json:"key_facts"`
	}
	must(c.t, client.Until(ctx, "an offer with the late fee", func() (bool, error) {
		var err error
		if made, err = c.staff.Offer(ctx, c.id, illustrationTerms()); err != nil {
			return false, err
		}
		err = c.b.Client.Get(ctx, "/api/v1/discussion/"+c.id+"/offer", &shown)
		return shown.Version == 1, err
	}))
	fee := shown.KeyFacts.LateFee
	if shown.ID != made.ID || fee == nil || fee.GraceDays != 3 || fee.Amount != rupees("100.00") {
		c.t.Fatalf("offer %s shows %+v", made.ID, shown)
	}
	return made
}

// wantPenalties reads what the loan owes for being late, and by which version.
func (c *lateFeeCase) wantPenalties(ctx context.Context, amount string, version int64) {
	c.t.Helper()
	var account struct {
		Product struct {
			Code    string `json:"code"`
			Version int64  `json:"version"`
		} `json:"product"`
		Outstanding struct {
			Penalties journey.Money `json:"penalties"`
		} `json:"outstanding"`
	}
	must(c.t, c.b.Client.Get(ctx, "/api/v1/activation/"+c.loan+"/account", &account))
	if account.Product.Code != "PERSONAL_LOAN" || account.Product.Version != version ||
		account.Outstanding.Penalties != rupees(amount) {
		c.t.Errorf("account %+v, want penalties of %s by version %d", account, amount, version)
	}
}

// wantTold waits until the borrower has a message of the fee, and the timeline of
// the application a line.
func (c *lateFeeCase) wantTold(ctx context.Context, what, amount string) {
	c.t.Helper()
	must(c.t, client.Until(ctx, what+" to be told", func() (bool, error) {
		messages, err := c.b.Inbox(ctx)
		if err != nil {
			return false, err
		}
		line, err := journey.Timeline(ctx, c.staff.Officer, c.id)
		if err != nil {
			return false, fmt.Errorf("timeline of %s: %w", c.id, err)
		}
		return slices.ContainsFunc(messages, func(m journey.Message) bool {
			return strings.HasPrefix(m.Type, what) && strings.Contains(m.Body, amount)
		}) && slices.ContainsFunc(line, func(e journey.TimelineEntry) bool {
			return strings.HasPrefix(e.Event, what) && strings.Contains(e.Sentence, amount)
		}), nil
	}))
}
