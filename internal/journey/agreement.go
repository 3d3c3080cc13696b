package journey

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/tenor-lending/tenor/internal/client"
)

// ReviewKYC takes a case through assignment, verification and decision.
// Without approval the identity check fails and the case is rejected.
func (s *Staff) ReviewKYC(ctx context.Context, applicationID string, approve bool) error {
	err := Step(ctx, s.Manager, "/api/v1/kyc/"+applicationID+"/assign", map[string]string{"officer_id": s.OfficerID}, nil)
	if err != nil {
		return err
	}
	result, notes, decision := "PASS", "", map[string]string{"decision": "APPROVE"}
	if !approve {
		result, notes = "FAIL", "the photograph is of somebody else"
		decision = map[string]string{"decision": "REJECT", "reason": "IDENTITY_NOT_PROVEN"}
	}
	checks := map[string]any{}
	for _, name := range []string{"identity", "address", "income", "sanctions"} {
		checks[name] = map[string]string{"result": "PASS", "notes": ""}
	}
	checks["identity"] = map[string]string{"result": result, "notes": notes}
	err = s.Officer.Put(ctx, "/api/v1/kyc/"+applicationID+"/verify", map[string]any{"checks": checks}, nil)
	if err != nil {
		return err
	}
	return Step(ctx, s.Manager, "/api/v1/kyc/"+applicationID+"/decision", decision, nil)
}

// Agreement is a contract as the platform keeps it.
type Agreement struct {
	ID           string `json:"id"`
	Status       string `json:"status"`
	ScheduleHash string `json:"schedule_hash"`
	SHA256       string `json:"sha256"`
	SignedSHA256 string `json:"signed_sha256"`
	Certificate  string `json:"certificate_sha256"`
}

// Agreement waits until the agreement of an application is generated.
func (b *Borrower) Agreement(ctx context.Context, applicationID string) (Agreement, error) {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	var found Agreement
	err := untilKnown(ctx, "agreement service", func() error {
		return b.Client.Get(ctx, "/api/v1/agreement/"+applicationID, &found)
	})
	return found, err
}

// AgreementDocument returns the PDF as it stands.
func (b *Borrower) AgreementDocument(ctx context.Context, applicationID string) ([]byte, error) {
	var pdf []byte
	err := b.Client.Get(ctx, "/api/v1/agreement/"+applicationID+"/document", &pdf)
	return pdf, err
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// ESign asks for a one-time code, reads it in the inbox and signs.
func (b *Borrower) ESign(ctx context.Context, applicationID string) error {
	agreement, err := b.Agreement(ctx, applicationID)
	if err != nil {
		return err
	}
	if err := Step(ctx, b.Client, "/api/v1/agreement/"+applicationID+"/esign/code", nil, nil); err != nil {
		return err
	}
	code, err := b.SigningCode(ctx)
	if err != nil {
		return err
	}
	return b.Client.Post(ctx, "/api/v1/agreement/"+applicationID+"/esign", map[string]any{
		"code": code, "consent": true, "schedule_hash": agreement.ScheduleHash,
	}, nil)
}

// Message is an item of the inbox.
type Message struct {
	ID    string `json:"id"`
	Type  string `json:"type"`
	Title string `json:"title"`
	Body  string `json:"body"`
}

// Inbox returns the newest messages.
func (b *Borrower) Inbox(ctx context.Context) ([]Message, error) {
	var inbox struct {
		Items []Message `json:"items"`
	}
	err := b.Client.Get(ctx, "/api/v1/notifications/inbox?limit=200", &inbox)
	return inbox.Items, err
}

// SigningCode waits for the newest signing code in the inbox.
func (b *Borrower) SigningCode(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	code := ""
	err := client.Until(ctx, "the signing code", func() (bool, error) {
		messages, err := b.Inbox(ctx)
		if err != nil {
			return false, err
		}
		for _, m := range messages {
			if strings.HasPrefix(m.Type, "agreement.signing_code") {
				code = sixDigits.FindString(m.Body)
				return code != "", nil
			}
		}
		return false, nil
	})
	return code, err
}

// Loan waits until the application has become a loan in repayment and returns
// its id.
func (b *Borrower) Loan(ctx context.Context, applicationID string) (string, error) {
	found, err := WaitStage(ctx, b.Client, applicationID, "REPAYMENT")
	if err != nil {
		return "", err
	}
	if found.LoanID == "" {
		return "", fmt.Errorf("application %s is in repayment without a loan", applicationID)
	}
	return found.LoanID, nil
}

// Originate takes a complete application at KYC_REVIEW all the way to a loan
// in repayment and returns its id.
func Originate(ctx context.Context, s *Staff, b *Borrower, applicationID string, terms Terms) (string, error) {
	if err := s.ReviewKYC(ctx, applicationID, true); err != nil {
		return "", err
	}
	if err := s.DecideRisk(ctx, applicationID, true, terms.Principal); err != nil {
		return "", err
	}
	offer, err := s.Offer(ctx, applicationID, terms)
	if err != nil {
		return "", err
	}
	if err := b.Accept(ctx, applicationID, offer); err != nil {
		return "", err
	}
	if err := s.ApproveAll(ctx, applicationID); err != nil {
		return "", err
	}
	if err := b.ESign(ctx, applicationID); err != nil {
		return "", err
	}
	return b.Loan(ctx, applicationID)
}
