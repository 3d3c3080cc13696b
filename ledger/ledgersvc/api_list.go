package ledgersvc

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"cloud.google.com/go/civil"
	"github.com/danielgtaylor/huma/v2"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// PageInput asks for a page of a listing whose cursor holds the whole query.
type PageInput struct {
	Limit  int    `query:"limit" json:"-" minimum:"1" maximum:"200" default:"50" doc:"How many items at most"`
	Cursor string `query:"cursor" json:"-" maxLength:"8000" doc:"next_cursor of the page before; the rest of the query may be left out"`
}

// resume is where a listing goes on: its query, the snapshot that it is of, and
// the position after the last item.
type resume[Q, P any] struct {
	Query    Q     `json:"q"`
	Snapshot int64 `json:"s,omitempty"`
	After    P     `json:"a"`
}

// open reads a cursor. The query of the request must be that of the cursor or
// absent: a cursor of another query would give a page of neither.
func (r *resume[Q, P]) open(cursor string, query Q, snapshot int64) error {
	if cursor == "" {
		r.Query, r.Snapshot = query, snapshot
		return nil
	}
	if err := httpapi.DecodeCursor(cursor, r); err != nil {
		return err
	}
	given, err := json.Marshal(query)
	if err != nil {
		return err
	}
	kept, err := json.Marshal(r.Query)
	if err != nil {
		return err
	}
	var none Q
	empty, err := json.Marshal(none)
	if err != nil {
		return err
	}
	other := string(given) != string(empty) && string(given) != string(kept)
	if other || snapshot != 0 && snapshot != r.Snapshot {
		return huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{
			Location: "query.cursor", Message: "is of another query; send it alone, or with the same query",
		})
	}
	return nil
}

// next returns the cursor behind a position.
func (r *resume[Q, P]) next(after P) (string, error) {
	r.After = after
	return httpapi.EncodeCursor(r)
}

// EntryQuery says which entries to list or export.
type EntryQuery struct {
	Account      string     `query:"account" json:"account,omitempty" maxLength:"100" example:"1000.INR" doc:"Only entries with a line on this account; code or id"`
	Kind         string     `query:"kind" json:"kind,omitempty" maxLength:"40" example:"BANK_FEE" doc:"Only entries of this kind"`
	Reference    string     `query:"reference" json:"reference,omitempty" maxLength:"100" doc:"Only entries about this object, such as a loan id"`
	PostedBy     string     `query:"posted_by" json:"posted_by,omitempty" maxLength:"100" doc:"Only entries of this actor or component"`
	Metadata     []string   `query:"metadata,explode" json:"metadata,omitempty" maxItems:"5" doc:"Only entries with this pair, as key=value; may be repeated"`
	From         civil.Date `query:"from" json:"from,omitzero" format:"date" doc:"First effective date"`
	To           civil.Date `query:"to" json:"to,omitzero" format:"date" doc:"Last effective date"`
	BookingFrom  civil.Date `query:"booking_from" json:"booking_from,omitzero" format:"date" doc:"First booking date"`
	BookingTo    civil.Date `query:"booking_to" json:"booking_to,omitzero" format:"date" doc:"Last booking date"`
	RecordedFrom time.Time  `query:"recorded_from" json:"recorded_from,omitzero" format:"date-time" doc:"Leaves out what was recorded earlier"`
	Known        time.Time  `query:"known_at" json:"known_at,omitzero" format:"date-time" doc:"Leaves out what was recorded later"`
	Currency     string     `query:"currency" json:"currency,omitempty" pattern:"^([A-Z]{3})?$" example:"INR" doc:"Only entries with a line in this currency"`
	AmountMin    string     `query:"amount_min" json:"amount_min,omitempty" maxLength:"24" example:"100.00" doc:"Only entries with such a line of at least this amount; needs currency"`
	AmountMax    string     `query:"amount_max" json:"amount_max,omitempty" maxLength:"24" example:"250.00" doc:"Only entries with such a line of at most this amount; needs currency"`
	Snapshot     int64      `query:"snapshot" json:"-" minimum:"0" doc:"What an earlier answer was of; default: now"`
}

