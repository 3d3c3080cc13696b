package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/devstack"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/stream"
)

const (
	consumerName = "bench"
	// eventsRate is the steady rate unless --rate says otherwise.
	eventsRate = 300
	// burstClients commit events without pause in the second part.
	burstClients = 32
	// loans spread the events over the partitions.
	loans        = 1_000
	arriveLimit  = 2 * time.Minute
	arriveLook   = 20 * time.Millisecond
	readyLimit   = time.Minute
	paymentMinor = 96_973
)

// outcome is one broker's figures.
type outcome struct {
	broker        harness.Broker
	steady, burst harness.Stats
	// toHandled is from commit to handled, at the steady rate.
	toHandled harness.Latencies
	// perSecond is events committed, sent and handled, from the first commit of
	// the burst to the last handling.
	perSecond float64
}

func runEvents(ctx context.Context, b *harness.Bench) error {
	brokers, err := b.Brokers(ctx)
	if err != nil {
		return err
	}
	var all []outcome
	for _, broker := range brokers {
		o, err := measure(ctx, b, broker)
		if err != nil {
			return fmt.Errorf("on the broker %s: %w", broker.Name, err)
		}
		all = append(all, o)
	}
	report(b, all)
	return nil
}

// line is a publisher and a consumer, each with its own database, as two
// services are.
type line struct {
	publisher, consumer *database.DB
	outbox              *stream.Outbox
	tracker             *tracker
	loans               []event.OnLoan
}

func measure(ctx context.Context, b *harness.Bench, broker harness.Broker) (outcome, error) {
	l := &line{tracker: newTracker()}
	for range loans {
		l.loans = append(l.loans, event.OnLoan{LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: uuid.New()})
	}
	var err error
	if l.publisher, _, err = b.Database(ctx, "core", 0); err != nil {
		return outcome{}, err
	}
	if l.consumer, _, err = b.Database(ctx, "notification", 0); err != nil {
		return outcome{}, err
	}
	group := consumerName + "-" + uuid.NewString()
	stop, err := l.start(ctx, broker.Seeds, group)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{broker: broker}
	err = l.drive(ctx, b, &o)
	err = errors.Join(err, stop())
	if err != nil {
		return o, err
	}
	return o, l.check(ctx, b, group)
}

