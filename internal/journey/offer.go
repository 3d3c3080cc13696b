package journey

import (
	"context"
	"fmt"

	"github.com/tenor-lending/tenor/internal/client"
)

// Charge is a charge deducted from what is paid out.
type Charge struct {
	Name   string `json:"name"`
	Amount Money  `json:"amount"`
	// Party is LENDER or THIRD_PARTY.
	Party string `json:"party"`
}

// Terms are what an officer offers.
type Terms struct {
	Principal         Money    `json:"principal"`
	AnnualRatePercent string   `json:"annual_rate_percent"`
	Instalments       int      `json:"instalments"`
	Charges           []Charge `json:"charges,omitempty"`
	ValidDays         int      `json:"valid_days"`
}

// Instalment is a row of a schedule.
type Instalment struct {
	Number    int    `json:"number"`
	DueDate   string `json:"due_date"`
	Principal Money  `json:"principal"`
	Interest  Money  `json:"interest"`
	Fees      Money  `json:"fees"`
	Total     Money  `json:"total"`
	Balance   Money  `json:"balance"`
}

// KeyFacts is what a borrower must know before agreeing.
type KeyFacts struct {
	Principal              Money  `json:"principal"`
	NetDisbursed           Money  `json:"net_disbursed"`
	Instalment             Money  `json:"instalment"`
	Instalments            int    `json:"instalments"`
	AnnualRatePercent      string `json:"annual_rate_percent"`
	TotalInterest          Money  `json:"total_interest"`
	TotalCharges           Money  `json:"total_charges"`
	TotalPaid              Money  `json:"total_paid"`
	APRPercent             string `json:"apr_percent"`
	EffectiveAnnualPercent string `json:"effective_annual_percent"`
}

// Offer is an offer as the platform made it.
type Offer struct {
	ID           string       `json:"id"`
	Version      int          `json:"version"`
	Status       string       `json:"status"`
	ValidUntil   string       `json:"valid_until"`
	ScheduleHash string       `json:"schedule_hash"`
	KeyFacts     KeyFacts     `json:"key_facts"`
	Schedule     []Instalment `json:"schedule"`
}

// DecideRisk takes the risk, or does not, once the case has been assessed.
func (s *Staff) DecideRisk(ctx context.Context, applicationID string, approve bool, limit Money) error {
	body := map[string]any{"decision": "APPROVE", "max_amount": limit, "comment": "within policy"}
	if !approve {
		body = map[string]any{"decision": "REJECT", "reasons": []string{"DEBT_TO_INCOME_TOO_HIGH"}}
	}
	return Step(ctx, s.RiskManager, "/api/v1/risk/"+applicationID+"/decision", body, nil)
}

// Offer makes an offer.
func (s *Staff) Offer(ctx context.Context, applicationID string, terms Terms) (Offer, error) {
	var offer Offer
	err := Step(ctx, s.Officer, "/api/v1/discussion/"+applicationID+"/offer", terms, &offer)
	return offer, err
}

// Accept agrees to exactly this offer.
func (b *Borrower) Accept(ctx context.Context, applicationID string, offer Offer) error {
	return Step(ctx, b.Client, "/api/v1/discussion/"+applicationID+"/accept",
		map[string]string{"offer_id": offer.ID, "schedule_hash": offer.ScheduleHash}, nil)
}

// Decline turns the open offer down.
func (b *Borrower) Decline(ctx context.Context, applicationID, reason string) error {
	return Step(ctx, b.Client, "/api/v1/discussion/"+applicationID+"/decline", map[string]string{"reason": reason}, nil)
}

// Approval levels, in their order.
const (
	LevelInternal   = "internal"
	LevelManagement = "management"
	LevelFinal      = "final"
)

// Approve decides one level of approval.
func (s *Staff) Approve(ctx context.Context, applicationID, level string, approve bool) error {
	who := map[string]*client.Client{
		LevelInternal: s.Internal, LevelManagement: s.Manager, LevelFinal: s.CreditHead,
	}[level]
	if who == nil {
		return fmt.Errorf("no approval level %q", level)
	}
	decision := "APPROVE"
	if !approve {
		decision = "REJECT"
	}
	return Step(ctx, who, "/api/v1/approval/"+applicationID+"/"+level,
		map[string]string{"decision": decision, "comment": "reviewed at level " + level}, nil)
}

// ApproveAll takes an application through every level.
func (s *Staff) ApproveAll(ctx context.Context, applicationID string) error {
	for _, level := range []string{LevelInternal, LevelManagement, LevelFinal} {
		if err := s.Approve(ctx, applicationID, level, true); err != nil {
			return err
		}
	}
	return nil
}
