// Package ledger is double-entry bookkeeping as pure rules: accounts that roll
// up to a general ledger, journal entries of any number of lines that balance
// in every currency, balances, limits, and reversal as an exact mirror.
//
// It owns what is a valid entry and the reason why another is not. Identity is
// derived, never drawn: an account is named by its code and an entry by its
// key, for ever, so that a repeated request can only ever mean the same thing.
//
// It must not know contexts, clocks, databases or the network: time, dates and
// keys come in as values. The package ledgerdb keeps what is decided here.
package ledger

import "github.com/tenor-lending/tenor/internal/money"

// Amount is a whole number of minor units of one currency.
type Amount = money.Amount

// Currency is an ISO 4217 currency.
type Currency = money.Currency

// NewAmount returns the amount of minor units (cents, paise, yen) in currency.
func NewAmount(minor int64, currency Currency) Amount { return money.New(minor, currency) }

// ParseCurrency returns the currency of an ISO 4217 alphabetic code.
func ParseCurrency(code string) (Currency, error) { return money.ParseCurrency(code) }
