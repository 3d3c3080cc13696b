package closeofday

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/go-co-op/gocron/v2"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
)

func checkCron(line string, zone *time.Location, now time.Time) error {
	if err := gocron.NewDefaultCron(false).IsValid(line, zone, now); err != nil {
		return fmt.Errorf("cron line %q of close of day: %w", line, err)
	}
	return nil
}

// runSchedule orders runs at the times of the cron line until ctx ends.
func (s *Service) runSchedule(ctx context.Context) error {
	scheduler, err := gocron.NewScheduler(gocron.WithLocation(s.zone))
	if err != nil {
		return fmt.Errorf("making scheduler: %w", err)
	}
	_, err = scheduler.NewJob(gocron.CronJob(s.env.Config.CloseOfDay.Cron, false), gocron.NewTask(func() {
		if err := s.closeYesterday(ctx); err != nil && ctx.Err() == nil {
			s.env.Log.ErrorContext(ctx, "scheduled close of day was not ordered", "error", err)
		}
	}))
	if err != nil {
		return fmt.Errorf("scheduling close of day: %w", err)
	}
	scheduler.Start()
	<-ctx.Done()
	if err := scheduler.Shutdown(); err != nil {
		return fmt.Errorf("stopping scheduler: %w", err)
	}
	return nil
}

// closeYesterday orders a run over every open day before today's calendar date
// in the configured zone: a missed day is caught up, and today is never closed
// while it lasts. Several schedulers order the same run once.
func (s *Service) closeYesterday(ctx context.Context) error {
	through := civil.DateOf(s.env.Now().In(s.zone)).AddDays(-1)
	key, err := command.NewKey("schedule "+through.String(), through)
	if err != nil {
		return err
	}
	_, err = s.order(ctx, command.Command{Name: "closeofday.order", Actor: access.Platform(name), Key: key}, through)
	return err
}
