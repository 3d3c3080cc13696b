package amortization

import (
	"fmt"
	"slices"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/money"
)

// Component is a part of an instalment.
type Component string

// The components.
const (
	PartPenalty   Component = "penalty"
	PartFee       Component = "fee"
	PartInterest  Component = "interest"
	PartPrincipal Component = "principal"
)

// Timing is where an instalment stands on the day of a payment.
type Timing string

// The timings. The zero value matches every instalment.
const (
	// AnyTime matches every instalment.
	AnyTime Timing = ""
	// PastDue is due before the day.
	PastDue Timing = "past_due"
	// DueToday is due on the day.
	DueToday Timing = "due"
	// InAdvance is due after the day.
	InAdvance Timing = "in_advance"
)

// AllocationRule is one step of an order: a component of the instalments of a timing.
type AllocationRule struct {
	When      Timing    `json:"when,omitempty"`
	Component Component `json:"component"`
}

// Processing says how the steps of an order meet several instalments.
type Processing string

// The processings. The zero value means Horizontal.
const (
	// Horizontal goes instalment by instalment, oldest first, and within each by the
	// order of components; rules of one timing that follow each other form one pass.
	Horizontal Processing = "horizontal"
	// Vertical goes rule by rule: one component over all its instalments, oldest first.
	Vertical Processing = "vertical"
)

// FutureRule says which instalment takes money in advance.
type FutureRule string

// The future rules. The zero value means NextInstalment.
const (
	// NextInstalment pays the earliest instalment first.
	NextInstalment FutureRule = "next"
	// LastInstalment pays the latest instalment first.
	LastInstalment FutureRule = "last"
	// SpreadInstalments spreads evenly over all of them, the remainder to the last.
	SpreadInstalments FutureRule = "spread"
)

// Order says in which order a payment covers what is open. The zero Order is
// the usual one: oldest instalment first, and within it penalty, fee, interest
// and principal.
type Order struct {
	Processing Processing       `json:"processing,omitempty"`
	Rules      []AllocationRule `json:"rules,omitempty"`
	Future     FutureRule       `json:"future,omitempty"`
}

// ComponentOrder returns the order that goes instalment by instalment, oldest
// first, with the components in the order given.
func ComponentOrder(components ...Component) Order {
	order := Order{Processing: Horizontal, Future: NextInstalment}
	for _, c := range components {
		order.Rules = append(order.Rules, AllocationRule{Component: c})
	}
	return order
}

var components = []Component{PartPenalty, PartFee, PartInterest, PartPrincipal}

func (o Order) normalised() Order {
	setDefault(&o.Processing, Horizontal)
	setDefault(&o.Future, NextInstalment)
	if len(o.Rules) == 0 {
		o.Rules = ComponentOrder(components...).Rules
	}
	return o
}

// Validate returns ErrOrder when a name is unknown, a rule occurs twice, or
// rules for any time and for a certain timing are mixed.
func (o Order) Validate() error {
	o = o.normalised()
	if o.Processing != Horizontal && o.Processing != Vertical {
		return fmt.Errorf("%w: processing %.40q", ErrOrder, string(o.Processing))
	}
	if !slices.Contains([]FutureRule{NextInstalment, LastInstalment, SpreadInstalments}, o.Future) {
		return fmt.Errorf("%w: future rule %.40q", ErrOrder, string(o.Future))
	}
	for i, rule := range o.Rules {
		if !slices.Contains(components, rule.Component) {
			return fmt.Errorf("%w: component %.40q", ErrOrder, string(rule.Component))
		}
		if !slices.Contains([]Timing{AnyTime, PastDue, DueToday, InAdvance}, rule.When) {
			return fmt.Errorf("%w: timing %.40q", ErrOrder, string(rule.When))
		}
		if slices.Contains(o.Rules[:i], rule) {
			return fmt.Errorf("%w: rule %d occurs twice", ErrOrder, i+1)
		}
		if (rule.When == AnyTime) != (o.Rules[0].When == AnyTime) {
			return fmt.Errorf("%w: rules with and without timing", ErrOrder)
		}
	}
	return nil
}

// Allocation is the split of a payment. The parts of Paid and the Remainder
// sum to the payment.
type Allocation struct {
	// Paid lists the instalments that the payment touches, oldest first, with
	// the parts that it covers.
	Paid []DueItem `json:"paid"`
	// Penalty, Fee, Interest and Principal are the sums of Paid.
	Penalty   money.Amount `json:"penalty"`
	Fee       money.Amount `json:"fee"`
	Interest  money.Amount `json:"interest"`
	Principal money.Amount `json:"principal"`
	// Remainder is what the order gives to nothing: the overpayment.
	Remainder money.Amount `json:"remainder"`
}

