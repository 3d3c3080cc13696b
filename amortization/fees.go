package amortization

import (
	"fmt"

	"github.com/tenor-lending/tenor/internal/money"
)

// fees adds the fees to the rows and to the deductions at disbursement.
func (e *engine) fees() error {
	for i := range e.terms.Fees {
		fee, field := &e.terms.Fees[i], fmt.Sprintf("fees[%d]", i)
		if fee.When != AtDisbursement {
			if err := e.feeInRows(fee, field); err != nil {
				return err
			}
			continue
		}
		amount, err := e.feeAmount(fee, e.terms.Principal.Minor())
		if err != nil {
			return err
		}
		if e.upfront, err = addChecked(e.upfront, amount); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) feeInRows(fee *Fee, field string) error {
	for k := len(e.kept.rows); k < len(e.rows); k++ {
		r := &e.rows[k]
		if r.kind != Regular || (fee.When == OnDate && r.due.civil().Before(fee.Due)) {
			continue
		}
		base := e.terms.Principal.Minor()
		if fee.Basis == OfInstalment {
			base = r.principal + r.interest
		}
		amount, err := e.feeAmount(fee, base)
		if err != nil {
			return err
		}
		sum, err := addChecked(e.side(k).fees, amount)
		if err != nil {
			return err
		}
		e.aside(k).fees = sum
		if fee.When == OnDate {
			return nil
		}
	}
	if fee.When == OnDate {
		return fault(field+".due", RuleDate, "%s is after the last due date", fee.Due)
	}
	return nil
}

// feeAmount returns the fee on a base with its tax: base·percent/100·(1+tax/100),
// fee and tax each rounded once.
func (e *engine) feeAmount(fee *Fee, base int64) (int64, error) {
	amount := fee.Amount.Minor()
	if !fee.Percent.IsZero() {
		var err error
		if amount, err = e.percentOf(base, fee.Percent); err != nil {
			return 0, err
		}
	}
	tax, err := e.percentOf(amount, fee.TaxPercent)
	if err != nil {
		return 0, err
	}
	return addChecked(amount, tax)
}

func (e *engine) percentOf(base int64, percent Decimal) (int64, error) {
	share, err := PercentOf(money.New(base, e.cur), percent, e.terms.Rounding.Mode)
	if err != nil {
		return 0, fault("principal", RuleOverflow, "%v", err)
	}
	return share.Minor(), nil
}
