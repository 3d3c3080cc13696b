package notification

import (
	"errors"
	"fmt"
	"time"
)

// Channel is a way to reach a person beside the inbox.
type Channel string

// The channels.
const (
	Email Channel = "EMAIL"
	SMS   Channel = "SMS"
	Push  Channel = "PUSH"
)

// Channels lists the channels in the order of the documentation.
var Channels = []Channel{Email, SMS, Push}

// ErrInvalid is matched by every FieldError.
var ErrInvalid = errors.New("invalid value")

// FieldError is a value of a request that cannot be accepted.
type FieldError struct {
	Field   string
	Message string
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

// FieldName returns the name of the field in the request.
func (e *FieldError) FieldName() string { return e.Field }

// Is makes every FieldError match ErrInvalid.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }

// Preferences say how a person wants to hear beside the inbox.
type Preferences struct {
	Channels []Channel  `json:"channels"`
	Quiet    QuietHours `json:"quiet_hours,omitzero"`
}

// defaultPreferences hold until a person says otherwise. Push needs an app, so
// it waits to be asked for.
func defaultPreferences() Preferences { return Preferences{Channels: []Channel{Email, SMS}} }

// QuietHours are a part of each day, by the clock of a time zone, in which only
// urgent messages are sent. From is included and Until is not; when From is
// later, they span midnight. The zero QuietHours are none.
type QuietHours struct {
	// From and Until are written HH:MM.
	From  string `json:"from"`
	Until string `json:"until"`
	// Zone is an IANA time zone.
	Zone string `json:"zone"`
}

const clockLayout = "15:04"

// check finds the first fault of quiet hours.
func (q QuietHours) check() error {
	if q == (QuietHours{}) {
		return nil
	}
	if _, err := time.Parse(clockLayout, q.From); err != nil {
		return &FieldError{"quiet_hours.from", "is no time of day (HH:MM)"}
	}
	if _, err := time.Parse(clockLayout, q.Until); err != nil {
		return &FieldError{"quiet_hours.until", "is no time of day (HH:MM)"}
	}
	if q.From == q.Until {
		return &FieldError{"quiet_hours.until", "leaves no part of the day, or all of it"}
	}
	if _, err := loadZone(q.Zone); err != nil {
		return &FieldError{"quiet_hours.zone", "is no IANA time zone"}
	}
	return nil
}

// loadZone refuses the names that mean this machine's own zone.
func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("time zone %q", name)
	}
	return time.LoadLocation(name)
}

// after returns the first instant from now on that is not in quiet hours.
func (q QuietHours) after(now time.Time) (time.Time, error) {
	if q == (QuietHours{}) {
		return now, nil
	}
	zone, err := loadZone(q.Zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("quiet hours: %w", err)
	}
	from, err := time.Parse(clockLayout, q.From)
	if err != nil {
		return time.Time{}, fmt.Errorf("quiet hours: %w", err)
	}
	until, err := time.Parse(clockLayout, q.Until)
	if err != nil {
		return time.Time{}, fmt.Errorf("quiet hours: %w", err)
	}
	local := now.In(zone)
	minute, first, end := minuteOf(local), minuteOf(from), minuteOf(until)
	day := 0
	switch {
	case first < end && (minute < first || minute >= end):
		return now, nil
	case first > end && minute >= end && minute < first:
		return now, nil
	case first > end && minute >= first:
		day = 1 // the quiet ends tomorrow
	}
	return time.Date(local.Year(), local.Month(), local.Day()+day, until.Hour(), until.Minute(), 0, 0, zone).UTC(), nil
}

func minuteOf(t time.Time) int { return t.Hour()*60 + t.Minute() }
