package amortization

import (
	"sync"

	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/internal/money"
)

// engine builds one schedule. All amounts inside are minor units. Its slices
// are scratch memory that the next schedule uses again.
type engine struct {
	terms        Terms
	reference    bool // keep off the fast path
	trial        bool // only the instalment is wanted: rows may be unsound
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

	spare   []row // memory for rows
	kept    table // rows before a change
	change  *row  // the row of the change, where there is one
	changed side
	carried int64 // interest earned before a change and due with the first instalment
	pool    int64 // interest under grace from before a change
	opening int64 // balance at the start of the first period
	down    int64 // down payment
	broken  int64 // interest of the broken period
	upfront int64 // fees deducted
	table         // the rows
}

var engines = sync.Pool{New: func() any { return new(engine) }}

// newEngine returns an engine for terms, with scratch memory from a pool.
func newEngine(t Terms, reference bool) *engine {
	e, ok := engines.Get().(*engine)
	if !ok {
		e = new(engine)
	}
	e.reset(t.normalised(), reference)
	return e
}

// release gives the scratch memory back, and nothing of the terms.
func (e *engine) release() {
	e.reset(Terms{}, false)
	engines.Put(e)
}

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
	rows := len(e.kept.rows) + len(e.periods)
	if e.down > 0 || e.change != nil {
		rows++ // never both: a change ends the down payment
	}
	e.makeRows(rows)
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

// makeRows makes room for the rows, in spare memory where it suffices, and
// writes those before a change and that of the change. The others are to be written.
func (e *engine) makeRows(n int) {
	if e.rows = e.spare; cap(e.rows) < n {
		e.rows = make([]row, n)
	}
	e.rows, e.start = e.rows[:n], e.periods[0].start
	kept := len(e.kept.rows)
	if kept > 0 || e.change != nil {
		e.start = e.kept.start
	}
	copy(e.rows, e.kept.rows)
	if e.kept.sides != nil {
		e.sides = make([]side, n)
		copy(e.sides, e.kept.sides)
	}
	if e.change != nil {
		e.put(kept, *e.change, e.changed)
	}
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
	day := shorten(e.terms.DisbursementDate)
	e.put(0, row{kind: DownPayment, due: day, opening: e.opening + e.down, principal: e.down}, side{})
}

// rowOf returns the index of the row of a period.
func (e *engine) rowOf(k int) int { return len(e.rows) - len(e.periods) + k }

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
	var sum struct{ principal, interest, fees, capitalised int64 }
	overflow := int64(0) // its sign bit collects every overflow
	add := func(a, b int64) int64 {
		c := a + b
		overflow |= (a ^ c) & (b ^ c)
		return c
	}
	for k := range e.rows {
		r := &e.rows[k]
		sum.principal, sum.interest = add(sum.principal, r.principal), add(sum.interest, r.interest)
		add(r.principal, r.interest)
	}
	for k := range e.sides {
		x := &e.sides[k]
		sum.fees, sum.capitalised = add(sum.fees, x.fees), add(sum.capitalised, x.capitalised)
		add(add(e.rows[k].principal, e.rows[k].interest), x.fees)
	}
	total := add(add(sum.principal, sum.interest), sum.fees)
	if overflow < 0 {
		return Schedule{}, fault("principal", RuleOverflow, "the sums exceed the range of money")
	}
	s := Schedule{Terms: e.terms, table: e.table}
	upfront := int64(0)
	if e.terms.BrokenPeriod == BrokenUpfront {
		upfront = e.broken
	}
	s.Totals = Totals{
		Principal: money.New(sum.principal, e.cur), Interest: money.New(sum.interest, e.cur),
		Fees: money.New(sum.fees, e.cur), Total: money.New(total, e.cur),
		Capitalised: e.orNone(sum.capitalised),
		UpfrontFees: money.New(e.upfront, e.cur), UpfrontInterest: e.orNone(upfront),
		NetDisbursed: money.New(e.terms.Principal.Minor()-e.upfront-upfront, e.cur),
	}
	if !s.Totals.NetDisbursed.IsPositive() {
		return Schedule{}, fault("fees", RuleRange, "the deductions leave nothing of the principal")
	}
	return s, nil
}
