package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/failpoint"
	"github.com/tenor-lending/tenor/internal/mutant"
)

// Limits of a consumer.
const (
	// ConsumeBatchMax bounds how many events share one transaction.
	ConsumeBatchMax = 200
	pollRecordsMax  = 1000
	// HandleAttemptsMax is how often an event is tried that cannot be handled,
	// before it becomes a dead letter.
	HandleAttemptsMax = 3
	handlePauseFirst  = 50 * time.Millisecond
	// notYetAttemptsMax and notYetPause bound the wait for an event that must come first.
	notYetAttemptsMax = 40
	notYetPause       = 100 * time.Millisecond
	outagePauseFirst  = 100 * time.Millisecond
	outagePauseLimit  = 5 * time.Second
)

// ErrNotYet is returned by a handler whose event arrived before another one
// that it builds on, from another topic; it is tried again for a few seconds.
var ErrNotYet = errors.New("an earlier event has not arrived yet")

// Subscription is the interest of a service in one type of event.
type Subscription struct {
	topic     string
	typ       string
	aggregate string
	handle    func(ctx context.Context, tx database.Tx, envs []event.Envelope) error
	// together is how many events handle takes at once, and lane names those that
	// it takes: subscriptions of one lane have one handle.
	together int
	lane     string
	// mixed says that handle takes several events of one aggregate.
	mixed bool
}

// On subscribes fn to events of type E. fn runs in the transaction that also
// records the event as handled: its effect happens once. It may run more than
// once, each time in a fresh transaction, and must touch nothing but tx.
func On[E event.Event](fn func(ctx context.Context, tx database.Tx, env event.Envelope, e E) error) Subscription {
	var zero E
	return Subscription{
		topic: zero.Topic(), typ: zero.Type(), aggregate: zero.Aggregate(), lane: zero.Type(), together: 1,
		handle: func(ctx context.Context, tx database.Tx, envs []event.Envelope) error {
			e, err := event.Decode[E](envs[0])
			if err != nil {
				return err
			}
			return fn(ctx, tx, envs[0], e)
		},
	}
}

// OnAll is On for handlers that do better with many events at once: fn gets up
// to ConsumeBatchMax of them, each of another aggregate, and each once. Events of
// one aggregate keep their order, those of other types included.
func OnAll[E event.Event](fn func(ctx context.Context, tx database.Tx, events []E) error) Subscription {
	var zero E
	return Subscription{
		topic: zero.Topic(), typ: zero.Type(), aggregate: zero.Aggregate(), lane: zero.Type(), together: ConsumeBatchMax,
		handle: func(ctx context.Context, tx database.Tx, envs []event.Envelope) error {
			events := make([]E, len(envs))
			for i := range envs {
				var err error
				if events[i], err = event.Decode[E](envs[i]); err != nil {
					return err
				}
			}
			return fn(ctx, tx, events)
		},
	}
}

// Together is On for handlers that take whatever comes at once: fn gets up to
// ConsumeBatchMax events of the types, in the order of their arrival, also
// several of one aggregate, and each once. types are one value of each type.
func Together(
	fn func(ctx context.Context, tx database.Tx, envs []event.Envelope) error, types ...event.Event,
) []Subscription {
	list := make([]Subscription, len(types))
	for i, e := range types {
		list[i] = Subscription{
			topic: e.Topic(), typ: e.Type(), aggregate: e.Aggregate(), lane: types[0].Type(), together: ConsumeBatchMax,
			mixed: true, handle: fn,
		}
	}
	return list
}

// Consumer handles events for one service.
type Consumer struct {
	name     string
	db       *database.DB
	seeds    []string
	topics   []string
	handlers map[string]Subscription
	// follows has the aggregates about which it handles events.
	follows map[string]bool
	turn    sync.Locker
	log     *slog.Logger
	now     func() time.Time
	metrics *Metrics
	// remember is how long the inbox knows an event; zero is for ever.
	remember time.Duration
	ready    chan struct{}
	once     sync.Once
}

