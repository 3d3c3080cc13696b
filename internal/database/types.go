package database

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"cloud.google.com/go/civil"
	"github.com/jackc/pgx/v5/pgtype"
)

func brokenPipe(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNREFUSED)
}

// registerDates teaches pgx to send a civil.Date as a SQL date, alone and in
// arrays, so that stores need no conversion code. A civil.Date reads itself.
func registerDates(m *pgtype.Map) {
	m.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapDateEncode}, m.TryWrapEncodePlanFuncs...)
	m.RegisterDefaultPgType(civil.Date{}, "date")
	m.RegisterDefaultPgType([]civil.Date{}, "_date")
}

type dateValue civil.Date

// DateValue implements pgtype.DateValuer.
func (d dateValue) DateValue() (pgtype.Date, error) {
	return pgtype.Date{Time: civil.Date(d).In(time.UTC), Valid: true}, nil
}

type dateEncodePlan struct{ next pgtype.EncodePlan }

// SetNext implements pgtype.WrappedEncodePlanNextSetter.
func (p *dateEncodePlan) SetNext(next pgtype.EncodePlan) { p.next = next }

// Encode implements pgtype.EncodePlan.
func (p *dateEncodePlan) Encode(value any, buf []byte) ([]byte, error) {
	date, ok := value.(civil.Date)
	if !ok {
		return nil, fmt.Errorf("encoding %T as a date", value)
	}
	return p.next.Encode(dateValue(date), buf)
}

func wrapDateEncode(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
	if date, ok := value.(civil.Date); ok {
		return &dateEncodePlan{}, dateValue(date), true
	}
	return nil, nil, false
}