func (q EntryQuery) filter() (ledgerdb.EntryFilter, error) {
	f := ledgerdb.EntryFilter{
		Kind: q.Kind, Reference: q.Reference, PostedBy: q.PostedBy, From: q.From, To: q.To, BookingFrom: q.BookingFrom,
		BookingTo: q.BookingTo, RecordedFrom: q.RecordedFrom, Known: q.Known, Currency: q.Currency, Snapshot: q.Snapshot,
	}
	if q.Account != "" {
		f.Account = AccountPath{Account: q.Account}.id()
	}
	var err error
	if f.Metadata, err = pairsOf(q.Metadata); err != nil {
		return f, err
	}
	if q.AmountMin == "" && q.AmountMax == "" {
		return f, nil
	}
	currency, err := money.ParseCurrency(q.Currency)
	if err != nil {
		return f, queryFault("currency", "must be an ISO 4217 currency when an amount is asked for")
	}
	if f.AmountMin, err = minorOf("amount_min", q.AmountMin, currency); err != nil {
		return f, err
	}
	f.AmountMax, err = minorOf("amount_max", q.AmountMax, currency)
	return f, err
}

func minorOf(name, text string, currency money.Currency) (int64, error) {
	if text == "" {
		return 0, nil
	}
	amount, err := money.Parse(text, currency)
	if err != nil || !amount.IsPositive() {
		return 0, queryFault(name, "must be a decimal number above zero in the currency's decimals")
	}
	return amount.Minor(), nil
}

// queryFault is a fault of a parameter that its schema cannot express.
func queryFault(name, what string) error {
	return huma.Error422UnprocessableEntity("validation failed",
		&huma.ErrorDetail{Location: "query." + name, Message: what})
}

func pairsOf(list []string) (map[string]string, error) {
	var pairs map[string]string
	for _, pair := range list {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, queryFault("metadata", "must be key=value")
		}
		if pairs == nil {
			pairs = map[string]string{}
		}
		pairs[name] = value
	}
	return pairs, nil
}

type entriesInput struct {
	PageInput
	EntryQuery
}

type entriesOutput struct {
	Body struct {
		Snapshot   int64       `json:"snapshot" doc:"Ask with it again to get the same entries"`
		Items      []entryBody `json:"items" nullable:"false"`
		NextCursor string      `json:"next_cursor,omitempty"`
	}
}

func (s *Service) listEntries(ctx context.Context, in *entriesInput) (*entriesOutput, error) {
	var at resume[EntryQuery, ledgerdb.EntryPosition]
	if err := at.open(in.Cursor, in.EntryQuery, in.Snapshot); err != nil {
		return nil, err
	}
	filter, err := at.Query.filter()
	if err != nil {
		return nil, err
	}
	if err := s.pin(ctx, &at.Snapshot); err != nil {
		return nil, err
	}
	filter.Snapshot, filter.After, filter.Limit = at.Snapshot, at.After, in.Limit
	out := &entriesOutput{}
	out.Body.Snapshot = at.Snapshot
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
		out.Body.NextCursor, err = at.next(list[len(list)-1].Position())
	}
	return out, err
}

// pin makes the snapshot of an answer what is committed now, unless it is that
// of a cursor or one that was asked for.
func (s *Service) pin(ctx context.Context, snapshot *int64) error {
	if *snapshot != 0 {
		return nil
	}
	var err error
	*snapshot, err = ledgerdb.Pin(ctx, s.env.DB)
	return err
}

type changesInput struct {
	Cursor   string `query:"cursor" maxLength:"200" doc:"next_cursor of the answer before; default: the beginning of the journal"`
	From     string `query:"from" enum:"START,END" default:"START" doc:"Where to begin without a cursor: END leaves out everything up to now"`
	Limit    int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many entries at most"`
	Wait     int    `query:"wait" minimum:"0" maximum:"20" doc:"How many seconds to wait for an entry when there is none yet"`
	Balances bool   `query:"balances" doc:"Add the balances of the accounts that the entries touch"`
}

type changeBody struct {
	Seq   int64     `json:"seq" doc:"Place in the hash chain of the batch that the entry was posted in"`
	Pos   int64     `json:"pos" doc:"Place of the entry in that batch"`
	Entry entryBody `json:"entry"`
}

type changesOutput struct {
	Body struct {
		Items      []changeBody  `json:"items" nullable:"false"`
		Balances   []BalanceBody `json:"balances,omitempty" doc:"Right after the batch of the last entry"`
		NextCursor string        `json:"next_cursor" doc:"Where to go on, also when there is nothing yet"`
	}
}

