package amortization

import (
	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/internal/money"
)

// engine builds one schedule. All amounts inside are minor units. Its slices
// are scratch memory that the next schedule uses again.
type engine struct {
	terms        Terms
	reference    bool // keep off the fast path
	cur          money.Currency
	unit         int64 // multiple of instalments
	interestUnit int64 // multiple of interest
	scale        uint8 // decimals of the rates
	count        int   // number of periods
	business     *businessDays
	grid         grid
	rates        []rateFrom
	cuts         []dayNumber
	periods      []period
	segments     []segment

	spare   []Instalment // memory for rows
	kept    []Instalment // rows before a change
	change  *Instalment  // the row of the change, where there is one
	carried int64        // interest earned before a change and due with the first instalment
	pool    int64        // interest under grace from before a change
	opening int64        // balance at the start of the first period
	down    int64        // down payment
	broken  int64        // interest of the broken period
	rows    []Instalment
	upfront int64 // fees deducted
}

// reset prepares the engine for terms, and keeps its scratch memory.
func (e *engine) reset(t Terms, reference bool) {
	*e = engine{
		terms: t, reference: reference, cur: t.Principal.Currency(), count: t.Instalments,
		rates: e.rates[:0], cuts: e.cuts[:0], periods: e.periods[:0], segments: e.segments[:0],
	}
}

func (e *engine) build() (Schedule, error) {
	t := &e.terms
	e.unit, _ = minorUnits(t.Rounding.InstalmentUnit, e.cur)
	e.interestUnit, _ = minorUnits(t.Rounding.InterestUnit, e.cur)
	if err := e.openBalance(); err != nil {
		return Schedule{}, err
	}
	if t.Method == FixedInstalment {
		if err := e.countInstalments(); err != nil {
			return Schedule{}, err
		}
	} else if err := e.layout(); err != nil {
		return Schedule{}, err
	}
	rows := len(e.kept) + len(e.periods)
	if e.down > 0 || e.change != nil {
		rows++ // never both: a change ends the down payment
	}
	e.rows = e.makeRows(rows)
	copy(e.rows, e.kept)
	if e.change != nil {
		e.rows[len(e.kept)] = *e.change
	}
	if err := e.fill(); err != nil {
		return Schedule{}, err
	}
	if err := e.chargeBroken(); err != nil {
		return Schedule{}, err
	}
	if err := e.fees(); err != nil {
		return Schedule{}, err
	}
	return e.finish()
}

// makeRows returns empty rows, in spare memory where it suffices.
func (e *engine) makeRows(n int) []Instalment {
	if cap(e.spare) < n {
		return make([]Instalment, n)
	}
	rows := e.spare[:n]
	clear(rows)
	return rows
}

// openBalance works out the first balance and the down payment.
func (e *engine) openBalance() error {
	t := &e.terms
	e.opening = t.Principal.Minor()
	for i := range t.Tranches {
		e.opening -= t.Tranches[i].Amount.Minor()
	}
	if t.DownPaymentPercent.IsZero() {
		return nil
	}
	share, err := e.percentOf(e.opening, t.DownPaymentPercent)
	if err != nil {
		return err
	}
	e.down, err = minorOf(apd.New(share, 0), e.unit, t.Rounding.InstalmentMode)
	if err == nil && e.down >= e.opening {
		err = fault("down_payment_percent", RuleRange, "rounded to the instalment unit, nothing is left to repay")
	}
	e.opening -= e.down
	return err
}

// fill plans the instalments and writes the rows.
func (e *engine) fill() error {
	if e.down > 0 {
		e.writeDownPayment()
	}
	var p planner
	if err := p.prepare(e); err != nil {
		return err
	}
	if err := p.settleResidual(); err != nil {
		return err
	}
	_, err := p.walk(true)
	return err
}

