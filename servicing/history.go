package servicing

import (
	"fmt"
	"maps"
	"slices"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// Replay folds the facts of one loan, in the order in which they were
// recorded, to its state, and compares what they booked with what the fold
// books. It returns ErrCorrupt if they do not fit each other.
func Replay(facts []Fact) (Loan, error) {
	e, err := foldUntil(facts, recordedUntil(facts))
	if err != nil {
		return Loan{}, err
	}
	e.loan.Version = int64(len(facts))
	for _, f := range facts {
		for _, line := range e.loan.linesOf(f) {
			e.loan.Opened.Add(line.Role)
		}
	}
	if err := e.loan.check(); err != nil {
		return Loan{}, err
	}
	booked := booksOf(&e.loan, facts)
	booked.subtract(booksOf(&e.loan, e.facts))
	for on, nets := range booked {
		if lines := nets.Lines(e.loan.Currency()); len(lines) > 0 {
			return Loan{}, fmt.Errorf("%w: what loan %s booked for %s is off by %v", ErrCorrupt, e.loan.ID, on, lines)
		}
	}
	return e.loan, nil
}

// recordedUntil returns the last day of which the facts know.
func recordedUntil(facts []Fact) civil.Date {
	last := civil.Date{}
	for _, f := range facts {
		last = later(last, f.Date())
		if b, ok := f.(interface{ booked() civil.Date }); ok {
			last = later(last, b.booked())
		}
	}
	return last
}

// recorded is an input with the version that it made.
type recorded struct {
	input
	version int64
}

// inputsOf returns the inputs that count, in the order of the fold.
func inputsOf(facts []Fact) ([]recorded, error) {
	reversed := map[uuid.UUID]bool{}
	var inputs []recorded
	for i, f := range facts {
		if (i == 0) != (f.Kind() == KindActivated) {
			return nil, fmt.Errorf("%w: fact %d is %s", ErrCorrupt, i+1, f.Kind())
		}
		if r, ok := f.(Reversed); ok {
			reversed[r.Target] = true
		} else if in, ok := f.(input); ok {
			inputs = append(inputs, recorded{in, int64(i) + 1})
		}
	}
	inputs = slices.DeleteFunc(inputs, func(in recorded) bool {
		return reversed[in.position().ID] && reversible(in.input)
	})
	slices.SortStableFunc(inputs, func(a, b recorded) int {
		p, q := a.position(), b.position()
		if p.On == q.On && p.Rank == q.Rank && p.Rank <= rankDisbursement {
			return 0 // as they were recorded
		}
		return p.compare(q)
	})
	return inputs, nil
}

// foldUntil folds facts to the start of a day.
func foldUntil(facts []Fact, until civil.Date) (*engine, error) {
	inputs, err := inputsOf(facts)
	if err != nil {
		return nil, err
	}
	e, err := fold(inputs, until, uuid.Nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return e, nil
}

// fold applies inputs in their order and goes on to the start of a day. The
// input with the id is new: what it cannot do is refused.
func fold(inputs []recorded, until civil.Date, fresh uuid.UUID) (*engine, error) {
	e := &engine{}
	for _, in := range inputs {
		at := in.position()
		if at.On.After(until) {
			break
		}
		e.fresh = fresh != uuid.Nil && at.ID == fresh
		if err := e.run(in.input); err != nil {
			if e.fresh {
				return nil, err
			}
			return nil, fmt.Errorf("%w: %s of %s: %w", ErrConflict, in.Kind(), at.On, err)
		}
		if in.Kind() == KindDisbursementInitiated {
			e.loan.PayoutVersion = in.version
		}
	}
	return e, e.advance(until)
}

// books are debits less credits by effective date and role.
type books map[civil.Date]*posting.Nets

func booksOf(l *Loan, facts []Fact) books {
	b := make(books, len(facts)/2)
	for _, f := range facts {
		b.add(f.Date(), l.linesOf(f))
	}
	return b
}

func (b books) add(on civil.Date, lines []posting.Line) {
	if len(lines) == 0 {
		return
	}
	nets := b[on]
	if nets == nil {
		nets = &posting.Nets{}
		b[on] = nets
	}
	for _, line := range lines {
		nets.Add(line.Role, line.Debit.Minor())
	}
}

func (b books) subtract(other books) {
	for on, nets := range other {
		mine := b[on]
		if mine == nil {
			mine = &posting.Nets{}
			b[on] = mine
		}
		mine.Subtract(*nets)
	}
}

// rewrite carries out a command that comes late: it folds all inputs with the
// new one and books what that changes.
func (l *Loan) rewrite(in input, business civil.Date, history []Fact) (Change, error) {
	if slices.ContainsFunc(history, func(f Fact) bool { return same(f, in) }) {
		return Change{}, fmt.Errorf("%w: %s %s", ErrDuplicate, in.Kind(), in.position().ID)
	}
	reversed, reversal := in.(Reversed)
	if reversal {
		var err error
		if reversed, err = reversed.complete(l, history); err != nil {
			return Change{}, err
		}
		in = reversed
	}
	inputs, err := inputsOf(append(history[:len(history):len(history)], in))
	if err != nil {
		return Change{}, err
	}
	until := later(business, l.Through.On)
	again, err := fold(inputs, until, in.position().ID)
	if err != nil {
		return Change{}, err
	}
	if refund, ok := in.(Refunded); ok {
		if err := refund.spares(history, until, again); err != nil {
			return Change{}, err
		}
	}
	var added Fact = in
	for _, f := range again.facts {
		if same(f, in) {
			added = f // with its outcome
		}
	}
	result := engine{
		loan: again.loan, facts: l.news(added, business, history, again), plan: again.plan,
		next: again.next, ahead: again.ahead,
	}
	result.loan.Version, result.loan.Opened = l.Version, l.Opened
	return l.change(&result, business)
}

// same reports whether a fact is the input. A payout has an order and an outcome.
func same(f Fact, in input) bool {
	other, ok := f.(input)
	return ok && other.position().ID == in.position().ID &&
		(f.Kind() == in.Kind() || in.position().Rank > rankDisbursement)
}

// news returns the facts that a late input adds: itself, what the world has not
// heard of yet, and the difference in the books.
func (l *Loan) news(added Fact, business civil.Date, history []Fact, again *engine) []Fact {
	facts := []Fact{added}
	heard := map[headline]bool{}
	for _, f := range history {
		if h, ok := headlineOf(f); ok {
			heard[h] = f.Kind() != KindLateFeeBack
		}
	}
	facts = append(facts, feesBack(history, again, heard)...)
	for _, f := range again.facts {
		if h, ok := headlineOf(f); ok && !heard[h] {
			facts = append(facts, f)
		}
	}
	facts = append(facts, l.stageNow(facts, business, again)...)
	closed := again.loan.Status == Closed
	switch {
	case closed && l.Status != Closed:
		on := again.loan.ClosedOn
		facts = append(facts, FullyRepaid{On: on}, Completed{On: on, Booked: business})
	case !closed && l.Status == Closed:
		facts = append(facts, Reopened{On: added.Date()})
	}
	missing := booksOf(&again.loan, again.facts)
	missing.subtract(booksOf(&again.loan, history))
	missing.subtract(booksOf(&again.loan, []Fact{added}))
	for _, on := range slices.SortedFunc(maps.Keys(missing), civil.Date.Compare) {
		if lines := missing[on].Lines(again.loan.Currency()); len(lines) > 0 {
			slices.SortFunc(lines, func(a, b posting.Line) int { return compareRoles(a.Role, b.Role) })
			facts = append(facts, Adjusted{On: on, Lines: lines})
		}
	}
	return facts
}

// stageNow says in which stage the loan is if the last that the world has heard
// of is another one: the change to that never was, or has become known later
// than what followed it.
func (l *Loan) stageNow(news []Fact, business civil.Date, again *engine) []Fact {
	heard := l.StageNumber()
	for _, f := range news {
		if changed, ok := f.(StageChanged); ok {
			heard = changed.To
		}
	}
	now := &again.loan
	if now.Status != Active || now.StageNumber() == heard { // that a loan ends is news of its own
		return nil
	}
	return []Fact{StageChanged{
		On: business, From: heard, To: now.StageNumber(), DaysPastDue: now.DaysPastDue(business),
	}}
}

// feesBack returns the late fees of which the world has heard and that do not
// count any more, each taken back. One whose amount or day is another now is
// taken back too: the one in its place is news.
func feesBack(history []Fact, again *engine, heard map[headline]bool) []Fact {
	counts := map[headline]bool{}
	for _, f := range again.facts {
		if h, ok := headlineOf(f); ok {
			counts[h] = true
		}
	}
	var back []Fact
	for _, f := range history {
		fee, ok := f.(LateFeeCharged)
		if !ok {
			continue
		}
		if h, _ := headlineOf(fee); heard[h] && !counts[h] {
			heard[h] = false // once, even if it was charged, taken back and charged again
			back = append(back, LateFeeReversed{
				On: fee.On, Number: fee.Number, Due: fee.Due, Count: fee.Count, Amount: fee.Amount,
			})
		}
	}
	return back
}

func compareRoles(a, b ledger.Role) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// headline is what makes two tidings the same.
type headline struct {
	kind   FactKind
	on     civil.Date
	number int
	// fee, its day and its place among those of the instalment tell late fees apart.
	fee   money.Amount
	day   civil.Date
	count int
}

func headlineOf(f Fact) (headline, bool) {
	switch f := f.(type) {
	case WentOverdue:
		return headline{kind: f.Kind(), on: f.Due, number: f.Number}, true
	case LateFeeCharged:
		return headline{KindLateFee, f.Due, f.Number, f.Amount, f.On, f.Count}, true
	case LateFeeReversed: // what was told of that fee is told no more
		return headline{KindLateFee, f.Due, f.Number, f.Amount, f.On, f.Count}, true
	case StageChanged:
		return headline{kind: f.Kind(), on: f.On, number: f.To}, true
	case Suspended:
		number := 0
		if f.Suspended {
			number = 1
		}
		return headline{kind: f.Kind(), on: f.On, number: number}, true
	}
	return headline{}, false
}

// Reversal says that an earlier input never counted: a payment that bounced, a
// charge by mistake. The state and the books become what they would be without
// it; its entry is mirrored. It is refused a second time, and for what made the
// loan: its activation and payouts.
type Reversal struct {
	ID uuid.UUID `json:"id"`
	// Target is the id of the payment or other command.
	Target uuid.UUID `json:"target"`
	Reason string    `json:"reason,omitempty"`
}

// Reverse undoes an input by its id: see Reversal. It always needs the facts.
func (l *Loan) Reverse(r Reversal, business civil.Date, history ...Fact) (Change, error) {
	return l.Do(r, business, history...)
}

func (r Reversal) input(_ *Loan, business civil.Date) (input, error) {
	if err := identified(r.ID); err != nil {
		return nil, err
	}
	if r.Target == uuid.Nil || r.Target == r.ID {
		return nil, invalid("target", "must name another input of the loan")
	}
	return Reversed{Reversal: r, Booked: business}, nil
}

func (f Reversed) booked() civil.Date { return f.Booked }

func (f Reversed) position() Position { return Position{On: f.On, ID: f.ID} }

// apply is never called: a fold leaves out what was reversed.
func (f Reversed) apply(*engine) (Fact, error) {
	return nil, fmt.Errorf("%w: reversal %s without the facts", ErrNeedsHistory, f.ID)
}

func reversible(in input) bool { return in.position().Rank > rankDisbursement }

// complete finds the target.
func (f Reversed) complete(l *Loan, history []Fact) (Reversed, error) {
	for i, fact := range history {
		if other, ok := fact.(Reversed); ok {
			if other.Target == f.Target {
				return f, fmt.Errorf("%w: %s by %s", ErrAlreadyReversed, f.Target, other.ID)
			}
			if other.ID == f.Target {
				return f, fmt.Errorf("%w: a reversal is not reversed; do again what it reversed", ErrNotReversible)
			}
			continue
		}
		in, ok := fact.(input)
		if !ok || in.position().ID != f.Target {
			continue
		}
		if !reversible(in) {
			return f, fmt.Errorf("%w: %s", ErrNotReversible, in.Kind())
		}
		f.On, f.Version, f.Lines = in.Date(), int64(i)+1, posting.Mirror(l.linesOf(fact))
	}
	if f.Version == 0 {
		return f, invalid("target", "is not known to the loan")
	}
	return f, nil
}

func identified(id uuid.UUID) error {
	if id == uuid.Nil {
		return invalid("id", "must be given")
	}
	return nil
}