// ConsumerConfig is what a Consumer is made of.
type ConsumerConfig struct {
	// Name is the consumer group and the key of the inbox: the service's name.
	Name          string
	DB            *database.DB
	Seeds         []string
	Subscriptions []Subscription
	// Turn is held while events are handled, if it is not nil: for a service whose
	// other transactions touch the same pages and would undo these, and be undone.
	Turn sync.Locker
	Log  *slog.Logger
	Now  func() time.Time
	// Metrics may be nil.
	Metrics *Metrics
	// Remember is how long it is known which events were handled; zero is for ever.
	// It must be longer than any event can come again: as long as the broker keeps
	// the topics and the dead letters together. An older event that is not known is
	// not handled, but becomes a dead letter.
	Remember time.Duration
}

// NewConsumer checks the subscriptions and returns a consumer. Run starts it.
func NewConsumer(cfg ConsumerConfig) (*Consumer, error) {
	c := &Consumer{
		name: cfg.Name, db: cfg.DB, seeds: cfg.Seeds, handlers: make(map[string]Subscription),
		follows: make(map[string]bool), turn: cfg.Turn, log: cfg.Log, now: cfg.Now, metrics: cfg.Metrics,
		remember: cfg.Remember, ready: make(chan struct{}),
	}
	for _, s := range cfg.Subscriptions {
		if _, twice := c.handlers[s.typ]; twice {
			return nil, fmt.Errorf("consumer %s subscribes to %s twice", cfg.Name, s.typ)
		}
		c.handlers[s.typ] = s
		c.follows[s.aggregate] = true
		if !slices.Contains(c.topics, s.topic) {
			c.topics = append(c.topics, s.topic)
		}
	}
	if len(c.topics) == 0 {
		return nil, fmt.Errorf("consumer %s subscribes to nothing", cfg.Name)
	}
	return c, nil
}

// Ready is closed once the consumer has joined its group.
func (c *Consumer) Ready() <-chan struct{} { return c.ready }

// Run handles events until ctx ends; what is being handled then is finished.
func (c *Consumer) Run(ctx context.Context) error {
	client, err := newGroupClient(c.seeds, c.name, c.topics, func(err error) {
		// Harmless: the events come again and the inbox knows them.
		c.log.WarnContext(ctx, "offsets not committed", "error", err)
	})
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	go c.watchJoin(ctx, client)
	var forgetting sync.WaitGroup
	forgetting.Go(func() { c.keepForgetting(ctx) })
	defer forgetting.Wait()
	for {
		fetches := client.PollRecords(ctx, pollRecordsMax)
		if ctx.Err() != nil || fetches.IsClientClosed() {
			return nil
		}
		fetches.EachError(func(topic string, partition int32, err error) {
			c.log.WarnContext(ctx, "cannot fetch", "topic", topic, "partition", partition, "error", err)
		})
		c.handleFetches(ctx, client, fetches)
		client.AllowRebalance()
	}
}

const joinLook = 5 * time.Millisecond

func (c *Consumer) watchJoin(ctx context.Context, client *kgo.Client) {
	for pauseFor(ctx, joinLook) {
		if _, generation := client.GroupMetadata(); generation > 0 {
			c.once.Do(func() { close(c.ready) })
			return
		}
	}
}

// handleFetches handles what a poll brought and passes its offsets on: together
// in as few transactions as possible, for each commit waits for the disk; and
// when that fails, each partition by itself, so that one event that cannot be
// handled holds up its own partition only.
func (c *Consumer) handleFetches(ctx context.Context, client *kgo.Client, fetches kgo.Fetches) {
	for chunk := range slices.Chunk(fetches.Records(), ConsumeBatchMax) {
		if ctx.Err() != nil {
			return // stopping: what is left is fetched again after the restart
		}
		if mutant.OffsetFirst {
			_ = client.CommitRecords(ctx, chunk...)
		}
		failpoint.Hit(failpoint.Fetched)
		if c.handleTogether(ctx, chunk) {
			c.pass(client, chunk...)
			continue
		}
		c.handleApart(ctx, client, chunk)
	}
}

