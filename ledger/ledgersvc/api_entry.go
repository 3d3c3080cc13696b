package ledgersvc

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

func (s *Service) entryRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "post-entry", Method: http.MethodPost, Path: base + "/entries", Tag: tag, Access: writers, Idempotent: true,
		Status: http.StatusCreated, BodyBytes: entryBytesMax, Summary: "Post a journal entry",
		Description: "Debits and credits must be equal in every currency. The entry is booked as a whole or not at all " +
			"and never changes; a mistake is corrected by its reversal. The idempotency key names the entry for ever. A " +
			"rejection that depends on the books, such as a limit, is the answer to its key for ever as well.",
	}, s.postEntry)
	httpapi.Register(api, httpapi.Op{
		ID: "post-entries", Method: http.MethodPost, Path: base + "/entries/batch", Tag: tag, Access: writers,
		Idempotent: true, BodyBytes: entryBytesMax, Summary: "Post up to 1,000 journal entries",
		Description: "Each entry has a result of its own, in the order of the request. With `atomic` they are booked all " +
			"or none, and the first fault is the answer.",
	}, s.postEntries)
	httpapi.Register(api, httpapi.Op{
		ID: "list-entries", Method: http.MethodGet, Path: base + "/entries", Tag: tag, Access: readers,
		Summary: "List journal entries", Description: "In the order of effective date and recording.",
	}, s.listEntries)
	httpapi.Register(api, httpapi.Op{
		ID: "get-entry", Method: http.MethodGet, Path: base + "/entries/{id}", Tag: tag, Access: readers,
		Summary: "Read a journal entry", Errors: []int{http.StatusNotFound},
	}, s.getEntry)
	httpapi.Register(api, httpapi.Op{
		ID: "reverse-entry", Method: http.MethodPost, Path: base + "/entries/{id}/reverse", Tag: tag, Access: writers,
		Idempotent: true, Status: http.StatusCreated, Summary: "Reverse a journal entry",
		Description: "Books its exact mirror. An entry is reversed at most once.", Errors: []int{http.StatusNotFound},
	}, s.reverseEntry)
}

type lineInput struct {
	Account string        `json:"account" minLength:"1" maxLength:"100" example:"1000.INR" doc:"Code or id of the account"`
	Side    ledger.Side   `json:"side" enum:"DEBIT,CREDIT" example:"DEBIT"`
	Amount  httpapi.Money `json:"amount" doc:"Above zero, in the currency of the account"`
}

// EntryFields are what a client says about an entry.
type EntryFields struct {
	Kind          string            `json:"kind" minLength:"1" maxLength:"40" pattern:"^[A-Z][A-Z0-9_]*$" example:"BANK_FEE" doc:"What happened"`
	EffectiveDate civil.Date        `json:"effective_date" format:"date" doc:"From when the entry counts"`
	BookingDate   *civil.Date       `json:"booking_date,omitempty" format:"date" doc:"The date whose period takes the entry; default: the effective date. A late entry keeps its effective date and is booked in an open period"`
	Reference     string            `json:"reference,omitempty" maxLength:"100" doc:"The business object that it is about, such as a loan id"`
	Description   string            `json:"description,omitempty" maxLength:"500" example:"Account fee of March"`
	Metadata      map[string]string `json:"metadata,omitempty" maxProperties:"20" example:"{\"statement\":\"2026-03\"}"`
	Lines         []lineInput       `json:"lines" minItems:"2" maxItems:"10000" nullable:"false"`
}

func (f EntryFields) entry() ledger.JournalEntry {
	e := ledger.JournalEntry{
		Kind: f.Kind, EffectiveDate: f.EffectiveDate, Reference: f.Reference, Description: f.Description,
		Metadata: f.Metadata, Lines: make([]ledger.Line, len(f.Lines)),
	}
	if f.BookingDate != nil {
		e.BookingDate = *f.BookingDate
	}
	for i, line := range f.Lines {
		e.Lines[i] = ledger.Line{
			AccountID: AccountPath{Account: line.Account}.id(), Side: line.Side, Amount: line.Amount.Value(),
		}
	}
	return e
}

