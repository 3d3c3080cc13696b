package bankfile

import (
	"errors"
	"strings"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/money"
)

const (
	yearMin = 1990
	yearMax = 2999
	// decimalsMax are the decimals that a bank may write beyond those of the
	// currency, if they are zeros: "12.500" JPY is not read, "12.50000" INR is.
	decimalsMax = 8
)

func plausible(d civil.Date) bool { return d.IsValid() && d.Year >= yearMin && d.Year <= yearMax }

// errGroups and the like are what can be wrong with the text of a number.
var (
	errNumber   = errors.New("is not a decimal number")
	errDecimals = errors.New("has more decimals than its currency")
	errRange    = errors.New("exceeds the range of amounts")
	errGroups   = errors.New("has groups of digits where they do not belong")
)

// number reads a decimal number with the given decimal mark and, if group is
// not zero, marks between groups of digits. A sign may stand before or behind it.
func number(text string, decimal, group byte, currency money.Currency) (money.Amount, error) {
	text = strings.TrimSpace(text)
	negative := false
	switch {
	case strings.HasPrefix(text, "-"), strings.HasPrefix(text, "+"):
		negative, text = text[0] == '-', text[1:]
	case strings.HasSuffix(text, "-"), strings.HasSuffix(text, "+"):
		negative, text = text[len(text)-1] == '-', text[:len(text)-1]
	}
	whole, fraction, pointed := strings.Cut(text, string(decimal))
	if group != 0 && strings.IndexByte(whole, group) >= 0 {
		var err error
		if whole, err = ungroup(whole, group); err != nil {
			return money.Amount{}, err
		}
	}
	if pointed && fraction == "" || len(fraction) > decimalsMax {
		return money.Amount{}, errNumber
	}
	exponent := currency.Exponent()
	if len(fraction) > exponent {
		if strings.Trim(fraction[exponent:], "0") != "" {
			return money.Amount{}, errDecimals
		}
		fraction = fraction[:exponent]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	amount, err := money.Parse(whole, currency)
	if err == nil && negative {
		amount = money.New(-amount.Minor(), currency)
	}
	return bounded(amount, err)
}

// bounded translates what money says.
func bounded(a money.Amount, err error) (money.Amount, error) {
	switch {
	case errors.Is(err, money.ErrOverflow):
		return money.Amount{}, errRange
	case err != nil:
		return money.Amount{}, errNumber
	case a.Minor() > AmountMax || a.Minor() < -AmountMax:
		return money.Amount{}, errRange
	}
	return a, nil
}

// ungroup removes the marks between groups: the last group has three digits,
// those before it two or three (1,00,000 as well as 100,000), the first one to
// three.
func ungroup(whole string, group byte) (string, error) {
	const last, shortest = 3, 2
	parts := strings.Split(whole, string(group))
	for i, part := range parts {
		fits := len(part) == last || i < len(parts)-1 && len(part) == shortest || i == 0 && len(part) == 1
		if !fits {
			return "", errGroups
		}
	}
	return strings.Join(parts, ""), nil
}
