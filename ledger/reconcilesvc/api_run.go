package reconcilesvc

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/reconcile"
	"github.com/tenor-lending/tenor/ledger/reconciledb"
)

// previewMax bounds the matches and the breaks that a dry run shows.
const previewMax = 200

func (s *Service) runRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "run-reconciliation", Method: http.MethodPost, Path: base + "/runs", Tag: tag, Access: writers,
		Idempotent: true, Status: http.StatusCreated, Summary: "Match bank and books by the rules",
		Description: "Compares all lines through a day that are not matched yet. Every line ends in one match or one " +
			"break. The same lines and rules give the same result, told by its digest; running again finds nothing more.",
		Errors: []int{http.StatusNotFound},
	}, s.run)
	httpapi.Register(api, httpapi.Op{
		ID: "preview-reconciliation", Method: http.MethodPost, Path: base + "/previews", Tag: tag, Access: writers,
		Summary: "See what a run would do, without doing it",
		Description: "Nothing is stored. The first 200 matches and breaks are shown with their reasons. `rule_set` tries " +
			"rules that are not saved.",
		Errors: []int{http.StatusNotFound},
	}, s.preview)
	httpapi.Register(api, httpapi.Op{
		ID: "get-reconciliation-run", Method: http.MethodGet, Path: base + "/runs/{bankrun}", Tag: tag, Access: readers,
		Summary: "Read a run", Errors: []int{http.StatusNotFound},
	}, s.getRun)
	httpapi.Register(api, httpapi.Op{
		ID: "list-matches", Method: http.MethodGet, Path: base + "/matches", Tag: tag, Access: readers,
		Summary: "List matches in the order in which they were made",
	}, s.listMatches)
	httpapi.Register(api, httpapi.Op{
		ID: "get-match", Method: http.MethodGet, Path: base + "/matches/{match}", Tag: tag, Access: readers,
		Summary: "Read a match and why it was made", Errors: []int{http.StatusNotFound},
	}, s.getMatch)
	httpapi.Register(api, httpapi.Op{
		ID: "match-lines", Method: http.MethodPost, Path: base + "/matches", Tag: tag, Access: writers, Idempotent: true,
		Status: http.StatusCreated, Summary: "Match lines by hand",
		Description: "A difference that the lines leave becomes a break of its own.", Errors: []int{http.StatusNotFound},
	}, s.matchLines)
	httpapi.Register(api, httpapi.Op{
		ID: "undo-match", Method: http.MethodPost, Path: base + "/matches/{match}/undo", Tag: tag, Access: writers,
		Idempotent: true, Summary: "Take a match apart", Description: "Its lines are free again, and breaks.",
		Errors: []int{http.StatusNotFound},
	}, s.undoMatch)
}

type runInput struct {
	Body struct {
		Account string      `json:"account" minLength:"1" maxLength:"100" example:"1000.INR"`
		Rules   string      `json:"rules,omitempty" maxLength:"60" example:"default" doc:"Name of the rule set; default: default"`
		Through *civil.Date `json:"through,omitempty" format:"date" doc:"Last day; default: the last day of the statements"`
	}
}

func runOrder(account, rules string, through *civil.Date) RunInput {
	order := RunInput{Account: accountID(account), Rules: rules}
	if rules == "" {
		order.Rules = DefaultRules
	}
	if through != nil {
		order.Through = *through
	}
	return order
}

type runBody struct {
	ID           *uuid.UUID `json:"id,omitempty" format:"uuid"`
	Rules        string     `json:"rules"`
	RulesVersion int64      `json:"rules_version"`
	Through      civil.Date `json:"through" format:"date"`
	BankLines    int64      `json:"bank_lines" doc:"Lines of the bank that were looked at"`
	BookLines    int64      `json:"book_lines"`
	Matches      int64      `json:"matches"`
	Breaks       int64      `json:"breaks"`
	LimitReached bool       `json:"limit_reached" doc:"A search was cut short by its limit: a match may have been missed"`
	Digest       string     `json:"digest" doc:"SHA-256 of the result: the same lines and rules give the same"`
	RecordedAt   *time.Time `json:"recorded_at,omitempty"`
	RecordedBy   string     `json:"recorded_by,omitempty"`
}

