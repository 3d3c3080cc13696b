package event

import (
	"cloud.google.com/go/civil"
	"github.com/google/uuid"
)

// ReconciliationCompleted says that the statements of a bank account were
// matched with the books through a day: what the bank has and the books have not
// is known now. AccountID is that of the account in the books.
type ReconciliationCompleted struct {
	RunID     uuid.UUID  `json:"run_id"`
	AccountID uuid.UUID  `json:"account_id"`
	Account   string     `json:"account"`
	Through   civil.Date `json:"through"`
	Matches   int64      `json:"matches"`
	Breaks    int64      `json:"breaks"`
}

// Type implements Event.
func (ReconciliationCompleted) Type() string { return "reconciliation.completed.v1" }

// Topic implements Event.
func (ReconciliationCompleted) Topic() string { return TopicServicing }

// Subject implements Event.
func (r ReconciliationCompleted) Subject() uuid.UUID { return r.AccountID }

// Key implements Event.
func (r ReconciliationCompleted) Key() string { return r.AccountID.String() }

// Aggregate implements Event.
func (ReconciliationCompleted) Aggregate() string { return "bank account" }