// foreign tells, without reading the event, that it is about something of which
// this consumer handles no events: it does not follow its versions either.
func (c *Consumer) foreign(record *kgo.Record) bool {
	for i := range record.Headers {
		if record.Headers[i].Key == headerType {
			about := event.AggregateOf(string(record.Headers[i].Value))
			return about != "" && !c.follows[about]
		}
	}
	return false
}

// handleTogether handles records of any partitions in one transaction; false
// means that it had no effect.
func (c *Consumer) handleTogether(ctx context.Context, records []*kgo.Record) bool {
	deliveries := make([]delivery, 0, len(records))
	for _, record := range records {
		if c.foreign(record) {
			continue
		}
		env, err := event.Parse(record.Value)
		if err != nil {
			return false
		}
		deliveries = append(deliveries, delivery{env: env, record: record})
	}
	if len(deliveries) == 0 {
		return true
	}
	if err := c.handle(ctx, deliveries); err != nil {
		c.log.InfoContext(ctx, "handling partitions apart", "count", len(deliveries), "cause", err)
		return false
	}
	return true
}

// handleApart works on all partitions at once, on each in order.
func (c *Consumer) handleApart(ctx context.Context, client *kgo.Client, records []*kgo.Record) {
	partitions := make(map[place][]*kgo.Record)
	for _, record := range records {
		at := place{record.Topic, record.Partition}
		partitions[at] = append(partitions[at], record)
	}
	var wait sync.WaitGroup
	for _, own := range partitions {
		wait.Go(func() {
			if c.handleChunk(ctx, client, own) {
				c.pass(client, own[len(own)-1])
			}
		})
	}
	wait.Wait()
}

// pass has the offsets of records committed, soon.
func (c *Consumer) pass(client *kgo.Client, records ...*kgo.Record) {
	failpoint.Hit(failpoint.Handled)
	defer failpoint.Hit(failpoint.Offset)
	client.MarkCommitRecords(records...)
}

// handleChunk handles the records in one transaction or, when that fails, one
// by one, so that one bad event costs its neighbours nothing. It returns false
// only when ctx ended first.
func (c *Consumer) handleChunk(ctx context.Context, client *kgo.Client, records []*kgo.Record) bool {
	deliveries := make([]delivery, 0, len(records))
	for _, record := range records {
		if c.foreign(record) {
			continue
		}
		env, err := event.Parse(record.Value)
		if err != nil {
			if !c.bury(ctx, client, record, err) {
				return false
			}
			continue
		}
		deliveries = append(deliveries, delivery{env: env, record: record})
	}
	if len(deliveries) > 1 {
		err := c.handle(ctx, deliveries)
		if err == nil {
			return true
		}
		c.log.InfoContext(ctx, "handling events one by one", "count", len(deliveries), "cause", err)
	}
	for _, d := range deliveries {
		if !c.handleOne(ctx, client, d) {
			return false
		}
	}
	return true
}

// handleOne tries one event until it is handled or buried. An outage of the
// database is no fault of the event: that is waited out.
func (c *Consumer) handleOne(ctx context.Context, client *kgo.Client, d delivery) bool {
	pause, outage := handlePauseFirst, outagePauseFirst
	for attempt, waits := 1, 1; ; {
		err := c.handle(ctx, []delivery{d})
		switch {
		case err == nil:
			return true
		case ctx.Err() != nil:
			return false
		case database.IsUnavailable(err):
			c.log.WarnContext(ctx, "database unavailable, waiting", "event", d.env.ID, "error", err)
			if !pauseFor(ctx, outage) {
				return false
			}
			outage = min(2*outage, outagePauseLimit)
		case errors.Is(err, ErrNotYet) && waits < notYetAttemptsMax:
			waits++
			if !pauseFor(ctx, notYetPause) {
				return false
			}
		case attempt >= HandleAttemptsMax || errors.Is(err, ErrNotYet) || errors.Is(err, event.ErrMalformed) ||
			errors.Is(err, ErrForgotten):
			return c.bury(ctx, client, d.record, err)
		default:
			attempt++
			if !pauseFor(ctx, pause) {
				return false
			}
			pause *= 2
		}
	}
}
