package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

const (
	activations     = 5_000
	signBatch       = 200
	activationLimit = 10 * time.Minute
	activationLook  = 50 * time.Millisecond
)

// signing is an agreement that was signed.
type signing = event.AgreementSigned

// runActivate signs agreements faster than they can be activated and waits for
// the loans.
func runActivate(ctx context.Context, b *harness.Bench) error {
	p, err := start(ctx, b)
	if err != nil {
		return err
	}
	book, err := p.book(ctx)
	if err != nil {
		return err
	}
	borrowers, err := p.borrowers(ctx)
	if err != nil {
		return err
	}
	signed := make([]signing, b.Sized(activations))
	for i := range signed {
		signed[i], err = newSigning(book, borrowers[i%len(borrowers)])
		if err != nil {
			return err
		}
	}
	before, err := p.activeLoans(ctx)
	if err != nil {
		return err
	}
	eventsWere, _, err := p.events(ctx)
	if err != nil {
		return err
	}
	was, err := p.look(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := p.sign(ctx, signed); err != nil {
		return err
	}
	line, err := p.waitActive(ctx, before, int64(len(signed)), begin)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	perSecond := float64(len(signed)) / took.Seconds()
	b.Metric("loans", float64(len(signed)), "1")
	b.Metric("loans_time", took.Seconds(), "s")
	b.Metric("loans_throughput", perSecond, "1/s")
	b.Table(result.Table{
		Title: "agreement signed to loan paid out", Header: []string{"loans", "time", "loans/s"},
		Rows: [][]string{{harness.Count(float64(len(signed))), harness.Short(took), harness.Count(perSecond)}},
	})
	b.Plot(result.Plot{Title: "loans paid out over time", XLabel: "seconds", YLabel: "loans", Lines: []result.Line{line}})
	is, err := p.look(ctx)
	if err != nil {
		return err
	}
	was.report(b, is, int64(len(signed)))
	return p.checkActivations(ctx, b, before, int64(len(signed)), eventsWere)
}

func newSigning(book loandb.Book, borrower uuid.UUID) (signing, error) {
	t := terms(book.BusinessDate, amortization.AddMonths(book.BusinessDate, 1, book.BusinessDate.Day))
	schedule, err := amortization.New(t)
	if err != nil {
		return signing{}, err
	}
	data, err := json.Marshal(t)
	if err != nil {
		return signing{}, err
	}
	return signing{
		OnApplication: event.OnApplication{ApplicationID: uuid.New(), CustomerID: borrower},
		Offer: event.Offer{
			OfferID: uuid.New(), Terms: data, ScheduleHash: schedule.Hash(), Principal: t.Principal,
			Instalment: schedule.At(0).Total, APRPercent: "16.00", ValidUntil: book.BusinessDate,
		},
		AgreementID: uuid.New(), Method: "ESIGN", SHA256: schedule.Hash(), SignedAt: time.Now().UTC(),
	}, nil
}

// sign announces the agreements in the outbox of the agreement service, whose
// relay publishes them. Their applications are stored first.
func (p *platform) sign(ctx context.Context, signed []signing) error {
	applications, err := p.open(ctx, "application")
	if err != nil {
		return err
	}
	defer applications.Close()
	agreements, err := p.open(ctx, "agreement")
	if err != nil {
		return err
	}
	defer agreements.Close()
	outbox := stream.NewOutbox("/tenor/agreement", uuid.New, func() {}) // the platform's relay looks by itself
	for at := 0; at < len(signed); at += signBatch {
		batch := signed[at:min(at+signBatch, len(signed))]
		if err := putApplications(ctx, applications, batch); err != nil {
			return err
		}
		err := database.InTx(ctx, agreements, func(tx database.Tx) error {
			events := make([]event.Event, len(batch))
			for i := range batch {
				events[i] = batch[i]
			}
			return outbox.Append(ctx, tx, time.Now().UTC(), events...)
		})
		if err != nil {
			return fmt.Errorf("announcing agreements: %w", err)
		}
	}
	return nil
}

// open connects to the database of a service.
func (p *platform) open(ctx context.Context, name string) (*database.DB, error) {
	at, err := url.Parse(p.dsn)
	if err != nil {
		return nil, fmt.Errorf("parsing DSN: %w", err)
	}
	at.Path = "/" + name
	return database.Open(ctx, database.Config{DSN: at.String(), MaxConns: 2, ApplicationName: "tenor-bench"})
}

func (p *platform) waitActive(ctx context.Context, before, count int64, begin time.Time) (result.Line, error) {
	line := result.Line{Name: "paid out"}
	for {
		active, err := p.activeLoans(ctx)
		if err != nil {
			return line, err
		}
		if len(line.Points) < harness.PointsMax {
			line.Points = append(line.Points, [2]float64{time.Since(begin).Seconds(), float64(active - before)})
		}
		if active-before >= count {
			return line, nil
		}
		if time.Since(begin) > activationLimit {
			return line, fmt.Errorf("%w: %d of %d loans are active after %s", harness.ErrWrong, active-before, count,
				activationLimit)
		}
		select {
		case <-ctx.Done():
			return line, context.Cause(ctx)
		case <-time.After(max(activationLook, time.Since(begin)/harness.PointsMax)):
		}
	}
}

// eventsOfALoan are announced of each loan until it is paid out: activated, its
// schedule, its disbursement initiated and completed.
const eventsOfALoan = 4

// checkActivations holds that count more loans than before are active, and that
// each of them was announced.
func (p *platform) checkActivations(ctx context.Context, b *harness.Bench, was, count, eventsWere int64) error {
	now, err := p.activeLoans(ctx)
	if err != nil {
		return err
	}
	announced, err := p.published(ctx)
	if err != nil {
		return err
	}
	return errors.Join(
		b.Check(now == was+count, "%d loans are active (%d)", was+count, now),
		b.Check(announced-eventsWere >= eventsOfALoan*count, "each was announced and published (%d events of %d loans)",
			announced-eventsWere, count),
		p.booksBalance(ctx, b),
	)
}
