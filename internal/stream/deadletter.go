package stream

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/mutant"
)

// Headers of a dead letter.
const (
	headerConsumer  = "tenor-consumer"
	headerError     = "tenor-error"
	headerTopic     = "tenor-topic"
	headerPartition = "tenor-partition"
	headerOffset    = "tenor-offset"
	errorBytesMax   = 1024
)

// bury sends a record that cannot be handled to the dead-letter topic, so that
// those behind it go on. It returns false only when ctx ended first: until the
// broker has the dead letter the event is not passed over.
func (c *Consumer) bury(ctx context.Context, client *kgo.Client, record *kgo.Record, cause error) bool {
	if mutant.NoDeadLetter {
		<-ctx.Done()
		return false
	}
	message := cause.Error()
	letter := &kgo.Record{
		Topic: event.TopicDeadLetter, Key: record.Key, Value: record.Value,
		Headers: []kgo.RecordHeader{
			{Key: headerConsumer, Value: []byte(c.name)},
			{Key: headerError, Value: []byte(message[:min(len(message), errorBytesMax)])},
			{Key: headerTopic, Value: []byte(record.Topic)},
			{Key: headerPartition, Value: []byte(strconv.Itoa(int(record.Partition)))},
			{Key: headerOffset, Value: []byte(strconv.FormatInt(record.Offset, 10))},
		},
	}
	for pause := outagePauseFirst; ; pause = min(2*pause, outagePauseLimit) {
		err := client.ProduceSync(ctx, letter).FirstErr()
		if err == nil {
			break
		}
		c.log.WarnContext(ctx, "dead letter not written", "error", err)
		if !pauseFor(ctx, pause) {
			return false
		}
	}
	c.log.ErrorContext(ctx, "event became a dead letter", "topic", record.Topic, "partition", record.Partition,
		"offset", record.Offset, "error", cause)
	if c.metrics != nil {
		c.metrics.deadLetters.WithLabelValues(c.name).Inc()
	}
	return true
}

// DeadLetter is an event that a consumer could not handle.
type DeadLetter struct {
	// Key is the record's: the application, loan or customer id.
	Key      string    `json:"key"`
	Consumer string    `json:"consumer"`
	Error    string    `json:"error"`
	Topic    string    `json:"topic"`
	Offset   string    `json:"offset"`
	At       time.Time `json:"at"`
	Value    []byte    `json:"-"`
}

// DeadLetters reads every dead letter that is in the topic now and hands it to fn.
func DeadLetters(ctx context.Context, seeds []string, fn func(DeadLetter) error) error {
	return Read(ctx, seeds, []string{event.TopicDeadLetter}, func(r Record) error {
		return fn(DeadLetter{
			Key: r.Key, Consumer: r.Headers[headerConsumer], Error: r.Headers[headerError], Topic: r.Headers[headerTopic],
			Offset: r.Headers[headerOffset], At: r.At, Value: r.Value,
		})
	})
}

// ReplayDeadLetters publishes the dead letters of one consumer to their topics
// again, once the cause is mended: each event once, however often it was given
// up, and none that nobody can read. Consumers that had handled them know them
// by their id. It returns how many it sent.
func ReplayDeadLetters(ctx context.Context, seeds []string, consumer string) (int, error) {
	producer, err := NewProducer(seeds, "tenor-replay")
	if err != nil {
		return 0, err
	}
	defer producer.Close()
	sent := make(map[uuid.UUID]bool)
	err = DeadLetters(ctx, seeds, func(letter DeadLetter) error {
		if letter.Consumer != consumer {
			return nil
		}
		env, err := event.Parse(letter.Value)
		if err != nil || sent[env.ID] {
			return nil // it would only come back as another dead letter
		}
		record := &kgo.Record{Topic: letter.Topic, Key: []byte(letter.Key), Value: letter.Value}
		if err := Publish(ctx, producer, record); err != nil {
			return fmt.Errorf("replaying a dead letter of %s: %w", letter.Topic, err)
		}
		sent[env.ID] = true
		return nil
	})
	return len(sent), err
}
