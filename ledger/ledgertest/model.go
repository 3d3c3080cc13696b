// Package ledgertest helps to test ledgers: a naive model that keeps
// everything in lists and computes every answer by looking at all of it, and
// scripts of accounting cases that any ledger must answer alike.
//
// It is for tests only.
package ledgertest

import (
	"maps"
	"slices"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/ledger"
)

// Posted is an entry of the model with the instant of its recording.
type Posted struct {
	Entry    ledger.JournalEntry
	Recorded time.Time
}

// Model is a ledger in memory that is slow and plain on purpose.
type Model struct {
	Headings map[string]ledger.GLAccount
	Accounts map[uuid.UUID]ledger.Account
	Journal  []Posted
	// Rejected remembers rejections that depended on the books, by key, when
	// RememberRejections is set.
	Rejected           map[string]Rejected
	RememberRejections bool
	ClosedThrough      civil.Date
	// Pending are the pending entries by key.
	Pending map[string]*Pending
}

// Pending is a pending entry of the model.
type Pending struct {
	Entry    ledger.Pending
	State    ledger.PendingState
	PostedBy string // the key of the entry that posted it
}

// Rejected is an entry that was refused for ever under its key.
type Rejected struct {
	Hash [32]byte
	Err  error
}

// NewModel returns an empty ledger.
func NewModel() *Model {
	return &Model{
		Headings: map[string]ledger.GLAccount{}, Accounts: map[uuid.UUID]ledger.Account{},
		Rejected: map[string]Rejected{}, Pending: map[string]*Pending{},
		ClosedThrough: civil.Date{Year: 1899, Month: time.December, Day: 31},
	}
}

// OpenGL adds a general ledger account.
func (m *Model) OpenGL(gl ledger.GLAccount) error {
	if err := gl.Validate(); err != nil {
		return err
	}
	if have, ok := m.Headings[gl.Code]; ok && (have.Type != gl.Type || have.NormalSide != gl.NormalSide) {
		return ledger.Reject(ledger.AccountDiffers, "code", "")
	} else if !ok {
		m.Headings[gl.Code] = gl
	}
	return nil
}

// OpenAccount adds an account.
func (m *Model) OpenAccount(a ledger.Account) error {
	if err := a.Validate(); err != nil {
		return err
	}
	gl, ok := m.Headings[a.GLCode]
	if !ok {
		return ledger.Reject(ledger.GLAccountUnknown, "gl_code", "")
	}
	if gl.Type != a.Type || gl.NormalSide != a.NormalSide {
		return ledger.Reject(ledger.AccountDiffers, "type", "")
	}
	if have, ok := m.Accounts[a.ID()]; ok {
		if have.Currency != a.Currency || have.GLCode != a.GLCode || have.Limit != a.Limit {
			return ledger.Reject(ledger.AccountDiffers, "code", "")
		}
		return nil
	}
	m.Accounts[a.ID()] = a
	return nil
}

// Post books one entry.
func (m *Model) Post(now time.Time, entry ledger.JournalEntry) (bool, error) {
	return m.post(now, entry, m.RememberRejections)
}

func (m *Model) post(now time.Time, entry ledger.JournalEntry, remember bool) (bool, error) {
	entry = entry.Normalized()
	if err := entry.Validate(); err != nil {
		return false, err
	}
	for _, p := range m.Journal {
		if p.Entry.Key == entry.Key {
			if p.Entry.Hash() != entry.Hash() {
				return false, ledger.ErrKeyReused
			}
			return true, nil
		}
	}
	if prior, ok := m.Rejected[entry.Key]; ok {
		if prior.Hash != entry.Hash() {
			return false, ledger.ErrKeyReused
		}
		return false, prior.Err
	}
	if err := m.judge(entry); err != nil {
		if remember {
			m.Rejected[entry.Key] = Rejected{Hash: entry.Hash(), Err: err}
		}
		return false, err
	}
	m.Journal = append(m.Journal, Posted{Entry: entry, Recorded: now})
	return false, nil
}

