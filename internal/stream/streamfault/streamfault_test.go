package streamfault_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/devstack"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/internal/stream/streamfault"
)

func seeds(t *testing.T) []string {
	t.Helper()
	broker, err := devstack.StartBroker(t.Context(), devstack.BrokerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Stop() })
	if err := stream.EnsureTopics(t.Context(), broker.Seeds, devstack.BrokerPartitions, 1); err != nil {
		t.Fatal(err)
	}
	return broker.Seeds
}

func values(t *testing.T, seeds []string) []string {
	t.Helper()
	var all []string
	err := stream.Read(t.Context(), seeds, []string{event.TopicServicing}, func(r stream.Record) error {
		all = append(all, string(r.Value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestReplayerSendsAgainOnce lets everything be sent again: each event is there
// twice, and what was sent again is not sent a third time.
func TestReplayerSendsAgainOnce(t *testing.T) {
	t.Parallel()
	seeds := seeds(t)
	want := []string{"only once"}
	messages := []streamfault.Message{{Topic: event.TopicServicing, Key: "k", Value: []byte("only once"), Once: true}}
	for i := range 40 {
		value := strconv.Itoa(i)
		want = append(want, value, value)
		messages = append(messages, streamfault.Message{Topic: event.TopicServicing, Key: value, Value: []byte(value)})
	}
	if err := streamfault.Send(t.Context(), seeds, messages...); err != nil {
		t.Fatal(err)
	}
	replayer := streamfault.NewReplayer(seeds, []string{event.TopicServicing}, 100, 300*time.Millisecond, 1, time.Now)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- replayer.Run(ctx) }()
	for end := time.Now().Add(5 * time.Minute); replayer.Sent() < 40 && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(time.Second) // a third copy would come now
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	got := values(t, seeds)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestPoisonsAreWhatTheySay parses each as a consumer would.
func TestPoisonsAreWhatTheySay(t *testing.T) {
	t.Parallel()
	seeds := seeds(t)
	poisons := streamfault.Poisons(event.PaymentVerified{}, uuid.New, time.Unix(0, 0).UTC())
	for _, p := range poisons {
		env, err := event.Parse(p.Value)
		if err == nil && env.Type == (event.PaymentVerified{}).Type() {
			_, err = event.Decode[event.PaymentVerified](env)
		}
		if (err != nil) != p.Buried {
			t.Errorf("%s: %v, to be buried: %t", p.Name, err, p.Buried)
		}
		err = streamfault.Send(t.Context(), seeds, streamfault.Message{Topic: event.TopicServicing, Value: p.Value})
		if err != nil {
			t.Errorf("%s does not fit the broker: %v", p.Name, err)
		}
	}
	if got := len(values(t, seeds)); got != len(poisons) {
		t.Errorf("%d records of %d poisons", got, len(poisons))
	}
}
