package httpapi

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/tenor-lending/tenor/internal/money"
)

// Money is an amount in a request or an answer: a decimal string and an ISO
// 4217 code, so that no reader's floating point can touch it.
type Money struct {
	Amount   string `json:"amount" pattern:"^-?[0-9]{1,18}(\\.[0-9]{1,4})?$" maxLength:"24" example:"969.73" doc:"Decimal number in major units with no more decimals than the currency has"`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" example:"INR" doc:"ISO 4217 alphabetic code"`
	value    money.Amount
}

// MoneyOf returns the JSON form of an amount.
func MoneyOf(a money.Amount) Money {
	return Money{Amount: a.Text(), Currency: a.Currency().Code(), value: a}
}

// Value returns the amount. It is known after Huma has checked the request.
func (m Money) Value() money.Amount { return m.value }

// Resolve implements huma.ResolverWithPath: it refuses unknown currencies and
// more decimals than the currency has, naming the field.
func (m *Money) Resolve(_ huma.Context, path *huma.PathBuffer) []error {
	if m.Amount == "" && m.Currency == "" {
		return nil // the schema has already said that it is required, or it is optional and absent
	}
	currency, err := money.ParseCurrency(m.Currency)
	if err != nil {
		return []error{&huma.ErrorDetail{Location: path.With("currency"), Message: err.Error()}}
	}
	m.value, err = money.Parse(m.Amount, currency)
	if err != nil {
		return []error{&huma.ErrorDetail{Location: path.With("amount"), Message: err.Error()}}
	}
	return nil
}

var _ huma.ResolverWithPath = (*Money)(nil)