func (m *Model) judge(entry ledger.JournalEntry) error {
	err := entry.Check(func(id uuid.UUID) (ledger.Account, bool) { a, ok := m.Accounts[id]; return a, ok })
	if err != nil {
		return err
	}
	if !entry.BookingDate.After(m.ClosedThrough) {
		return ledger.Reject(ledger.PeriodClosed, "booking_date", "")
	}
	if entry.Reverses != uuid.Nil {
		if err := m.judgeReversal(entry); err != nil {
			return err
		}
	}
	return m.judgeLimits(entry)
}

func (m *Model) judgeReversal(entry ledger.JournalEntry) error {
	var original *ledger.JournalEntry
	for _, p := range m.Journal {
		if p.Entry.ID() == entry.Reverses {
			original = &p.Entry
		}
		if p.Entry.Reverses == entry.Reverses {
			return ledger.Reject(ledger.AlreadyReversed, "reverses", "")
		}
	}
	if original == nil {
		return ledger.Reject(ledger.ReversesUnknown, "reverses", "")
	}
	return entry.CheckMirror(original.Lines)
}

func (m *Model) judgeLimits(entry ledger.JournalEntry) error {
	return m.limitsHold(append(slices.Clone(m.Journal), Posted{Entry: entry}), m.pendingEntries(), entry, true)
}

func (m *Model) pendingEntries() []Posted {
	var open []Posted
	for p := range maps.Values(m.Pending) {
		if p.State == ledger.PendingOpen {
			open = append(open, Posted{Entry: p.Entry.JournalEntry})
		}
	}
	return open
}

// limitsHold judges the accounts of entry with everything that is pending
// against them as if it were posted.
func (m *Model) limitsHold(journal, pending []Posted, entry ledger.JournalEntry, atLastLine bool) error {
	last := map[uuid.UUID]int{}
	for i, line := range entry.Lines {
		last[line.AccountID] = i
	}
	forever := civil.Date{Year: 9999, Month: 12, Day: 31}
	for i, line := range entry.Lines {
		account := m.Accounts[line.AccountID]
		debits, credits := totals(journal, line.AccountID, forever, maxTime)
		pendingDebits, pendingCredits := totals(pending, line.AccountID, forever, maxTime)
		if account.Limit == ledger.DebitsMustNotExceedCredits {
			debits += pendingDebits
		} else {
			credits += pendingCredits
		}
		if (last[line.AccountID] == i || !atLastLine) && !account.Limit.Allows(debits, credits) {
			return ledger.RejectLine(ledger.LimitExceeded, i, "amount", "")
		}
	}
	return nil
}

var maxTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

func totals(journal []Posted, id uuid.UUID, effective civil.Date, known time.Time) (debits, credits int64) {
	for _, p := range journal {
		if p.Entry.EffectiveDate.After(effective) || p.Recorded.After(known) {
			continue
		}
		for _, line := range p.Entry.Lines {
			if line.AccountID != id {
				continue
			}
			if line.Side == ledger.Debit {
				debits += line.Amount.Minor()
			} else {
				credits += line.Amount.Minor()
			}
		}
	}
	return debits, credits
}

// Balance sums the account by looking at every line.
func (m *Model) Balance(id uuid.UUID, effective civil.Date, known time.Time) (ledger.Balance, error) {
	a := m.Accounts[id]
	debits, credits := totals(m.Journal, id, effective, known)
	return ledger.NewBalance(id, a.NormalSide, a.Currency, debits, credits)
}

// SetClosed closes an account whose balance is zero, or opens it again.
func (m *Model) SetClosed(id uuid.UUID, closed bool) error {
	a := m.Accounts[id]
	debits, credits := totals(m.Journal, id, civil.Date{Year: 9999, Month: 12, Day: 31}, maxTime)
	if closed && debits != credits {
		return ledger.Reject(ledger.AccountNotEmpty, "balance", "")
	}
	a.Closed = closed
	m.Accounts[id] = a
	return nil
}

