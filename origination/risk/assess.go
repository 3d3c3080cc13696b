package risk

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// Inputs are the facts that the policy is applied to. All amounts are in the
// currency of Amount.
type Inputs struct {
	ApplicationID      uuid.UUID    `json:"application_id"`
	Product            string       `json:"product"`
	Amount             money.Amount `json:"amount"`
	Instalments        int          `json:"instalments"`
	MonthlyIncome      money.Amount `json:"monthly_income"`
	MonthlyObligations money.Amount `json:"monthly_obligations"`
}

// hash names the inputs: SHA-256 over their JSON, whose fields have one order.
func (in Inputs) hash() (string, error) {
	canonical, err := json.Marshal(in)
	if err != nil {
		return "", fmt.Errorf("hashing inputs of %s: %w", in.ApplicationID, err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// Score is what one factor of the scorecard gave.
type Score struct {
	Factor    string `json:"factor"`
	Value     int64  `json:"value"`
	Unit      string `json:"unit"`
	Points    int    `json:"points"`
	MaxPoints int    `json:"max_points"`
}

// Assessment is what a version of the policy makes of the inputs.
type Assessment struct {
	Inputs        Inputs `json:"inputs"`
	InputsHash    string `json:"inputs_hash"`
	PolicyVersion string `json:"policy_version"`
	// ReferenceRatePercent and ReferenceInstalment estimate the loan before an offer exists.
	ReferenceRatePercent amortization.Decimal `json:"reference_rate_percent"`
	ReferenceInstalment  money.Amount         `json:"reference_instalment"`
	// AffordableAmount is the largest amount, at most the one applied for, that
	// keeps all obligations within the policy's share of income.
	AffordableAmount money.Amount   `json:"affordable_amount"`
	Factors          []Score        `json:"factors"`
	Score            int            `json:"score"`
	Band             string         `json:"band"`
	Recommendation   Recommendation `json:"recommendation"`
	// Reasons are what counts against the application, the weightiest first.
	Reasons    []Reason  `json:"reasons"`
	AssessedAt time.Time `json:"assessed_at"`
}

// Assess applies a version of the policy. It is a function of its arguments
// alone: the same inputs and version give the same assessment for ever.
func Assess(in Inputs, version string, at time.Time) (Assessment, error) {
	p, ok := policies[version]
	if !ok {
		return Assessment{}, fmt.Errorf("assessing %s: no policy version %q", in.ApplicationID, version)
	}
	hash, err := in.hash()
	if err != nil {
		return Assessment{}, err
	}
	rate := p.referenceRate(in.Product)
	schedule, err := amortization.New(referenceTerms(in, rate))
	if err != nil {
		return Assessment{}, fmt.Errorf("assessing %s: estimating the instalment: %w", in.ApplicationID, err)
	}
	instalment := schedule.At(0).Total
	f := figures{in: in, instalment: instalment.Minor()}
	affordable, err := p.affordable(f, rate)
	if err != nil {
		return Assessment{}, fmt.Errorf("assessing %s: %w", in.ApplicationID, err)
	}
	a := Assessment{
		Inputs: in, InputsHash: hash, PolicyVersion: version, ReferenceRatePercent: rate,
		ReferenceInstalment: instalment, AffordableAmount: affordable, AssessedAt: at,
	}
	for _, row := range p.factors {
		score := row.score(f)
		a.Factors = append(a.Factors, score)
		a.Score += score.Points
	}
	cut := p.cut(f)
	grade := p.grade(a.Score, len(cut) > 0)
	a.Band, a.Recommendation = grade.name, grade.recommendation
	a.Reasons = p.reasons(cut, a.Factors)
	return a, nil
}

func (p policy) referenceRate(product string) amortization.Decimal {
	if rate, ok := p.referenceRates[product]; ok {
		return rate
	}
	return p.referenceRates[""]
}

// referenceDay is the disbursement date of the estimate. Months of thirty days
// make the instalment the same on any day, and the assessment replayable.
var referenceDay = civil.Date{Year: 2026, Month: 1, Day: 1}

func referenceTerms(in Inputs, rate amortization.Decimal) amortization.Terms {
	return amortization.Terms{
		Principal: in.Amount, AnnualRatePercent: rate, Instalments: in.Instalments, DisbursementDate: referenceDay,
		DayCount: amortization.Thirty360,
	}
}

func (row factor) score(f figures) Score {
	s := Score{Factor: row.name, Value: row.of(f), Unit: row.unit, MaxPoints: row.steps[0].points}
	for _, step := range row.steps {
		if s.Value <= step.upTo {
			s.Points = step.points
			break
		}
	}
	return s
}

// cut returns the reasons of the cut-offs that the application fails.
func (p policy) cut(f figures) []Reason {
	var failed []Reason
	for _, c := range p.cutOffs {
		if c.of(f) > c.limit {
			failed = append(failed, c.reason)
		}
	}
	return failed
}

func (p policy) grade(score int, cut bool) band {
	worst := p.bands[len(p.bands)-1]
	if cut {
		return worst
	}
	for _, b := range p.bands {
		if score >= b.min {
			return b
		}
	}
	return worst
}

// reasons lists the failed cut-offs, then the factors by the points that they
// lost; equal losses keep the order of the scorecard.
func (p policy) reasons(cut []Reason, scores []Score) []Reason {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	lost := func(i int) int { return scores[i].MaxPoints - scores[i].Points }
	slices.SortStableFunc(order, func(i, j int) int { return lost(j) - lost(i) })
	reasons := slices.Clone(cut)
	for _, i := range order {
		if lost(i) > 0 && !slices.Contains(reasons, p.factors[i].reason) {
			reasons = append(reasons, p.factors[i].reason)
		}
	}
	return reasons[:min(len(reasons), ReasonsMax)]
}

// affordable returns the largest amount whose instalment income leaves room for.
func (p policy) affordable(f figures, rate amortization.Decimal) (money.Amount, error) {
	room := new(big.Int).Mul(big.NewInt(f.in.MonthlyIncome.Minor()), big.NewInt(p.debtToIncomeMax))
	room.Quo(room, big.NewInt(basisPoints))
	room.Sub(room, big.NewInt(f.in.MonthlyObligations.Minor()))
	if room.Sign() <= 0 {
		return money.Zero(f.in.Amount.Currency()), nil
	}
	if !room.IsInt64() {
		return f.in.Amount, nil
	}
	return amortization.Affordable(referenceTerms(f.in, rate), money.New(room.Int64(), f.in.Amount.Currency()))
}

// figures are what measures are taken of.
type figures struct {
	in         Inputs
	instalment int64
}

const (
	basisPoints   = 10_000
	monthsPerYear = 12
	// ratioMax is shown for a ratio without bound: hundredfold, in basis points.
	ratioMax = 100 * basisPoints
)

func noIncome(f figures) int64 {
	if f.in.MonthlyIncome.IsPositive() {
		return 0
	}
	return 1
}

func debtToIncome(f figures) int64 {
	debt := new(big.Int).Add(big.NewInt(f.in.MonthlyObligations.Minor()), big.NewInt(f.instalment))
	return ratio(debt, big.NewInt(f.in.MonthlyIncome.Minor()))
}

func obligationsToIncome(f figures) int64 {
	return ratio(big.NewInt(f.in.MonthlyObligations.Minor()), big.NewInt(f.in.MonthlyIncome.Minor()))
}

func amountToYearlyIncome(f figures) int64 {
	year := new(big.Int).Mul(big.NewInt(f.in.MonthlyIncome.Minor()), big.NewInt(monthsPerYear))
	return ratio(big.NewInt(f.in.Amount.Minor()), year)
}

func term(f figures) int64 { return int64(f.in.Instalments) }

// ratio returns part/whole in basis points, rounded up so that a limit is
// never passed by a fraction, and at most ratioMax.
func ratio(part, whole *big.Int) int64 {
	if part.Sign() <= 0 {
		return 0
	}
	if whole.Sign() <= 0 {
		return ratioMax
	}
	scaled := new(big.Int).Mul(part, big.NewInt(basisPoints))
	quotient, rest := new(big.Int).QuoRem(scaled, whole, new(big.Int))
	if rest.Sign() > 0 {
		quotient.Add(quotient, big.NewInt(1))
	}
	if quotient.Cmp(big.NewInt(ratioMax)) > 0 {
		return ratioMax
	}
	return quotient.Int64()
}
