package servicing

import (
	"time"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// words are texts that occur in many loans.
var words = func() map[string]string {
	index := map[string]string{"": ""}
	add := func(list ...string) {
		for _, w := range list {
			index[w] = w
		}
	}
	add(string(Pending), string(Active), string(Repaid), string(Closed), string(Cancelled), string(WrittenDown))
	for _, m := range amortization.Methods() {
		add(string(m))
	}
	for _, d := range amortization.DayCounts() {
		add(string(d))
	}
	for _, u := range []amortization.Unit{amortization.Day, amortization.Week, amortization.Month, amortization.Year} {
		add(string(u))
	}
	for _, f := range []amortization.FeeTiming{amortization.AtDisbursement, amortization.EachInstalment} {
		add(string(f))
	}
	add(string(amortization.Lender), string(amortization.ThirdParty), string(money.HalfEven), string(money.HalfUp))
	add(string(amortization.Horizontal), string(amortization.Vertical), string(amortization.NextInstalment))
	for _, p := range []amortization.Component{
		amortization.PartPenalty, amortization.PartFee, amortization.PartInterest, amortization.PartPrincipal,
	} {
		add(string(p))
	}
	return index
}()

// anyAmount holds an amount of terms, which may have no currency at all.
func (c *codec) anyAmount(v *money.Amount) {
	code, minor := v.Currency().Code(), v.Minor()
	c.text(&code)
	c.int64(&minor)
	if !c.reading || c.err != nil || code == "" {
		return
	}
	currency, err := money.ParseCurrency(code)
	if err != nil {
		c.fail("%v", err)
		return
	}
	*v = money.New(minor, currency)
}

func (c *codec) decimal(v *amortization.Decimal) {
	some := !v.IsZero()
	if c.flag(&some); !some {
		return
	}
	text := ""
	if !c.reading {
		text = v.String()
	}
	c.text(&text)
	if !c.reading || c.err != nil {
		return
	}
	parsed, err := amortization.ParseDecimal(text)
	if err != nil {
		c.fail("%v", err)
	}
	*v = parsed
}

// option holds a value that may be missing.
func option[T any](c *codec, v **T, each func(*T)) {
	some := *v != nil
	c.flag(&some)
	if !some || c.err != nil {
		return
	}
	if c.reading {
		*v = new(T)
	}
	each(*v)
}

func (c *codec) order(o *amortization.Order) {
	word(c, &o.Processing)
	word(c, &o.Future)
	list(c, &o.Rules, func(r *amortization.AllocationRule) {
		word(c, &r.When)
		word(c, &r.Component)
	})
}

func (c *codec) terms(t *amortization.Terms) {
	c.anyAmount(&t.Principal)
	c.decimal(&t.AnnualRatePercent)
	word(c, &t.Method)
	c.int(&t.Instalments)
	c.int(&t.Frequency.Every)
	word(c, &t.Frequency.Unit)
	list(c, &t.Frequency.DaysOfMonth, c.int)
	c.date(&t.DisbursementDate)
	c.date(&t.FirstDueDate)
	c.int(&t.AnchorDay)
	c.date(&t.PeriodStart)
	word(c, &t.InterestBasis)
	word(c, &t.DayCount)
	option(c, &t.Calendar, c.calendar)
	word(c, &t.BusinessDayRule)
	c.flag(&t.KeepInterestDates)
	word(c, &t.MonthEnd)
	list(c, &t.RateSteps, c.rateStep)
	option(c, &t.Index, c.index)
	word(c, &t.ChangePolicy)
	word(c, &t.BrokenPeriod)
	c.int(&t.Grace.Principal)
	c.int(&t.Grace.InterestPayment)
	c.int(&t.Grace.InterestFree)
	c.flag(&t.Grace.Capitalise)
	c.termsLists(t)
}

func (c *codec) termsLists(t *amortization.Terms) {
	list(c, &t.Windows, func(w *amortization.Window) {
		c.date(&w.From)
		c.date(&w.To)
		word(c, &w.Kind)
	})
	list(c, &t.Tranches, func(tranche *amortization.Tranche) {
		c.date(&tranche.Date)
		c.anyAmount(&tranche.Amount)
	})
	c.decimal(&t.DownPaymentPercent)
	c.anyAmount(&t.Balloon)
	c.decimal(&t.Graduation.StepPercent)
	c.int(&t.Graduation.Every)
	c.anyAmount(&t.Instalment)
	list(c, &t.PrincipalPlan, c.anyAmount)
	c.flag(&t.CompoundInterest)
	c.flag(&t.AllowNegativeAmortization)
	word(c, &t.Rounding.Mode)
	c.decimal(&t.Rounding.InstalmentUnit)
	word(c, &t.Rounding.InstalmentMode)
	c.decimal(&t.Rounding.InterestUnit)
	c.int(&t.Rounding.Precision)
	word(c, &t.Rounding.Residual)
	list(c, &t.Fees, c.fee)
}

func (c *codec) fee(f *amortization.Fee) {
	c.text(&f.Name)
	c.anyAmount(&f.Amount)
	c.decimal(&f.Percent)
	word(c, &f.Basis)
	word(c, &f.When)
	c.date(&f.Due)
	word(c, &f.Payee)
	c.decimal(&f.TaxPercent)
}

func (c *codec) rateStep(s *amortization.RateStep) {
	c.date(&s.From)
	c.decimal(&s.AnnualRatePercent)
}

func (c *codec) index(x *amortization.IndexedRate) {
	c.decimal(&x.MarginPercent)
	option(c, &x.FloorPercent, c.decimal)
	option(c, &x.CapPercent, c.decimal)
	list(c, &x.Fixings, c.rateStep)
}

// calendar keeps the difference between no weekend given and none at all.
func (c *codec) calendar(k *amortization.Calendar) {
	c.text(&k.Name)
	given := k.Weekend != nil
	c.flag(&given)
	list(c, &k.Weekend, func(d *time.Weekday) {
		day := int(*d)
		c.int(&day)
		*d = time.Weekday(day)
	})
	if c.reading && given && k.Weekend == nil {
		k.Weekend = []time.Weekday{}
	}
	list(c, &k.Holidays, func(d *civil.Date) { c.date(d) })
}
