package application

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
)

// Product is a kind of loan that is on offer.
type Product struct {
	Code string
	// InstalmentsMin and InstalmentsMax bound the monthly instalments.
	InstalmentsMin, InstalmentsMax int
	// RateMin and RateMax bound the nominal yearly rate, in percent: what an
	// officer may offer.
	RateMin, RateMax string
	// Amounts has the smallest and the largest amount for each currency.
	Amounts []Range
}

// Range is from Min to Max, both included, in one currency.
type Range struct{ Min, Max money.Amount }

// Products is what a borrower can apply for.
var Products = []Product{
	{
		Code: "PERSONAL_LOAN", InstalmentsMin: 6, InstalmentsMax: 84, RateMin: "9.00", RateMax: "24.00",
		Amounts: []Range{
			between("INR", "10000", "4000000"), between("EUR", "500", "75000"), between("USD", "500", "75000"),
			between("JPY", "50000", "10000000"),
		},
	},
	{
		Code: "MICRO_LOAN", InstalmentsMin: 3, InstalmentsMax: 36, RateMin: "12.00", RateMax: "26.00",
		Amounts: []Range{
			between("INR", "1000", "300000"), between("EUR", "50", "5000"), between("USD", "50", "5000"),
		},
	},
}

// Purposes is what a loan may be for. It is a list because it travels in
// events, where free text could carry personal data.
var Purposes = []string{
	"HOME_IMPROVEMENT", "EDUCATION", "MEDICAL", "BUSINESS", "AGRICULTURE", "VEHICLE", "WEDDING", "TRAVEL",
	"DEBT_CONSOLIDATION", "HOUSEHOLD", "OTHER",
}

// monthlyMax bounds income and obligations, in major units of any currency:
// whoever sends more has mistaken the unit.
const monthlyMax = "1000000000"

func between(code, least, most string) Range {
	return Range{Min: mustParse(code, least), Max: mustParse(code, most)}
}

// mustParse is for the constants above.
func mustParse(code, text string) money.Amount {
	amount, err := money.Parse(text, money.MustCurrency(code))
	if err != nil {
		panic(err)
	}
	return amount
}

func findProduct(code string) (Product, bool) {
	i := slices.IndexFunc(Products, func(p Product) bool { return p.Code == code })
	if i < 0 {
		return Product{}, false
	}
	return Products[i], true
}

// amounts returns the range for a currency, if the product is offered in it.
func (p Product) amounts(currency money.Currency) (Range, bool) {
	i := slices.IndexFunc(p.Amounts, func(r Range) bool { return r.Min.Currency() == currency })
	if i < 0 {
		return Range{}, false
	}
	return p.Amounts[i], true
}

func (p Product) currencies() string {
	codes := make([]string, len(p.Amounts))
	for i, r := range p.Amounts {
		codes[i] = r.Min.Currency().Code()
	}
	return strings.Join(codes, ", ")
}

// ErrInvalid means a value is not acceptable; the errors in its tree say which.
var ErrInvalid = errors.New("invalid value")

// FieldError names the field at fault in the words of the API. It matches ErrInvalid.
type FieldError struct {
	// Field is the JSON path: "amount.currency".
	Field string
	// Fault says what is wrong.
	Fault string
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + " " + e.Fault }

// FieldName names the field for problem documents.
func (e *FieldError) FieldName() string { return e.Field }

// Unwrap makes the error match ErrInvalid.
func (e *FieldError) Unwrap() error { return ErrInvalid }

// Request is what a borrower asks for.
type Request struct {
	Product     string
	Amount      money.Amount
	Instalments int
	// Purpose is one of Purposes.
	Purpose string
	// Income and Obligations are per month, in the currency of Amount.
	Income, Obligations money.Amount
}

// check returns everything that is wrong with the request, nil for nothing.
func (r Request) check() error {
	var faults []error
	unless := func(ok bool, field, format string, args ...any) {
		if !ok {
			faults = append(faults, &FieldError{Field: field, Fault: fmt.Sprintf(format, args...)})
		}
	}
	unless(slices.Contains(Purposes, r.Purpose), "purpose", "is not one of %s", strings.Join(Purposes, ", "))
	r.checkMonthly(r.Income, "monthly_income", unless)
	r.checkMonthly(r.Obligations, "monthly_obligations", unless)
	product, ok := findProduct(r.Product)
	if !ok {
		unless(false, "product", "is not on offer")
		return errors.Join(faults...)
	}
	unless(r.Instalments >= product.InstalmentsMin && r.Instalments <= product.InstalmentsMax, "instalments",
		"must be %d to %d for %s", product.InstalmentsMin, product.InstalmentsMax, product.Code)
	limits, ok := product.amounts(r.Amount.Currency())
	unless(ok, "amount.currency", "must be one of %s for %s", product.currencies(), product.Code)
	if ok {
		unless(r.Amount.Minor() >= limits.Min.Minor() && r.Amount.Minor() <= limits.Max.Minor(), "amount.amount",
			"must be %s to %s for %s", limits.Min.Text(), limits.Max, product.Code)
	}
	return errors.Join(faults...)
}

func (r Request) checkMonthly(amount money.Amount, field string, unless func(bool, string, string, ...any)) {
	if amount.Currency() != r.Amount.Currency() {
		unless(false, field+".currency", "must be the currency of the amount, %s", r.Amount.Currency())
		return
	}
	most, err := money.Parse(monthlyMax, amount.Currency())
	unless(err == nil && !amount.IsNegative() && amount.Minor() <= most.Minor(), field+".amount",
		"must be 0 to %s", monthlyMax)
}

// Requirement is something that an application needs before it is reviewed.
type Requirement string

// The requirements.
const (
	NeedIdentityData     Requirement = "IDENTITY_DATA"
	NeedDocumentIdentity Requirement = "DOCUMENT_IDENTITY"
	NeedDocumentIncome   Requirement = "DOCUMENT_INCOME"
)

// requiredKinds are the kinds of documents, as the document service names them.
var requiredKinds = map[string]Requirement{"IDENTITY": NeedDocumentIdentity, "INCOME": NeedDocumentIncome}

// missing lists what is not there yet, in the order of the constants.
func missing(identity bool, kinds []string) []Requirement {
	needs := []Requirement{}
	if !identity {
		needs = append(needs, NeedIdentityData)
	}
	for _, kind := range []string{"IDENTITY", "INCOME"} {
		if !slices.Contains(kinds, kind) {
			needs = append(needs, requiredKinds[kind])
		}
	}
	return needs
}

// open reports whether an application at the stage counts against OpenMax.
func open(stage event.Stage) bool { return rank(stage) < rank(event.StageRepayment) }