func runOf(r RunSummary) runBody {
	body := runBody{
		Rules: r.Rules, RulesVersion: r.RulesVersion, Through: r.Through, BankLines: r.BankLines, BookLines: r.BookLines,
		Matches: r.Matches, Breaks: r.Breaks, LimitReached: r.LimitReached, Digest: r.Digest,
	}
	if r.ID != uuid.Nil {
		body.ID = &r.ID
	}
	return body
}

type runOutput struct {
	Location string `header:"Location"`
	Body     runBody
}

func (s *Service) run(ctx context.Context, in *runInput) (*runOutput, error) {
	key, err := httpapi.Key(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	result, err := s.Run(ctx, httpapi.Actor(ctx), key, runOrder(in.Body.Account, in.Body.Rules, in.Body.Through))
	if err != nil {
		return nil, err
	}
	summary := httpapi.Reply(ctx, result)
	return &runOutput{Location: base + "/runs/" + summary.ID.String(), Body: runOf(summary)}, nil
}

type previewInput struct {
	Body struct {
		Account string             `json:"account" minLength:"1" maxLength:"100" example:"1000.INR"`
		Rules   string             `json:"rules,omitempty" maxLength:"60" example:"default"`
		RuleSet *reconcile.RuleSet `json:"rule_set,omitempty" doc:"Rules to try instead of saved ones"`
		Through *civil.Date        `json:"through,omitempty" format:"date"`
	}
}

type previewMatch struct {
	Rule       string        `json:"rule"`
	Bank       []lineID      `json:"bank" nullable:"false"`
	Books      []lineID      `json:"books" nullable:"false"`
	Difference httpapi.Money `json:"difference"`
	Days       int           `json:"days"`
	Reference  string        `json:"reference,omitempty"`
}

type candidateBody struct {
	Line       lineID                `json:"line"`
	Difference httpapi.Money         `json:"difference" doc:"The bank's amount less that of the books"`
	Days       int                   `json:"days" doc:"The bank's date less that of the books"`
	Rejections []reconcile.Rejection `json:"rejections" nullable:"false" doc:"Why each rule for pairs did not match it"`
}

func candidatesOf(list []reconcile.Candidate, currency money.Currency) []candidateBody {
	out := make([]candidateBody, len(list))
	for i, c := range list {
		out[i] = candidateBody{
			Line: lineID{c.Line.ID, c.Line.No}, Difference: httpapi.MoneyOf(money.New(c.Difference, currency)), Days: c.Days,
			Rejections: c.Rejections,
		}
	}
	return out
}

type previewBreak struct {
	Side        reconcile.Side  `json:"side" enum:"BANK,BOOKS"`
	Line        lineID          `json:"line"`
	Kind        reconcile.Kind  `json:"kind"`
	Amount      httpapi.Money   `json:"amount"`
	Date        civil.Date      `json:"date" format:"date"`
	DuplicateOf *lineID         `json:"duplicate_of,omitempty"`
	Candidates  []candidateBody `json:"candidates" nullable:"false"`
}

type previewOutput struct {
	Body struct {
		Run     runBody        `json:"run"`
		Matches []previewMatch `json:"matches" nullable:"false"`
		Breaks  []previewBreak `json:"breaks" nullable:"false"`
	}
}

func (s *Service) preview(ctx context.Context, in *previewInput) (*previewOutput, error) {
	order := runOrder(in.Body.Account, in.Body.Rules, in.Body.Through)
	order.Trial = in.Body.RuleSet
	p, err := s.plan(ctx, order)
	if err != nil {
		return nil, err
	}
	account, err := read(ctx, s, order.Account, func(_ database.Tx, a ledger.Account) (ledger.Account, error) {
		return a, nil
	})
	if err != nil {
		return nil, err
	}
	out := &previewOutput{}
	out.Body.Run = runOf(p.summary())
	out.Body.Matches, out.Body.Breaks = []previewMatch{}, []previewBreak{}
	for _, m := range p.result.Matches[:min(previewMax, len(p.result.Matches))] {
		out.Body.Matches = append(out.Body.Matches, previewMatch{
			Rule: m.Rule, Bank: lineIDs(m.Bank), Books: lineIDs(m.Books), Days: m.Days, Reference: m.Reference,
			Difference: httpapi.MoneyOf(money.New(m.Difference, account.Currency)),
		})
	}
	for _, b := range p.result.Breaks[:min(previewMax, len(p.result.Breaks))] {
		body := previewBreak{
			Side: b.Side, Line: lineID{b.Line.ID, b.Line.No}, Kind: b.Kind, Date: b.Date,
			Amount:     httpapi.MoneyOf(money.New(b.Amount, account.Currency)),
			Candidates: candidatesOf(b.Candidates, account.Currency),
		}
		if b.DuplicateOf != nil {
			body.DuplicateOf = &lineID{b.DuplicateOf.ID, b.DuplicateOf.No}
		}
		out.Body.Breaks = append(out.Body.Breaks, body)
	}
	return out, nil
}

// RunPath names a run in a path.
type RunPath struct {
	Run uuid.UUID `path:"bankrun" format:"uuid"`
}

type getRunOutput struct{ Body runBody }

func (s *Service) getRun(ctx context.Context, in *RunPath) (*getRunOutput, error) {
	var r reconciledb.Run
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		r, err = reconciledb.RunByID(ctx, tx, in.Run)
		return err
	})
	if err != nil {
		return nil, err
	}
	body := runOf((&plan{run: r}).summary())
	body.Digest, body.RecordedAt, body.RecordedBy = hex.EncodeToString(r.Digest[:]), &r.RecordedAt, r.RecordedBy
	return &getRunOutput{body}, nil
}

