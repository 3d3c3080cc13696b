package reconcilesvc

import (
	"context"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/reconcile"
	"github.com/tenor-lending/tenor/ledger/reconciledb"
)

func (s *Service) breakRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "list-breaks", Method: http.MethodGet, Path: base + "/breaks", Tag: tag, Access: readers,
		Summary: "List what is not matched, the oldest first",
	}, s.listBreaks)
	httpapi.Register(api, httpapi.Op{
		ID: "get-break", Method: http.MethodGet, Path: base + "/breaks/{break}", Tag: tag, Access: readers,
		Summary: "Read a break, its candidates and why they were rejected", Errors: []int{http.StatusNotFound},
	}, s.getBreak)
	httpapi.Register(api, httpapi.Op{
		ID: "explain-break", Method: http.MethodPost, Path: base + "/breaks/{break}/explain", Tag: tag, Access: writers,
		Idempotent: true, Summary: "Say why a break stands",
		Description: "It is not open any more, and still stands between bank and books in the report.",
		Errors:      []int{http.StatusNotFound},
	}, s.explainBreak)
	httpapi.Register(api, httpapi.Op{
		ID: "resolve-break", Method: http.MethodPost, Path: base + "/breaks/{break}/resolve", Tag: tag, Access: writers,
		Idempotent: true, Summary: "Resolve a break by a journal entry",
		Description: "Books the amount of the break on its account against the counter account, and matches the new line " +
			"with the break's, in one transaction. For a bank line that the books lack, the entry adds it; for a line of the " +
			"books that the bank lacks, the entry takes it back; for a difference, the entry makes it up.",
		Errors: []int{http.StatusNotFound},
	}, s.resolveBreak)
}

// owned runs fn with the account that the thing with the id belongs to.
func owned[T any](
	ctx context.Context, s *Service, id uuid.UUID,
	owner func(context.Context, database.Tx, uuid.UUID) (uuid.UUID, error),
	fn func(tx database.Tx, account ledger.Account) (T, error),
) (T, error) {
	var value T
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		accountID, err := owner(ctx, tx, id)
		if err != nil {
			return err
		}
		account, err := ledgerdb.Account(ctx, tx, accountID)
		if err != nil {
			return err
		}
		value, err = fn(tx, account)
		return err
	})
	return value, err
}

type breakBody struct {
	ID          uuid.UUID              `json:"id" format:"uuid"`
	Side        reconcile.Side         `json:"side" enum:"BANK,BOOKS,MATCH" doc:"MATCH is the difference that a match leaves"`
	Line        lineID                 `json:"line" doc:"The line, or the match"`
	Kind        reconcile.Kind         `json:"kind" enum:"MISSING_IN_BOOKS,MISSING_IN_BANK,AMOUNT_DIFFERS,DATE_DIFFERS,DUPLICATE,AMBIGUOUS"`
	Amount      httpapi.Money          `json:"amount" doc:"What the bank has more than the books because of it"`
	Date        civil.Date             `json:"date" format:"date"`
	AgeDays     int                    `json:"age_days" doc:"Days from its date to today"`
	BankLine    *bankLineBody          `json:"bank_line,omitempty"`
	DuplicateOf *lineID                `json:"duplicate_of,omitempty"`
	Candidates  []candidateBody        `json:"candidates" nullable:"false"`
	State       reconciledb.State      `json:"state" enum:"OPEN,EXPLAINED,CLOSED"`
	Resolution  reconciledb.Resolution `json:"resolution,omitempty" enum:"MATCH,ENTRY,EXPLANATION"`
	Note        string                 `json:"note,omitempty"`
	OpenedAt    time.Time              `json:"opened_at"`
	ResolvedAt  *time.Time             `json:"resolved_at,omitempty"`
	ResolvedBy  string                 `json:"resolved_by,omitempty"`
	MatchID     *uuid.UUID             `json:"match_id,omitempty" format:"uuid"`
	EntryID     *uuid.UUID             `json:"entry_id,omitempty" format:"uuid"`
}

func (s *Service) breakOf(b reconciledb.Break, lines map[uuid.UUID]reconciledb.BankLine) breakBody {
	body := breakBody{
		ID: b.ID, Side: b.Side, Line: lineID{b.Line.ID, b.Line.No}, Kind: b.Kind, Amount: httpapi.MoneyOf(b.Amount),
		Date: b.Day, AgeDays: civil.DateOf(s.env.Now().UTC()).DaysSince(b.Day), State: b.State, Resolution: b.Resolution,
		Note: b.Note, OpenedAt: b.OpenedAt, ResolvedBy: b.ResolvedBy,
		Candidates: candidatesOf(b.Reason.Candidates, b.Amount.Currency()),
	}
	if line, ok := lines[b.Line.ID]; ok && b.Side == reconcile.Bank {
		shown := bankLineOf(line)
		body.BankLine = &shown
	}
	if b.Reason.DuplicateOf != nil {
		body.DuplicateOf = &lineID{b.Reason.DuplicateOf.ID, b.Reason.DuplicateOf.No}
	}
	if !b.ResolvedAt.IsZero() {
		body.ResolvedAt = &b.ResolvedAt
	}
	if b.MatchID != uuid.Nil {
		body.MatchID = &b.MatchID
	}
	if b.EntryID != uuid.Nil {
		body.EntryID = &b.EntryID
	}
	return body
}

