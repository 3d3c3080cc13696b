package payer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/bench/faults/fleet"
	"github.com/tenor-lending/tenor/bench/faults/verdict"
	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamfault"
)

const (
	lendWorkers = 16
	lendLook    = 100 * time.Millisecond
)

// Loan is a loan of the drill.
type Loan struct {
	ID uuid.UUID
	// Schedule is the plan that was signed.
	Schedule *amortization.Schedule

	application, customer, agreement uuid.UUID
	done                             atomic.Bool // the platform said that nothing is owed any more
}

// Book is the state of the book on which the platform works.
type Book struct {
	BusinessDate civil.Date `json:"business_date"`
}

// BookPath is where it is shown.
const BookPath = "/api/v1/close-of-day/book"

// Lend signs so many agreements and waits for their loans to be paid out. The same
// salt makes the same loans. When it fails, none of them is paid.
func (w *Workload) Lend(ctx context.Context, count int, salt uint64) error {
	var book Book
	if err := w.gate.Read(ctx, AsSystem, fleet.PortCloseOfDay, BookPath, nil, &book); err != nil {
		return err
	}
	dice := rand.New(rand.NewPCG(w.seed, salt)) //nolint:gosec // repeatable, not secret
	born := make([]*Loan, count)
	messages := make([]streamfault.Message, 0, 2*count)
	for i := range born {
		schedule, err := verdict.DrawSchedule(dice, book.BusinessDate)
		if err != nil {
			return err
		}
		born[i] = &Loan{Schedule: schedule, application: uuid.New(), customer: uuid.New(), agreement: uuid.New()}
		known, err := w.gate.registered(born[i].customer)
		if err != nil {
			return err
		}
		signed, err := born[i].signed()
		if err != nil {
			return err
		}
		messages = append(messages, known, signed)
	}
	if err := streamfault.Send(ctx, w.gate.fleet.Seeds, messages...); err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(lendWorkers)
	for _, l := range born {
		group.Go(func() error { return w.gate.awaitLoan(groupCtx, l) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loans = append(w.loans, born...)
	return nil
}

// signed is the event with which the agreement service announces the contract.
func (l *Loan) signed() (streamfault.Message, error) {
	terms, err := json.Marshal(l.Schedule.Terms)
	if err != nil {
		return streamfault.Message{}, err
	}
	e := event.AgreementSigned{
		OnApplication: event.OnApplication{ApplicationID: l.application, CustomerID: l.customer},
		Offer: event.Offer{
			OfferID: uuid.New(), Terms: terms, ScheduleHash: l.Schedule.Hash(), Principal: l.Schedule.Terms.Principal,
			Instalment: l.Schedule.At(0).Total, APRPercent: "16.00", ValidUntil: l.Schedule.Terms.DisbursementDate,
		},
		AgreementID: l.agreement, Method: "ESIGN", SHA256: l.Schedule.Hash(), SignedAt: time.Now().UTC(),
	}
	return messageOf("/tenor/agreement", e)
}

// registered is the event with which the customer service announces the borrower:
// without an address every message to one would be tried again and again.
func (g *Gate) registered(customer uuid.UUID) (streamfault.Message, error) {
	contact, err := json.Marshal(event.Contact{
		Email: customer.String() + "@drill.local", Phone: "+911234567890", Name: "A. Borrower",
	})
	if err != nil {
		return streamfault.Message{}, err
	}
	e := event.CustomerRegistered{OnCustomer: event.OnCustomer{CustomerID: customer}}
	if e.SealedContact, err = g.fleet.Keys.Seal(contact, "customer.contact:"+customer.String()); err != nil {
		return streamfault.Message{}, err
	}
	e.SealedCredential, err = g.fleet.Keys.Seal([]byte(g.credential), "customer.credential:"+customer.String())
	if err != nil {
		return streamfault.Message{}, err
	}
	return messageOf("/tenor/customer", e)
}

// messageOf is the first event about its subject, as the source publishes it.
func messageOf(source string, e event.Event) (streamfault.Message, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return streamfault.Message{}, err
	}
	value, err := json.Marshal(event.Envelope{
		SpecVersion: event.SpecVersion, ID: uuid.New(), Source: source, Type: e.Type(), Subject: e.Subject(),
		Time: time.Now().UTC(), DataContentType: "application/json", Version: 1, Data: data,
	})
	return streamfault.Message{Topic: e.Topic(), Key: e.Key(), Value: value}, err
}

// awaitLoan asks until the loan of an agreement is there and paid out.
func (g *Gate) awaitLoan(ctx context.Context, l *Loan) error {
	r := Request{
		Who: AsSystem, Method: http.MethodPost, Path: "/api/v1/activation/" + l.application.String() + "/trigger",
		Port: fleet.PortActivation,
	}
	var a Answer
	var last error
	err := client.Poll(ctx, "its payout", lendLook, func() (bool, error) {
		r.Key = uuid.NewString()
		a, last = g.Send(ctx, r)
		r.Replica++
		var known struct {
			LoanID uuid.UUID `json:"loan_id"`
			Status string    `json:"status"`
		}
		switch {
		case last == nil && a.Status == http.StatusOK:
			err := json.Unmarshal(a.Body, &known)
			l.ID = known.LoanID
			return known.Status == "ACTIVE", err
		case last != nil || a.Later() || a.Status == http.StatusNotFound || a.Status == http.StatusConflict:
			return false, nil // not yet
		}
		return false, errors.New(a.Detail)
	})
	if err != nil {
		return fmt.Errorf("application %s has no loan (last answer %d %s): %w", l.application, a.Status, a.Kind,
			errors.Join(last, err))
	}
	return nil
}
