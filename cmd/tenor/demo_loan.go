package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/journey"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/origination/agreement"
)

const (
	daysLate    = 5
	payoffAfter = 3
)

func (d *demo) signAgreement(ctx context.Context) error {
	if err := d.asha.ESign(ctx, d.ashaCase); err != nil {
		return err
	}
	pdf, err := d.asha.AgreementDocument(ctx, d.ashaCase)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.out, 0o750); err != nil {
		return err
	}
	path := filepath.Join(d.out, "agreement.pdf")
	if err := os.WriteFile(path, pdf, 0o600); err != nil {
		return err
	}
	d.s.tell("the signed PDF: %s", path)
	signature, err := agreement.VerifySignature(pdf)
	if err != nil {
		return err
	}
	kept, err := d.asha.Agreement(ctx, d.ashaCase)
	if err != nil {
		return err
	}
	d.s.tell("signed by %s; pdfsig %s verifies it too", signature.Subject, path)
	d.s.check("signer is the lender's certificate", signature.Fingerprint, kept.Certificate)
	d.s.check("bytes under the signature", fmt.Sprint(signature.Covered+signature.Hole), fmt.Sprint(len(pdf)))
	pdf[len(pdf)/3] ^= 1
	_, err = agreement.VerifySignature(pdf)
	d.s.check("one flipped bit is noticed", fmt.Sprint(err != nil), "true")
	return nil
}

func (d *demo) activate(ctx context.Context) error {
	loan, err := d.asha.Loan(ctx, d.ashaCase)
	if err != nil {
		return err
	}
	d.loan = loan
	var account struct {
		Status       string        `json:"status"`
		Principal    journey.Money `json:"principal"`
		Net          journey.Money `json:"net_disbursed"`
		Hash         string        `json:"schedule_hash"`
		Disbursement struct {
			Status    string `json:"status"`
			Reference string `json:"bank_reference"`
		} `json:"disbursement"`
	}
	if err := d.asha.Client.Get(ctx, "/api/v1/activation/"+loan+"/account", &account); err != nil {
		return err
	}
	d.s.tell("loan %s; the bank's reference is %s", loan, account.Disbursement.Reference)
	d.s.check("loan account", account.Status+" "+account.Principal.Amount, "ACTIVE 20000.00")
	d.s.check("paid out", account.Disbursement.Status+" "+account.Net.Amount, "COMPLETED 19600.00")
	d.s.check("schedule is the accepted one", account.Hash, d.offer.ScheduleHash)
	return nil
}

// pay posts a partner's payment and shows its split.
func (d *demo) pay(ctx context.Context, kind, amount, reference string) (journey.Split, error) {
	p, err := journey.Pay(ctx, d.staff.Partner, d.loan, kind, rupees(amount), reference)
	if err != nil {
		return journey.Split{}, err
	}
	if p.Split == nil {
		return journey.Split{}, fmt.Errorf("payment %s is %s, not posted", p.ID, p.Status)
	}
	d.s.tell("%s on %s: principal %s, interest %s",
		p.Amount, p.ValueDate, p.Split.Principal.Amount, p.Split.Interest.Amount)
	return *p.Split, nil
}

func (d *demo) due(n int) journey.Instalment { return d.offer.Schedule[n-1] }

func (d *demo) payFirst(ctx context.Context) error {
	if err := d.staff.MoveTo(ctx, d.loan, d.due(1).DueDate); err != nil {
		return err
	}
	d.s.tell("the business date is now %s", d.due(1).DueDate)
	split, err := d.pay(ctx, "NORMAL", publishedInstalment, "PARTNER 0001")
	if err != nil {
		return err
	}
	d.s.check("interest: 20000 x 15 % / 12", split.Interest.Amount, "250.00")
	d.s.check("principal: the rest", split.Principal.Amount, "719.73")
	return nil
}

func (d *demo) payLate(ctx context.Context) error {
	second, err := civil.ParseDate(d.due(2).DueDate)
	if err != nil {
		return err
	}
	if err := d.staff.MoveTo(ctx, d.loan, second.AddDays(daysLate).String()); err != nil {
		return err
	}
	owed, err := journey.OutstandingOf(ctx, d.asha.Client, d.loan)
	if err != nil {
		return err
	}
	d.s.tell("due on %s, the business date is %s", second, owed.BusinessDate)
	d.s.check("days past due", fmt.Sprint(owed.DaysPastDue), fmt.Sprint(daysLate))
	d.s.check("overdue", owed.DueNow.Total.Amount, publishedInstalment)
	message, err := d.asha.WaitMessage(ctx, "payment.overdue")
	if err != nil {
		return err
	}
	d.s.tell("Asha's inbox: %q", message.Title)
	split, err := d.pay(ctx, "NORMAL", "500.00", "PARTNER 0002")
	if err != nil {
		return err
	}
	d.s.check("a partial payment: interest first", split.Interest.Amount, "241.00")
	d.s.check("then principal", split.Principal.Amount, "259.00")
	if split, err = d.pay(ctx, "NORMAL", "469.73", "PARTNER 0003"); err != nil {
		return err
	}
	d.s.check("the rest is principal", split.Principal.Amount, "469.73")
	if owed, err = journey.OutstandingOf(ctx, d.asha.Client, d.loan); err != nil {
		return err
	}
	d.s.check("days past due after it", fmt.Sprint(owed.DaysPastDue), "0")
	return nil
}