type matchBody struct {
	ID         uuid.UUID     `json:"id" format:"uuid"`
	RunID      *uuid.UUID    `json:"run_id,omitempty" format:"uuid" doc:"The run that made it"`
	Rule       string        `json:"rule" doc:"The rule that made it; MANUAL by hand, ENTRY by an entry that resolved a break"`
	Bank       []lineID      `json:"bank" nullable:"false"`
	Books      []lineID      `json:"books" nullable:"false"`
	Difference httpapi.Money `json:"difference" doc:"Bank less books"`
	Days       int           `json:"days" doc:"Largest distance between a bank line and a book line"`
	Reference  string        `json:"reference,omitempty" doc:"What the lines have in common, as it was compared"`
	Note       string        `json:"note,omitempty"`
	State      string        `json:"state" enum:"ACTIVE,UNDONE"`
	RecordedAt time.Time     `json:"recorded_at"`
	RecordedBy string        `json:"recorded_by"`
	UndoneAt   *time.Time    `json:"undone_at,omitempty"`
	UndoneBy   string        `json:"undone_by,omitempty"`
	UndoReason string        `json:"undo_reason,omitempty"`
}

func matchOf(m reconciledb.Match) matchBody {
	body := matchBody{
		ID: m.ID, Rule: m.Rule, Bank: lineIDs(m.Lines.Bank), Books: lineIDs(m.Lines.Books),
		Difference: httpapi.MoneyOf(m.Difference), Days: m.Days, Reference: m.Reference, Note: m.Note, State: "ACTIVE",
		RecordedAt: m.RecordedAt, RecordedBy: m.RecordedBy, UndoneBy: m.UndoneBy, UndoReason: m.UndoReason,
	}
	if m.RunID != uuid.Nil {
		body.RunID = &m.RunID
	}
	if !m.Active {
		body.State, body.UndoneAt = "UNDONE", &m.UndoneAt
	}
	return body
}

