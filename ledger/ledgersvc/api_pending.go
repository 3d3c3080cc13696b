package ledgersvc

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
	"github.com/tenor-lending/tenor/ledger/ledgerexport"
)

func (s *Service) pendingRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "open-pending-entry", Method: http.MethodPost, Path: base + "/pending-entries", Tag: tag, Access: writers,
		Idempotent: true, Status: http.StatusCreated, BodyBytes: entryBytesMax, Summary: "Announce a journal entry",
		Description: "It moves no balance but counts against the limits of its accounts until it is posted, in whole or " +
			"in part, voided, or past its time.",
	}, s.openPending)
	httpapi.Register(api, httpapi.Op{
		ID: "list-pending-entries", Method: http.MethodGet, Path: base + "/pending-entries", Tag: tag, Access: readers,
		Summary: "List pending entries",
		Description: "In the order in which they were announced. All conditions must hold. The cursor keeps the whole " +
			"query, and can be sent alone.",
	}, s.listPending)
	httpapi.Register(api, httpapi.Op{
		ID: "get-pending-entry", Method: http.MethodGet, Path: base + "/pending-entries/{id}", Tag: tag, Access: readers,
		Summary: "Read a pending entry", Errors: []int{http.StatusNotFound},
	}, s.getPending)
	httpapi.Register(api, httpapi.Op{
		ID: "post-pending-entry", Method: http.MethodPost, Path: base + "/pending-entries/{id}/post", Tag: tag,
		Access: writers, Idempotent: true, BodyBytes: entryBytesMax, Summary: "Post a pending entry",
		Description: "Once: with `lines` a part of it is posted, at most what was announced on each side of each account, " +
			"and the rest is given back. Whoever wants to post more of it later announces that anew.",
		Errors: []int{http.StatusNotFound},
	}, s.postPending)
	httpapi.Register(api, httpapi.Op{
		ID: "void-pending-entry", Method: http.MethodPost, Path: base + "/pending-entries/{id}/void", Tag: tag,
		Access: writers, Idempotent: true, Summary: "Give a pending entry up", Errors: []int{http.StatusNotFound},
	}, s.voidPending)
}

