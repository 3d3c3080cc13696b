package faults

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/devstack"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

// ChildCommand is the hidden command of the bench's own program that runs a
// process of a drill.
const ChildCommand = "drill-child"

// Child runs a process of a drill until ctx ends: the broker, or a consumer
// whose effects show when an event is handled twice.
func Child(ctx context.Context, args []string, log io.Writer) error {
	switch {
	case len(args) == 4 && args[0] == broker:
		port, err := strconv.Atoi(args[2])
		if err != nil {
			return fmt.Errorf("port of the broker: %w", err)
		}
		return serveBroker(ctx, args[1], port, args[3])
	case len(args) == 3 && args[0] == effects:
		for ctx.Err() == nil {
			if err := haveEffects(ctx, args[1], strings.Split(args[2], ","), log); err != nil {
				_, _ = fmt.Fprintf(log, "trying again: %v\n", err) // database or broker are away
				time.Sleep(failedPause)
			}
		}
		return nil
	}
	return fmt.Errorf("no such process of a drill: %q", args)
}

func serveBroker(ctx context.Context, dir string, port int, door string) error {
	b, err := devstack.StartBroker(ctx, devstack.BrokerOptions{Dir: dir, Port: port, Advertise: door})
	if err != nil {
		return err
	}
	<-ctx.Done()
	return b.Stop()
}

// haveEffects consumes the payments' events. Its effect is as far from harmless
// to repeat as can be: each handling appends another row to an outbox.
func haveEffects(ctx context.Context, dsn string, seeds []string, log io.Writer) error {
	at, err := url.Parse(dsn)
	if err != nil {
		return fmt.Errorf("parsing DSN: %w", err)
	}
	if err := database.EnsureDatabase(ctx, at.String()); err != nil {
		return err
	}
	if err := database.Migrate(ctx, at.String(), "shared"); err != nil {
		return err
	}
	db, err := database.Open(ctx, database.Config{DSN: at.String(), MaxConns: 4, ApplicationName: "tenor-drill"})
	if err != nil {
		return err
	}
	defer db.Close()
	outbox := stream.NewOutbox("/tenor/"+probeName, uuid.New, func() {})
	consumer, err := stream.NewConsumer(stream.ConsumerConfig{
		Name: probeName, DB: db, Seeds: seeds, Log: slog.New(slog.NewTextHandler(log, nil)), Now: time.Now,
		Subscriptions: []stream.Subscription{stream.On(
			func(ctx context.Context, tx database.Tx, _ event.Envelope, e event.PaymentVerified) error {
				return outbox.Append(ctx, tx, time.Now().UTC(), e)
			})},
	})
	if err != nil {
		return err
	}
	return consumer.Run(ctx)
}
