package servicing

import (
	"encoding/json"
	"fmt"

	"github.com/tenor-lending/tenor/internal/money"
)

// MarshalJSON names the currency once and leaves out what is zero, which of the
// parts of a payment most are: {"currency":"INR","principal":"969.73"}.
func (p Parts) MarshalJSON() ([]byte, error) {
	const room = 128
	currency := p.Principal.Currency()
	if currency.IsZero() {
		return nil, fmt.Errorf("encoding parts: %w", money.ErrUnknownCurrency)
	}
	b := append(make([]byte, 0, room), `{"currency":"`...)
	b = append(append(b, currency.Code()...), '"')
	for _, part := range p.named() {
		if part.amount.Currency() != currency {
			return nil, fmt.Errorf("encoding parts: %w", money.ErrCurrencyMismatch)
		}
		if !part.amount.IsZero() {
			b = append(append(append(b, `,"`...), part.name...), `":"`...)
			b = append(append(b, part.amount.Text()...), '"')
		}
	}
	return append(b, '}'), nil
}

type namedPart struct {
	name   string
	amount *money.Amount
}

func (p *Parts) named() [4]namedPart {
	return [4]namedPart{
		{"principal", &p.Principal}, {"interest", &p.Interest}, {"fees", &p.Fees}, {"penalties", &p.Penalties},
	}
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Parts) UnmarshalJSON(data []byte) error {
	var wire map[string]string
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	currency, err := money.ParseCurrency(wire["currency"])
	if err != nil {
		return err
	}
	*p = NoParts(currency)
	known := 1
	for _, part := range p.named() {
		text, given := wire[part.name]
		if !given {
			continue
		}
		known++
		if *part.amount, err = money.Parse(text, currency); err != nil {
			return err
		}
	}
	if known != len(wire) {
		return fmt.Errorf("%w: parts %s", ErrCorrupt, data)
	}
	return nil
}