type postInput struct{ Body EntryFields }

type lineBody struct {
	AccountID uuid.UUID     `json:"account_id" format:"uuid"`
	Account   string        `json:"account" example:"1000.INR" doc:"Code of the account"`
	Side      ledger.Side   `json:"side" enum:"DEBIT,CREDIT"`
	Amount    httpapi.Money `json:"amount"`
}

type entryBody struct {
	ID            uuid.UUID         `json:"id" format:"uuid"`
	Key           string            `json:"key" doc:"Names the entry for ever"`
	Kind          string            `json:"kind"`
	EffectiveDate civil.Date        `json:"effective_date" format:"date"`
	BookingDate   civil.Date        `json:"booking_date" format:"date"`
	RecordedAt    time.Time         `json:"recorded_at"`
	Reference     string            `json:"reference"`
	Description   string            `json:"description"`
	PostedBy      string            `json:"posted_by" doc:"Id of the actor or name of the component"`
	Metadata      map[string]string `json:"metadata" nullable:"false"`
	Reverses      *uuid.UUID        `json:"reverses,omitempty" format:"uuid" doc:"The entry that this one mirrors"`
	ReversedBy    *uuid.UUID        `json:"reversed_by,omitempty" format:"uuid" doc:"The entry that mirrors this one"`
	Lines         []lineBody        `json:"lines" nullable:"false"`
}

func entryOf(e ledgerdb.Entry, codes map[uuid.UUID]string) entryBody {
	body := entryBody{
		ID: e.ID(), Key: e.Key, Kind: e.Kind, EffectiveDate: e.EffectiveDate, BookingDate: e.BookingDate,
		RecordedAt: e.RecordedAt, Reference: e.Reference, Description: e.Description, PostedBy: e.PostedBy,
		Metadata: e.Metadata, Lines: make([]lineBody, len(e.Lines)),
	}
	if body.Metadata == nil {
		body.Metadata = map[string]string{}
	}
	if e.Reverses != uuid.Nil {
		body.Reverses = &e.Reverses
	}
	if e.ReversedBy != uuid.Nil {
		body.ReversedBy = &e.ReversedBy
	}
	for i, line := range e.Lines {
		body.Lines[i] = lineBody{
			AccountID: line.AccountID, Account: codes[line.AccountID], Side: line.Side, Amount: httpapi.MoneyOf(line.Amount),
		}
	}
	return body
}

type postOutput struct {
	Location string `header:"Location" doc:"The entry"`
	Body     struct {
		ID         uuid.UUID     `json:"id" format:"uuid"`
		RecordedAt time.Time     `json:"recorded_at" doc:"When it was first posted"`
		Reverses   *uuid.UUID    `json:"reverses,omitempty" format:"uuid"`
		Balances   []BalanceBody `json:"balances" nullable:"false" doc:"Of the entry's accounts that have a limit, right after it. Empty in a replay"`
	}
}

func (s *Service) posted(
	ctx context.Context, posted ledgerdb.Posted, entry ledger.JournalEntry,
) (*postOutput, error) {
	httpapi.Reply(ctx, command.Result[struct{}]{Replayed: posted.Replayed})
	out := &postOutput{Location: base + "/entries/" + posted.ID.String()}
	out.Body.ID, out.Body.RecordedAt = posted.ID, posted.RecordedAt
	if entry.Reverses != uuid.Nil {
		out.Body.Reverses = &entry.Reverses
	}
	out.Body.Balances = make([]BalanceBody, len(posted.Balances))
	if len(posted.Balances) == 0 {
		return out, nil
	}
	ids := make([]uuid.UUID, len(posted.Balances))
	for i, b := range posted.Balances {
		ids[i] = b.AccountID
	}
	codes, err := read(ctx, s, func(tx database.Tx) (map[uuid.UUID]string, error) {
		return ledgerdb.Codes(ctx, tx, ids...)
	})
	if err != nil {
		return nil, err
	}
	for i, b := range posted.Balances {
		out.Body.Balances[i] = balanceOf(codes[b.AccountID], b)
	}
	return out, nil
}

