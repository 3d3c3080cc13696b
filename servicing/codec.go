package servicing

import (
	"encoding/binary"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// codecVersion is the first byte of an encoded loan. A new layout gets the next
// number, and visit keeps reading the older ones. Layout 1 ended with the
// instalments: all accounts of a loan were opened with it. Layout 2 ended with
// the accounts: its loans are of no version of the catalogue.
const (
	codecVersion   = 3
	codecNoProduct = 2
	codecAllOpen   = 1
)

// codecListMax bounds every list and text of an encoded loan.
const codecListMax = 1 << 20

// EncodeLoan returns the state in a compact binary form, for storage. It holds
// everything: DecodeLoan gives the same loan again.
func EncodeLoan(l *Loan) ([]byte, error) {
	c := codec{buf: make([]byte, 0, 384+len(l.Instalments)*48), currency: l.Currency()}
	c.buf = append(c.buf, codecVersion)
	copied := *l // visit has one signature for both ways and writes nothing here
	c.loan(&copied)
	c.octet((*byte)(&copied.Opened))
	c.catalogued(&copied.Product)
	return c.buf, c.err
}

// DecodeLoan reads what EncodeLoan wrote. It returns ErrCorrupt for anything else.
func DecodeLoan(data []byte) (Loan, error) {
	c := codec{buf: data, reading: true}
	var version byte
	if c.octet(&version); c.err == nil && (version < codecAllOpen || version > codecVersion) {
		c.fail("layout %d", version)
	}
	var l Loan
	if c.err == nil {
		c.loan(&l)
	}
	l.Opened = posting.AllLoanRoles
	if c.err == nil && version != codecAllOpen {
		c.octet((*byte)(&l.Opened))
	}
	if c.err == nil && version > codecNoProduct {
		c.catalogued(&l.Product)
	}
	if c.err == nil && len(c.buf) > 0 {
		c.fail("%d bytes too many", len(c.buf))
	}
	if c.err != nil {
		return Loan{}, c.err
	}
	return l, nil
}

// codec writes values to the end of buf, or reads them from its start: one
// description of the layout serves both ways, so that they cannot differ.
type codec struct {
	buf      []byte
	reading  bool
	currency money.Currency // of the loan
	err      error
}

func (c *codec) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: encoded loan: %s", ErrCorrupt, fmt.Sprintf(format, args...))
	}
	c.buf = nil
}

// take returns the next n bytes when reading.
func (c *codec) take(n int) []byte {
	if n < 0 || n > len(c.buf) {
		c.fail("it ends early")
		return nil
	}
	head := c.buf[:n]
	c.buf = c.buf[n:]
	return head
}

func (c *codec) octet(v *byte) {
	if !c.reading {
		c.buf = append(c.buf, *v)
	} else if b := c.take(1); b != nil {
		*v = b[0]
	}
}

func (c *codec) flag(v *bool) {
	var b byte
	if *v {
		b = 1
	}
	c.octet(&b)
	*v = b != 0
}

func (c *codec) int64(v *int64) {
	if !c.reading {
		c.buf = binary.AppendVarint(c.buf, *v)
		return
	}
	value, n := binary.Varint(c.buf)
	if n <= 0 {
		c.fail("a number is broken")
		return
	}
	*v, c.buf = value, c.buf[n:]
}

func (c *codec) int(v *int) {
	wide := int64(*v)
	c.int64(&wide)
	*v = int(wide)
}

// size writes or reads the length of a list or text.
func (c *codec) size(n int) int {
	c.int(&n)
	if n < 0 || n > codecListMax || (c.reading && n > len(c.buf)) {
		c.fail("a list is too long")
		return 0
	}
	return n
}

func (c *codec) text(v *string) {
	n := c.size(len(*v))
	if !c.reading {
		c.buf = append(c.buf, *v...)
		return
	}
	b := c.take(n)
	if known, ok := words[string(b)]; ok {
		*v = known // no copy
		return
	}
	*v = string(b)
}

func (c *codec) id(v *uuid.UUID) {
	if !c.reading {
		c.buf = append(c.buf, v[:]...)
		return
	}
	copy(v[:], c.take(len(v)))
}

// date packs a date into a number; the zero date is 0.
func (c *codec) date(v *civil.Date) {
	packed := int64(v.Year)<<9 | int64(v.Month)<<5 | int64(v.Day)
	c.int64(&packed)
	if c.reading {
		*v = civil.Date{Year: int(packed >> 9), Month: time.Month(packed >> 5 & 15), Day: int(packed & 31)}
		if packed != 0 && !v.IsValid() {
			c.fail("%v is no date", *v)
		}
	}
}

