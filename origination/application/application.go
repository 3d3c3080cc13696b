package application

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
)

// Application is a borrower's request for a loan and how far it has come.
type Application struct {
	ID         uuid.UUID
	CustomerID uuid.UUID
	Request
	Stage event.Stage
	// Outcome is set once Stage is CLOSED.
	Outcome event.Outcome
	// LoanID is nil until there is a loan.
	LoanID *uuid.UUID
	// Principal is what was lent, zero until there is a loan.
	Principal money.Amount
	CreatedAt time.Time
	// ChangedAt is when the stage last changed.
	ChangedAt time.Time
	// entries counts the rows of its timeline.
	entries int64
}

// Entry is a row of an application's timeline.
type Entry struct {
	Seq int64
	// At is when it happened, RecordedAt when it was learnt here.
	At, RecordedAt time.Time
	// Event is the type of the event.
	Event string
	// Role is who acted.
	Role access.Role
	// Sentence tells it to a person.
	Sentence string
	// Left and Entered are set when the stage changed.
	Left, Entered event.Stage
	// Outcome is set when Entered is CLOSED.
	Outcome event.Outcome
}

// fact is what an event tells about an application.
type fact struct {
	at       time.Time
	event    string
	role     access.Role
	sentence string
}

// change collects what happens to an application in one transaction.
type change struct {
	before  Application
	app     Application
	entries []Entry
	events  []event.Event
	audit   []command.Command
	now     time.Time
}

// note adds a fact to the timeline and moves the stage if the fact does that.
func (c *change) note(f fact) {
	entry := Entry{
		Seq: c.app.entries + 1, At: f.at, RecordedAt: c.now, Event: f.event, Role: f.role, Sentence: f.sentence,
	}
	from := c.app.Stage
	to, outcome, moves := advance(from, steps[f.event])
	if moves {
		entry.Left, entry.Entered, entry.Outcome = from, to, outcome
		c.app.Stage, c.app.Outcome, c.app.ChangedAt = to, outcome, c.now
		c.events = append(c.events, event.ApplicationStageChanged{
			OnApplication: c.app.on(), From: from, To: to, Outcome: outcome,
		})
	}
	c.app.entries++
	c.entries = append(c.entries, entry)
}

// begin starts the timeline of a new application.
func (c *change) begin() {
	c.app.Stage, c.app.entries = event.StageInput, 1
	c.entries = append(c.entries, Entry{
		Seq: 1, At: c.now, RecordedAt: c.now, Event: event.ApplicationCreated{}.Type(), Role: access.Customer,
		Sentence: fmt.Sprintf("The borrower applied for %s in %d instalments.", c.app.Amount, c.app.Instalments),
		Entered:  event.StageInput,
	})
	c.events = append(c.events, event.ApplicationCreated{
		OnApplication: c.app.on(), Product: c.app.Product, Amount: c.app.Amount, Instalments: c.app.Instalments,
		Purpose: c.app.Purpose,
	})
}

// submit hands the application in for review if it is waiting and complete.
func (c *change) submit(identity bool, kinds []string, at time.Time) {
	if c.app.Stage != event.StageInput || len(missing(identity, kinds)) > 0 {
		return
	}
	submitted := event.ApplicationSubmitted{
		OnApplication: c.app.on(), Product: c.app.Product, Amount: c.app.Amount, Instalments: c.app.Instalments,
		Purpose: c.app.Purpose, MonthlyIncome: c.app.Income, MonthlyObligations: c.app.Obligations,
	}
	c.events = append(c.events, submitted)
	c.note(fact{
		at: at, event: submitted.Type(), role: access.System,
		sentence: "The application is complete and was handed in for review.",
	})
}

// joinLoan notes which loan the application became.
func (c *change) joinLoan(id uuid.UUID, principal money.Amount) {
	if c.app.LoanID == nil && id != uuid.Nil {
		c.app.LoanID = &id
	}
	if principal.IsPositive() && principal.Currency() == c.app.Amount.Currency() {
		c.app.Principal = principal
	}
}

func (a Application) on() event.OnApplication {
	return event.OnApplication{ApplicationID: a.ID, CustomerID: a.CustomerID}
}
