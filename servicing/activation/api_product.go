package activation

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/posting"
)

const pathProducts = "/api/v1/loan-products"

func (s *Service) productRoutes(api *httpapi.API) {
	readProducts := httpapi.Allow(readers...)
	httpapi.Register(api, httpapi.Op{
		ID: "list-loan-products", Method: http.MethodGet, Path: pathProducts, Tag: tag, Access: readProducts,
		Summary: "List how loan products are serviced",
		Description: "The latest version of each product in each currency, be it in force or to come, and of each product " +
			"the built-in version 0, which holds where no other is in force.",
	}, s.listProducts)
	httpapi.Register(api, httpapi.Op{
		ID: "get-loan-product", Method: http.MethodGet, Path: pathProducts + "/{product}", Tag: tag, Access: readProducts,
		Summary:     "Read the versions of a loan product in one currency",
		Description: "The latest first; the built-in version 0 is the last.",
		Errors:      []int{http.StatusNotFound},
	}, s.getProduct)
	httpapi.Register(api, httpapi.Op{
		ID: "save-loan-product", Method: http.MethodPost, Path: pathProducts + "/{product}/versions", Tag: tag,
		Access: httpapi.Allow(access.Admin, access.Finance), Idempotent: true, Status: http.StatusCreated,
		Summary: "Say how loans of a product are serviced from a day on",
		Description: "Adds a version. An offer takes the version that is in force on its business date, the one with the " +
			"latest `effective_from`, shows its late fee, and the loan is serviced by it: offers and loans that exist do not " +
			"change. What is left out of the settings is off.",
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.saveProduct)
}

type productBody struct {
	Code    string `json:"code" example:"MICRO_LOAN"`
	Version int64  `json:"version" doc:"0 is built in"`
}

type lateFeeBody struct {
	GraceDays int            `json:"grace_days,omitempty" minimum:"0" maximum:"3660" doc:"Days after the due date without a fee"`
	Tolerance *httpapi.Money `json:"tolerance,omitempty" doc:"How much may be overdue without a fee"`
	Amount    *httpapi.Money `json:"amount,omitempty" doc:"The fee; or give percent"`
	Percent   string         `json:"percent,omitempty" pattern:"^[0-9]{1,3}(\\.[0-9]{1,6})?$" example:"2.5" doc:"Of the overdue principal and interest"`
	EveryDays int            `json:"every_days,omitempty" minimum:"0" maximum:"3660" doc:"Charge it again after so many days, up to the cap; 0: once an instalment"`
	Cap       *httpapi.Money `json:"cap,omitempty" doc:"The most for one instalment"`
}

type suspensionBody struct {
	AfterDays  int  `json:"after_days,omitempty" minimum:"0" maximum:"3660" doc:"Days past due; 0: never"`
	Reverse    bool `json:"reverse,omitempty" doc:"Take back interest that is receivable and not paid"`
	ResumeDays int  `json:"resume_days,omitempty" minimum:"0" maximum:"3660" doc:"Days past due at most to resume"`
}

type stageBody struct {
	FromDays    int    `json:"from_days" minimum:"0" maximum:"3660" doc:"Days past due"`
	Number      int    `json:"number" minimum:"1" maximum:"20"`
	RatePercent string `json:"rate_percent" pattern:"^[0-9]{1,3}(\\.[0-9]{1,6})?$" example:"25" doc:"Expected loss, of what the books hold of the loan"`
}

type postingBody struct {
	Transaction string `json:"transaction" maxLength:"60" example:"REPAYMENT"`
	Of          string `json:"of" enum:"principal,interest,fees,penalties,overpaid,other,net,lender_fees,third_party_fees,upfront_interest"`
	Debit       string `json:"debit" maxLength:"60" doc:"Role of the chart of accounts"`
	Credit      string `json:"credit" maxLength:"60" doc:"Role of the chart of accounts"`
}

type allocationBody struct {
	Processing string               `json:"processing,omitempty" enum:"horizontal,vertical" doc:"Instalment by instalment, or rule by rule; default: horizontal"`
	Rules      []allocationRuleBody `json:"rules,omitempty" maxItems:"16" doc:"Default: penalty, fee, interest, principal"`
	Future     string               `json:"future,omitempty" enum:"next,last,spread" doc:"Which instalment takes money in advance; default: next"`
}

type allocationRuleBody struct {
	When      string `json:"when,omitempty" enum:"past_due,due,in_advance" doc:"Default: at any time"`
	Component string `json:"component" enum:"penalty,fee,interest,principal"`
}

type settingsBody struct {
	Accrual    string          `json:"accrual,omitempty" enum:"daily" doc:"When interest becomes receivable; default: on due dates"`
	Excess     string          `json:"excess,omitempty" enum:"reduce_term,reduce_instalment" doc:"What is paid beyond what is due; default: it pays later instalments"`
	DeferFees  bool            `json:"defer_fees,omitempty" doc:"Earn the charges deducted at disbursement over the plan (IFRS 9, B5.4.2)"`
	LateFee    *lateFeeBody    `json:"late_fee,omitempty"`
	Tolerance  *httpapi.Money  `json:"tolerance,omitempty" doc:"How much may be past due without counting as such"`
	Suspension *suspensionBody `json:"suspension,omitempty" doc:"When interest stops to count as income"`
	Stages     []stageBody     `json:"stages,omitempty" maxItems:"20" doc:"Stages of impairment (IFRS 9), rising from day 0; none: no provisions"`
	Posting    []postingBody   `json:"posting,omitempty" maxItems:"200" doc:"Rows in place of those of the posting table"`
	Allocation *allocationBody `json:"allocation,omitempty" doc:"In which order payments cover what is open"`
}

type versionBody struct {
	Code          string       `json:"code" example:"MICRO_LOAN"`
	Version       int64        `json:"version" doc:"0 is built in, for every currency"`
	Currency      string       `json:"currency,omitempty" example:"INR"`
	EffectiveFrom *civil.Date  `json:"effective_from,omitempty" format:"date"`
	Settings      settingsBody `json:"settings"`
	Reason        string       `json:"reason,omitempty"`
	RecordedAt    *time.Time   `json:"recorded_at,omitempty"`
	RecordedBy    *uuid.UUID   `json:"recorded_by,omitempty" format:"uuid"`
}

type saveProductInput struct {
	Product string `path:"product" minLength:"1" maxLength:"60" example:"MICRO_LOAN"`
	Body    struct {
		Currency      string       `json:"currency" pattern:"^[A-Z]{3}$" example:"INR" doc:"Of the loans, and of all amounts"`
		EffectiveFrom *civil.Date  `json:"effective_from,omitempty" format:"date" doc:"Default: the business date"`
		Reason        string       `json:"reason" minLength:"1" maxLength:"500"`
		Settings      settingsBody `json:"settings"`
	}
}

type versionOutput struct{ Body versionBody }

func (s *Service) saveProduct(ctx context.Context, in *saveProductInput) (*versionOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	v := Version{Code: in.Product, Reason: in.Body.Reason}
	if in.Body.EffectiveFrom != nil {
		v.EffectiveFrom = *in.Body.EffectiveFrom
	}
	if v.Currency, err = money.ParseCurrency(in.Body.Currency); err != nil {
		return nil, &servicing.InvalidError{Field: "currency", Reason: err.Error()}
	}
	if v.Settings, err = in.Body.Settings.value(); err != nil {
		return nil, err
	}
	result, err := s.SaveProduct(ctx, httpapi.Actor(ctx), key, v)
	if err != nil {
		return nil, err
	}
	saved := httpapi.Reply(ctx, result)
	return &versionOutput{versionOf(&saved)}, nil
}

type productInput struct {
	Product  string `path:"product" minLength:"1" maxLength:"60" example:"MICRO_LOAN"`
	Currency string `query:"currency" required:"true" pattern:"^[A-Z]{3}$" example:"INR"`
}

type versionsOutput struct {
	Body struct {
		Items []versionBody `json:"items" maxItems:"2000"`
	}
}

func (s *Service) getProduct(ctx context.Context, in *productInput) (*versionsOutput, error) {
	currency, err := money.ParseCurrency(in.Currency)
	if err != nil {
		return nil, &servicing.InvalidError{Field: "currency", Reason: err.Error()}
	}
	list, err := s.ProductVersions(ctx, in.Product, currency)
	if err != nil {
		return nil, err
	}
	return versionsOutputOf(list), nil
}

func (s *Service) listProducts(ctx context.Context, _ *struct{}) (*versionsOutput, error) {
	list, err := s.Products(ctx)
	if err != nil {
		return nil, err
	}
	return versionsOutputOf(list), nil
}

func versionsOutputOf(list []Version) *versionsOutput {
	out := &versionsOutput{}
	out.Body.Items = make([]versionBody, len(list))
	for i := range list {
		out.Body.Items[i] = versionOf(&list[i])
	}
	return out
}

func versionOf(v *Version) versionBody {
	body := versionBody{Code: v.Code, Version: v.Version, Settings: settingsOf(&v.Settings), Reason: v.Reason}
	if v.Version > 0 {
		body.Currency, body.EffectiveFrom = v.Currency.Code(), &v.EffectiveFrom
		body.RecordedAt, body.RecordedBy = &v.RecordedAt, &v.RecordedBy
	}
	return body
}

// decimal reads a number that has passed the schema.
func decimal(field, text string) (amortization.Decimal, error) {
	if text == "" {
		return amortization.Decimal{}, nil
	}
	value, err := amortization.ParseDecimal(text)
	if err != nil {
		return value, &servicing.InvalidError{Field: "settings." + field, Reason: err.Error()}
	}
	return value, nil
}

func amount(m *httpapi.Money) money.Amount {
	if m == nil {
		return money.Amount{}
	}
	return m.Value()
}

func amountOf(a money.Amount) *httpapi.Money {
	if a.IsZero() {
		return nil
	}
	m := httpapi.MoneyOf(a)
	return &m
}

// value returns the settings as the domain has them, not checked yet.
func (b *settingsBody) value() (out Settings, err error) {
	p := &out.Product
	p.Accrual, p.Excess = servicing.Accrual(b.Accrual), amortization.PrepaymentEffect(b.Excess)
	p.DeferFees, p.Tolerance = b.DeferFees, amount(b.Tolerance)
	if f := b.LateFee; f != nil {
		p.LateFee = servicing.LateFee{
			GraceDays: f.GraceDays, Tolerance: amount(f.Tolerance), Amount: amount(f.Amount), EveryDays: f.EveryDays,
			Cap: amount(f.Cap),
		}
		if p.LateFee.Percent, err = decimal("late_fee.percent", f.Percent); err != nil {
			return out, err
		}
	}
	if s := b.Suspension; s != nil {
		p.Suspension = servicing.Suspension(*s)
	}
	for i, s := range b.Stages {
		rate, err := decimal(fmt.Sprintf("stages.%d.rate_percent", i), s.RatePercent)
		if err != nil {
			return out, err
		}
		p.Stages = append(p.Stages, servicing.Stage{FromDays: s.FromDays, Number: s.Number, RatePercent: rate})
	}
	for i, r := range b.Posting {
		rule := posting.Rule{
			Transaction: posting.Transaction(r.Transaction), Debit: ledger.Role(r.Debit), Credit: ledger.Role(r.Credit),
		}
		if err := rule.Of.UnmarshalText([]byte(r.Of)); err != nil {
			return out, &servicing.InvalidError{Field: fmt.Sprintf("settings.posting.%d.of", i), Reason: err.Error()}
		}
		p.Posting = append(p.Posting, rule)
	}
	if a := b.Allocation; a != nil {
		out.Allocation.Processing = amortization.Processing(a.Processing)
		out.Allocation.Future = amortization.FutureRule(a.Future)
		for _, r := range a.Rules {
			out.Allocation.Rules = append(out.Allocation.Rules, amortization.AllocationRule{
				When: amortization.Timing(r.When), Component: amortization.Component(r.Component),
			})
		}
	}
	return out, nil
}

func settingsOf(s *Settings) settingsBody {
	p := &s.Product
	b := settingsBody{
		Accrual: string(p.Accrual), Excess: string(p.Excess), DeferFees: p.DeferFees, Tolerance: amountOf(p.Tolerance),
	}
	if f := p.LateFee; f != (servicing.LateFee{}) {
		b.LateFee = &lateFeeBody{
			GraceDays: f.GraceDays, Tolerance: amountOf(f.Tolerance), Amount: amountOf(f.Amount), EveryDays: f.EveryDays,
			Cap: amountOf(f.Cap),
		}
		if !f.Percent.IsZero() {
			b.LateFee.Percent = f.Percent.String()
		}
	}
	if p.Suspension != (servicing.Suspension{}) {
		suspension := suspensionBody(p.Suspension)
		b.Suspension = &suspension
	}
	for _, stage := range p.Stages {
		b.Stages = append(b.Stages, stageBody{stage.FromDays, stage.Number, stage.RatePercent.String()})
	}
	for _, r := range p.Posting {
		b.Posting = append(b.Posting, postingBody{string(r.Transaction), r.Of.String(), string(r.Debit), string(r.Credit)})
	}
	if a := s.Allocation; a.Processing != "" || a.Future != "" || len(a.Rules) > 0 {
		b.Allocation = &allocationBody{Processing: string(a.Processing), Future: string(a.Future)}
		for _, r := range a.Rules {
			b.Allocation.Rules = append(b.Allocation.Rules, allocationRuleBody{string(r.When), string(r.Component)})
		}
	}
	return b
}
