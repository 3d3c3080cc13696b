package amortization

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/internal/money"
)

// rateScale is the number of decimals of an exact disclosed rate in percent.
const rateScale = 10

// KeyFacts are the figures that a borrower must be shown before signing.
type KeyFacts struct {
	// Principal is the amount of the loan and NetDisbursed what is paid out: the principal less UpfrontCharges.
	Principal      money.Amount `json:"principal"`
	NetDisbursed   money.Amount `json:"net_disbursed"`
	UpfrontCharges money.Amount `json:"upfront_charges"`
	// Instalment is the first instalment of full size, and Instalments their number.
	Instalment  money.Amount `json:"instalment"`
	Instalments int          `json:"instalments"`
	// TotalInterest and TotalCharges are the cost of the loan; the charges are
	// split by who receives them.
	TotalInterest     money.Amount `json:"total_interest"`
	TotalCharges      money.Amount `json:"total_charges"`
	LenderCharges     money.Amount `json:"lender_charges"`
	ThirdPartyCharges money.Amount `json:"third_party_charges"`
	// TotalPaid is all that the borrower pays in instalments.
	TotalPaid money.Amount `json:"total_paid"`
	// APRPercent is the annual percentage rate with two decimals: the internal
	// rate of return of what is paid out and paid back, per period, times the
	// periods of a year (the key facts statement of the Reserve Bank of India, 15 April 2024).
	// With tranches or changes in between, flows are dated (see XIRR).
	APRPercent Decimal `json:"apr_percent"`
	// EffectiveAnnualPercent is the same rate compounded over a year, with two decimals.
	EffectiveAnnualPercent Decimal `json:"effective_annual_percent"`
	// APRExact and EffectiveAnnualExact are the two rates with ten decimals.
	APRExact             Decimal `json:"apr_exact"`
	EffectiveAnnualExact Decimal `json:"effective_annual_exact"`
}

// Disclose returns the key facts of a schedule. It fails with ErrNoRate when
// no rate balances the flows.
func Disclose(s *Schedule) (KeyFacts, error) {
	apr, effective, err := s.rates()
	if err != nil {
		return KeyFacts{}, err
	}
	lender, third, err := s.chargesByPayee()
	if err != nil {
		return KeyFacts{}, err
	}
	charges, err := lender.Add(third)
	if err != nil {
		return KeyFacts{}, err
	}
	return KeyFacts{
		Principal: s.Terms.Principal, NetDisbursed: s.Totals.NetDisbursed, UpfrontCharges: s.Totals.UpfrontFees,
		Instalment: s.typicalInstalment(), Instalments: s.Len(),
		TotalInterest: s.Totals.Interest, TotalCharges: charges, LenderCharges: lender, ThirdPartyCharges: third,
		TotalPaid:  s.Totals.Total,
		APRPercent: apr.Round(2), EffectiveAnnualPercent: effective.Round(2),
		APRExact: apr, EffectiveAnnualExact: effective,
	}, nil
}

// typicalInstalment returns the first instalment that repays principal, or the
// last one of all.
func (s *Schedule) typicalInstalment() money.Amount {
	for i := range s.rows {
		if s.rows[i].principal > 0 {
			return s.money(s.total(i))
		}
	}
	return s.money(s.total(len(s.rows) - 1))
}

// rates returns the annual percentage rate and the effective annual rate.
func (s *Schedule) rates() (apr, effective Decimal, err error) {
	perYear := s.Terms.perYear()
	i, annual, err := s.periodRate(perYear)
	if err != nil {
		return Decimal{}, Decimal{}, fmt.Errorf("annual percentage rate: %w", err)
	}
	c := calc{ctx: exact}
	nominal := c.quo(c.mul(i, apd.New(perYear.Num, 0)), apd.New(perYear.Den, 0))
	if apr, err = percentDecimal(nominal); err != nil {
		return Decimal{}, Decimal{}, err
	}
	effective, err = percentDecimal(annual)
	return apr, effective, err
}

