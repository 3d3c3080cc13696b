package devstack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func client(t *testing.T, seeds []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(seeds...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// roundTrip makes a topic, writes one record and reads it back.
func roundTrip(t *testing.T, seeds []string, topic string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	admin := kadm.NewClient(client(t, seeds))
	_, err := admin.CreateTopic(ctx, 2, 1, nil, topic)
	if err != nil {
		t.Fatal(err)
	}
	produce(ctx, t, seeds, topic)
	if diff := cmp.Diff("hello", consume(ctx, t, seeds, topic)); diff != "" {
		t.Error(diff)
	}
}

func produce(ctx context.Context, t *testing.T, seeds []string, topic string) {
	t.Helper()
	record := &kgo.Record{Topic: topic, Key: []byte("k"), Value: []byte("hello")}
	err := client(t, seeds).ProduceSync(ctx, record).FirstErr()
	if err != nil {
		t.Fatal(err)
	}
}

func consume(ctx context.Context, t *testing.T, seeds []string, topic string) string {
	t.Helper()
	reader := client(t, seeds, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	fetches := reader.PollFetches(ctx)
	err := fetches.Err()
	if err != nil {
		t.Fatal(err)
	}
	records := fetches.Records()
	if len(records) != 1 {
		t.Fatalf("%d records, want 1", len(records))
	}
	return string(records[0].Value)
}

func TestGivenSeedsWin(t *testing.T) {
	t.Parallel()
	broker, err := StartBroker(t.Context(), BrokerOptions{Seeds: []string{"there:9092"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"there:9092"}, broker.Seeds); diff != "" {
		t.Error(diff)
	}
	err = broker.Stop()
	if err != nil {
		t.Error(err)
	}
}

func TestBrokerInMemory(t *testing.T) {
	t.Parallel()
	broker, err := StartBroker(t.Context(), BrokerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, broker.Seeds, "in-memory")
	auto := client(t, broker.Seeds, kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(0))
	err = auto.ProduceSync(t.Context(), &kgo.Record{Topic: "never-made", Value: []byte("x")}).FirstErr()
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("writing to a topic that nobody made: %v, want UnknownTopicOrPartition", err)
	}
	err = errors.Join(broker.Stop(), broker.Stop())
	if err != nil {
		t.Error(err)
	}
}

func TestBrokerKeepsRecords(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), ".dev")
	broker, err := StartBroker(t.Context(), BrokerOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, broker.Seeds, "kept")
	_, err = StartBroker(t.Context(), BrokerOptions{Dir: dir})
	if !errors.Is(err, ErrInUse) {
		t.Errorf("a second broker on the same directory: %v, want ErrInUse", err)
	}
	err = broker.Stop()
	if err != nil {
		t.Fatal(err)
	}
	again, err := StartBroker(t.Context(), BrokerOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("hello", consume(t.Context(), t, again.Seeds, "kept")); diff != "" {
		t.Error(diff)
	}
	err = errors.Join(again.Stop(), Clean(dir))
	if err != nil {
		t.Error(err)
	}
	_, err = os.Stat(dir)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (%v)", dir, err)
	}
}

const crashTopic = "crash"

// produceUntilKilled writes numbered records one after the other and prints the
// number of each that the broker acknowledged.
func produceUntilKilled(dir string) int {
	ctx := context.Background()
	broker, err := StartBroker(ctx, BrokerOptions{Dir: dir})
	if err != nil {
		return ExitFailed
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(broker.Seeds...))
	if err != nil {
		return ExitFailed
	}
	_, err = kadm.NewClient(c).CreateTopic(ctx, 1, 1, nil, crashTopic)
	for i := 0; err == nil; i++ {
		record := &kgo.Record{Topic: crashTopic, Value: []byte(strconv.Itoa(i))}
		err = c.ProduceSync(ctx, record).FirstErr()
		if err == nil {
			_, err = fmt.Println(i)
		}
	}
	return ExitFailed
}

// TestKilledBrokerKeepsAcknowledgedRecords kills a program with the embedded
// broker in it while it writes.
func TestKilledBrokerKeepsAcknowledgedRecords(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), ".dev")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=broker:"+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	const enough = 200
	acknowledged := -1
	for lines := bufio.NewScanner(out); acknowledged < enough && lines.Scan(); {
		acknowledged, err = strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
	}
	err = cmd.Process.Kill()
	if err != nil || acknowledged < enough {
		t.Fatalf("%d records acknowledged (%v)", acknowledged+1, err)
	}
	_ = cmd.Wait()
	again, err := StartBroker(t.Context(), BrokerOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Stop() })
	reader := client(t, again.Seeds, kgo.ConsumeTopics(crashTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for next := 0; next <= acknowledged; {
		fetches := reader.PollFetches(ctx)
		if fetches.Err() != nil {
			t.Fatalf("record %d of %d is lost: %v", next, acknowledged, fetches.Err())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if string(r.Value) != strconv.Itoa(next) {
				t.Errorf("record %q, want %d", r.Value, next)
			}
			next++
		})
	}
}
