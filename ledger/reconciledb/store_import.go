package reconciledb

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/bankfile"
)

// Overlap says what to do with a file of which some lines were imported before.
type Overlap string

// The ways.
const (
	// Refuse imports nothing.
	Refuse Overlap = "REFUSE"
	// Skip imports only the lines that were not there.
	Skip Overlap = "SKIP"
	// Keep imports all lines: those that look like earlier ones are others.
	Keep Overlap = "KEEP"
)

// Import is a file on its way into the database.
type Import struct {
	Account ledger.Account
	File    bankfile.File
	Format  bankfile.Format
	Overlap Overlap
	By      string
}

// Imported is what became of a file.
type Imported struct {
	Statements []Statement
	// New counts the lines that were added, Known those that were there.
	New, Known int
	// Duplicate says that nothing was done: the file, or every line of it, was
	// imported before.
	Duplicate bool
}

// Statement is an imported bank statement.
type Statement struct {
	ID                     uuid.UUID
	Format                 bankfile.Format
	BankAccount, Reference string
	First, Last            civil.Date
	Opening, Closing       money.Amount
	Stated                 bool
	Lines                  int64
	RecordedAt             time.Time
	RecordedBy             string
}

// OverlapError names the first line that was imported before.
type OverlapError struct {
	Place string
	Known int
}

// Error implements error.
func (e *OverlapError) Error() string {
	return fmt.Sprintf("file.%s: this line and %d others were imported before, while the rest was not", e.Place, e.Known-1)
}

// FieldName returns the path of the line.
func (e *OverlapError) FieldName() string { return "file." + e.Place }

// Is reports whether target is ErrOverlap.
func (e *OverlapError) Is(target error) bool { return target == ErrOverlap }

// identified is a line with what tells it from others.
type identified struct {
	line       *bankfile.Line
	statement  int
	hash       [sha256.Size]byte
	occurrence int64
}

// id returns the line's id, which its account, content and occurrence decide.
func (l identified) id(account uuid.UUID) uuid.UUID {
	data := append(append(account[:], l.hash[:]...), binary.BigEndian.AppendUint64(nil, uint64(l.occurrence))...)
	return uuid.NewSHA1(lineSpace, data)
}

// fingerprint hashes what a line says. The bank's own reference, where there is
// one, tells it from others by itself; the words around may be written anew.
func fingerprint(l *bankfile.Line) [sha256.Size]byte {
	h := sha256.New()
	fields := []string{l.BookingDate.String(), l.Amount.String(), l.BankReference, l.Reference}
	if l.BankReference == "" {
		fields = append(fields, l.ValueDate.String(), l.Counterparty, l.Text)
	}
	for _, field := range fields {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(field)))) // a hash.Hash never fails
		h.Write([]byte(field))
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return sum
}

// identify numbers the lines of a file that say the same.
func identify(f bankfile.File) []identified {
	lines := make([]identified, 0, f.Lines)
	said := make(map[[sha256.Size]byte]int64, f.Lines)
	for i := range f.Statements {
		for k := range f.Statements[i].Lines {
			line := &f.Statements[i].Lines[k]
			hash := fingerprint(line)
			lines = append(lines, identified{line: line, statement: i, hash: hash, occurrence: said[hash]})
			said[hash]++
		}
	}
	return lines
}

// Save imports a file as a whole or not at all. The errors are a *OverlapError
// and ErrOtherAccount.
func Save(ctx context.Context, tx database.Tx, now time.Time, in Import) (Imported, error) {
	before, err := statementsOfFile(ctx, tx, in)
	if err != nil || len(before) > 0 {
		return Imported{Statements: before, Known: in.File.Lines, Duplicate: true}, err
	}
	if err := checkBankAccount(ctx, tx, in); err != nil {
		return Imported{}, err
	}
	lines := identify(in.File)
	counts, err := occurrences(ctx, tx, in.Account.ID(), lines)
	if err != nil {
		return Imported{}, err
	}
	known := 0
	var first *bankfile.Line
	fresh := lines[:0:0]
	for _, l := range lines {
		if l.occurrence < counts[l.hash] {
			if known == 0 {
				first = l.line
			}
			known++
			if in.Overlap != Keep {
				continue
			}
		}
		fresh = append(fresh, l)
	}
	switch {
	case known > 0 && known == len(lines) && in.Overlap != Keep:
		return Imported{Known: known, Duplicate: true}, nil
	case known > 0 && in.Overlap != Keep && in.Overlap != Skip:
		return Imported{}, &OverlapError{Place: first.Place, Known: known}
	case in.Overlap == Keep:
		for i := range fresh {
			fresh[i].occurrence += counts[fresh[i].hash]
		}
		known = 0
	}
	out := Imported{New: len(fresh), Known: known}
	if out.Statements, err = insertStatements(ctx, tx, now, in); err != nil {
		return Imported{}, err
	}
	return out, insertLines(ctx, tx, in.Account.ID(), out.Statements, fresh)
}

