// Package event owns the contract of every event: its type string with
// version, its JSON, the topic and the key it travels by, and the CloudEvents
// envelope around it. One file per publisher.
//
// It is a leaf: it must not import any service, nor know databases or Kafka.
// A contract once published never changes; a new shape is a new version.
package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Topics. Within a topic the key decides the partition, so that everything
// about one application, loan or customer is read in the order it was caused.
const (
	TopicCustomer     = "tenor.customer"
	TopicOrigination  = "tenor.origination"
	TopicServicing    = "tenor.servicing"
	TopicNotification = "tenor.notification"
	TopicIdentity     = "tenor.identity"
	// TopicDeadLetter takes what a consumer could not handle.
	TopicDeadLetter = "tenor.dead-letter"
)

// Topics lists the topics that carry events.
var Topics = []string{TopicCustomer, TopicOrigination, TopicServicing, TopicNotification, TopicIdentity}

// Event is a fact in the past tense that one service announces to the others.
type Event interface {
	// Type is the name with its version: "loan.activated.v1".
	Type() string
	// Topic is where it is published.
	Topic() string
	// Subject is the aggregate that it is about; versions count per subject.
	Subject() uuid.UUID
	// Key decides the partition: the application, loan or customer id.
	Key() string
	// Aggregate names what Subject is one of: "loan".
	Aggregate() string
}

// Personal is an event about one person, who may be told of it.
type Personal interface {
	Event
	// Person is the customer, or the user, whose id is the customer's for borrowers.
	Person() uuid.UUID
}

// SpecVersion is the CloudEvents version of the envelope.
const SpecVersion = "1.0"

// Envelope is a CloudEvents 1.0 event in JSON format, with the extension
// attributes sequence (the aggregate's version) and traceparent.
type Envelope struct {
	SpecVersion     string          `json:"specversion"`
	ID              uuid.UUID       `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         uuid.UUID       `json:"subject"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Version         int64           `json:"sequence,string"`
	TraceParent     string          `json:"traceparent,omitempty"`
	Data            json.RawMessage `json:"data"`
}

// ErrMalformed means that bytes are not an envelope of this contract.
var ErrMalformed = errors.New("malformed event")

// Parse reads an envelope and checks its required attributes. The envelope's Data
// may be a part of data.
func Parse(data []byte) (Envelope, error) {
	e, ok := parsePlain(data)
	if !ok {
		if err := json.Unmarshal(data, &e); err != nil {
			return Envelope{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	switch {
	case e.SpecVersion != SpecVersion:
		return Envelope{}, fmt.Errorf("%w: specversion %q", ErrMalformed, e.SpecVersion)
	case e.ID == uuid.Nil:
		return Envelope{}, fmt.Errorf("%w: no id", ErrMalformed)
	case e.Type == "" || e.Source == "":
		return Envelope{}, fmt.Errorf("%w: no type or source", ErrMalformed)
	case e.Version < 1:
		return Envelope{}, fmt.Errorf("%w: sequence %d", ErrMalformed, e.Version)
	}
	return e, nil
}

// Decode reads the data of an envelope as the event type E.
func Decode[E Event](env Envelope) (E, error) {
	var e E
	if env.Type != e.Type() {
		return e, fmt.Errorf("%w: %s is not %s", ErrMalformed, env.Type, e.Type())
	}
	if err := json.Unmarshal(env.Data, &e); err != nil {
		return e, fmt.Errorf("%w: %s: %w", ErrMalformed, env.Type, err)
	}
	return e, nil
}

// OnCustomer is embedded by events about a customer.
type OnCustomer struct {
	CustomerID uuid.UUID `json:"customer_id"`
}

// Topic implements Event.
func (OnCustomer) Topic() string { return TopicCustomer }

// Subject implements Event.
func (c OnCustomer) Subject() uuid.UUID { return c.CustomerID }

// Key implements Event.
func (c OnCustomer) Key() string { return c.CustomerID.String() }

// Aggregate implements Event.
func (OnCustomer) Aggregate() string { return "customer" }

// Person implements Personal.
func (c OnCustomer) Person() uuid.UUID { return c.CustomerID }

// OnApplication is embedded by events about an application before it is a loan.
type OnApplication struct {
	ApplicationID uuid.UUID `json:"application_id"`
	CustomerID    uuid.UUID `json:"customer_id"`
}

// Topic implements Event.
func (OnApplication) Topic() string { return TopicOrigination }

// Subject implements Event.
func (a OnApplication) Subject() uuid.UUID { return a.ApplicationID }

// Key implements Event.
func (a OnApplication) Key() string { return a.ApplicationID.String() }

// Aggregate implements Event.
func (OnApplication) Aggregate() string { return "application" }

// Person implements Personal.
func (a OnApplication) Person() uuid.UUID { return a.CustomerID }

// OnLoan is embedded by events about a loan.
type OnLoan struct {
	LoanID        uuid.UUID `json:"loan_id"`
	ApplicationID uuid.UUID `json:"application_id"`
	CustomerID    uuid.UUID `json:"customer_id"`
}

// Topic implements Event.
func (OnLoan) Topic() string { return TopicServicing }

// Subject implements Event.
func (l OnLoan) Subject() uuid.UUID { return l.LoanID }

// Key implements Event.
func (l OnLoan) Key() string { return l.LoanID.String() }

// Aggregate implements Event.
func (OnLoan) Aggregate() string { return "loan" }

// Person implements Personal.
func (l OnLoan) Person() uuid.UUID { return l.CustomerID }