// ClosePeriod closes the books through a later day than they are.
func (m *Model) ClosePeriod(_ time.Time, through civil.Date) error {
	if !through.After(m.ClosedThrough) {
		return ledger.Reject(ledger.FieldInvalid, "through", "")
	}
	m.ClosedThrough = through
	return nil
}

// Codes returns the codes of all accounts, sorted.
func (m *Model) Codes() []string {
	var codes []string
	for a := range maps.Values(m.Accounts) {
		codes = append(codes, a.Code)
	}
	slices.Sort(codes)
	return codes
}

// OpenPending announces an entry.
func (m *Model) OpenPending(now time.Time, p ledger.Pending) (bool, error) {
	p.JournalEntry = p.Normalized()
	if err := p.Validate(); err != nil {
		return false, err
	}
	if have, ok := m.Pending[p.Key]; ok {
		if have.Entry.Hash() != p.Hash() {
			return false, ledger.ErrKeyReused
		}
		return true, nil
	}
	if p.Expired(now) {
		return false, ledger.Reject(ledger.FieldInvalid, "expires_at", "")
	}
	err := p.Check(func(id uuid.UUID) (ledger.Account, bool) { a, ok := m.Accounts[id]; return a, ok })
	if err != nil {
		return false, err
	}
	err = m.limitsHold(m.Journal, append(m.pendingEntries(), Posted{Entry: p.JournalEntry}), p.JournalEntry, false)
	if err != nil {
		return false, err
	}
	m.Pending[p.Key] = &Pending{Entry: p, State: ledger.PendingOpen}
	return false, nil
}

// PostPending books a pending entry under a key of its own; no lines means all.
func (m *Model) PostPending(now time.Time, pending, key string, lines []ledger.Line) (bool, error) {
	p := m.Pending[pending]
	entry := p.Entry.JournalEntry
	entry.Key = key
	if len(lines) > 0 {
		entry.Lines = lines
	}
	if p.State == ledger.PendingPosted && p.PostedBy == key {
		return m.post(now, entry, false)
	}
	if p.State != ledger.PendingOpen {
		return false, ledger.Reject(ledger.PendingResolved, "state", "")
	}
	if p.Entry.Expired(now) {
		return false, ledger.Reject(ledger.PendingOverdue, "expires_at", "")
	}
	if err := p.Entry.CheckPost(entry.Lines); err != nil {
		return false, err
	}
	p.State, p.PostedBy = ledger.PendingPosted, key
	replayed, err := m.post(now, entry, false) // in the caller's transaction: what it rejects leaves no trace
	if err != nil {
		p.State, p.PostedBy = ledger.PendingOpen, ""
	}
	return replayed, err
}

// VoidPending gives a pending entry up.
func (m *Model) VoidPending(_ time.Time, pending string) error {
	p := m.Pending[pending]
	if p.State != ledger.PendingOpen && p.State != ledger.PendingVoided {
		return ledger.Reject(ledger.PendingResolved, "state", "")
	}
	p.State = ledger.PendingVoided
	return nil
}

// ExpirePending ends the pending entries whose time is over.
func (m *Model) ExpirePending(now time.Time) error {
	for p := range maps.Values(m.Pending) {
		if p.State == ledger.PendingOpen && p.Entry.Expired(now) {
			p.State = ledger.PendingExpired
		}
	}
	return nil
}

// Available returns the balance less what is pending against it.
func (m *Model) Available(now time.Time, id uuid.UUID) (ledger.Amount, error) {
	balance, err := m.Balance(id, civil.Date{Year: 9999, Month: 12, Day: 31}, maxTime)
	if err != nil {
		return ledger.Amount{}, err
	}
	a := m.Accounts[id]
	var live []Posted
	for p := range maps.Values(m.Pending) {
		if p.State == ledger.PendingOpen && !p.Entry.Expired(now) {
			live = append(live, Posted{Entry: p.Entry.JournalEntry})
		}
	}
	debits, credits := totals(live, id, civil.Date{Year: 9999, Month: 12, Day: 31}, maxTime)
	return balance.Available(a.NormalSide, ledger.NewAmount(debits, a.Currency), ledger.NewAmount(credits, a.Currency))
}