// amount holds minor units in the currency of the loan.
func (c *codec) amount(v *money.Amount) {
	minor := v.Minor()
	c.int64(&minor)
	if c.reading {
		*v = money.New(minor, c.currency)
	} else if v.Currency() != c.currency {
		c.fail("%s in a loan in %s", v, c.currency)
	}
}

func (c *codec) parts(p *Parts) {
	c.amount(&p.Principal)
	c.amount(&p.Interest)
	c.amount(&p.Fees)
	c.amount(&p.Penalties)
}

// list lets each meet the elements of a list that is nil when it is empty.
func list[T any](c *codec, v *[]T, each func(*T)) {
	n := c.size(len(*v))
	if c.reading && n > 0 {
		*v = make([]T, n)
	}
	for i := 0; i < len(*v) && c.err == nil; i++ {
		each(&(*v)[i])
	}
}

// word is text that names one of a few values.
func word[T ~string](c *codec, v *T) {
	text := string(*v)
	c.text(&text)
	*v = T(text)
}

func (c *codec) loan(l *Loan) {
	c.terms(&l.Terms)
	c.currency = l.Currency()
	c.id(&l.ID)
	c.id(&l.ApplicationID)
	c.id(&l.CustomerID)
	c.id(&l.BookID)
	word(c, &l.Status)
	c.text(&l.ScheduleHash)
	c.order(&l.Allocation)
	c.product(&l.Product)
	list(c, &l.Revisions, c.revision)
	c.int(&l.Planned)
	c.amount(&l.Undisbursed)
	c.amount(&l.Overpaid)
	c.amount(&l.Exposure)
	c.id(&l.Disbursement.ID)
	c.amount(&l.Disbursement.Gross)
	c.amount(&l.Disbursement.Net)
	c.amount(&l.Disbursement.LenderFees)
	c.amount(&l.Disbursement.ThirdPartyFees)
	c.amount(&l.Disbursement.UpfrontInterest)
	c.flag(&l.PayoutPending)
	c.flag(&l.PayoutFailed)
	c.int64(&l.PayoutVersion)
	word(c, &l.PayoutAs)
	c.int(&l.Tranches)
	c.int(&l.Stage)
	c.amount(&l.Provision)
	c.date(&l.ProvisionedOn)
	c.flag(&l.Suspended)
	c.parts(&l.WrittenOff)
	c.parts(&l.Recovered)
	list(c, &l.Quotes, c.quote)
	list(c, &l.Pauses, c.pause)
	list(c, &l.Deferrals, func(d *Deferral) {
		word(c, &d.Earning)
		c.amount(&d.Left)
	})
	c.date(&l.EarnedOn)
	for _, on := range [...]*civil.Date{
		&l.ActivatedOn, &l.DisbursedOn, &l.LastPaidOn, &l.RepaidOn, &l.ClosedOn, &l.ChargedOffOn, &l.WrittenOffOn,
		&l.Through.On,
	} {
		c.date(on)
	}
	c.int(&l.Through.Rank)
	c.id(&l.Through.ID)
	c.int64(&l.Version)
	list(c, &l.Instalments, c.instalment)
}

// The parts of an instalment that most often are all zero.
const (
	hasAccrued = 1 << iota
	hasPaid
	hasWaived
	hasOverdue
	hasLate
)

func (c *codec) instalment(row *Instalment) {
	var has byte
	if !c.reading {
		has = row.has()
	}
	c.octet(&has)
	c.int(&row.Number)
	c.date(&row.Due)
	c.parts(&row.Charged)
	for _, some := range [...]struct {
		bit   byte
		parts *Parts
	}{{hasAccrued, &row.Accrued}, {hasPaid, &row.Paid}, {hasWaived, &row.Waived}} {
		if has&some.bit != 0 {
			c.parts(some.parts)
		} else if c.reading {
			*some.parts = NoParts(c.currency)
		}
	}
	if has&hasOverdue != 0 {
		c.date(&row.OverdueOn)
	}
	if has&hasLate != 0 {
		c.int(&row.LateFees)
		c.amount(&row.LateCharged)
	} else if c.reading {
		row.LateCharged = money.Zero(c.currency)
	}
}

func (i *Instalment) has() byte {
	var has byte
	for bit, some := range [...]bool{
		!i.Accrued.IsZero(), !i.Paid.IsZero(), !i.Waived.IsZero(), !i.OverdueOn.IsZero(),
		i.LateFees != 0 || !i.LateCharged.IsZero(),
	} {
		if some {
			has |= 1 << bit
		}
	}
	return has
}
