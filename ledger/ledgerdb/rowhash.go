package ledgerdb

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/ledger"
)

// rowHash covers the fields of a row that is never changed and is in no batch,
// each with its length before it. A record in the chain holds the same hash.
func rowHash(table string, fields ...string) []byte {
	h := sha256.New()
	for _, field := range append([]string{table}, fields...) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(field)))) // a hash.Hash never fails
		h.Write([]byte(field))
	}
	return h.Sum(nil)
}

func instantField(at time.Time) string { return strconv.FormatInt(at.UnixMicro(), 10) }

// headingSubject is the id under which a general ledger account has its record.
func headingSubject(code string) uuid.UUID { return ledger.AccountID("gl:" + code) }

func headingHash(gl ledger.GLAccount, created time.Time) []byte {
	return rowHash("ledger_gl", gl.Code, gl.Name, string(gl.Type), string(gl.NormalSide), instantField(created))
}

// accountHash covers an account but for closed, which changes.
func accountHash(a ledger.Account, metadata string, created time.Time) []byte {
	return rowHash("ledger_account", a.Code, a.Name, a.GLCode, string(a.Type), string(a.NormalSide), a.Currency.Code(),
		string(a.Limit), metadata, instantField(created))
}

// rejectionRow is a kept answer as its table has it.
type rejectionRow struct {
	ID         uuid.UUID
	Key        string
	Hash       []byte
	Code       string
	Line       int64
	Field      string
	Detail     string
	RecordedAt time.Time
}

func (r rejectionRow) rowHash() []byte {
	return rowHash("ledger_rejection", r.ID.String(), r.Key, string(r.Hash), r.Code, strconv.FormatInt(r.Line, 10),
		r.Field, r.Detail, instantField(r.RecordedAt))
}