// shown adds the bank's lines to breaks.
func (s *Service) shown(
	ctx context.Context, tx database.Tx, account ledger.Account, list []reconciledb.Break,
) ([]breakBody, error) {
	var ids []uuid.UUID
	for _, b := range list {
		if b.Side == reconcile.Bank {
			ids = append(ids, b.Line.ID)
		}
	}
	lines, err := reconciledb.BankLinesByID(ctx, tx, account, ids...)
	if err != nil {
		return nil, err
	}
	out := make([]breakBody, len(list))
	for i, b := range list {
		out[i] = s.breakOf(b, lines)
	}
	return out, nil
}

type breaksInput struct {
	httpapi.PageInput
	AccountQuery
	State   []reconciledb.State `query:"state,explode" maxItems:"3" enum:"OPEN,EXPLAINED,CLOSED" doc:"Default: OPEN"`
	Kind    reconcile.Kind      `query:"kind" enum:"MISSING_IN_BOOKS,MISSING_IN_BANK,AMOUNT_DIFFERS,DATE_DIFFERS,DUPLICATE,AMBIGUOUS"`
	Through civil.Date          `query:"through" format:"date" doc:"Only breaks of dates up to this one"`
}

type breaksOutput struct {
	Body struct {
		Items      []breakBody `json:"items" nullable:"false"`
		NextCursor string      `json:"next_cursor,omitempty"`
	}
}

func (s *Service) listBreaks(ctx context.Context, in *breaksInput) (*breaksOutput, error) {
	filter := reconciledb.BreakFilter{States: in.State, Kind: in.Kind, Through: in.Through, Limit: in.Limit}
	if len(filter.States) == 0 {
		filter.States = []reconciledb.State{reconciledb.Open}
	}
	if err := httpapi.DecodeCursor(in.Cursor, &filter.After); err != nil {
		return nil, err
	}
	out := &breaksOutput{}
	list, err := read(ctx, s, in.id(), func(tx database.Tx, a ledger.Account) ([]reconciledb.Break, error) {
		list, err := reconciledb.Breaks(ctx, tx, a, filter)
		if err != nil {
			return nil, err
		}
		out.Body.Items, err = s.shown(ctx, tx, a, list)
		return list, err
	})
	if err != nil {
		return nil, err
	}
	if len(list) == in.Limit {
		last := list[len(list)-1]
		out.Body.NextCursor, err = httpapi.EncodeCursor(reconciledb.Position{Day: last.Day, ID: last.ID})
	}
	return out, err
}

// BreakPath names a break in a path.
type BreakPath struct {
	Break uuid.UUID `path:"break" format:"uuid"`
}

type breakOutput struct{ Body breakBody }

func (s *Service) getBreak(ctx context.Context, in *BreakPath) (*breakOutput, error) {
	list, err := owned(ctx, s, in.Break, reconciledb.BreakAccount,
		func(tx database.Tx, a ledger.Account) ([]breakBody, error) {
			b, err := reconciledb.BreakByID(ctx, tx, a.Currency, in.Break)
			if err != nil {
				return nil, err
			}
			return s.shown(ctx, tx, a, []reconciledb.Break{b})
		})
	if err != nil {
		return nil, err
	}
	return &breakOutput{list[0]}, nil
}

type explainInput struct {
	BreakPath
	Body struct {
		Text string `json:"text" minLength:"1" maxLength:"500" example:"Cheque 000123, presented next week"`
	}
}

func (s *Service) explainBreak(ctx context.Context, in *explainInput) (*breakOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Explain(ctx, httpapi.Actor(ctx), key, in.Break, in.Body.Text)
	if err != nil {
		return nil, err
	}
	return s.getBreak(ctx, &BreakPath{httpapi.Reply(ctx, result)})
}

type resolveInput struct {
	BreakPath
	Body struct {
		Counter       string      `json:"counter_account" minLength:"1" maxLength:"100" example:"5300.INR" doc:"Code or id of the account that takes the other side"`
		Kind          string      `json:"kind" minLength:"1" maxLength:"40" pattern:"^[A-Z][A-Z0-9_]*$" example:"BANK_FEE"`
		Description   string      `json:"description" minLength:"1" maxLength:"500" example:"Account fee of March"`
		EffectiveDate *civil.Date `json:"effective_date,omitempty" format:"date" doc:"Default: the date of the break"`
		BookingDate   *civil.Date `json:"booking_date,omitempty" format:"date" doc:"Default: the effective date"`
	}
}

type resolveOutput struct {
	Status int
	Body   struct {
		EntryID uuid.UUID `json:"entry_id" format:"uuid"`
		Break   breakBody `json:"break"`
	}
}

func (s *Service) resolveBreak(ctx context.Context, in *resolveInput) (*resolveOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	entry := EntryInput{Counter: accountID(in.Body.Counter), Kind: in.Body.Kind, Description: in.Body.Description}
	if in.Body.EffectiveDate != nil {
		entry.Effective = *in.Body.EffectiveDate
	}
	if in.Body.BookingDate != nil {
		entry.Booking = *in.Body.BookingDate
	}
	result, err := s.ResolveByEntry(ctx, httpapi.Actor(ctx), key, in.Break, entry)
	if err != nil {
		return nil, err
	}
	found, err := s.getBreak(ctx, &in.BreakPath)
	if err != nil {
		return nil, err
	}
	out := &resolveOutput{Status: http.StatusCreated}
	out.Body.EntryID, out.Body.Break = httpapi.Reply(ctx, result), found.Body
	return out, nil
}
