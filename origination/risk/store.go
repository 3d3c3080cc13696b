package risk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
)

// intake is what is kept of an application until it is assessed.
type intake struct {
	customerID  uuid.UUID
	kycApproved bool
	inputs      Inputs
}

// keepInputs stores the figures of a submitted application. A later submission
// replaces them only while the identity is not approved.
func keepInputs(ctx context.Context, tx database.Tx, k intake, now time.Time) error {
	in := k.inputs
	_, err := tx.Exec(ctx, `
		insert into risk_input
		       (application_id, customer_id, product, currency, amount, instalments, monthly_income,
		        monthly_obligations, kyc_approved, recorded_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, false, $9)
		on conflict (application_id) do update
		   set product = excluded.product, currency = excluded.currency, amount = excluded.amount,
		       instalments = excluded.instalments, monthly_income = excluded.monthly_income,
		       monthly_obligations = excluded.monthly_obligations, recorded_at = excluded.recorded_at
		 where risk_input.kyc_approved = false`,
		in.ApplicationID, k.customerID, in.Product, in.Amount.Currency().Code(), in.Amount.Minor(), in.Instalments,
		in.MonthlyIncome.Minor(), in.MonthlyObligations.Minor(), now)
	if err != nil {
		return fmt.Errorf("keeping inputs of %s: %w", in.ApplicationID, err)
	}
	return nil
}

// approveKYC marks the identity approved and reports whether the inputs are there.
func approveKYC(ctx context.Context, tx database.Tx, applicationID uuid.UUID) (bool, error) {
	tag, err := tx.Exec(ctx, `update risk_input set kyc_approved = true where application_id = $1`, applicationID)
	if err != nil {
		return false, fmt.Errorf("approving identity of %s: %w", applicationID, err)
	}
	return tag.RowsAffected() == 1, nil
}

// findIntake returns what is kept of an application; found is false if nothing is.
func findIntake(ctx context.Context, tx database.Tx, applicationID uuid.UUID) (k intake, found bool, err error) {
	var code string
	var amount, income, obligations int64
	err = tx.QueryRow(ctx, `
		select customer_id, product, currency, amount, instalments, monthly_income, monthly_obligations, kyc_approved
		  from risk_input where application_id = $1`, applicationID).
		Scan(&k.customerID, &k.inputs.Product, &code, &amount, &k.inputs.Instalments, &income, &obligations,
			&k.kycApproved)
	if errors.Is(err, database.ErrNoRows) {
		return intake{}, false, nil
	}
	if err != nil {
		return intake{}, false, fmt.Errorf("reading inputs of %s: %w", applicationID, err)
	}
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return intake{}, false, fmt.Errorf("reading inputs of %s: %w", applicationID, err)
	}
	k.inputs.ApplicationID = applicationID
	k.inputs.Amount = money.New(amount, currency)
	k.inputs.MonthlyIncome = money.New(income, currency)
	k.inputs.MonthlyObligations = money.New(obligations, currency)
	return k, true, nil
}

func insertAssessment(ctx context.Context, tx database.Tx, a Assessment) error {
	report, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encoding assessment of %s: %w", a.Inputs.ApplicationID, err)
	}
	_, err = tx.Exec(ctx, `
		insert into assessment (application_id, policy_version, inputs_hash, score, band, report, assessed_at)
		values ($1, $2, $3, $4, $5, $6, $7)`,
		a.Inputs.ApplicationID, a.PolicyVersion, a.InputsHash, a.Score, a.Band, string(report), a.AssessedAt)
	if err != nil {
		return fmt.Errorf("storing assessment of %s: %w", a.Inputs.ApplicationID, err)
	}
	return nil
}

// findAssessment returns an application's assessment; found is false if there is none.
func findAssessment(
	ctx context.Context, tx database.Tx, applicationID uuid.UUID,
) (a Assessment, found bool, err error) {
	var report string
	err = tx.QueryRow(ctx, `select report from assessment where application_id = $1`, applicationID).Scan(&report)
	if errors.Is(err, database.ErrNoRows) {
		return Assessment{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(report), &a)
	}
	if err != nil {
		return Assessment{}, false, fmt.Errorf("reading assessment of %s: %w", applicationID, err)
	}
	return a, true, nil
}

func insertDecision(ctx context.Context, tx database.Tx, applicationID uuid.UUID, d Decision) error {
	reasons, err := json.Marshal(d.Reasons)
	if err != nil {
		return fmt.Errorf("encoding decision on %s: %w", applicationID, err)
	}
	_, err = tx.Exec(ctx, `
		insert into decision
		       (application_id, outcome, max_amount, currency, reasons, comment, decided_by, decided_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		applicationID, d.Outcome, d.MaxAmount.Minor(), d.MaxAmount.Currency().Code(), string(reasons), d.Comment,
		d.DecidedBy, d.DecidedAt)
	if err != nil {
		return fmt.Errorf("storing decision on %s: %w", applicationID, err)
	}
	return nil
}

// findDecision returns the decision on an application; found is false if there is none.
func findDecision(ctx context.Context, tx database.Tx, applicationID uuid.UUID) (d Decision, found bool, err error) {
	var minor int64
	var code, reasons string
	err = tx.QueryRow(ctx, `
		select outcome, max_amount, currency, reasons, comment, decided_by, decided_at
		  from decision where application_id = $1`, applicationID).
		Scan(&d.Outcome, &minor, &code, &reasons, &d.Comment, &d.DecidedBy, &d.DecidedAt)
	if errors.Is(err, database.ErrNoRows) {
		return Decision{}, false, nil
	}
	if err != nil {
		return Decision{}, false, fmt.Errorf("reading decision on %s: %w", applicationID, err)
	}
	currency, err := money.ParseCurrency(code)
	if err == nil {
		err = json.Unmarshal([]byte(reasons), &d.Reasons)
	}
	if err != nil {
		return Decision{}, false, fmt.Errorf("reading decision on %s: %w", applicationID, err)
	}
	d.MaxAmount = money.New(minor, currency)
	d.DecidedAt = d.DecidedAt.UTC()
	return d, true, nil
}