func (s *Service) postEntry(ctx context.Context, in *postInput) (*postOutput, error) {
	key, err := httpapi.Key(ctx, struct{}{}) // the ledger compares the entry itself
	if err != nil {
		return nil, err
	}
	entry := in.Body.entry()
	posted, err := s.Post(ctx, httpapi.Actor(ctx), key.Value, entry)
	if err != nil {
		return nil, err
	}
	return s.posted(ctx, posted, entry)
}

type batchInput struct {
	Body struct {
		Atomic  bool          `json:"atomic,omitempty" doc:"Book all entries or none"`
		Entries []EntryFields `json:"entries" minItems:"1" maxItems:"1000" nullable:"false"`
	}
}

type batchResult struct {
	Status     string     `json:"status" enum:"POSTED,REPLAYED,REJECTED,FAILED" doc:"FAILED: not decided; send the same request again"`
	ID         *uuid.UUID `json:"id,omitempty" format:"uuid"`
	RecordedAt *time.Time `json:"recorded_at,omitempty"`
	Code       string     `json:"code,omitempty" example:"LIMIT_EXCEEDED" doc:"Why it is rejected"`
	Detail     string     `json:"detail,omitempty"`
}

type batchOutput struct {
	Body struct {
		Results []batchResult `json:"results" nullable:"false"`
	}
}

func (s *Service) postEntries(ctx context.Context, in *batchInput) (*batchOutput, error) {
	key, err := httpapi.Key(ctx, struct{}{})
	if err != nil {
		return nil, err
	}
	entries := make([]ledger.JournalEntry, len(in.Body.Entries))
	for i, fields := range in.Body.Entries {
		entries[i] = fields.entry()
	}
	results, err := s.PostMany(ctx, httpapi.Actor(ctx), key.Value, entries, in.Body.Atomic)
	if err != nil {
		return nil, placed(err)
	}
	out := &batchOutput{}
	out.Body.Results = make([]batchResult, len(results))
	for i, result := range results {
		out.Body.Results[i] = s.resultOf(ctx, result)
	}
	return out, nil
}

func (s *Service) resultOf(ctx context.Context, r ledgerdb.Result) batchResult {
	if r.Err == nil {
		status := "POSTED"
		if r.Posted.Replayed {
			status = "REPLAYED"
		}
		return batchResult{Status: status, ID: &r.Posted.ID, RecordedAt: &r.Posted.RecordedAt}
	}
	if rejection, ok := ledger.AsRejection(r.Err); ok {
		return batchResult{Status: "REJECTED", Code: string(rejection.Code), Detail: reasonOf(r.Err)}
	}
	if keyReused(r.Err) {
		return batchResult{Status: "REJECTED", Code: "KEY_REUSED", Detail: "the key was used with another entry"}
	}
	s.env.Log.WarnContext(ctx, "entry of a batch not decided", "error", r.Err)
	return batchResult{Status: "FAILED", Detail: reasonOf(r.Err)}
}

type entriesInput struct {
	httpapi.PageInput
	Account   string     `query:"account" maxLength:"100" example:"1000.INR" doc:"Only entries with a line on this account; code or id"`
	Kind      string     `query:"kind" maxLength:"40" doc:"Only entries of this kind"`
	Reference string     `query:"reference" maxLength:"100" doc:"Only entries about this object, such as a loan id"`
	From      civil.Date `query:"from" format:"date" doc:"First effective date"`
	To        civil.Date `query:"to" format:"date" doc:"Last effective date"`
	Known     time.Time  `query:"known_at" format:"date-time" doc:"Leaves out what was recorded later"`
	Metadata  []string   `query:"metadata,explode" maxItems:"5" doc:"Only entries with this pair, as key=value; may be repeated"`
}

