package activation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// Errors of the catalogue, for errors.Is.
var (
	// ErrNoProduct means that no application can be for a product of that code.
	ErrNoProduct = errors.New("no such loan product")
	// ErrVersion means that the version of its product that an agreement names does
	// not exist, or has another late fee than was signed.
	ErrVersion = errors.New("the product has no such version with the late fee that was signed")
	// ErrManyVersions means that a product has VersionsMax versions.
	ErrManyVersions = errors.New("loan product has too many versions")
)

// ProductCodes are the products that applications can be for, by code. Each is
// serviced as builtIn says until a version for its currency is in force.
var ProductCodes = []string{"MICRO_LOAN", "PERSONAL_LOAN"}

// VersionsMax bounds the versions of one product in one currency.
const VersionsMax = 100

// Settings is what the catalogue says of a product.
type Settings struct {
	Product servicing.Product `json:"product"`
	// Allocation is the order in which payments cover what is open.
	Allocation amortization.Order `json:"allocation,omitzero"`
}

// Version is a version of a product for loans in one currency. Version 0 is
// built in and for every currency.
type Version struct {
	Code     string         `json:"code"`
	Currency money.Currency `json:"currency,omitzero"`
	Version  int64          `json:"version"`
	Settings Settings       `json:"settings"`
	// EffectiveFrom is the first business date on which it is taken for a loan: that
	// of the offer.
	EffectiveFrom civil.Date `json:"effective_from,omitzero"`
	Reason        string     `json:"reason"`
	RecordedAt    time.Time  `json:"recorded_at,omitzero"`
	RecordedBy    uuid.UUID  `json:"recorded_by,omitzero"`
}

// named returns the settings of the product as a loan keeps them.
func (v *Version) named() servicing.Product {
	product := v.Settings.Product
	product.Code, product.Version = v.Code, v.Version
	return product
}

// builtIn is how a product is serviced of which the lender has said nothing:
// interest and fees as they fall due and no late fees, because those must be
// agreed with the borrower. Loans are graded by the presumptions of IFRS 9: more
// than 30 days past due the risk has risen significantly (5.5.11), more than 90
// it is in default (B5.5.37). The rates of loss are a lender's own to estimate;
// these keep nothing for loans that are not late and, for those in default, what
// the Reserve Bank of India asks for unsecured substandard (25 percent) and, a
// year later, doubtful loans (100 percent).
func builtIn(code string) Version {
	return Version{Code: code, Settings: Settings{Product: servicing.Product{Stages: []servicing.Stage{
		{FromDays: 0, Number: 1},
		{FromDays: 31, Number: 2, RatePercent: amortization.MustDecimal("5")},
		{FromDays: 91, Number: 3, RatePercent: amortization.MustDecimal("25")},
		{FromDays: 456, Number: 3, RatePercent: amortization.MustDecimal("100")},
	}}}}
}

// lateFee returns the late fee of the version as others know it.
func (v *Version) lateFee() event.LateFee {
	f := v.Settings.Product.LateFee
	if f.Amount.IsZero() && f.Percent.IsZero() {
		return event.LateFee{}
	}
	fee := event.LateFee{
		GraceDays: f.GraceDays, Tolerance: orNone(f.Tolerance), Amount: orNone(f.Amount), EveryDays: f.EveryDays,
		Cap: orNone(f.Cap),
	}
	if !f.Percent.IsZero() {
		fee.Percent = f.Percent.String()
	}
	return fee
}

// orNone returns an amount of zero as none, as its JSON form has it.
func orNone(a money.Amount) money.Amount {
	if a.IsZero() {
		return money.Amount{}
	}
	return a
}

// productKey is what an agreement says of its product: the version with the
// number, or the one in force if it names none.
type productKey struct {
	code     string
	currency money.Currency
	named    bool
	number   int64
}

// catalogue is the versions of products that loans are serviced by, on a business
// date, each read once.
type catalogue struct {
	on   civil.Date
	read map[productKey]Version
}

// find returns the version by which a loan in the currency is serviced: the one
// that was signed or, if the agreement names none, the one in force. The error is
// ErrVersion if what was signed is not what the catalogue says. An agreement that
// names no product has the zero one.
func (c *catalogue) find(
	ctx context.Context, tx database.Tx, signed *agreement, currency money.Currency,
) (Version, error) {
	key := productKey{code: signed.Product, currency: currency}
	if signed.ProductVersion != nil {
		key.named, key.number = true, *signed.ProductVersion
	}
	version, known := c.read[key]
	if !known && key.code != "" {
		var err error
		if version, err = c.look(ctx, tx, key); err != nil {
			return Version{}, err
		}
		c.read[key] = version
	}
	if key.named && version.lateFee() != signed.LateFee {
		return Version{}, fmt.Errorf("%w: version %d of %.60q in %s has another late fee",
			ErrVersion, key.number, key.code, currency)
	}
	return version, nil
}

