package database

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// A group commit sends a hundred elements of arrays for each of its items. The
// driver takes each of them as a value of any type; what is here writes lists of
// the types that such commits are made of in one go, in the same form: that of
// array_recv in PostgreSQL.

// Bytes that one element takes.
const (
	sizeLength   = 4 // of its length, which comes first
	idLength     = 16
	dateLength   = 4
	numberLength = 8
)

// registerArrays has m write lists of ids, dates, texts, numbers and bytes so.
func registerArrays(m *pgtype.Map) {
	register(m, pgtype.UUIDArrayOID, listPlan[uuid.UUID]{size: fixed[uuid.UUID](idLength), put: putID},
		listPlan[*uuid.UUID]{size: fixed[*uuid.UUID](idLength), put: orNull(putID)})
	register(m, pgtype.DateArrayOID, listPlan[civil.Date]{size: fixed[civil.Date](dateLength), put: putDate},
		listPlan[*civil.Date]{size: fixed[*civil.Date](dateLength), put: orNull(putDate)})
	register(m, pgtype.TextArrayOID, listPlan[string]{size: func(s string) int { return len(s) }, put: putText})
	register(m, pgtype.Int8ArrayOID, listPlan[int64]{size: fixed[int64](numberLength), put: putNumber})
	register(m, pgtype.ByteaArrayOID, listPlan[[]byte]{size: func(b []byte) int { return len(b) }, put: putBytes})
}

func fixed[T any](size int) func(T) int { return func(T) int { return size } }

// register adds plans to the driver's own for an array type.
func register(m *pgtype.Map, oid uint32, plans ...elementPlan) {
	t, known := m.TypeForOID(oid)
	if !known {
		return
	}
	if codec, ok := t.Codec.(*pgtype.ArrayCodec); ok {
		m.RegisterType(&pgtype.Type{Name: t.Name, OID: oid, Codec: &listCodec{ArrayCodec: codec, plans: plans}})
	}
}

// listCodec is the driver's codec of an array type with more plans for sending.
type listCodec struct {
	*pgtype.ArrayCodec
	plans []elementPlan
}

// PlanEncode implements pgtype.Codec.
func (c *listCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if format == pgtype.BinaryFormatCode {
		for _, plan := range c.plans {
			if fit := plan.of(c.ElementType.OID, value); fit != nil {
				return fit
			}
		}
	}
	return c.ArrayCodec.PlanEncode(m, oid, format, value)
}

// elementPlan is a listPlan of any type of elements.
type elementPlan interface {
	// of returns the plan for arrays of the element type, nil if value is none of its lists.
	of(element uint32, value any) pgtype.EncodePlan
}

// listPlan sends a []T.
type listPlan[T any] struct {
	element uint32
	// size is how many bytes put appends for an element at most.
	size func(v T) int
	// put appends one element; false means that it is null, and nothing is appended.
	put func(buf []byte, v T) ([]byte, bool)
}

func (p listPlan[T]) of(element uint32, value any) pgtype.EncodePlan {
	if _, ok := value.([]T); !ok {
		return nil
	}
	p.element = element
	return p
}

// Encode implements pgtype.EncodePlan. A nil list is null.
func (p listPlan[T]) Encode(value any, buf []byte) ([]byte, error) {
	list, ok := value.([]T)
	if !ok {
		return nil, fmt.Errorf("encoding %T as a list of another type", value)
	}
	if list == nil {
		return nil, nil
	}
	const dimensions, lowerBound = 1, 1
	const headLength = 20
	room := headLength
	for _, v := range list {
		room += sizeLength + p.size(v)
	}
	buf = slices.Grow(buf, room)
	buf = binary.BigEndian.AppendUint32(buf, dimensions)
	nulls := len(buf)
	buf = binary.BigEndian.AppendUint32(buf, 0)
	buf = binary.BigEndian.AppendUint32(buf, p.element)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(list)))
	buf = binary.BigEndian.AppendUint32(buf, lowerBound)
	for _, v := range list {
		size := len(buf)
		buf = append(buf, 0xff, 0xff, 0xff, 0xff) // of null
		var present bool
		if buf, present = p.put(buf, v); !present {
			binary.BigEndian.PutUint32(buf[nulls:], 1)
			continue
		}
		binary.BigEndian.PutUint32(buf[size:], uint32(len(buf)-size-sizeLength))
	}
	return buf, nil
}

// orNull makes no pointer null.
func orNull[T any](put func([]byte, T) ([]byte, bool)) func([]byte, *T) ([]byte, bool) {
	return func(buf []byte, v *T) ([]byte, bool) {
		if v == nil {
			return buf, false
		}
		return put(buf, *v)
	}
}

func putID(buf []byte, id uuid.UUID) ([]byte, bool) { return append(buf, id[:]...), true }

func putText(buf []byte, s string) ([]byte, bool) { return append(buf, s...), true }

func putBytes(buf []byte, b []byte) ([]byte, bool) { return append(buf, b...), b != nil }

func putNumber(buf []byte, n int64) ([]byte, bool) {
	return binary.BigEndian.AppendUint64(buf, uint64(n)), true
}

// putDate appends the days from 2000-01-01.
func putDate(buf []byte, d civil.Date) ([]byte, bool) {
	const secondsOfDay = 24 * 60 * 60
	days := (d.In(time.UTC).Unix() - epoch) / secondsOfDay
	return binary.BigEndian.AppendUint32(buf, uint32(int32(days))), true
}

// epoch is the day from which PostgreSQL counts dates.
var epoch = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC).Unix()
