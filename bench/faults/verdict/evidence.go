package verdict

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
)

// Evidence is what the invariants are held against. Loans are known by their ids,
// payments by theirs, both as the API writes them.
type Evidence struct {
	// Intents are the client's payments by number, as its journal has them.
	Intents map[int64]*Intent
	Loans   map[string]*Dossier
	// Own are the entries that the drill has booked without a loan.
	Own []Entry
	// Differ tells of loans that are not what the ledger has on their accounts.
	Differ []string
	Trial  TrialBalance
	// Intact says that the chain of the ledger's journal verifies; if it does not,
	// ChainOdd says where.
	Intact   bool
	ChainOdd string
	// Disorder are first appearances of events out of the order of their versions.
	Disorder []string
	// Events are the events on the topics, each counted once, and Again their
	// deliveries beyond the first.
	Events, Again int64
	// Effects count what the drill's own consumer did about each payment.
	Effects map[string]int
	// Buried counts the dead letters of the drill's own consumer by their value;
	// Wrongly are events that anybody buried although they are good.
	Buried  map[string]int
	Wrongly []string
	// Poisons are the events that nobody can handle: each has to be buried.
	Poisons [][]byte
	// Lags are the times from a fact to its event on the broker.
	Lags []time.Duration
}

// Dossier is all that is known about one loan.
type Dossier struct {
	ID string
	// Schedule is the plan that was signed; nil: the client does not know the loan
	// and has never paid it.
	Schedule *amortization.Schedule
	Events   []Heard // in the order of their versions
	Payments []Payment
	Entries  []Entry
	Account  Account
	// Portfolio is the balance of the loan's account in the ledger and Planned the
	// sum of the schedule that the API shows, both in minor units.
	Portfolio, Planned int64
	// Audited counts the audit rows of its payments. AuditOdd says where the chain
	// of its audit trail does not verify; "" is nowhere.
	Audited  int64
	AuditOdd string
}

// Heard is an event as the topics hold it, each once.
type Heard struct {
	Type    string
	Version int64
	Data    []byte
}

// Money is an amount as the API writes it: text, for what is no amount has to be
// judged and not to stop the reading.
type Money struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// MoneyOf writes an amount in minor units of Currency.
func MoneyOf(minor int64) Money {
	return Money{Amount: money.New(minor, Currency).Text(), Currency: Currency.Code()}
}

// unreadable stands for what is no amount of the drill's currency; it equals none.
const unreadable = -1 << 62

// Minor is the amount in minor units of Currency; what is no such amount is a
// number that no amount has.
func (m Money) Minor() int64 {
	amount, err := money.Parse(m.Amount, Currency)
	if err != nil {
		return unreadable
	}
	return amount.Minor()
}

// Payment is a payment as the history of its loan shows it.
type Payment struct {
	ID        string `json:"payment_id"`
	Status    string `json:"status"`
	Amount    Money  `json:"amount"`
	Reference string `json:"reference"`
	Split     struct {
		Principal Money `json:"principal"`
		Interest  Money `json:"interest"`
		Fees      Money `json:"fees"`
		Penalties Money `json:"penalties"`
		Overpaid  Money `json:"overpaid"`
	} `json:"split"`
}

func (p *Payment) split() split {
	return split{
		Principal: p.Split.Principal.Minor(), Interest: p.Split.Interest.Minor(),
		Fees: p.Split.Fees.Minor() + p.Split.Penalties.Minor(), Overpaid: p.Split.Overpaid.Minor(),
	}
}

// Entry is a journal entry as its API shows it.
type Entry struct {
	ID       string            `json:"id"`
	Metadata map[string]string `json:"metadata"`
	Lines    []struct {
		Account string `json:"account"`
		Side    string `json:"side"`
		Amount  Money  `json:"amount"`
	} `json:"lines"`
}

// glOf is the heading of an account by its code.
func glOf(code string) string {
	gl, _, _ := strings.Cut(code, ".")
	return gl
}

// Account is a loan account as its API shows it.
type Account struct {
	Status      string `json:"status"`
	Outstanding struct {
		Total Money `json:"total"`
	} `json:"outstanding"`
	Overpaid Money `json:"overpaid"`
}

// TrialBalance is a trial balance as its API shows it.
type TrialBalance struct {
	Balanced bool       `json:"balanced"`
	Rows     []TrialRow `json:"rows"`
}

// TrialRow is the sum of what was ever booked on an account of the general ledger.
type TrialRow struct {
	GL      string `json:"gl_code"`
	Debits  Money  `json:"debits"`
	Credits Money  `json:"credits"`
}

// Outcomes counts the payments that were acknowledged and those that were refused.
func (e *Evidence) Outcomes() (acked, refused int64) {
	for _, i := range e.Intents {
		if i.Acked() {
			acked++
		} else if i.Refused {
			refused++
		}
	}
	return acked, refused
}

// Verified is how many payments were announced.
func (e *Evidence) Verified() (count int64) {
	for _, l := range e.Loans {
		for _, h := range l.Events {
			if h.Type == (event.PaymentVerified{}).Type() {
				count++
			}
		}
	}
	return count
}

// Unpaid names a loan whose payout is under way, or is "".
func (e *Evidence) Unpaid() string {
	for id, l := range e.Loans {
		open := false
		for _, h := range l.Events {
			switch h.Type {
			case (event.DisbursementInitiated{}).Type():
				open = true
			case (event.DisbursementCompleted{}).Type(), (event.DisbursementFailed{}).Type():
				open = false
			}
		}
		if open {
			return id
		}
	}
	return ""
}

// verifiedOf reads the event of a booked payment.
func verifiedOf(h Heard) (booked, bool) {
	if h.Type != (event.PaymentVerified{}).Type() {
		return booked{}, false
	}
	var e event.PaymentVerified
	if err := json.Unmarshal(h.Data, &e); err != nil {
		return booked{}, false
	}
	return booked{e.PaymentID.String(), e.Amount.Minor(), split{
		Principal: e.Principal.Minor(), Interest: e.Interest.Minor(), Fees: e.Fees.Minor() + e.Penalties.Minor(),
		Overpaid: e.Overpaid.Minor(),
	}, e.ValueDate}, true
}

// overdueOf reads which instalment an event says is overdue.
func overdueOf(h Heard) (number int, ok bool) {
	if h.Type != (event.PaymentOverdue{}).Type() {
		return 0, false
	}
	var e event.PaymentOverdue
	err := json.Unmarshal(h.Data, &e)
	return e.Instalment, err == nil
}
