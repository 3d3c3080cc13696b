package ledgerexport

import (
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// EntryBody is the JSON form of a journal entry.
type EntryBody struct {
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
	Lines         []LineBody        `json:"lines" nullable:"false"`
}

// LineBody is the JSON form of a line.
type LineBody struct {
	AccountID uuid.UUID     `json:"account_id" format:"uuid"`
	Account   string        `json:"account" example:"1000.INR" doc:"Code of the account"`
	Side      ledger.Side   `json:"side" enum:"DEBIT,CREDIT"`
	Amount    httpapi.Money `json:"amount"`
}

// BodyOf returns the JSON form of an entry. codes names the accounts of its lines.
func BodyOf(e ledgerdb.Entry, codes map[uuid.UUID]string) EntryBody {
	body := EntryBody{
		ID: e.ID(), Key: e.Key, Kind: e.Kind, EffectiveDate: e.EffectiveDate, BookingDate: e.BookingDate,
		RecordedAt: e.RecordedAt, Reference: e.Reference, Description: e.Description, PostedBy: e.PostedBy,
		Metadata: e.Metadata, Lines: make([]LineBody, len(e.Lines)),
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
		body.Lines[i] = LineBody{
			AccountID: line.AccountID, Account: codes[line.AccountID], Side: line.Side, Amount: httpapi.MoneyOf(line.Amount),
		}
	}
	return body
}