// Allocate splits a payment made on a day over what is open, in the order
// given. The items are not changed; they may be in any order. The errors are
// ErrAmount, ErrOrder and money.ErrOverflow.
func Allocate(payment money.Amount, on civil.Date, open []DueItem, order Order) (Allocation, error) {
	if payment.IsNegative() || payment.Currency().IsZero() {
		return Allocation{}, fmt.Errorf("payment: %w: %s", ErrAmount, payment)
	}
	if err := checkItems(open, payment.Currency(), false); err != nil {
		return Allocation{}, err
	}
	if err := order.Validate(); err != nil {
		return Allocation{}, err
	}
	a := newAllocator(payment, on, open)
	a.run(order.normalised())
	return a.result(payment.Currency()), nil
}

// allocator holds the open and the paid parts of the items, by component.
type allocator struct {
	items []DueItem
	when  []Timing
	open  [][4]int64
	paid  [][4]int64
	left  int64
}

func newAllocator(payment money.Amount, on civil.Date, open []DueItem) *allocator {
	items := slices.Clone(open)
	slices.SortStableFunc(items, func(x, y DueItem) int {
		if x.Due != y.Due {
			return x.Due.Compare(y.Due)
		}
		return x.Number - y.Number
	})
	a := &allocator{items: items, left: payment.Minor()}
	a.when, a.open, a.paid = make([]Timing, len(items)), make([][4]int64, len(items)), make([][4]int64, len(items))
	for i := range items {
		item := &items[i]
		a.open[i] = [4]int64{item.Penalty.Minor(), item.Fee.Minor(), item.Interest.Minor(), item.Principal.Minor()}
		a.when[i] = InAdvance
		if item.Due.Before(on) {
			a.when[i] = PastDue
		} else if item.Due == on {
			a.when[i] = DueToday
		}
	}
	return a
}

func (a *allocator) run(order Order) {
	rules := order.Rules
	for len(rules) > 0 && a.left > 0 {
		n := 1 // the rules of this pass
		for order.Processing == Horizontal && n < len(rules) && rules[n].When == rules[0].When {
			n++
		}
		a.pass(rules[:n], order.Future)
		rules = rules[n:]
	}
}

// pass lets the rules, all of one timing, meet the instalments of that timing.
func (a *allocator) pass(rules []AllocationRule, future FutureRule) {
	var matching []int
	for i, when := range a.when {
		if rules[0].When == AnyTime || rules[0].When == when {
			matching = append(matching, i)
		}
	}
	if rules[0].When == InAdvance && future == SpreadInstalments {
		a.spread(rules, matching)
		return
	}
	if rules[0].When == InAdvance && future == LastInstalment {
		slices.Reverse(matching)
	}
	for _, i := range matching {
		a.pay(i, rules, a.left)
	}
}

// pay covers up to limit of one item, and returns what it covered.
func (a *allocator) pay(i int, rules []AllocationRule, limit int64) int64 {
	covered := int64(0)
	for _, rule := range rules {
		c := slices.Index(components, rule.Component)
		part := min(limit-covered, a.open[i][c])
		a.open[i][c] -= part
		a.paid[i][c] += part
		covered += part
	}
	a.left -= covered
	return covered
}

// spread gives every item an equal share, the remainder to the last; what an
// item cannot take is shared again.
func (a *allocator) spread(rules []AllocationRule, items []int) {
	for a.left > 0 && len(items) > 0 { // every round but the last drops an item
		share := a.left / int64(len(items))
		extra := a.left % int64(len(items))
		var able []int
		for at, i := range items {
			limit := share
			if at == len(items)-1 {
				limit += extra
			}
			if a.pay(i, rules, limit) == limit {
				able = append(able, i)
			}
		}
		items = able
	}
}

func (a *allocator) result(currency money.Currency) Allocation {
	var sums [4]int64
	var paid []DueItem
	for i := range a.items {
		parts := a.paid[i]
		if parts == [4]int64{} {
			continue
		}
		for c, part := range parts {
			sums[c] += part
		}
		paid = append(paid, DueItem{
			Number: a.items[i].Number, Due: a.items[i].Due,
			Penalty: money.New(parts[0], currency), Fee: money.New(parts[1], currency),
			Interest: money.New(parts[2], currency), Principal: money.New(parts[3], currency),
		})
	}
	return Allocation{
		Paid: paid, Penalty: money.New(sums[0], currency), Fee: money.New(sums[1], currency),
		Interest: money.New(sums[2], currency), Principal: money.New(sums[3], currency),
		Remainder: money.New(a.left, currency),
	}
}
