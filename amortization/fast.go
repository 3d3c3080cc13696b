package amortization

import (
	"math"
	"math/bits"

	"github.com/tenor-lending/tenor/internal/money"
)

// The fast path computes in machine words what the reference path computes in
// 34-digit decimals. It answers only when its answer is certain to be the same,
// and otherwise says so:
//
//   - Interest is balance × rate × num / den, one division. Both paths hold the
//     dividend exactly; the fast path also has the exact remainder, so that it
//     rounds like a quotient of 34 digits, whose dividend has at most 38.
//   - The level instalment needs the growth of many periods. The fast path
//     carries it as a binary fraction with a known bound on its error, and
//     gives up when the bound does not settle the rounding.

// accrueFast returns the rounded interest of a period on a balance; ok is false
// when the figures leave the range of the fast path.
func (e *engine) accrueFast(balance int64, p *period) (interest int64, ok bool) {
	if e.reference || e.interestUnit != 1 || balance < 0 || e.terms.Rounding.Precision != precisionMax {
		return 0, false
	}
	var high, low uint64
	den := e.segments[p.low].den
	divisor, fits := mul63(den, e.rateScale())
	if !fits {
		return 0, false
	}
	for i := p.low; i < p.high; i++ {
		s := &e.segments[i]
		balance += s.drawn
		weight, fits := mul63(s.rate, s.num)
		if !fits || s.den != den || balance < 0 {
			return 0, false
		}
		h, l := bits.Mul64(uint64(balance), weight)
		var carry uint64
		low, carry = bits.Add64(low, l, 0)
		if high, carry = bits.Add64(high, h, carry); carry != 0 {
			return 0, false
		}
	}
	by := newDivision(divisor, e.terms.Rounding.Mode)
	return by.rounded(high, low)
}

// factor returns the factor of a segment as a quotient: the interest on a balance
// of one.
func (e *engine) factor(s *segment) (weight, divisor uint64, ok bool) {
	weight, fits := mul63(s.rate, s.num)
	divisor, ok = mul63(s.den, e.rateScale())
	return weight, divisor, ok && fits
}

func (s *segment) weighsLike(other *segment) bool {
	return s.rate == other.rate && s.num == other.num && s.den == other.den
}

// mul63 multiplies two numbers that must not be negative; ok is false when the
// product does not fit in 63 bits.
func mul63(a, b int64) (product uint64, ok bool) {
	if a < 0 || b < 0 {
		return 0, false
	}
	high, low := bits.Mul64(uint64(a), uint64(b))
	return low, high == 0 && low <= math.MaxInt64
}

// division divides 128-bit numbers, none negative, and rounds the quotient: it
// adds to the dividend what lifts a remainder that rounds up over the divisor.
type division struct {
	divisor, lift uint64
	tiesToEven    bool
}

func newDivision(divisor uint64, mode money.Rounding) division {
	d := division{divisor: divisor}
	switch mode {
	case money.HalfEven:
		d.lift, d.tiesToEven = divisor/2, divisor%2 == 0
	case money.HalfUp:
		d.lift = divisor / 2
	case money.HalfDown:
		d.lift = (divisor - 1) / 2
	case money.Up, money.Ceiling:
		d.lift = divisor - 1
	}
	return d
}

// rounded returns the quotient of high×2^64 + low; ok is false when it may not
// fit in 63 bits.
func (d *division) rounded(high, low uint64) (quotient int64, ok bool) {
	low, carry := bits.Add64(low, d.lift, 0)
	high += carry
	if high >= d.divisor>>1 {
		return 0, false
	}
	q, rest := bits.Div64(high, low, d.divisor)
	if rest == 0 && d.tiesToEven { // it was a tie, and was rounded up
		q &^= 1
	}
	return int64(q), true
}

// fixed is a number of at least 0 with 64 binary places.
type fixed struct{ whole, frac uint64 }

// wholeMax bounds the whole part, so that sums never wrap.
const wholeMax = 1 << 40

// grown returns x·(1+f), where f has 64 binary places; the result is less than
// two units of the last place too small.
func (x fixed) grown(f uint64) fixed {
	h1, l1 := bits.Mul64(x.whole, f)
	h2, _ := bits.Mul64(x.frac, f)
	frac, c1 := bits.Add64(l1, h2, 0)
	frac, c2 := bits.Add64(frac, x.frac, 0)
	return fixed{whole: x.whole + h1 + c1 + c2, frac: frac}
}

// leading returns the 64 leading bits of x and how far they were shifted:
// x ≈ top × 2^(shift-64).
func (x fixed) leading() (top uint64, shift int) {
	shift = 64 - bits.LeadingZeros64(x.whole)
	if shift == 0 {
		return 0, 0 // below one: never for a growth
	}
	return x.whole<<(64-shift) | x.frac>>shift, shift
}

// sizeFast returns the level instalment over the periods from first on, each of
// which grows the balance and counts one payment; ok is false when the
// rounding is not certain.
func (e *engine) sizeFast(balance int64, first int) (instalment int64, ok bool) {
	if e.reference || balance <= 0 || e.terms.Rounding.Precision != precisionMax {
		return 0, false
	}
	growth, paid := fixed{whole: 1}, fixed{}
	var f uint64
	for k := first; k < len(e.periods); k++ {
		p := &e.periods[k]
		if p.high != p.low+1 {
			return 0, false
		}
		s := &e.segments[p.low]
		if k == first || !s.weighsLike(&e.segments[p.low-1]) {
			weight, divisor, fits := e.factor(s)
			if !fits || weight >= divisor {
				return 0, false
			}
			f, _ = bits.Div64(weight, 0, divisor)
		}
		if s.drawn != 0 {
			return 0, false
		}
		growth, paid = growth.grown(f), paid.grown(f)
		paid.whole++
		if growth.whole > wholeMax || paid.whole > wholeMax {
			return 0, false
		}
	}
	return e.quotientFast(balance, growth, paid, len(e.periods)-first)
}

// quotientFast returns balance × growth / paid, rounded, where both have lost
// less than 3·n units of the last place to rounding down, relative to their size.
func (e *engine) quotientFast(balance int64, growth, paid fixed, n int) (int64, bool) {
	top, shift := growth.leading()
	under, underShift := paid.leading()
	// balance × 2^lift fills 63 bits, so that the quotient keeps about 63 bits.
	lift := bits.LeadingZeros64(uint64(balance)) - 1
	high, low := bits.Mul64(uint64(balance)<<lift, top)
	high, low = high>>1, high<<63|low>>1 // below under, which has its highest bit set
	quotient, _ := bits.Div64(high, low, under)
	places := lift - 1 - shift + underShift // binary places of the quotient
	slack := uint64(6*n + 16)
	const placesMax = 40
	if places > placesMax {
		quotient >>= places - placesMax
		slack = slack>>(places-placesMax) + 2
		places = placesMax
	}
	unit := uint64(e.unit)
	if places < 1 || bits.Len64(unit)+places > 62 {
		return 0, false
	}
	step := unit << places
	rest := quotient % step
	half := step / 2
	if rest <= slack || step-rest <= slack || (rest <= half+slack && half <= rest+slack) {
		return 0, false // too close to a boundary: the reference path decides
	}
	by := newDivision(step, e.terms.Rounding.InstalmentMode)
	rounded, ok := by.rounded(0, quotient)
	if !ok || rounded > math.MaxInt64/e.unit {
		return 0, false
	}
	return rounded * e.unit, true
}
