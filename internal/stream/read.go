package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Record is an event, or what pretends to be one, as a topic holds it.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	At        time.Time
	Key       string
	Headers   map[string]string
	Value     []byte
}

// Read hands every record that is in the topics now to fn, those of a partition
// in their order.
func Read(ctx context.Context, seeds, topics []string, fn func(Record) error) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return fmt.Errorf("making Kafka client: %w", err)
	}
	defer client.Close()
	left, err := ends(ctx, kadm.NewClient(client), topics)
	if err != nil {
		return err
	}
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("reading topics: %w", err)
		}
		for _, record := range fetches.Records() {
			at := place{record.Topic, record.Partition}
			end, open := left[at]
			if !open || record.Offset >= end {
				continue // it came after the start of this call
			}
			if err := fn(recordOf(record)); err != nil {
				return err
			}
			if record.Offset == end-1 {
				delete(left, at)
			}
		}
	}
	return nil
}

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// ends returns the end of each partition that holds anything now.
func ends(ctx context.Context, admin *kadm.Client, topics []string) (map[place]int64, error) {
	starts, err := admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("reading the start of topics: %w", err)
	}
	finish, err := admin.ListEndOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("reading the end of topics: %w", err)
	}
	left := make(map[place]int64)
	finish.Each(func(o kadm.ListedOffset) {
		if start, ok := starts.Lookup(o.Topic, o.Partition); ok && o.Offset > start.Offset {
			left[place{o.Topic, o.Partition}] = o.Offset
		}
	})
	return left, nil
}

func recordOf(record *kgo.Record) Record {
	r := Record{
		Topic: record.Topic, Partition: record.Partition, Offset: record.Offset, At: record.Timestamp,
		Key: string(record.Key), Headers: make(map[string]string, len(record.Headers)), Value: record.Value,
	}
	for _, h := range record.Headers {
		r.Headers[h.Key] = string(h.Value)
	}
	return r
}