func (c *catalogue) look(ctx context.Context, tx database.Tx, key productKey) (Version, error) {
	if key.named && key.number == 0 {
		return builtIn(key.code), nil
	}
	if key.named {
		version, found, err := findVersion(ctx, tx, key.code, key.currency, key.number)
		if err == nil && !found {
			err = fmt.Errorf("%w: %.60q in %s has no version %d", ErrVersion, key.code, key.currency, key.number)
		}
		return version, err
	}
	version, found, err := findInForce(ctx, tx, key.code, key.currency, c.on)
	if err == nil && !found {
		version = builtIn(key.code)
	}
	return version, err
}

// SaveProduct adds a version of a product, for loans that are offered from its
// EffectiveFrom on, and announces it; loans and offers that exist keep theirs. Of v count the code, the
// currency, the settings, the day and the reason. The errors are ErrNoProduct,
// ErrManyVersions and servicing.InvalidError naming the field.
func (s *Service) SaveProduct(
	ctx context.Context, actor access.Actor, key command.Key, v Version,
) (command.Result[Version], error) {
	if err := checkVersion(&v); err != nil {
		return command.Result[Version]{}, err
	}
	c := command.Command{
		Name: "activation.save_product", Actor: actor, Key: key, Detail: v,
		Subject: uuid.NewSHA1(uuid.NameSpaceOID, []byte("tenor:loan_product:"+v.Code+":"+v.Currency.Code())),
	}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Version, error) {
		book, err := loandb.BookByName(ctx, tx, s.env.Config.CloseOfDay.Book)
		if err != nil {
			return Version{}, err
		}
		saved := v
		if saved.EffectiveFrom.IsZero() {
			saved.EffectiveFrom = book.BusinessDate
		}
		if saved.EffectiveFrom.Before(book.BusinessDate) {
			return Version{}, &servicing.InvalidError{
				Field:  "effective_from",
				Reason: fmt.Sprintf("must not be before the business date %s", book.BusinessDate),
			}
		}
		latest, err := latestVersion(ctx, tx, v.Code, v.Currency)
		if err != nil {
			return Version{}, err
		}
		if latest >= VersionsMax {
			return Version{}, fmt.Errorf("%w: %s in %s has %d", ErrManyVersions, v.Code, v.Currency, latest)
		}
		saved.Version, saved.RecordedAt, saved.RecordedBy = latest+1, now, actor.ID
		if err := insertVersion(ctx, tx, &saved); err != nil {
			return Version{}, err
		}
		return saved, s.env.Outbox.Append(ctx, tx, now, event.LoanProductSaved{
			ProductID: c.Subject, Code: saved.Code, Currency: saved.Currency.Code(), Version: saved.Version,
			EffectiveFrom: saved.EffectiveFrom, LateFee: saved.lateFee(),
		})
	})
}

// checkVersion names settings as the API does.
func checkVersion(v *Version) error {
	if !slices.Contains(ProductCodes, v.Code) {
		return fmt.Errorf("%w: %.60q", ErrNoProduct, v.Code)
	}
	err := v.Settings.Product.Validate(v.Currency)
	var invalid *servicing.InvalidError
	if errors.As(err, &invalid) {
		field, _ := strings.CutPrefix(invalid.Field, "product")
		return &servicing.InvalidError{Field: "settings" + field, Reason: invalid.Reason}
	}
	if err != nil {
		return err
	}
	if err := v.Settings.Allocation.Validate(); err != nil {
		return &servicing.InvalidError{Field: "settings.allocation", Reason: err.Error()}
	}
	return nil
}

// Products returns the latest version of each product in each currency.
func (s *Service) Products(ctx context.Context) ([]Version, error) {
	var list []Version
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		list, err = latestVersions(ctx, tx)
		return err
	})
	for _, code := range ProductCodes {
		list = append(list, builtIn(code))
	}
	slices.SortStableFunc(list, func(a, b Version) int { return strings.Compare(a.Code, b.Code) })
	return list, err
}

// ProductVersions returns all versions of a product in a currency, the latest
// first and the built-in one last; ErrNoProduct if there is no such product.
func (s *Service) ProductVersions(
	ctx context.Context, code string, currency money.Currency,
) ([]Version, error) {
	if !slices.Contains(ProductCodes, code) {
		return nil, fmt.Errorf("%w: %.60q", ErrNoProduct, code)
	}
	var list []Version
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		list, err = versionsOf(ctx, tx, code, currency)
		return err
	})
	return append(list, builtIn(code)), err
}
