package ledger

import (
	"fmt"

	"github.com/google/uuid"
)

// Side is one of the two sides of an account.
type Side string

// The sides.
const (
	Debit  Side = "DEBIT"
	Credit Side = "CREDIT"
)

// Valid reports whether s is one of the two sides.
func (s Side) Valid() bool { return s == Debit || s == Credit }

// Opposite returns the other side.
func (s Side) Opposite() Side {
	if s == Debit {
		return Credit
	}
	return Debit
}

// AccountType is one of the five kinds of accounts.
type AccountType string

// The account types.
const (
	Asset     AccountType = "ASSET"
	Liability AccountType = "LIABILITY"
	Equity    AccountType = "EQUITY"
	Income    AccountType = "INCOME"
	Expense   AccountType = "EXPENSE"
)

// Valid reports whether t is one of the five types.
func (t AccountType) Valid() bool {
	switch t {
	case Asset, Liability, Equity, Income, Expense:
		return true
	}
	return false
}

// NormalSide returns the side on which accounts of this type grow. A contra
// account (an allowance for losses among the assets) grows on the other one.
func (t AccountType) NormalSide() Side {
	if t == Asset || t == Expense {
		return Debit
	}
	return Credit
}

// Limit is a bound that an account itself sets to its balance. No caller can
// lift it: an entry that would pass it is rejected.
type Limit string

// The limits. Pending entries count against a limit as if they were posted.
const (
	// NoLimit lets the balance be anything.
	NoLimit Limit = "NONE"
	// DebitsMustNotExceedCredits keeps a credit account from being overdrawn.
	DebitsMustNotExceedCredits Limit = "DEBITS_MUST_NOT_EXCEED_CREDITS"
	// CreditsMustNotExceedDebits keeps a debit account from going below zero.
	CreditsMustNotExceedDebits Limit = "CREDITS_MUST_NOT_EXCEED_DEBITS"
)

// Valid reports whether l is one of the limits.
func (l Limit) Valid() bool {
	return l == NoLimit || l == DebitsMustNotExceedCredits || l == CreditsMustNotExceedDebits
}

// Allows reports whether totals of debits and credits, in minor units, keep
// the limit.
func (l Limit) Allows(debits, credits int64) bool {
	switch l {
	case DebitsMustNotExceedCredits:
		return debits <= credits
	case CreditsMustNotExceedDebits:
		return credits <= debits
	}
	return true
}

// GLAccount is an account of the general ledger: the heading under which
// accounts of every currency are summed.
type GLAccount struct {
	// Code names it for ever: "1100".
	Code string
	Name string
	Type AccountType
	// NormalSide is the side on which it grows; for a contra account it is not
	// that of its type.
	NormalSide Side
}

// Validate checks the form of g. The error is a *Rejection.
func (g GLAccount) Validate() error {
	if err := checkCode(g.Code, "code", CodeLengthMax); err != nil {
		return err
	}
	if err := checkText(g.Name, "name", 1, NameLengthMax); err != nil {
		return err
	}
	return checkTypeAndSide(g.Type, g.NormalSide)
}

// Account is a place where value is kept, in one currency. It rolls up to a
// general ledger account and shares its type and normal side.
type Account struct {
	// Code names the account for ever: "1000.INR", "1100.INR.<loan id>". It
	// decides the account's id.
	Code string
	Name string
	// GLCode is the general ledger account that this one rolls up to.
	GLCode     string
	Type       AccountType
	NormalSide Side
	Currency   Currency
	Limit      Limit
	// Closed refuses every further line.
	Closed   bool
	Metadata map[string]string
}

// accountSpace and entrySpace keep derived ids of accounts and entries apart.
var (
	accountSpace = uuid.NewSHA1(uuid.NameSpaceOID, []byte("tenor:ledger:account"))
	entrySpace   = uuid.NewSHA1(uuid.NameSpaceOID, []byte("tenor:ledger:entry"))
)

// AccountID returns the id of the account with the code.
func AccountID(code string) uuid.UUID { return uuid.NewSHA1(accountSpace, []byte(code)) }

// ID returns the account's id, which its code decides.
func (a Account) ID() uuid.UUID { return AccountID(a.Code) }

// Validate checks the form of a. The error is a *Rejection that names the field.
func (a Account) Validate() error {
	if err := checkCode(a.Code, "code", CodeLengthMax); err != nil {
		return err
	}
	if err := checkText(a.Name, "name", 1, NameLengthMax); err != nil {
		return err
	}
	if err := checkCode(a.GLCode, "gl_code", CodeLengthMax); err != nil {
		return err
	}
	if err := checkTypeAndSide(a.Type, a.NormalSide); err != nil {
		return err
	}
	if a.Currency.IsZero() {
		return reject(FieldInvalid, "currency", "must be an ISO 4217 currency")
	}
	if !a.Limit.Valid() {
		return reject(FieldInvalid, "limit", "must be one of the limits")
	}
	return checkMetadata(a.Metadata)
}

func checkTypeAndSide(t AccountType, side Side) error {
	if !t.Valid() {
		return reject(FieldInvalid, "type", "must be one of the five account types")
	}
	if !side.Valid() {
		return reject(FieldInvalid, "normal_side", "must be DEBIT or CREDIT")
	}
	return nil
}

// Balance is what an account holds: its totals and their difference on its
// normal side. Totals of an account never shrink; corrections add.
type Balance struct {
	AccountID uuid.UUID
	Debits    Amount
	Credits   Amount
	// Net is positive when the account is on its normal side.
	Net Amount
}

// NewBalance returns the balance of an account from its totals in minor units.
// The error is money's ErrOverflow.
func NewBalance(id uuid.UUID, normal Side, currency Currency, debits, credits int64) (Balance, error) {
	b := Balance{AccountID: id, Debits: NewAmount(debits, currency), Credits: NewAmount(credits, currency)}
	larger, smaller := b.Debits, b.Credits
	if normal == Credit {
		larger, smaller = smaller, larger
	}
	var err error
	b.Net, err = larger.Sub(smaller)
	if err != nil {
		return Balance{}, fmt.Errorf("balance of account %s: %w", id, err)
	}
	return b, nil
}

// Available returns what is left of a balance when everything pending against
// it is posted and nothing pending in its favour: pending amounts on the side
// opposite to normal reduce it.
func (b Balance) Available(normal Side, pendingDebits, pendingCredits Amount) (Amount, error) {
	against := pendingCredits
	if normal == Credit {
		against = pendingDebits
	}
	left, err := b.Net.Sub(against)
	if err != nil {
		return Amount{}, fmt.Errorf("available balance of account %s: %w", b.AccountID, err)
	}
	return left, nil
}
