package database

import (
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
	"pgregory.net/rapid"
)

// Lists go over the wire as the driver itself would send them.
func TestListsAreSentAsTheDriverSendsThem(t *testing.T) {
	t.Parallel()
	own, theirs := pgtype.NewMap(), pgtype.NewMap()
	registerTypes(own)
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.String()).Draw(t, "texts")
		numbers := rapid.SliceOf(rapid.Int64()).Draw(t, "numbers")
		parts := rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "bytes")
		keys := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 16, 16)).Draw(t, "ids")
		days := rapid.SliceOf(rapid.IntRange(-800_000, 2_900_000)).Draw(t, "days")
		ids, idsOrNull, wantIDs, wantNulls := []uuid.UUID{}, []*uuid.UUID{}, []pgtype.UUID{}, []pgtype.UUID{}
		for _, key := range keys {
			id := uuid.UUID(key)
			ids, wantIDs = append(ids, id), append(wantIDs, uuidOf(id))
			idsOrNull = append(idsOrNull, &id, nil)
			wantNulls = append(wantNulls, uuidOf(id), pgtype.UUID{})
		}
		dates, datesOrNull, wantDates, wantNoDates := []civil.Date{}, []*civil.Date{}, []pgtype.Date{}, []pgtype.Date{}
		for _, n := range days {
			d := civil.Date{Year: 2000, Month: time.January, Day: 1}.AddDays(n)
			dates, wantDates = append(dates, d), append(wantDates, dateOf(d))
			datesOrNull = append(datesOrNull, nil, &d)
			wantNoDates = append(wantNoDates, pgtype.Date{}, dateOf(d))
		}
		for _, c := range []struct {
			oid        uint32
			list, want any
		}{
			{pgtype.TextArrayOID, texts, texts},
			{pgtype.Int8ArrayOID, numbers, numbers},
			{pgtype.ByteaArrayOID, parts, parts},
			{pgtype.ByteaArrayOID, [][]byte{nil, {1}}, [][]byte{nil, {1}}},
			{pgtype.UUIDArrayOID, ids, wantIDs},
			{pgtype.UUIDArrayOID, idsOrNull, wantNulls},
			{pgtype.DateArrayOID, dates, wantDates},
			{pgtype.DateArrayOID, datesOrNull, wantNoDates},
			{pgtype.UUIDArrayOID, []uuid.UUID(nil), []pgtype.UUID(nil)},
			{pgtype.TextArrayOID, []string(nil), []string(nil)},
		} {
			want, err := theirs.Encode(c.oid, pgtype.BinaryFormatCode, c.want, []byte("before"))
			if err != nil {
				t.Fatalf("%T by the driver: %v", c.want, err)
			}
			got, err := own.Encode(c.oid, pgtype.BinaryFormatCode, c.list, []byte("before"))
			if err != nil {
				t.Fatalf("%T: %v", c.list, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%T (-want +got):\n%s", c.list, diff)
			}
		}
	})
}
