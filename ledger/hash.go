package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"cloud.google.com/go/civil"
)

// hashVersion opens every hashed entry, so that the layout may change without
// two layouts ever meaning the same bytes.
const hashVersion = 1

// Hash returns SHA-256 over every field of the normalized entry, each with its
// length before it. Two entries have one hash only when they are the same.
func (e JournalEntry) Hash() [sha256.Size]byte {
	e = e.Normalized()
	const headSize, lineSize = 512, 64 // rough: saves growing
	b := make([]byte, 0, headSize+lineSize*len(e.Lines))
	b = append(b, hashVersion)
	b = appendText(b, e.Key)
	b = appendText(b, e.Kind)
	b = appendDate(b, e.EffectiveDate)
	b = appendDate(b, e.BookingDate)
	b = appendText(b, e.Reference)
	b = appendText(b, e.Description)
	b = appendText(b, e.PostedBy)
	b = append(b, e.Reverses[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(len(e.Metadata)))
	for _, key := range slices.Sorted(maps.Keys(e.Metadata)) {
		b = appendText(b, key)
		b = appendText(b, e.Metadata[key])
	}
	b = binary.BigEndian.AppendUint64(b, uint64(len(e.Lines)))
	for _, line := range e.Lines {
		b = append(b, line.AccountID[:]...)
		b = appendText(b, string(line.Side))
		b = binary.BigEndian.AppendUint64(b, uint64(line.Amount.Minor()))
		b = appendText(b, line.Amount.Currency().Code())
	}
	return sha256.Sum256(b)
}

func appendText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
	return append(b, s...)
}

func appendDate(b []byte, d civil.Date) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(d.Year))
	return append(b, byte(d.Month), byte(d.Day))
}
