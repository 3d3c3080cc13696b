package closeofday

import (
	"context"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

func (s *Service) tieOutRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "get-tie-out", Method: http.MethodGet, Path: "/api/v1/close-of-day/tie-out", Tag: tag,
		Summary: "Read whether the ledger and the loans agreed when a day was closed",
		Description: "For each currency and component: what the loans say, what the general ledger has, and the " +
			"difference. When a component differs, the loans that differ are named, at most 100 of them.",
		Access: httpapi.Allow(access.System, access.Finance), Errors: []int{http.StatusNotFound},
	}, s.getTieOut)
	httpapi.Register(api, httpapi.Op{
		ID: "sign-tie-out", Method: http.MethodPost, Path: "/api/v1/close-of-day/tie-out/signature", Tag: tag,
		Summary:     "Sign the tie-out of a day",
		Description: "Once for each day. A tie-out that differs needs a comment. `hash` names the figures signed.",
		Access:      httpapi.Allow(access.Finance), Idempotent: true,
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, s.postSignature)
	httpapi.Register(api, httpapi.Op{
		ID: "compare-loans", Method: http.MethodGet, Path: "/api/v1/close-of-day/tie-out/loans", Tag: tag,
		Summary: "Compare loans with their own accounts in the ledger, now",
		Description: "Looks at 1,000 loans a call, in the order of their ids, and returns those that differ. Follow " +
			"`next_cursor` to the end for all loans: faults that cancel each other out in the totals are found too.",
		Access: httpapi.Allow(access.System, access.Finance),
	}, s.getComparison)
}

type componentBody struct {
	Role       string        `json:"role" doc:"The role of the general ledger account"`
	GLCode     string        `json:"gl_code"`
	Loans      httpapi.Money `json:"loans" doc:"What the loans say"`
	Ledger     httpapi.Money `json:"ledger" doc:"What the ledger has"`
	Difference httpapi.Money `json:"difference" doc:"The ledger less the loans"`
}

func componentOf(c Component) componentBody {
	return componentBody{
		Role: string(c.Role), GLCode: c.GLCode, Loans: httpapi.MoneyOf(c.Loans), Ledger: httpapi.MoneyOf(c.Ledger),
		Difference: httpapi.MoneyOf(c.Difference),
	}
}

type differenceBody struct {
	LoanID uuid.UUID `json:"loan_id" format:"uuid"`
	componentBody
}

func differencesOf(list []LoanDifference) []differenceBody {
	bodies := make([]differenceBody, len(list))
	for i, d := range list {
		bodies[i] = differenceBody{LoanID: d.LoanID, componentBody: componentOf(d.Component)}
	}
	return bodies
}

type tieOutBody struct {
	BookID      uuid.UUID        `json:"book_id" format:"uuid"`
	Day         civil.Date       `json:"day" format:"date" doc:"The last business day that was closed with it"`
	MadeAt      time.Time        `json:"made_at"`
	Agrees      bool             `json:"agrees"`
	Components  []componentBody  `json:"components"`
	Differences []differenceBody `json:"differences" doc:"The loans that differ, at most 100"`
	Hash        string           `json:"hash" doc:"SHA-256 of the figures, which a signature covers"`
	SignedBy    string           `json:"signed_by,omitempty"`
	SignedAt    *time.Time       `json:"signed_at,omitempty"`
	Comment     string           `json:"comment,omitempty"`
}

type tieOutOutput struct{ Body tieOutBody }

func tieOutputOf(t *TieOut) (*tieOutOutput, error) {
	hash, err := t.Hash()
	if err != nil {
		return nil, err
	}
	out := &tieOutOutput{Body: tieOutBody{
		BookID: t.BookID, Day: t.Day, MadeAt: t.MadeAt, Agrees: t.Agrees, Components: []componentBody{},
		Differences: differencesOf(t.Differences), Hash: hash, SignedBy: t.SignedBy, SignedAt: t.SignedAt,
		Comment: t.Comment,
	}}
	for _, c := range t.Components {
		out.Body.Components = append(out.Body.Components, componentOf(c))
	}
	return out, nil
}

type tieOutInput struct {
	Day civil.Date `query:"day" format:"date" doc:"The day that was closed; without it the latest"`
}

func (s *Service) getTieOut(ctx context.Context, in *tieOutInput) (*tieOutOutput, error) {
	t, err := s.FindTieOut(ctx, in.Day)
	if err != nil {
		return nil, err
	}
	return tieOutputOf(&t)
}

type signatureInput struct {
	Body struct {
		Day     civil.Date `json:"day" format:"date"`
		Comment string     `json:"comment,omitempty" maxLength:"1000"`
	}
}

func (s *Service) postSignature(ctx context.Context, in *signatureInput) (*tieOutOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Sign(ctx, httpapi.Actor(ctx), key, in.Body.Day, in.Body.Comment)
	if err != nil {
		return nil, err
	}
	t := httpapi.Reply(ctx, result)
	return tieOutputOf(&t)
}

type comparisonInput struct {
	Cursor string `query:"cursor" maxLength:"512" doc:"next_cursor of the page before"`
}

type comparisonOutput struct {
	Body struct {
		Items      []differenceBody `json:"items"`
		NextCursor string           `json:"next_cursor,omitempty"`
	}
}

func (s *Service) getComparison(ctx context.Context, in *comparisonInput) (*comparisonOutput, error) {
	var after uuid.UUID
	if err := httpapi.DecodeCursor(in.Cursor, &after); err != nil {
		return nil, err
	}
	found, last, err := s.CompareLoans(ctx, after)
	if err != nil {
		return nil, err
	}
	out := &comparisonOutput{}
	out.Body.Items = differencesOf(found)
	if last != uuid.Nil {
		out.Body.NextCursor, err = httpapi.EncodeCursor(last)
	}
	return out, err
}
