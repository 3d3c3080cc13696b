// Package streamfault makes a broker misbehave as brokers may: it sends events
// again, late and out of order, and sends what no consumer can handle.
//
// It is for fault drills only. It must not know what any event means.
package streamfault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

// headerAgain marks what was sent again, so that it is not sent a third time.
const headerAgain = "tenor-sent-again"

const (
	// WindowMax bounds how many events are held back at once.
	WindowMax = 64
	flushPoll = 200 * time.Millisecond
	percent   = 100
)

// Replayer sends a share of the events of topics again, shuffled and late.
type Replayer struct {
	seeds, topics []string
	share         int
	late          time.Duration
	now           func() time.Time
	random        *rand.Rand
	sent          atomic.Int64
}

// NewReplayer returns a replayer that sends share percent of the events again,
// each up to late after it came. The seed decides which, when and in what order.
func NewReplayer(
	seeds, topics []string, share int, late time.Duration, seed uint64, now func() time.Time,
) *Replayer {
	return &Replayer{
		seeds: seeds, topics: topics, share: share, late: late, now: now,
		random: rand.New(rand.NewPCG(seed, seed)), //nolint:gosec // repeatable, not secret
	}
}

// Sent is how many events were sent again so far.
func (r *Replayer) Sent() int64 { return r.sent.Load() }

// Run works until ctx ends. Outages of the broker are waited out.
func (r *Replayer) Run(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.seeds...), kgo.ConsumeTopics(r.topics...), kgo.ProducerLinger(0),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return fmt.Errorf("making Kafka client: %w", err)
	}
	defer client.Close()
	var held []*kgo.Record
	due := r.next()
	for ctx.Err() == nil {
		poll, cancel := context.WithTimeout(ctx, flushPoll)
		fetches := client.PollFetches(poll)
		cancel()
		for _, record := range fetches.Records() {
			if len(held) < WindowMax && !again(record) && r.random.IntN(percent) < r.share {
				held = append(held, copyOf(record))
			}
		}
		if len(held) < WindowMax && due.After(r.now()) {
			continue
		}
		r.random.Shuffle(len(held), func(i, k int) { held[i], held[k] = held[k], held[i] })
		for _, record := range held {
			if client.ProduceSync(ctx, record).FirstErr() == nil {
				r.sent.Add(1)
			}
		}
		held, due = held[:0], r.next()
	}
	return nil
}

func (r *Replayer) next() time.Time {
	return r.now().Add(time.Duration(r.random.Int64N(int64(r.late) + 1)))
}

func again(record *kgo.Record) bool {
	for _, h := range record.Headers {
		if h.Key == headerAgain {
			return true
		}
	}
	return false
}

func copyOf(record *kgo.Record) *kgo.Record {
	headers := append([]kgo.RecordHeader{{Key: headerAgain, Value: []byte("1")}}, record.Headers...)
	return &kgo.Record{Topic: record.Topic, Key: record.Key, Value: record.Value, Headers: headers}
}

// Poison is an event that cannot be handled, and whether a consumer of the type
// that it imitates has to bury it: what is of no known type is passed over.
type Poison struct {
	Name   string
	Buried bool
	Value  []byte
}

// Poisons makes one event of each bad kind in the likeness of a good one.
func Poisons(likeness event.Event, id func() uuid.UUID, at time.Time) []Poison {
	envelope := func(typ, data string) []byte {
		return fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"/tenor/drill","type":%q,"subject":%q,`+
			`"time":%q,"datacontenttype":"application/json","sequence":"1","data":%s}`,
			id(), typ, id(), at.Format(time.RFC3339Nano), data)
	}
	name, _, _ := strings.Cut(likeness.Type(), ".v")
	return []Poison{
		{"not JSON", true, []byte("\x00\xff{")},
		{"no envelope", true, []byte(`{"hello":"world"}`)},
		{"wrong data", true, envelope(likeness.Type(), `{"loan_id":17,"amount":"not money"}`)},
		{"unknown version", false, envelope(name+".v99", `{"loan_id":"`+id().String()+`"}`)},
		{
			"oversize", false,
			envelope("drill.oversize.v1", `"`+strings.Repeat("x", stream.EventBytesMax+stream.EventBytesMax/2)+`"`),
		},
	}
}

// Message is what Send publishes.
type Message struct {
	Topic, Key string
	Value      []byte
	// Once keeps replayers from sending it again.
	Once bool
}

// Send publishes messages in their order.
func Send(ctx context.Context, seeds []string, messages ...Message) error {
	client, err := stream.NewProducer(seeds, "tenor-drill")
	if err != nil {
		return err
	}
	defer client.Close()
	records := make([]*kgo.Record, len(messages))
	for i, m := range messages {
		records[i] = &kgo.Record{Topic: m.Topic, Key: []byte(m.Key), Value: m.Value}
		if m.Once {
			records[i].Headers = []kgo.RecordHeader{{Key: headerAgain, Value: []byte("no")}}
		}
	}
	if err := stream.Publish(ctx, client, records...); err != nil {
		return fmt.Errorf("sending %d messages: %w", len(messages), err)
	}
	return nil
}
