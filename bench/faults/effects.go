package faults

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/faults/fleet"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

// ChildCommand is the hidden command of the bench's own program that runs a
// process of a drill.
const ChildCommand = fleet.ChildCommand

const (
	// probeName is the drill's own consumer.
	probeName   = "drill"
	failedPause = 500 * time.Millisecond
)

// Child runs a process of a drill until ctx ends: the broker, or a consumer
// whose effects show when an event is handled twice.
func Child(ctx context.Context, args []string, log io.Writer) error {
	switch {
	case len(args) > 0 && args[0] == fleet.Broker:
		return fleet.ServeBroker(ctx, args[1:])
	case len(args) == 3 && args[0] == fleet.Effects:
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

// openDatabase opens a database of a drill, and makes it if it is not there yet.
func openDatabase(ctx context.Context, dsn string) (*database.DB, error) {
	if err := database.EnsureDatabase(ctx, dsn); err != nil {
		return nil, err
	}
	return database.Open(ctx, database.Config{DSN: dsn, MaxConns: 4, ApplicationName: "tenor-drill"})
}

// haveEffects consumes the payments' events. Its effect is as far from harmless
// to repeat as can be: each handling appends another row to an outbox.
func haveEffects(ctx context.Context, dsn string, seeds []string, log io.Writer) error {
	db, err := openDatabase(ctx, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := database.Migrate(ctx, dsn, "shared"); err != nil {
		return err
	}
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
