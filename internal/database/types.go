package database

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

func brokenPipe(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNREFUSED)
}

// registerTypes teaches pgx to send a civil.Date as a SQL date and a uuid.UUID as
// a uuid, without a detour by text or reflection, and lists in one go.
func registerTypes(m *pgtype.Map) {
	registerArrays(m)
	m.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapEncode}, m.TryWrapEncodePlanFuncs...)
	m.TryWrapScanPlanFuncs = append([]pgtype.TryWrapScanPlanFunc{wrapScan}, m.TryWrapScanPlanFuncs...)
	m.RegisterDefaultPgType(civil.Date{}, "date")
	m.RegisterDefaultPgType([]civil.Date{}, "_date")
	m.RegisterDefaultPgType(uuid.UUID{}, "uuid")
	m.RegisterDefaultPgType([]uuid.UUID{}, "_uuid")
}

func dateOf(d civil.Date) pgtype.Date { return pgtype.Date{Time: d.In(time.UTC), Valid: true} }

func uuidOf(id uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

// encodePlan sends values of type T as what convert makes of them.
type encodePlan[T any] struct {
	convert func(T) any
	next    pgtype.EncodePlan
}

// SetNext implements pgtype.WrappedEncodePlanNextSetter.
func (p *encodePlan[T]) SetNext(next pgtype.EncodePlan) { p.next = next }

// Encode implements pgtype.EncodePlan.
func (p *encodePlan[T]) Encode(value any, buf []byte) ([]byte, error) {
	typed, ok := value.(T)
	if !ok {
		return nil, fmt.Errorf("encoding %T instead of %T", value, typed)
	}
	return p.next.Encode(p.convert(typed), buf)
}

func planFor[T any](value T, convert func(T) any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
	return &encodePlan[T]{convert: convert}, convert(value), true
}

func wrapEncode(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
	switch v := value.(type) {
	case civil.Date:
		return planFor(v, func(d civil.Date) any { return dateOf(d) })
	case uuid.UUID:
		return planFor(v, func(id uuid.UUID) any { return uuidOf(id) })
	}
	return nil, nil, false
}

// uuidScanner reads a uuid as it comes over the wire.
type uuidScanner struct{ target *uuid.UUID }

// ScanUUID implements pgtype.UUIDScanner.
func (s uuidScanner) ScanUUID(v pgtype.UUID) error {
	if !v.Valid {
		return errors.New("cannot read null into a uuid")
	}
	*s.target = v.Bytes
	return nil
}

type uuidScanPlan struct{ next pgtype.ScanPlan }

// SetNext implements pgtype.WrappedScanPlanNextSetter.
func (p *uuidScanPlan) SetNext(next pgtype.ScanPlan) { p.next = next }

// Scan implements pgtype.ScanPlan.
func (p *uuidScanPlan) Scan(src []byte, dst any) error {
	target, ok := dst.(*uuid.UUID)
	if !ok {
		return fmt.Errorf("reading a uuid into %T", dst)
	}
	return p.next.Scan(src, uuidScanner{target})
}

func wrapScan(target any) (pgtype.WrappedScanPlanNextSetter, any, bool) {
	if id, ok := target.(*uuid.UUID); ok {
		return &uuidScanPlan{}, uuidScanner{id}, true
	}
	return nil, nil, false
}