func (d *demo) payDeclared(ctx context.Context) error {
	if err := d.staff.MoveTo(ctx, d.loan, d.due(3).DueDate); err != nil {
		return err
	}
	declared, err := journey.Pay(ctx, d.asha.Client, d.loan, "NORMAL", rupees(publishedInstalment), "UTR 412345678901")
	if err != nil {
		return err
	}
	d.s.check("declared by the borrower", declared.Status, "DECLARED")
	if err := d.asha.Prove(ctx, declared.ID); err != nil {
		return err
	}
	booked, err := d.staff.VerifyPayment(ctx, declared.ID, true)
	if err != nil {
		return err
	}
	d.s.check("verified by an officer", booked.Status, "POSTED")
	if booked.Split == nil {
		return fmt.Errorf("payment %s has no split", booked.ID)
	}
	d.s.check("interest", booked.Split.Interest.Amount, "231.89")
	d.s.check("principal", booked.Split.Principal.Amount, "737.84")
	return nil
}

func (d *demo) payOff(ctx context.Context) error {
	third, err := civil.ParseDate(d.due(3).DueDate)
	if err != nil {
		return err
	}
	on := third.AddDays(payoffAfter)
	if err := d.staff.MoveTo(ctx, d.loan, on.String()); err != nil {
		return err
	}
	owed, err := journey.OutstandingOf(ctx, d.asha.Client, d.loan)
	if err != nil {
		return err
	}
	if owed.Payoff == nil {
		return fmt.Errorf("loan %s has no payoff", d.loan)
	}
	interest, err := interestOf("17813.70", third, on)
	if err != nil {
		return err
	}
	d.s.check("principal outstanding", owed.Payoff.Principal.Amount, "17813.70")
	d.s.check(fmt.Sprintf("interest from %s to %s, 30/360", third, on), owed.Payoff.Interest.Amount, interest)
	if _, err := d.pay(ctx, "PAYOFF", owed.Payoff.Total.Amount, "PARTNER 0004"); err != nil {
		return err
	}
	closed, err := journey.WaitStage(ctx, d.asha.Client, d.ashaCase, "CLOSED")
	if err != nil {
		return err
	}
	if owed, err = journey.OutstandingOf(ctx, d.asha.Client, d.loan); err != nil {
		return err
	}
	d.s.check("loan", owed.Status+" "+owed.Outstanding.Total.Amount, "CLOSED 0.00")
	d.s.check("application", closed.Stage+" "+closed.Outcome, "CLOSED REPAID")
	return nil
}

// interestOf is the interest on a principal over some days, as the library
// gives it: a loan of that principal over those days.
func interestOf(principal string, from, to civil.Date) (string, error) {
	amount, err := money.Parse(principal, money.MustCurrency(illustrationCurrency))
	if err != nil {
		return "", err
	}
	s, err := amortization.New(amortization.Terms{
		Principal: amount, AnnualRatePercent: amortization.MustDecimal("15"), Instalments: 1,
		DisbursementDate: from, FirstDueDate: to,
	})
	if err != nil {
		return "", err
	}
	return s.Totals.Interest.Text(), nil
}

// wholeUnits rounds "3273.43" to "3273", as the published totals are shown.
func wholeUnits(amount string) string {
	value, err := amortization.ParseDecimal(amount)
	if err != nil {
		return amount
	}
	return value.Fixed(0)
}

func (d *demo) showBooks(ctx context.Context) error {
	entries, err := d.staff.Journal(ctx, d.loan)
	if err != nil {
		return err
	}
	rows := [][]string{{"date", "kind", "account", "debit", "credit"}}
	for _, e := range entries {
		date, kind := e.EffectiveDate, e.Kind
		for _, line := range e.Lines {
			account, _, _ := strings.Cut(line.Account, d.loan)
			row := []string{date, kind, strings.TrimRight(account, ".:/-"), line.Amount.Amount, ""}
			if line.Side == "CREDIT" {
				row[3], row[4] = "", line.Amount.Amount
			}
			rows = append(rows, row)
			date, kind = "", ""
		}
	}
	d.s.table(rows)
	balance, err := d.staff.TrialBalance(ctx)
	if err != nil {
		return err
	}
	rows = [][]string{{"account", "name", "debits", "credits", "balance"}}
	for _, r := range balance.Rows {
		rows = append(rows, []string{r.Code, r.Name, r.Debits.Amount, r.Credits.Amount, r.Balance.Amount})
	}
	d.s.table(rows)
	d.s.check("the books balance", fmt.Sprint(balance.Balanced), "true")
	for _, total := range balance.Totals {
		d.s.check("trial balance, "+total.Currency, total.Difference.Amount, "0.00")
	}
	if len(balance.Totals) == 0 {
		return fmt.Errorf("the trial balance is empty")
	}
	return nil
}

func (d *demo) showTimeline(ctx context.Context) error {
	entries, err := journey.Timeline(ctx, d.asha.Client, d.ashaCase)
	if err != nil {
		return err
	}
	stages := []string{"INPUT"}
	for _, e := range entries {
		mark := ""
		if e.To != "" {
			mark = "→ " + e.To
			if stages[len(stages)-1] != e.To {
				stages = append(stages, e.To)
			}
		}
		d.s.tell("%-36s %-11s %s %s", e.Event, e.Role, e.Sentence, mark)
	}
	d.s.check("stages passed", fmt.Sprint(len(stages)), "9")
	return nil
}

func (d *demo) showOthers(ctx context.Context) error {
	for _, other := range []struct{ name, id, want string }{
		{"Bela, who declined", d.belaCase, "CLOSED DECLINED"},
		{"Chandra, rejected in KYC", d.chandraID, "CLOSED KYC_REJECTED"},
	} {
		found, err := journey.WaitStage(ctx, d.staff.Officer, other.id, "CLOSED")
		if err != nil {
			return err
		}
		d.s.check(other.name, found.Stage+" "+found.Outcome, other.want)
	}
	return nil
}