func (e *engine) writeDownPayment() {
	row, day := &e.rows[0], e.terms.DisbursementDate
	row.Number, row.Kind, row.From, row.Due = 1, DownPayment, day, day
	row.Opening, row.Closing = money.New(e.opening+e.down, e.cur), money.New(e.opening, e.cur)
	row.Principal, row.Interest, row.Earned = money.New(e.down, e.cur), money.Zero(e.cur), money.Zero(e.cur)
}

// row returns the row of a period.
func (e *engine) row(k int) *Instalment { return &e.rows[len(e.rows)-len(e.periods)+k] }

// rateScale is 10^(scale+2): rates are percentages with scale decimals.
func (e *engine) rateScale() int64 { return powersOfTen[int(e.scale)+2] }

// interest returns the rounded interest of a period on a balance.
func (e *engine) interest(balance int64, p *period) (int64, error) {
	if interest, ok := e.accrueFast(balance, p); ok {
		return interest, nil
	}
	exactly, err := e.accrue(balance, p)
	if err != nil {
		return 0, err
	}
	return e.roundInterest(exactly)
}

func (e *engine) roundInterest(d *apd.Decimal) (int64, error) {
	return minorOf(d, e.interestUnit, e.terms.Rounding.Mode)
}

func (e *engine) roundInstalment(d *apd.Decimal) (int64, error) {
	return minorOf(d, e.unit, e.terms.Rounding.InstalmentMode)
}

// context is the arithmetic of factors.
func (e *engine) context() *apd.Context {
	if e.terms.Rounding.Precision == precisionMax {
		return exact
	}
	return newContext(uint32(e.terms.Rounding.Precision))
}

// accrue returns the interest of a period on a balance, unrounded.
func (e *engine) accrue(balance int64, p *period) (*apd.Decimal, error) {
	var sum interestSum
	sum.add(e, balance, p)
	return sum.value(e)
}

// drawn returns what is paid out within a period.
func (e *engine) drawn(p *period) int64 {
	sum := int64(0)
	for i := p.low; i < p.high; i++ {
		sum += e.segments[i].drawn
	}
	return sum
}

// finish adds up the rows.
func (e *engine) finish() (Schedule, error) {
	var sum struct{ principal, interest, fees, total, capitalised int64 }
	overflow := int64(0) // its sign bit collects every overflow
	add := func(a, b int64) int64 {
		c := a + b
		overflow |= (a ^ c) & (b ^ c)
		return c
	}
	for k := range e.rows {
		row := &e.rows[k]
		principal, interest, fees := row.Principal.Minor(), row.Interest.Minor(), row.Fees.Minor()
		total := add(add(principal, interest), fees)
		row.Fees, row.Total = money.New(fees, e.cur), money.New(total, e.cur)
		sum.principal, sum.interest = add(sum.principal, principal), add(sum.interest, interest)
		sum.fees, sum.total = add(sum.fees, fees), add(sum.total, total)
		sum.capitalised = add(sum.capitalised, row.Capitalised.Minor())
	}
	if overflow < 0 {
		return Schedule{}, fault("principal", RuleOverflow, "the sums exceed the range of money")
	}
	s := Schedule{Terms: e.terms, Instalments: e.rows}
	upfront := int64(0)
	if e.terms.BrokenPeriod == BrokenUpfront {
		upfront = e.broken
	}
	s.Totals = Totals{
		Principal: money.New(sum.principal, e.cur), Interest: money.New(sum.interest, e.cur),
		Fees: money.New(sum.fees, e.cur), Total: money.New(sum.total, e.cur),
		Capitalised: e.orNone(sum.capitalised),
		UpfrontFees: money.New(e.upfront, e.cur), UpfrontInterest: e.orNone(upfront),
		NetDisbursed: money.New(e.terms.Principal.Minor()-e.upfront-upfront, e.cur),
	}
	if !s.Totals.NetDisbursed.IsPositive() {
		return Schedule{}, fault("fees", RuleRange, "the deductions leave nothing of the principal")
	}
	return s, nil
}
