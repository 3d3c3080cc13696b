package servicing

import (
	"encoding/json"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// catalogued is which version of the catalogue the product is.
func (c *codec) catalogued(p *Product) {
	c.text(&p.Code)
	c.int64(&p.Version)
}

func (c *codec) product(p *Product) {
	word(c, &p.Accrual)
	word(c, &p.Excess)
	c.flag(&p.DeferFees)
	c.int(&p.LateFee.GraceDays)
	c.anyAmount(&p.LateFee.Tolerance)
	c.anyAmount(&p.LateFee.Amount)
	c.decimal(&p.LateFee.Percent)
	c.int(&p.LateFee.EveryDays)
	c.anyAmount(&p.LateFee.Cap)
	c.anyAmount(&p.Tolerance)
	c.int(&p.Suspension.AfterDays)
	c.flag(&p.Suspension.Reverse)
	c.int(&p.Suspension.ResumeDays)
	list(c, &p.Stages, func(s *Stage) {
		c.int(&s.FromDays)
		c.int(&s.Number)
		c.decimal(&s.RatePercent)
	})
	list(c, &p.Posting, func(r *posting.Rule) {
		of := byte(r.Of)
		word(c, &r.Transaction)
		c.octet(&of)
		r.Of = posting.Figure(of)
		word[ledger.Role](c, &r.Debit)
		word[ledger.Role](c, &r.Credit)
	})
}

// revision holds a change of terms as JSON: few loans have one.
func (c *codec) revision(r *Revision) {
	c.date(&r.On)
	c.anyAmount(&r.Prepaid)
	word(c, &r.Effect)
	option(c, &r.Change, func(change *amortization.Rescheduling) {
		text := ""
		if !c.reading {
			data, err := json.Marshal(change)
			if err != nil {
				c.fail("a change of the plan: %v", err)
			}
			text = string(data)
		}
		c.text(&text)
		if c.reading && c.err == nil {
			if err := json.Unmarshal([]byte(text), change); err != nil {
				c.fail("a change of the plan: %v", err)
			}
		}
	})
}

func (c *codec) quote(q *Quote) {
	c.id(&q.ID)
	c.date(&q.On)
	c.date(&q.Until)
	c.date(&q.Payoff.On)
	c.amount(&q.Payoff.Principal)
	c.amount(&q.Payoff.Interest)
	c.amount(&q.Payoff.Fees)
	c.amount(&q.Payoff.Penalties)
	c.amount(&q.Payoff.Credit)
	c.amount(&q.Payoff.Total)
	c.amount(&q.Payoff.PerDiem)
	c.text(&q.ScheduleHash)
	c.amount(&q.Exposure)
}

func (c *codec) pause(p *Pause) {
	c.id(&p.ID)
	c.date(&p.On)
	c.date(&p.From)
	c.date(&p.To)
}
