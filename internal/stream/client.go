package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tenor-lending/tenor/internal/event"
)

const (
	produceTimeout = 10 * time.Second
	requestTimeout = 10 * time.Second
	recordBytesMax = 1 << 20
	// sessionTimeout is how soon the partitions of a killed consumer go to
	// another one: the least that a broker allows unless told otherwise.
	sessionTimeout    = 6 * time.Second
	heartbeatInterval = 1500 * time.Millisecond
	// rebalanceTimeout is how long a broker waits for the members of a group to
	// say that they are there: a consumer that was killed while it joined holds up
	// the others for that long, once or twice. One that is alive and too busy to
	// answer is put out and joins again; what it was handling comes again, and
	// the inbox knows it.
	rebalanceTimeout = sessionTimeout
	bufferedRecords  = 10_000
	// commitPause is how often a consumer says how far it is: a broker writes that to
	// its disk. What a consumer that is killed did not say comes again, and the inbox
	// knows it. One that stops, or loses a partition to another, says it then.
	commitPause = time.Second
	// lingerMax is how long a record may wait to travel with others; Publish does
	// not let it wait.
	lingerMax = time.Second
)

// NewProducer returns a client to Publish with: idempotent, acknowledged by all
// in-sync replicas, with more options if need be.
func NewProducer(seeds []string, name string, more ...kgo.Opt) (*kgo.Client, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(seeds...), kgo.ClientID(name), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordDeliveryTimeout(produceTimeout), kgo.ProducerBatchMaxBytes(recordBytesMax),
		kgo.MaxBufferedRecords(bufferedRecords), kgo.ProducerLinger(lingerMax),
	}, more...)...)
	if err != nil {
		return nil, fmt.Errorf("making Kafka producer: %w", err)
	}
	return client, nil
}

// Publish sends records and returns the first error once the fate of all of them
// is known. Those of a partition travel as one batch, as far as they fit into one:
// several would be on their way at once, and a broker that lost the first of them
// together with what it knew of the producer would take the later ones alone.
func Publish(ctx context.Context, producer *kgo.Client, records ...*kgo.Record) error {
	var all sync.WaitGroup
	var mu sync.Mutex
	var first error
	all.Add(len(records))
	for _, record := range records {
		producer.Produce(ctx, record, func(_ *kgo.Record, err error) {
			mu.Lock()
			first = cmp.Or(first, err)
			mu.Unlock()
			all.Done()
		})
	}
	_ = producer.Flush(ctx) // it fails with ctx, and so do the records
	all.Wait()
	return first
}

// newGroupClient returns a client whose marked records are committed in the
// background; fail hears of each commit that did not succeed.
func newGroupClient(seeds []string, group string, topics []string, fail func(error)) (*kgo.Client, error) {
	committed := func(
		_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error,
	) {
		if err = cmp.Or(err, commitFault(answer)); err != nil {
			fail(err)
		}
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(seeds...), kgo.ClientID(group), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.AutoCommitMarks(), kgo.AutoCommitInterval(commitPause),
		kgo.AutoCommitCallback(committed), kgo.BlockRebalanceOnPoll(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ProducerLinger(0), kgo.RecordDeliveryTimeout(produceTimeout),
		kgo.SessionTimeout(sessionTimeout), kgo.HeartbeatInterval(heartbeatInterval),
		kgo.RebalanceTimeout(rebalanceTimeout),
	)
	if err != nil {
		return nil, fmt.Errorf("making Kafka consumer %s: %w", group, err)
	}
	return client, nil
}

// commitFault returns why a partition's offset was not committed, if one was not.
func commitFault(answer *kmsg.OffsetCommitResponse) error {
	if answer == nil {
		return nil
	}
	for i := range answer.Topics {
		for _, p := range answer.Topics[i].Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("partition %d of %s: %w", p.Partition, answer.Topics[i].Topic, err)
			}
		}
	}
	return nil
}

// EnsureTopics creates the topics that do not exist yet. partitions is the most
// consumers of one service that can share the work.
func EnsureTopics(ctx context.Context, seeds []string, partitions int32, replication int16) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.RetryTimeout(requestTimeout))
	if err != nil {
		return fmt.Errorf("making Kafka client: %w", err)
	}
	defer client.Close()
	topics := append([]string{event.TopicDeadLetter}, event.Topics...)
	answers, err := kadm.NewClient(client).CreateTopics(ctx, partitions, replication, nil, topics...)
	if err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	for _, answer := range answers.Sorted() {
		if answer.Err != nil && !errors.Is(answer.Err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("creating topic %s: %w", answer.Topic, answer.Err)
		}
	}
	return nil
}
