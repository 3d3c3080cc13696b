package ledgerexport

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// Format is a form in which the journal leaves.
type Format struct {
	// Name is how callers ask for it.
	Name string
	// ContentType is its media type, Extension how names of its files end.
	ContentType, Extension string
	// head is written first, and accounts says whether a list of all accounts follows.
	head     string
	accounts bool
	write    func(w io.Writer, page []ledgerdb.Entry, accounts map[uuid.UUID]ledger.Account) error
}

// Formats are all forms.
var Formats = []Format{
	{Name: "csv", ContentType: "text/csv; charset=utf-8", Extension: "csv", head: csvHead, write: writeCSV},
	{Name: "jsonl", ContentType: "application/jsonl", Extension: "jsonl", write: writeJSONLines},
	{
		Name: "hledger", ContentType: "text/plain; charset=utf-8", Extension: "journal", head: "decimal-mark .\n\n",
		write: plainWriter(ledger.JournalEntry.AppendHledger),
	},
	{
		Name: "beancount", ContentType: "text/plain; charset=utf-8", Extension: "beancount", accounts: true,
		write: plainWriter(ledger.JournalEntry.AppendBeancount),
	},
}

// Find returns the form of that name.
func Find(name string) (Format, bool) {
	i := slices.IndexFunc(Formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return Formats[i], true
}

// Write writes the entries that the filter selects to w, page by page, in the
// order of the journal; its After and Limit are not looked at. The filter needs
// a Snapshot to be of one state of the books. wrote, if not nil, is called after
// each page.
func (f Format) Write(
	ctx context.Context, db *database.DB, w io.Writer, filter ledgerdb.EntryFilter, wrote func() error,
) error {
	if _, err := io.WriteString(w, f.head); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	if f.accounts {
		err := ledgerdb.EachAccount(ctx, db, func(page []ledger.Account) error {
			var text []byte
			for _, a := range page {
				text = a.AppendBeancountOpen(text)
			}
			if _, err := w.Write(text); err != nil || wrote == nil {
				return err
			}
			return wrote()
		})
		if err != nil {
			return fmt.Errorf("exporting accounts: %w", err)
		}
	}
	err := ledgerdb.EachEntry(ctx, db, filter,
		func(page []ledgerdb.Entry, accounts map[uuid.UUID]ledger.Account) error {
			if err := f.write(w, page, accounts); err != nil || wrote == nil {
				return err
			}
			return wrote()
		})
	if err != nil {
		return fmt.Errorf("exporting entries: %w", err)
	}
	return nil
}

const csvHead = "entry_id,line_no,effective_date,booking_date,recorded_at,kind,key,reference,description,posted_by," +
	"reverses,account,gl_code,side,amount,currency,metadata\n"

func writeCSV(w io.Writer, page []ledgerdb.Entry, accounts map[uuid.UUID]ledger.Account) error {
	out := csv.NewWriter(w)
	for _, e := range page {
		metadata, err := json.Marshal(e.Metadata)
		if err != nil {
			return err
		}
		reverses := ""
		if e.Reverses != uuid.Nil {
			reverses = e.Reverses.String()
		}
		for i, line := range e.Lines {
			account := accounts[line.AccountID]
			err := out.Write([]string{
				e.ID().String(), strconv.Itoa(i), e.EffectiveDate.String(), e.BookingDate.String(),
				e.RecordedAt.Format(timeFormat), e.Kind, e.Key, e.Reference, e.Description, e.PostedBy, reverses,
				account.Code, account.GLCode, string(line.Side), line.Amount.Text(), line.Amount.Currency().Code(),
				string(metadata),
			})
			if err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

// timeFormat is RFC 3339 with the microseconds that the books keep.
const timeFormat = "2006-01-02T15:04:05.000000Z07:00"

func writeJSONLines(w io.Writer, page []ledgerdb.Entry, accounts map[uuid.UUID]ledger.Account) error {
	codes := make(map[uuid.UUID]string, len(accounts))
	for id, a := range accounts {
		codes[id] = a.Code
	}
	out := json.NewEncoder(w)
	for _, e := range page {
		if err := out.Encode(BodyOf(e, codes)); err != nil {
			return err
		}
	}
	return nil
}

type plainAppender func(e ledger.JournalEntry, journal []byte, name func(uuid.UUID) string) []byte

func plainWriter(
	appendEntry plainAppender,
) func(w io.Writer, page []ledgerdb.Entry, accounts map[uuid.UUID]ledger.Account) error {
	return func(w io.Writer, page []ledgerdb.Entry, accounts map[uuid.UUID]ledger.Account) error {
		names := make(map[uuid.UUID]string, len(accounts))
		for id, a := range accounts {
			names[id] = a.PlainName()
		}
		var text []byte
		for _, e := range page {
			text = appendEntry(e.JournalEntry, text, func(id uuid.UUID) string { return names[id] })
		}
		_, err := w.Write(text)
		return err
	}
}