func (s *Service) feedRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "list-changes", Method: http.MethodGet, Path: base + "/changes", Tag: tag, Access: readers,
		Summary: "Follow the journal",
		Description: "Every entry once, in the order in which they were seen to be committed, which is that of the hash " +
			"chain. Keep `next_cursor` with what you made of the entries: going on from there misses nothing and repeats " +
			"nothing, however late a transaction commits. Entries appear within a second. Neither a repeated request nor a " +
			"rejection adds anything. With `wait` the answer comes as soon as there is an entry.",
	}, s.listChanges)
}

const (
	// feedPause is how often a waiting request looks for new entries.
	feedPause = 200 * time.Millisecond
	// feedWaitersMax bounds the requests that wait at once; others are answered
	// at once.
	feedWaitersMax = 64
)

func (s *Service) listChanges(ctx context.Context, in *changesInput) (*changesOutput, error) {
	var after ledgerdb.ChangePosition
	if err := httpapi.DecodeCursor(in.Cursor, &after); err != nil {
		return nil, err
	}
	if in.Cursor == "" && in.From == "END" {
		var err error
		if after, err = read(ctx, s, func(tx database.Tx) (ledgerdb.ChangePosition, error) {
			return ledgerdb.EndOfFeed(ctx, tx)
		}); err != nil {
			return nil, err
		}
	}
	ctx, over := s.waiting(ctx, in.Wait)
	defer over()
	for {
		out, err := s.changes(context.WithoutCancel(ctx), after, in)
		if err != nil || len(out.Body.Items) > 0 {
			return out, err
		}
		select {
		case <-ctx.Done():
			return out, nil
		case <-time.After(feedPause):
		}
	}
}

// waiting returns a context that ends when a request has waited long enough: at
// once when it does not want to, or when too many others do already.
func (s *Service) waiting(ctx context.Context, seconds int) (context.Context, func()) {
	waited, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	if seconds == 0 {
		return waited, cancel
	}
	select {
	case s.feedWaiters <- struct{}{}:
		return waited, func() { cancel(); <-s.feedWaiters }
	default:
		cancel()
		return waited, cancel
	}
}

// changes reads one page of the feed.
func (s *Service) changes(
	ctx context.Context, after ledgerdb.ChangePosition, in *changesInput,
) (*changesOutput, error) {
	return read(ctx, s, func(tx database.Tx) (*changesOutput, error) {
		out := &changesOutput{}
		list, err := ledgerdb.Changes(ctx, tx, after, in.Limit)
		if err != nil {
			return nil, err
		}
		entries := make([]ledgerdb.Entry, len(list))
		for i, c := range list {
			entries[i] = c.Entry
			after = c.Position
		}
		bodies, err := withCodes(ctx, tx, entries)
		if err != nil {
			return nil, err
		}
		out.Body.Items = make([]changeBody, len(list))
		for i, c := range list {
			out.Body.Items[i] = changeBody{Seq: c.Position.Seq, Pos: c.Position.Pos, Entry: bodies[i]}
		}
		if in.Balances && len(list) > 0 {
			if out.Body.Balances, err = balancesAfter(ctx, tx, after.Seq, entries); err != nil {
				return nil, err
			}
		}
		out.Body.NextCursor, err = httpapi.EncodeCursor(after)
		return out, err
	})
}

// balancesAfter are those of the entries' accounts at a place in the chain.
func balancesAfter(
	ctx context.Context, tx database.Tx, seq int64, entries []ledgerdb.Entry,
) ([]BalanceBody, error) {
	view, err := ledgerdb.ViewAt(ctx, tx, seq, time.Time{})
	if err != nil {
		return nil, err
	}
	ids := accountsOf(entries)
	balances, err := view.Balances(ctx, tx, ledgerdb.At{}, ids...)
	if err != nil {
		return nil, err
	}
	codes, err := ledgerdb.Codes(ctx, tx, ids...)
	if err != nil {
		return nil, err
	}
	list := make([]BalanceBody, 0, len(ids))
	for _, id := range ids {
		list = append(list, balanceOf(codes[id], balances[id]))
	}
	return list, nil
}