// periodRate returns the rate per period and the effective annual rate. Flows
// are a period apart, a down payment aside; where tranches or changes lie
// between, they are dated, and the rate per period follows from the annual one.
func (s *Schedule) periodRate(perYear Fraction) (i, annual *apd.Decimal, err error) {
	if len(s.Terms.Tranches) > 0 || len(s.Phases) > 0 {
		apr, err := XIRR(s.CashFlows())
		if err != nil {
			return nil, nil, err
		}
		annual = apr.Exact.Apd()
		annual.Exponent -= 2
		i, err = compound(annual, Fraction{perYear.Den, perYear.Num})
		return i, annual, err
	}
	flows := make([]flow, 1, len(s.rows)+1)
	flows[0].amount = s.Totals.NetDisbursed.Minor()
	units := int64(0)
	for k := range s.rows {
		if s.rows[k].kind == Regular {
			units++
		}
		flows = append(flows, flow{amount: -s.total(k), units: units})
	}
	if i, err = unitRate(flows); err != nil {
		return nil, nil, err
	}
	annual, err = compound(i, perYear)
	return i, annual, err
}

// percentDecimal converts a rate to percent with rateScale decimals.
func percentDecimal(rate *apd.Decimal) (Decimal, error) {
	c := calc{ctx: exact}
	percent, err := decimalFromApd(c.mul(rate, apd.New(100, 0)), rateScale)
	if err != nil {
		return Decimal{}, fmt.Errorf("%w: %s is beyond disclosure", ErrNoRate, rate)
	}
	return percent, nil
}

// chargesByPayee adds up every fee of the schedule by who receives it.
func (s *Schedule) chargesByPayee() (lender, third money.Amount, err error) {
	cur, sums := s.Terms.Principal.Currency(), map[Payee]int64{}
	upfront := &engine{terms: s.Terms, cur: cur}
	for i := range s.Terms.Fees {
		if fee := &s.Terms.Fees[i]; fee.When == AtDisbursement {
			amount, err := upfront.feeAmount(fee, s.Terms.Principal.Minor())
			if err != nil {
				return lender, third, err
			}
			sums[fee.Payee] += amount
		}
	}
	for _, part := range s.byPhase() {
		for i := range part.terms.Fees {
			fee := &part.terms.Fees[i]
			if fee.When == AtDisbursement || (fee.When == OnDate && !part.collects(fee)) {
				continue
			}
			alone := &engine{terms: *part.terms, cur: cur, table: table{rows: part.rows}}
			if err := alone.feeInRows(fee, "fees"); err != nil {
				return lender, third, err
			}
			for k := range alone.sides {
				sums[fee.Payee] += alone.sides[k].fees
			}
		}
	}
	return money.New(sums[Lender], cur), money.New(sums[ThirdParty], cur), nil
}

// phaseRows are the rows under one set of terms.
type phaseRows struct {
	terms *Terms
	rows  []row
}

// collects reports whether a dated fee falls on one of the rows.
func (p *phaseRows) collects(fee *Fee) bool {
	for k := range p.rows {
		if p.rows[k].kind == Regular && !p.rows[k].due.civil().Before(fee.Due) {
			return true
		}
	}
	return false
}

func (s *Schedule) byPhase() []phaseRows {
	var parts []phaseRows
	for k := range s.rows {
		terms := s.phase(s.from(k).civil())
		if s.rows[k].kind == Change && s.from(k) == s.rows[k].due && len(parts) > 0 {
			terms = parts[len(parts)-1].terms // it has no days, and no fees
		}
		if len(parts) == 0 || parts[len(parts)-1].terms != terms {
			parts = append(parts, phaseRows{terms: terms, rows: s.rows[k:k]})
		}
		part := &parts[len(parts)-1]
		part.rows = part.rows[:len(part.rows)+1]
	}
	return parts
}
