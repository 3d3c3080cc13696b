package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenor-lending/tenor/internal/event"
)

// Partitions is the number of partitions of every topic: the most consumers of
// one service that can share the work.
const Partitions = 12

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
)

// NewProducer returns a client that publishes: idempotent, acknowledged by all
// in-sync replicas.
func NewProducer(seeds []string, name string) (*kgo.Client, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(seeds...), kgo.ClientID(name), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordDeliveryTimeout(produceTimeout), kgo.ProducerBatchMaxBytes(recordBytesMax),
		kgo.MaxBufferedRecords(bufferedRecords), kgo.ProducerLinger(0),
	)
	if err != nil {
		return nil, fmt.Errorf("making Kafka producer: %w", err)
	}
	return client, nil
}

func newGroupClient(seeds []string, group string, topics []string) (*kgo.Client, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(seeds...), kgo.ClientID(group), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ProducerLinger(0), kgo.RecordDeliveryTimeout(produceTimeout),
		kgo.SessionTimeout(sessionTimeout), kgo.HeartbeatInterval(heartbeatInterval),
		kgo.RebalanceTimeout(rebalanceTimeout),
	)
	if err != nil {
		return nil, fmt.Errorf("making Kafka consumer %s: %w", group, err)
	}
	return client, nil
}

// EnsureTopics creates the topics that do not exist yet.
func EnsureTopics(ctx context.Context, seeds []string, replication int16) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.RetryTimeout(requestTimeout))
	if err != nil {
		return fmt.Errorf("making Kafka client: %w", err)
	}
	defer client.Close()
	topics := append([]string{event.TopicDeadLetter}, event.Topics...)
	answers, err := kadm.NewClient(client).CreateTopics(ctx, Partitions, replication, nil, topics...)
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
