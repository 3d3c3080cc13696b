package legacy

import (
	"slices"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

// Line is a line of the journal. Amounts are minor units; one of the two is zero.
type Line struct {
	Account       string
	Debit, Credit int64
}

// role is what an account is for; the loan's accounts name one for each.
type role string

const (
	fundSource    role = "fund_source"
	overpayment   role = "overpayment_liability"
	recovery      role = "recovery_income"
	lossOnFraud   role = "charge_off_fraud_loss"
	lossOnDefault role = "charge_off_loss"
	writtenOff    role = "write_off_loss"
)

// The roles of the components, by what a transaction does with them.
var (
	receivable = [4]role{"principal_receivable", "interest_receivable", "fee_receivable", "penalty_receivable"}
	income     = [4]role{"", "interest_income", "fee_income", "penalty_income"}
	goodwill   = [4]role{
		"goodwill_expense", "goodwill_interest_income", "goodwill_fee_income", "goodwill_penalty_income",
	}
	chargedOff = [4]role{
		lossOnDefault, "charge_off_interest_income", "charge_off_fee_income", "charge_off_penalty_income",
	}
	chargedFraud  = [4]role{lossOnFraud, chargedOff[1], chargedOff[2], chargedOff[3]}
	recovered     = [4]role{recovery, recovery, recovery, recovery}
	writtenOffAll = [4]role{writtenOff, writtenOff, writtenOff, writtenOff}
)

// Lines returns the lines posted for the transactions of a type and date, the
// mirrored ones of what was reversed or replayed included.
func (s *State) Lines(kind string, on civil.Date) (lines []Line) {
	for _, t := range s.Transactions {
		if t.Type == kind && t.Date == on {
			lines = append(lines, t.posted...)
			lines = append(lines, t.inForce...)
		}
	}
	return lines
}

// post posts every transaction as it stands. What stood otherwise before is
// mirrored, never changed.
func (s *State) post() {
	for _, t := range s.Transactions {
		var lines []Line
		if !t.Reversed {
			lines = s.entry(t)
		}
		if slices.Equal(lines, t.inForce) {
			continue
		}
		for _, l := range t.inForce {
			t.posted = append(t.posted, l, Line{l.Account, l.Credit, l.Debit})
		}
		t.inForce = lines
	}
}

// entry is a journal entry while it is made.
type entry struct {
	s     *State
	t     *Transaction
	lines []Line
}

// debit and credit add to the line of the account of a role.
func (e *entry) debit(r role, amount int64)  { e.line(r, amount, 0) }
func (e *entry) credit(r role, amount int64) { e.line(r, 0, amount) }

func (e *entry) line(r role, debit, credit int64) {
	if debit == 0 && credit == 0 {
		return
	}
	account := e.s.loan.Accounts[string(r)]
	if by, ok := e.s.loan.FundSourceByChannel[e.t.Channel]; ok && r == fundSource {
		account = by
	}
	for i := range e.lines {
		if l := &e.lines[i]; l.Account == account && (l.Debit > 0) == (debit > 0) {
			l.Debit += debit
			l.Credit += credit
			return
		}
	}
	e.lines = append(e.lines, Line{account, debit, credit})
}

func (e *entry) debits(p Parts, roles [4]role) {
	for c := table.Principal; c <= table.Penalty; c++ {
		e.debit(roles[c], *c.Of(&p))
	}
}

func (e *entry) credits(p Parts, roles [4]role) {
	for c := table.Principal; c <= table.Penalty; c++ {
		e.credit(roles[c], *c.Of(&p))
	}
}

// entry returns the journal entry of a transaction. After a charge-off receipts
// are recovery income, and refunds reverse the loss.
func (s *State) entry(t *Transaction) []Line {
	e := &entry{s: s, t: t}
	off := s.offBefore(t)
	loss := chargedOff
	if off != nil && off.fraud {
		loss = chargedFraud
	}
	switch t.Type {
	case Disbursement:
		e.debit(receivable[table.Principal], t.Amount-t.Overpaid)
		e.debit(overpayment, t.Overpaid)
		e.credit(fundSource, t.Amount)
	case FeeAtDisbursement:
		e.debit(fundSource, t.Amount)
		e.credits(t.Parts, income)
	case Accrual:
		e.debits(t.Parts, receivable)
		e.credits(t.Parts, income)
	case ChargeOff:
		if loss = chargedOff; t.fraud {
			loss = chargedFraud
		}
		e.credits(t.Parts, receivable)
		e.debits(t.Parts, loss)
	case WriteOff:
		e.credits(t.Parts, receivable)
		e.debits(t.Parts, writtenOffAll)
	case ChargeWaiver:
		e.credits(t.Parts, receivable)
		e.debits(t.Parts, income)
	case Chargeback, CreditBalanceRefund, CashRefund:
		s.returned(e, off, loss)
	default:
		if t.pays() {
			s.received(e, off, loss)
		}
	}
	return e.lines
}

// received posts money, or a credit that counts as money.
func (s *State) received(e *entry, off *Transaction, loss [4]role) {
	t, against := e.t, receivable
	switch {
	case off == nil:
	case t.Type == MerchantIssuedRefund, t.Type == PayoutRefund:
		against = loss
	default:
		against = recovered
	}
	e.credits(t.Parts, against)
	e.credit(overpayment, t.Overpaid)
	switch t.Type {
	case GoodwillCredit:
		e.debits(t.Parts, goodwill)
		e.debit(goodwill[table.Principal], t.Overpaid)
	case ChargeAdjustment:
		e.debit(income[t.charge.Component()], t.Amount)
	default:
		e.debit(fundSource, t.Amount)
	}
}

// returned posts money that goes back: what the overpayment covers, and the rest
// as owed again.
func (s *State) returned(e *entry, off *Transaction, loss [4]role) {
	t, owed := e.t, e.t.Parts
	if order, ruled := s.loan.Allocation.CreditRules[t.Type]; ruled && t.of != nil {
		rest := t.Overpaid
		for _, name := range order {
			part := table.Components[name].Of(&owed)
			took := min(rest, *part)
			*part -= took
			rest -= took
		}
	}
	against := receivable
	if off != nil {
		against = loss
	}
	e.debits(owed, against)
	e.debit(overpayment, t.Overpaid)
	e.credit(fundSource, t.Amount)
}

// offBefore returns the charge-off that stands and came before the transaction.
func (s *State) offBefore(t *Transaction) *Transaction {
	off := s.chargedOff()
	if off == nil || off == t || t.Date.Before(off.Date) || t.Date == off.Date && t.Event < off.Event {
		return nil
	}
	return off
}