const statementColumns = `
	id, format, bank_account, reference, first_day, last_day, opening, closing, stated, lines, recorded_at, recorded_by`

func scanStatement(currency money.Currency) pgx.RowToFunc[Statement] {
	return func(row pgx.CollectableRow) (Statement, error) {
		var s Statement
		var opening, closing int64
		err := row.Scan(&s.ID, &s.Format, &s.BankAccount, &s.Reference, &s.First, &s.Last, &opening, &closing, &s.Stated,
			&s.Lines, &s.RecordedAt, &s.RecordedBy)
		s.Opening, s.Closing = money.New(opening, currency), money.New(closing, currency)
		s.RecordedAt = s.RecordedAt.UTC()
		return s, err
	}
}

func statementsOfFile(ctx context.Context, tx database.Tx, in Import) ([]Statement, error) {
	rows, err := tx.Query(ctx, `
		select `+statementColumns+`
		  from reconcile_statement where account_id = $1 and file_hash = $2 order by seq`,
		in.Account.ID(), in.File.Hash[:])
	if err != nil {
		return nil, fmt.Errorf("looking for the file: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanStatement(in.Account.Currency))
	if err != nil {
		return nil, fmt.Errorf("looking for the file: %w", err)
	}
	return list, nil
}

// checkBankAccount refuses statements of another bank account than that of the
// statements before, as far as both say which.
func checkBankAccount(ctx context.Context, tx database.Tx, in Import) error {
	number := in.File.Statements[0].Account
	if number == "" {
		return nil
	}
	var other bool
	err := tx.QueryRow(ctx, `
		select exists (select 1 from reconcile_statement
		                where account_id = $1 and bank_account <> '' and bank_account <> $2)`,
		in.Account.ID(), number).Scan(&other)
	if err != nil {
		return fmt.Errorf("looking for other bank accounts: %w", err)
	}
	if other {
		return fmt.Errorf("account %q: %w", in.Account.Code, ErrOtherAccount)
	}
	return nil
}

// occurrences counts how often what the lines say is there already.
func occurrences(
	ctx context.Context, tx database.Tx, account uuid.UUID, lines []identified,
) (map[[sha256.Size]byte]int64, error) {
	counts := make(map[[sha256.Size]byte]int64)
	for part := range slices.Chunk(lines, chunk) {
		hashes := make([][]byte, len(part))
		for i := range part {
			hashes[i] = part[i].hash[:]
		}
		rows, err := tx.Query(ctx, `
			select fingerprint, count(*)::bigint from reconcile_bank_line
			 where account_id = $1 and fingerprint = any($2) group by fingerprint order by fingerprint`, account, hashes)
		if err != nil {
			return nil, fmt.Errorf("looking for lines imported before: %w", err)
		}
		var hash []byte
		var count int64
		_, err = pgx.ForEachRow(rows, []any{&hash, &count}, func() error {
			counts[[sha256.Size]byte(hash)] = count
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("looking for lines imported before: %w", err)
		}
	}
	return counts, nil
}

func insertStatements(ctx context.Context, tx database.Tx, now time.Time, in Import) ([]Statement, error) {
	account := in.Account.ID()
	list := make([]Statement, len(in.File.Statements))
	var c struct {
		ids                         []uuid.UUID
		seqs, opening, closing, ofs []int64
		bank, references            []string
		first, last                 []civil.Date
		stated                      []bool
	}
	for i, s := range in.File.Statements {
		place := binary.BigEndian.AppendUint64(nil, uint64(i))
		data := slices.Concat(account[:], in.File.Hash[:], place)
		list[i] = Statement{
			ID: uuid.NewSHA1(fileSpace, data), Format: in.Format, BankAccount: s.Account, Reference: s.Reference,
			First: s.From, Last: s.To, Opening: s.Opening, Closing: s.Closing, Stated: s.Stated, Lines: int64(len(s.Lines)),
			RecordedAt: now, RecordedBy: in.By,
		}
		c.ids, c.seqs = append(c.ids, list[i].ID), append(c.seqs, int64(i))
		c.bank, c.references = append(c.bank, s.Account), append(c.references, s.Reference)
		c.first, c.last = append(c.first, s.From), append(c.last, s.To)
		c.opening, c.closing = append(c.opening, s.Opening.Minor()), append(c.closing, s.Closing.Minor())
		c.stated, c.ofs = append(c.stated, s.Stated), append(c.ofs, int64(len(s.Lines)))
	}
	_, err := tx.Exec(ctx, `
		insert into reconcile_statement
		       (id, account_id, file_hash, seq, format, bank_account, reference, first_day, last_day, opening, closing,
		        stated, lines, recorded_at, recorded_by)
		select u.id, $11, $12, u.seq, $13, u.bank_account, u.reference, u.first_day, u.last_day, u.opening, u.closing,
		       u.stated, u.lines, $14, $15
		  from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::date[], $6::date[], $7::bigint[],
		              $8::bigint[], $9::boolean[], $10::bigint[])
		       as u (id, seq, bank_account, reference, first_day, last_day, opening, closing, stated, lines)`,
		c.ids, c.seqs, c.bank, c.references, c.first, c.last, c.opening, c.closing, c.stated, c.ofs,
		account, in.File.Hash[:], string(in.Format), now, in.By)
	if err != nil {
		return nil, fmt.Errorf("inserting statements: %w", err)
	}
	return list, nil
}

func insertLines(
	ctx context.Context, tx database.Tx, account uuid.UUID, statements []Statement, lines []identified,
) error {
	for part := range slices.Chunk(lines, chunk) {
		var c struct {
			ids, statements                         []uuid.UUID
			places, references, banks, names, texts []string
			booked, value                           []civil.Date
			amounts, occurrences                    []int64
			hashes                                  [][]byte
		}
		for i := range part {
			l := part[i].line
			c.ids = append(c.ids, part[i].id(account))
			c.statements = append(c.statements, statements[part[i].statement].ID)
			c.places, c.references = append(c.places, l.Place), append(c.references, l.Reference)
			c.banks, c.names = append(c.banks, l.BankReference), append(c.names, l.Counterparty)
			c.texts = append(c.texts, l.Text)
			c.booked, c.value = append(c.booked, l.BookingDate), append(c.value, l.ValueDate)
			c.amounts, c.occurrences = append(c.amounts, l.Amount.Minor()), append(c.occurrences, part[i].occurrence)
			c.hashes = append(c.hashes, part[i].hash[:])
		}
		_, err := tx.Exec(ctx, `
			insert into reconcile_bank_line
			       (id, account_id, statement_id, place, booking_date, value_date, amount, reference, bank_reference,
			        counterparty, text, fingerprint, occurrence)
			select u.id, $13, u.statement_id, u.place, u.booking_date, u.value_date, u.amount, u.reference, u.bank_reference,
			       u.counterparty, u.text, u.fingerprint, u.occurrence
			  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::date[], $5::date[], $6::bigint[], $7::text[], $8::text[],
			              $9::text[], $10::text[], $11::bytea[], $12::bigint[])
			       as u (id, statement_id, place, booking_date, value_date, amount, reference, bank_reference, counterparty,
			             text, fingerprint, occurrence)`,
			c.ids, c.statements, c.places, c.booked, c.value, c.amounts, c.references, c.banks, c.names, c.texts, c.hashes,
			c.occurrences, account)
		if err != nil {
			return fmt.Errorf("inserting bank lines: %w", err)
		}
	}
	return nil
}