// start runs the relay and the consumer; stop ends them.
func (l *line) start(ctx context.Context, seeds []string, group string) (stop func() error, err error) {
	if err := stream.EnsureTopics(ctx, seeds, devstack.BrokerPartitions, 1); err != nil {
		return nil, err
	}
	producer, err := stream.NewProducer(seeds, "tenor-bench")
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	relay := stream.NewRelay(l.publisher, producer, log, time.Now)
	l.outbox = stream.NewOutbox("/tenor/bench", uuid.New, relay.Wake)
	consumer, err := stream.NewConsumer(stream.ConsumerConfig{
		Name: group, DB: l.consumer, Seeds: seeds, Log: log, Now: time.Now,
		Subscriptions: []stream.Subscription{stream.On(l.handle)},
	})
	if err != nil {
		producer.Close()
		return nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 2)
	go func() { ended <- relay.Run(running) }()
	go func() { ended <- consumer.Run(running) }()
	stop = func() error {
		cancel()
		err := errors.Join(<-ended, <-ended)
		producer.Close()
		return err
	}
	select {
	case <-consumer.Ready():
		return stop, nil
	case <-time.After(readyLimit):
		err = errors.New("the consumer did not join its group in time")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return nil, errors.Join(err, stop())
}

// handle is the consumer's effect: its inbox row, written by the consumer
// itself, is all that this transaction holds.
func (l *line) handle(_ context.Context, tx database.Tx, _ event.Envelope, e event.PaymentReceived) error {
	tx.AfterCommit(func() { l.tracker.handled(e.PaymentID, time.Now()) })
	return nil
}

// announce commits one event.
func (l *line) announce(ctx context.Context, n int64, counted func() bool) error {
	currency := money.MustCurrency("INR")
	e := event.PaymentReceived{
		OnLoan: l.loans[n%loans], PaymentID: uuid.New(), Amount: money.New(paymentMinor, currency),
		ValueDate: civil.DateOf(time.Now().UTC()), Channel: "BANK_TRANSFER",
	}
	return database.InTx(ctx, l.publisher, func(tx database.Tx) error {
		tx.AfterCommit(func() { l.tracker.committed(e.PaymentID, time.Now(), counted()) })
		return l.outbox.Append(ctx, tx, time.Now().UTC(), e)
	})
}

// drive sends at a steady rate, to see latencies, and then without pause, to see
// how much goes through.
func (l *line) drive(ctx context.Context, b *harness.Bench, o *outcome) error {
	begin := time.Now()
	warm := func() bool { return time.Since(begin) >= b.Warmup }
	o.steady = b.Load(ctx, harness.Load{
		Name: o.broker.Name + " steady", Rate: eventsRate,
		Op: func(ctx context.Context, n int64) error { return l.announce(ctx, n, warm) },
	})
	if err := errors.Join(o.steady.Err(), l.arrive(ctx)); err != nil {
		return err
	}
	o.toHandled = l.tracker.toHandled.Total()
	before := l.tracker.tally().arrived
	begin = time.Now()
	never := func() bool { return false }
	o.burst = harness.Drive(ctx, harness.Load{
		Name: o.broker.Name + " burst", Clients: burstClients, Duration: b.Duration / 2,
		Op: func(ctx context.Context, n int64) error { return l.announce(ctx, n, never) },
	}, nil)
	if err := errors.Join(o.burst.Err(), l.arrive(ctx)); err != nil {
		return err
	}
	o.perSecond = float64(l.tracker.tally().arrived-before) / time.Since(begin).Seconds()
	return nil
}

// arrive waits until every committed event was handled.
func (l *line) arrive(ctx context.Context) error {
	deadline := time.Now().Add(arriveLimit)
	for {
		t := l.tracker.tally()
		if t.open == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: %d of %d committed events were not handled within %s",
				harness.ErrWrong, t.open, t.committed, arriveLimit)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(arriveLook):
		}
	}
}

// check compares what was acknowledged with what both databases hold.
func (l *line) check(ctx context.Context, b *harness.Bench, group string) error {
	t := l.tracker.tally()
	all, unpublished, err := announced(ctx, l.publisher)
	if err != nil {
		return err
	}
	inbox, err := recorded(ctx, l.consumer, group)
	if err != nil {
		return err
	}
	return errors.Join(
		b.Check(all == t.committed, "the outbox holds the %d acknowledged events (%d)", t.committed, all),
		b.Check(unpublished == 0, "all of them are published (%d are not)", unpublished),
		b.Check(t.arrived == t.committed, "all of them were handled (%d)", t.arrived),
		b.Check(t.twice == 0, "none was handled twice (%d)", t.twice),
		b.Check(inbox == t.committed, "the inbox holds each once (%d)", inbox),
	)
}

func report(b *harness.Bench, all []outcome) {
	t := result.Table{
		Title:  fmt.Sprintf("events, commit to handled (steady: %s/s intended)", harness.Count(steadyRate(b))),
		Header: []string{"broker", "p50", "p99", "p99.9", "max", "handled", "burst, end to end"},
	}
	var names []string
	var steady []harness.Stats
	for _, o := range all {
		prefix := "embedded"
		if o.broker.Name != "embedded" {
			prefix = "kafka"
		}
		b.Distribution(prefix+"_commit_to_handled", o.toHandled)
		b.Metric(prefix+"_steady_throughput", o.steady.PerSecond, "1/s")
		b.Metric(prefix+"_burst_throughput", o.perSecond, "1/s")
		l := o.toHandled
		t.Rows = append(t.Rows, []string{
			o.broker.Name, harness.Short(l.P50), harness.Short(l.P99), harness.Short(l.P999), harness.Short(l.Max),
			harness.Count(float64(l.Count)), harness.Count(o.perSecond) + "/s",
		})
		names, steady = append(names, o.broker.Name), append(steady, o.steady)
	}
	b.Table(t)
	b.OverTime("events, committing", names, steady)
}

func steadyRate(b *harness.Bench) float64 {
	if b.Rate > 0 {
		return b.Rate
	}
	return eventsRate
}