type matchesInput struct {
	httpapi.PageInput
	AccountQuery
	Run uuid.UUID `query:"run" format:"uuid" doc:"Only matches of this run"`
}

type matchesOutput struct {
	Body struct {
		Items      []matchBody `json:"items" nullable:"false"`
		NextCursor string      `json:"next_cursor,omitempty"`
	}
}

func (s *Service) listMatches(ctx context.Context, in *matchesInput) (*matchesOutput, error) {
	var after reconciledb.Position
	if err := httpapi.DecodeCursor(in.Cursor, &after); err != nil {
		return nil, err
	}
	list, err := read(ctx, s, in.id(), func(tx database.Tx, a ledger.Account) ([]reconciledb.Match, error) {
		return reconciledb.Matches(ctx, tx, a, in.Run, after, in.Limit)
	})
	if err != nil {
		return nil, err
	}
	out := &matchesOutput{}
	out.Body.Items = make([]matchBody, len(list))
	for i, m := range list {
		out.Body.Items[i] = matchOf(m)
	}
	if len(list) == in.Limit {
		last := list[len(list)-1]
		out.Body.NextCursor, err = httpapi.EncodeCursor(reconciledb.Position{At: last.RecordedAt, ID: last.ID})
	}
	return out, err
}

// MatchPath names a match in a path.
type MatchPath struct {
	Match uuid.UUID `path:"match" format:"uuid"`
}

type matchOutput struct {
	Location string `header:"Location"`
	Body     matchBody
}

func (s *Service) getMatch(ctx context.Context, in *MatchPath) (*matchOutput, error) {
	m, err := s.match(ctx, in.Match)
	if err != nil {
		return nil, err
	}
	return &matchOutput{Location: base + "/matches/" + m.ID.String(), Body: matchOf(m)}, nil
}

func (s *Service) match(ctx context.Context, id uuid.UUID) (reconciledb.Match, error) {
	return owned(ctx, s, id, reconciledb.MatchAccount,
		func(tx database.Tx, a ledger.Account) (reconciledb.Match, error) {
			return reconciledb.MatchByID(ctx, tx, a.Currency, id)
		})
}

type matchLinesInput struct {
	Body struct {
		Account string   `json:"account" minLength:"1" maxLength:"100" example:"1000.INR"`
		Bank    []lineID `json:"bank,omitempty" maxItems:"1000" doc:"Lines of the bank"`
		Books   []lineID `json:"books,omitempty" maxItems:"1000" doc:"Lines of entries on the account"`
		Note    string   `json:"note" minLength:"1" maxLength:"500" example:"Paid in two parts, see the borrower's mail"`
	}
}

func (s *Service) matchLines(ctx context.Context, in *matchLinesInput) (*matchOutput, error) {
	key, err := httpapi.Key(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	lines := reconciledb.Lines{Bank: idsOf(in.Body.Bank), Books: idsOf(in.Body.Books)}
	result, err := s.Match(ctx, httpapi.Actor(ctx), key, accountID(in.Body.Account), lines, in.Body.Note)
	if err != nil {
		return nil, err
	}
	return s.getMatch(ctx, &MatchPath{httpapi.Reply(ctx, result)})
}

func idsOf(list []lineID) []reconcile.LineID {
	out := make([]reconcile.LineID, len(list))
	for i, id := range list {
		out[i] = reconcile.LineID{ID: id.ID, No: id.LineNo}
	}
	return out
}

type undoInput struct {
	MatchPath
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"500" example:"Two payments of the same amount were exchanged"`
	}
}

func (s *Service) undoMatch(ctx context.Context, in *undoInput) (*matchOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Undo(ctx, httpapi.Actor(ctx), key, in.Match, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return s.getMatch(ctx, &MatchPath{httpapi.Reply(ctx, result)})
}
