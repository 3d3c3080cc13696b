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
	e := &engine{terms: s.Terms, cur: s.Terms.Principal.Currency()}
	lender, third, err := e.chargesByPayee(s)
	if err != nil {
		return KeyFacts{}, err
	}
	charges, err := lender.Add(third)
	if err != nil {
		return KeyFacts{}, err
	}
	return KeyFacts{
		Principal: s.Terms.Principal, NetDisbursed: s.Totals.NetDisbursed, UpfrontCharges: s.Totals.UpfrontFees,
		Instalment: s.typicalInstalment(), Instalments: len(s.Instalments),
		TotalInterest: s.Totals.Interest, TotalCharges: charges, LenderCharges: lender, ThirdPartyCharges: third,
		TotalPaid:  s.Totals.Total,
		APRPercent: apr.Round(2), EffectiveAnnualPercent: effective.Round(2),
		APRExact: apr, EffectiveAnnualExact: effective,
	}, nil
}

// typicalInstalment returns the first instalment that repays principal, or the
// last one of all.
func (s *Schedule) typicalInstalment() money.Amount {
	for i := range s.Instalments {
		if s.Instalments[i].Principal.IsPositive() {
			return s.Instalments[i].Total
		}
	}
	return s.Instalments[len(s.Instalments)-1].Total
}

// rates returns the annual percentage rate and the effective annual rate.
func (s *Schedule) rates() (apr, effective Decimal, err error) {
	flows := make([]int64, 1, len(s.Instalments)+1)
	flows[0] = s.Totals.NetDisbursed.Minor()
	for i := range s.Instalments {
		flows = append(flows, -s.Instalments[i].Total.Minor())
	}
	i, err := IRR(flows)
	if err != nil {
		return Decimal{}, Decimal{}, fmt.Errorf("annual percentage rate: %w", err)
	}
	perYear := s.Terms.perYear()
	annual, err := compound(i, perYear)
	if err != nil {
		return Decimal{}, Decimal{}, fmt.Errorf("effective annual rate: %w: %w", ErrNoRate, err)
	}
	c := calc{ctx: exact}
	nominal := c.quo(c.mul(i, apd.New(perYear.Num, 0)), apd.New(perYear.Den, 0))
	if apr, err = percentDecimal(nominal); err != nil {
		return Decimal{}, Decimal{}, err
	}
	effective, err = percentDecimal(annual)
	return apr, effective, err
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
func (e *engine) chargesByPayee(s *Schedule) (lender, third money.Amount, err error) {
	sums := map[Payee]int64{}
	for i := range e.terms.Fees {
		fee := &e.terms.Fees[i]
		alone := &engine{terms: s.Terms, cur: e.cur, rows: rowsWithoutFees(s.Instalments)}
		alone.terms.Fees = []Fee{*fee}
		if err := alone.fees(); err != nil {
			return money.Amount{}, money.Amount{}, err
		}
		sums[fee.Payee] += alone.upfront
		for k := range alone.rows {
			sums[fee.Payee] += alone.rows[k].Fees.Minor()
		}
	}
	return money.New(sums[Lender], e.cur), money.New(sums[ThirdParty], e.cur), nil
}

func rowsWithoutFees(rows []Instalment) []Instalment {
	bare := append([]Instalment(nil), rows...)
	for k := range bare {
		bare[k].Fees = money.Amount{}
	}
	return bare
}