type openPendingInput struct {
	Body struct {
		EntryFields
		ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"From then on it can no longer be posted; default: never"`
	}
}

type pendingBody struct {
	ID         uuid.UUID           `json:"id" format:"uuid"`
	State      ledger.PendingState `json:"state" enum:"OPEN,POSTED,VOIDED,EXPIRED"`
	RecordedAt time.Time           `json:"recorded_at"`
	ExpiresAt  *time.Time          `json:"expires_at,omitempty"`
	ResolvedAt *time.Time          `json:"resolved_at,omitempty"`
	ResolvedBy string              `json:"resolved_by,omitempty" doc:"Id of the actor, or expiry"`
	EntryID    *uuid.UUID          `json:"entry_id,omitempty" format:"uuid" doc:"The entry that posted it"`
	Kind       string              `json:"kind"`
	Effective  civil.Date          `json:"effective_date" format:"date"`
	Booking    civil.Date          `json:"booking_date" format:"date"`
	Reference  string              `json:"reference"`
	Desc       string              `json:"description"`
	PostedBy   string              `json:"posted_by"`
	Metadata   map[string]string   `json:"metadata" nullable:"false"`
	Lines      []lineBody          `json:"lines" nullable:"false"`
}

type pendingOutput struct{ Body pendingBody }

func pendingOf(p ledgerdb.PendingEntry, codes map[uuid.UUID]string) pendingBody {
	entry := ledgerexport.BodyOf(ledgerdb.Entry{JournalEntry: p.JournalEntry}, codes)
	body := pendingBody{
		ID: p.ID(), State: p.State, RecordedAt: p.RecordedAt, ResolvedBy: p.ResolvedBy, Kind: p.Kind,
		Effective: p.EffectiveDate, Booking: p.BookingDate, Reference: p.Reference, Desc: p.Description,
		PostedBy: p.PostedBy, Metadata: entry.Metadata, Lines: entry.Lines,
	}
	if !p.ExpiresAt.IsZero() {
		body.ExpiresAt = &p.ExpiresAt
	}
	if !p.ResolvedAt.IsZero() {
		body.ResolvedAt = &p.ResolvedAt
	}
	if p.EntryID != uuid.Nil {
		body.EntryID = &p.EntryID
	}
	return body
}

func (s *Service) pending(ctx context.Context, id uuid.UUID) (*pendingOutput, error) {
	body, err := read(ctx, s, func(tx database.Tx) (pendingBody, error) {
		p, err := ledgerdb.PendingByID(ctx, tx, id)
		if err != nil {
			return pendingBody{}, err
		}
		ids := make([]uuid.UUID, len(p.Lines))
		for i, line := range p.Lines {
			ids[i] = line.AccountID
		}
		codes, err := ledgerdb.Codes(ctx, tx, ids...)
		return pendingOf(p, codes), err
	})
	if err != nil {
		return nil, err
	}
	return &pendingOutput{Body: body}, nil
}

func (s *Service) openPending(ctx context.Context, in *openPendingInput) (*pendingOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	p := ledger.Pending{JournalEntry: in.Body.entry()}
	if in.Body.ExpiresAt != nil {
		p.ExpiresAt = *in.Body.ExpiresAt
	}
	result, err := s.OpenPending(ctx, httpapi.Actor(ctx), key, p)
	if err != nil {
		return nil, err
	}
	return s.pending(ctx, httpapi.Reply(ctx, result))
}

// PendingQuery says which pending entries to list.
type PendingQuery struct {
	State     ledger.PendingState `query:"state" json:"state,omitempty" enum:"OPEN,POSTED,VOIDED,EXPIRED" doc:"Only those that stand so"`
	Kind      string              `query:"kind" json:"kind,omitempty" maxLength:"40" doc:"Only those of this kind"`
	Reference string              `query:"reference" json:"reference,omitempty" maxLength:"100" doc:"Only those about this object"`
	Account   string              `query:"account" json:"account,omitempty" maxLength:"100" example:"1000.INR" doc:"Only those with a line on this account; code or id"`
}

type pendingsInput struct {
	PageInput
	PendingQuery
}

type pendingsOutput struct {
	Body struct {
		Items      []pendingBody `json:"items" nullable:"false"`
		NextCursor string        `json:"next_cursor,omitempty"`
	}
}

func (s *Service) listPending(ctx context.Context, in *pendingsInput) (*pendingsOutput, error) {
	var at resume[PendingQuery, ledgerdb.PendingPosition]
	if err := at.open(in.Cursor, in.PendingQuery, 0); err != nil {
		return nil, err
	}
	filter := ledgerdb.PendingFilter{
		State: at.Query.State, Kind: at.Query.Kind, Reference: at.Query.Reference, After: at.After, Limit: in.Limit,
	}
	if at.Query.Account != "" {
		filter.Account = AccountPath{Account: at.Query.Account}.id()
	}
	out := &pendingsOutput{}
	list, err := read(ctx, s, func(tx database.Tx) ([]ledgerdb.PendingEntry, error) {
		list, err := ledgerdb.PendingEntries(ctx, tx, filter)
		if err != nil {
			return nil, err
		}
		entries := make([]ledgerdb.Entry, len(list))
		for i, p := range list {
			entries[i].JournalEntry = p.JournalEntry
		}
		codes, err := ledgerdb.Codes(ctx, tx, accountsOf(entries)...)
		if err != nil {
			return nil, err
		}
		out.Body.Items = make([]pendingBody, len(list))
		for i, p := range list {
			out.Body.Items[i] = pendingOf(p, codes)
		}
		return list, nil
	})
	if err != nil {
		return nil, err
	}
	if len(list) == in.Limit {
		out.Body.NextCursor, err = at.next(list[len(list)-1].Position())
	}
	return out, err
}

func (s *Service) getPending(ctx context.Context, in *EntryPath) (*pendingOutput, error) {
	return s.pending(ctx, in.ID)
}

type postPendingInput struct {
	EntryPath
	Body struct {
		EffectiveDate *civil.Date `json:"effective_date,omitempty" format:"date" doc:"Default: as announced"`
		BookingDate   *civil.Date `json:"booking_date,omitempty" format:"date" doc:"Default: the effective date"`
		Lines         []lineInput `json:"lines,omitempty" minItems:"2" maxItems:"10000" doc:"What to post; default: everything"`
	}
}

func (s *Service) postPending(ctx context.Context, in *postPendingInput) (*postOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	how := ledgerdb.PendingPost{Lines: EntryFields{Lines: in.Body.Lines}.entry().Lines}
	if in.Body.EffectiveDate != nil {
		how.EffectiveDate = *in.Body.EffectiveDate
	}
	if in.Body.BookingDate != nil {
		how.BookingDate = *in.Body.BookingDate
	}
	result, err := s.PostPending(ctx, httpapi.Actor(ctx), key, in.ID, how)
	if err != nil {
		return nil, err
	}
	posted := result.Value
	posted.Replayed = posted.Replayed || result.Replayed
	return s.posted(ctx, posted, ledger.JournalEntry{})
}

func (s *Service) voidPending(ctx context.Context, in *EntryPath) (*pendingOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.VoidPending(ctx, httpapi.Actor(ctx), key, in.ID)
	if err != nil {
		return nil, err
	}
	return s.pending(ctx, httpapi.Reply(ctx, result))
}
