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

// registerDates teaches pgx that a civil.Date is a SQL date, both ways and in
// arrays, so that stores need no conversion code.
func registerDates(m *pgtype.Map) {
	m.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapDateEncode}, m.TryWrapEncodePlanFuncs...)
	m.TryWrapScanPlanFuncs = append([]pgtype.TryWrapScanPlanFunc{wrapDateScan}, m.TryWrapScanPlanFuncs...)
	m.RegisterDefaultPgType(civil.Date{}, "date")
	m.RegisterDefaultPgType([]civil.Date{}, "_date")
}

type dateValue civil.Date

// DateValue implements pgtype.DateValuer.
func (d dateValue) DateValue() (pgtype.Date, error) {
	return pgtype.Date{Time: civil.Date(d).In(time.UTC), Valid: true}, nil
}

type dateTarget civil.Date

// ScanDate implements pgtype.DateScanner.
func (d *dateTarget) ScanDate(v pgtype.Date) error {
	if !v.Valid {
		return fmt.Errorf("scanning null into a civil.Date: use *civil.Date")
	}
	*d = dateTarget(civil.DateOf(v.Time))
	return nil
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

type dateScanPlan struct{ next pgtype.ScanPlan }

// SetNext implements pgtype.WrappedScanPlanNextSetter.
func (p *dateScanPlan) SetNext(next pgtype.ScanPlan) { p.next = next }

// Scan implements pgtype.ScanPlan.
func (p *dateScanPlan) Scan(src []byte, dst any) error {
	date, ok := dst.(*civil.Date)
	if !ok {
		return fmt.Errorf("scanning a date into %T", dst)
	}
	return p.next.Scan(src, (*dateTarget)(date))
}

func wrapDateScan(target any) (pgtype.WrappedScanPlanNextSetter, any, bool) {
	if date, ok := target.(*civil.Date); ok {
		return &dateScanPlan{}, (*dateTarget)(date), true
	}
	return nil, nil, false
}
