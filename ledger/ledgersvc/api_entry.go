package ledgersvc

import (
	"bytes"
	"context"
	"errors"
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
	"github.com/tenor-lending/tenor/ledger/ledgerexport"
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
		Description: "Each entry has a result of its own, in the order of the request. Entries that are `linked` to the " +
			"next one are booked together with it or not at all. With `atomic` all of them are, and the first fault is the " +
			"answer.",
	}, s.postEntries)
	httpapi.Register(api, httpapi.Op{
		ID: "list-entries", Method: http.MethodGet, Path: base + "/entries", Tag: tag, Access: readers,
		Summary: "List journal entries",
		Description: "In the order of effective date and recording. All conditions must hold. Every page is of the same " +
			"`snapshot`: the cursor keeps it with the whole query, and can be sent alone. Reference, account, metadata, kind " +
			"and effective dates are looked up; `posted_by`, amounts, currency, booking and recording dates are compared " +
			"entry by entry among what those leave: give one of those with them on a large journal.",
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

const (
	kindFirst = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	kindRest  = kindFirst + "0123456789_"
)

// fits tells whether the schema accepts what the fields were read from. It
// counts bytes where the schema counts characters, which are not more.
func (f *EntryFields) fits() bool {
	return f.Kind != "" && len(f.Kind) <= ledger.KindLengthMax && strings.Contains(kindFirst, f.Kind[:1]) &&
		strings.Trim(f.Kind, kindRest) == "" && f.EffectiveDate.IsValid() &&
		len(f.Reference) <= ledger.ReferenceLengthMax && len(f.Description) <= ledger.DescriptionLengthMax &&
		len(f.Metadata) <= ledger.MetadataMax &&
		len(f.Lines) >= ledger.LinesMin && len(f.Lines) <= ledger.LinesMax &&
		!slices.ContainsFunc(f.Lines, func(line lineInput) bool {
			return line.Account == "" || len(line.Account) > ledger.CodeLengthMax || !line.Side.Valid() ||
				!line.Amount.WellFormed()
		})
}

type postBody struct {
	EntryFields

	LargeBody httpapi.LargeBody `json:"-"`
}

// Fits tells whether the schema accepts what the body was read from.
func (b *postBody) Fits() bool { return b.fits() }

// Large is for httpapi.LargeBody, as is Fits.
func (b *postBody) Large() *httpapi.LargeBody { return &b.LargeBody }

type postInput struct{ Body postBody }

type (
	entryBody = ledgerexport.EntryBody
	lineBody  = ledgerexport.LineBody
)

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

// batchEntriesMax is the maxItems of a batch's entries.
const batchEntriesMax = 1_000

type batchInput struct{ Body batchBody }

type batchBody struct {
	Atomic  bool         `json:"atomic,omitempty" doc:"Book all entries or none"`
	Entries []batchEntry `json:"entries" minItems:"1" maxItems:"1000" nullable:"false"`

	LargeBody httpapi.LargeBody `json:"-"`
}

// Large is for httpapi.LargeBody, as is Fits.
func (b *batchBody) Large() *httpapi.LargeBody { return &b.LargeBody }

// Fits tells whether the schema accepts what the body was read from.
func (b *batchBody) Fits() bool {
	return len(b.Entries) >= 1 && len(b.Entries) <= batchEntriesMax &&
		!slices.ContainsFunc(b.Entries, func(e batchEntry) bool { return !e.fits() })
}

type batchEntry struct {
	EntryFields
	Linked bool `json:"linked,omitempty" doc:"Book it together with the next one, all or none; several in a row make one chain"`
}

type batchResult struct {
	Status     string     `json:"status" enum:"POSTED,REPLAYED,REJECTED,FAILED" doc:"FAILED: not decided; send the same request again"`
	ID         *uuid.UUID `json:"id,omitempty" format:"uuid"`
	RecordedAt *time.Time `json:"recorded_at,omitempty"`
	Code       string     `json:"code,omitempty" example:"LIMIT_EXCEEDED" doc:"Why it is rejected; LINKED_REJECTED: because another of its chain is"`
	Field      string     `json:"field,omitempty" example:"lines[1].amount" doc:"The field at fault"`
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
	batch := Batch{Atomic: in.Body.Atomic, Entries: make([]ledger.JournalEntry, len(in.Body.Entries))}
	for i, e := range in.Body.Entries {
		batch.Entries[i] = e.entry()
		batch.Linked = append(batch.Linked, e.Linked)
	}
	if batch.Linked[len(batch.Linked)-1] {
		last := &placedError{index: len(batch.Linked) - 1, err: ledger.Reject(ledger.FieldInvalid, "linked",
			"must not be set on the last entry: there is none to link it to")}
		return nil, last
	}
	results, err := s.PostMany(ctx, httpapi.Actor(ctx), key.Value, batch)
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
		return batchResult{
			Status: "REJECTED", Code: string(rejection.Code), Field: rejection.FieldName(), Detail: reasonOf(r.Err),
		}
	}
	if errors.Is(r.Err, errLinked) {
		return batchResult{Status: "REJECTED", Code: "LINKED_REJECTED", Detail: "another entry of its chain is rejected"}
	}
	if keyReused(r.Err) {
		return batchResult{Status: "REJECTED", Code: "KEY_REUSED", Detail: "the key was used with another entry"}
	}
	s.env.Log.WarnContext(ctx, "entry of a batch not decided", "error", r.Err)
	return batchResult{Status: "FAILED", Detail: reasonOf(r.Err)}
}

func withCodes(ctx context.Context, tx database.Tx, list []ledgerdb.Entry) ([]entryBody, error) {
	codes, err := ledgerdb.Codes(ctx, tx, accountsOf(list)...)
	if err != nil {
		return nil, err
	}
	items := make([]entryBody, len(list))
	for i, e := range list {
		items[i] = ledgerexport.BodyOf(e, codes)
	}
	return items, nil
}

// accountsOf lists the accounts of entries, each once, by id.
func accountsOf(list []ledgerdb.Entry) []uuid.UUID {
	var ids []uuid.UUID
	for _, e := range list {
		for _, line := range e.Lines {
			ids = append(ids, line.AccountID)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
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