func (in *entriesInput) filter() (ledgerdb.EntryFilter, error) {
	f := ledgerdb.EntryFilter{
		Kind: in.Kind, Reference: in.Reference, From: in.From, To: in.To, Known: in.Known, Limit: in.Limit,
	}
	if in.Account != "" {
		f.Account = AccountPath{Account: in.Account}.id()
	}
	for _, pair := range in.Metadata {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return f, ledger.Reject(ledger.FieldInvalid, "metadata", "must be key=value")
		}
		if f.Metadata == nil {
			f.Metadata = map[string]string{}
		}
		f.Metadata[name] = value
	}
	return f, httpapi.DecodeCursor(in.Cursor, &f.After)
}

type entriesOutput struct {
	Body struct {
		Items      []entryBody `json:"items" nullable:"false"`
		NextCursor string      `json:"next_cursor,omitempty"`
	}
}

func (s *Service) listEntries(ctx context.Context, in *entriesInput) (*entriesOutput, error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	out := &entriesOutput{}
	list, err := read(ctx, s, func(tx database.Tx) ([]ledgerdb.Entry, error) {
		list, err := ledgerdb.Entries(ctx, tx, filter)
		if err != nil {
			return nil, err
		}
		out.Body.Items, err = withCodes(ctx, tx, list)
		return list, err
	})
	if err != nil {
		return nil, err
	}
	if len(list) == in.Limit {
		out.Body.NextCursor, err = httpapi.EncodeCursor(list[len(list)-1].Position())
	}
	return out, err
}

func withCodes(ctx context.Context, tx database.Tx, list []ledgerdb.Entry) ([]entryBody, error) {
	var ids []uuid.UUID
	for _, e := range list {
		for _, line := range e.Lines {
			ids = append(ids, line.AccountID)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return strings.Compare(string(a[:]), string(b[:])) })
	codes, err := ledgerdb.Codes(ctx, tx, slices.Compact(ids)...)
	if err != nil {
		return nil, err
	}
	items := make([]entryBody, len(list))
	for i, e := range list {
		items[i] = entryOf(e, codes)
	}
	return items, nil
}

// EntryPath names an entry in a path.
type EntryPath struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"Entry id"`
}

type entryOutput struct{ Body entryBody }

func (s *Service) getEntry(ctx context.Context, in *EntryPath) (*entryOutput, error) {
	items, err := read(ctx, s, func(tx database.Tx) ([]entryBody, error) {
		entry, err := ledgerdb.EntryByID(ctx, tx, in.ID)
		if err != nil {
			return nil, err
		}
		return withCodes(ctx, tx, []ledgerdb.Entry{entry})
	})
	if err != nil {
		return nil, err
	}
	return &entryOutput{Body: items[0]}, nil
}

type reverseInput struct {
	EntryPath
	Body struct {
		EffectiveDate civil.Date  `json:"effective_date" format:"date" doc:"From when the reversal counts"`
		BookingDate   *civil.Date `json:"booking_date,omitempty" format:"date" doc:"Default: the effective date"`
		Description   string      `json:"description" minLength:"1" maxLength:"500" example:"Booked to the wrong account" doc:"Why it is reversed"`
	}
}

func (s *Service) reverseEntry(ctx context.Context, in *reverseInput) (*postOutput, error) {
	key, err := httpapi.Key(ctx, struct{}{})
	if err != nil {
		return nil, err
	}
	how := ledger.Reversal{EffectiveDate: in.Body.EffectiveDate, Description: in.Body.Description}
	if in.Body.BookingDate != nil {
		how.BookingDate = *in.Body.BookingDate
	}
	posted, mirror, err := s.Reverse(ctx, httpapi.Actor(ctx), key.Value, in.ID, how)
	if err != nil {
		return nil, err
	}
	return s.posted(ctx, posted, mirror)
}
