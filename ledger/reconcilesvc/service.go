package reconcilesvc

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/bankfile"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/reconcile"
	"github.com/tenor-lending/tenor/ledger/reconciledb"
)

// DefaultRules is the name of the rules that hold until others are saved.
const DefaultRules = "default"

// runAttemptsMax bounds how often a run begins anew because lines were matched
// by somebody else meanwhile.
const runAttemptsMax = 3

// Service reconciles.
type Service struct{ env *app.Env }

// New makes the reconciliation service.
func New(env *app.Env) (*app.Component, error) {
	s := &Service{env: env}
	return &app.Component{Routes: s.routes}, nil
}

// configID names the audit chain of a declaration.
func configID(kind reconciledb.ConfigKind, name string) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("tenor:reconcile:"+string(kind)+":"+name))
}

// SaveRules keeps a rule set under a name. What was saved before stays as an
// earlier version. The error is that of reconcile.RuleSet.Validate.
func (s *Service) SaveRules(
	ctx context.Context, actor access.Actor, name string, rules reconcile.RuleSet,
) (reconciledb.Config, error) {
	if err := rules.Validate(); err != nil {
		return reconciledb.Config{}, err
	}
	return s.saveConfig(ctx, actor, reconciledb.Rules, name, rules)
}

// SaveMapping keeps the mapping of CSV files under a name.
func (s *Service) SaveMapping(
	ctx context.Context, actor access.Actor, name string, mapping bankfile.Mapping,
) (reconciledb.Config, error) {
	if err := mapping.Validate(); err != nil {
		return reconciledb.Config{}, err
	}
	return s.saveConfig(ctx, actor, reconciledb.CSV, name, mapping)
}

func (s *Service) saveConfig(
	ctx context.Context, actor access.Actor, kind reconciledb.ConfigKind, name string, body any,
) (reconciledb.Config, error) {
	result, err := command.Run(ctx, s.env.Commands, command.Command{
		Name: "reconcile.save_" + string(kind), Actor: actor, Subject: configID(kind, name), Detail: body,
	}, func(tx database.Tx, now time.Time) (reconciledb.Config, error) {
		return reconciledb.SaveConfig(ctx, tx, now, kind, name, actor.ID.String(), body)
	})
	return result.Value, err
}

// rules returns the latest version of a rule set; until one is saved the
// default is reconcile.DefaultRules, as version zero.
func rules(ctx context.Context, tx database.Tx, name string) (reconcile.RuleSet, int64, error) {
	var set reconcile.RuleSet
	config, err := reconciledb.LoadConfig(ctx, tx, reconciledb.Rules, name, 0, &set)
	if errors.Is(err, reconciledb.ErrNotFound) && name == DefaultRules {
		return reconcile.DefaultRules(), 0, nil
	}
	return set, config.Version, err
}

// read runs fn in a transaction that sees one snapshot, with the account.
func read[T any](
	ctx context.Context, s *Service, account uuid.UUID, fn func(tx database.Tx, account ledger.Account) (T, error),
) (T, error) {
	var value T
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		found, err := ledgerdb.Account(ctx, tx, account)
		if err != nil {
			return err
		}
		value, err = fn(tx, found)
		return err
	})
	return value, err
}

// FileInput is a bank file as it is sent.
type FileInput struct {
	Account uuid.UUID
	Format  bankfile.Format
	// Mapping names the mapping of a CSV file.
	Mapping string
	// Opening and Closing are decimal numbers, or "".
	Opening, Closing string
	Overlap          reconciledb.Overlap
}

// BalanceError says that a balance of a request is no amount.
type BalanceError struct {
	Field string
	Err   error
}

// Error implements error.
func (e *BalanceError) Error() string { return e.Field + ": " + e.Err.Error() }

// FieldName returns the parameter.
func (e *BalanceError) FieldName() string { return e.Field }

// Is reports whether target is ErrFormat of bankfile: the file is refused.
func (e *BalanceError) Is(target error) bool { return target == bankfile.ErrFormat }

// ReadFile reads a bank file before anything is stored.
func (s *Service) ReadFile(ctx context.Context, in FileInput, source io.Reader) (bankfile.File, error) {
	options, err := read(ctx, s, in.Account, func(tx database.Tx, a ledger.Account) (bankfile.Options, error) {
		o := bankfile.Options{Format: in.Format, Currency: a.Currency}
		if in.Format == bankfile.CSV {
			if _, err := reconciledb.LoadConfig(ctx, tx, reconciledb.CSV, in.Mapping, 0, &o.Mapping); err != nil {
				return o, err
			}
		}
		var err error
		if o.Opening, err = balance("opening_balance", in.Opening, a.Currency); err != nil {
			return o, err
		}
		o.Closing, err = balance("closing_balance", in.Closing, a.Currency)
		return o, err
	})
	if err != nil {
		return bankfile.File{}, err
	}
	return bankfile.Read(source, options)
}

func balance(field, text string, currency money.Currency) (*money.Amount, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no balance is stated
	}
	amount, err := money.Parse(text, currency)
	if err != nil {
		return nil, &BalanceError{field, err}
	}
	return &amount, nil
}

// Imported is what became of a file.
type Imported struct {
	Statements []uuid.UUID `json:"statements"`
	New        int         `json:"new"`
	Known      int         `json:"known"`
	Duplicate  bool        `json:"duplicate"`
}

// Import keeps the statements of a file, all or none.
func (s *Service) Import(
	ctx context.Context, actor access.Actor, key command.Key, in FileInput, file bankfile.File,
) (command.Result[Imported], error) {
	return command.Run(ctx, s.env.Commands, command.Command{
		Name: "reconcile.import", Actor: actor, Subject: in.Account, Key: key,
		Detail: map[string]any{"file": file.Name(), "format": in.Format, "lines": file.Lines, "overlap": in.Overlap},
	}, func(tx database.Tx, now time.Time) (Imported, error) {
		account, err := ledgerdb.Account(ctx, tx, in.Account)
		if err != nil {
			return Imported{}, err
		}
		saved, err := reconciledb.Save(ctx, tx, now, reconciledb.Import{
			Account: account, File: file, Format: in.Format, Overlap: in.Overlap, By: actor.ID.String(),
		})
		out := Imported{New: saved.New, Known: saved.Known, Duplicate: saved.Duplicate, Statements: []uuid.UUID{}}
		for _, statement := range saved.Statements {
			out.Statements = append(out.Statements, statement.ID)
		}
		return out, err
	})
}

// RunInput says what to reconcile.
type RunInput struct {
	Account uuid.UUID
	Rules   string
	// Through is the last day; zero is the last day of the statements.
	Through civil.Date
	// Trial are rules to try instead of saved ones, or nil.
	Trial *reconcile.RuleSet
}

// RunSummary is what a reconciliation found.
type RunSummary struct {
	ID           uuid.UUID  `json:"id"`
	Rules        string     `json:"rules"`
	RulesVersion int64      `json:"rules_version"`
	Through      civil.Date `json:"through"`
	BankLines    int64      `json:"bank_lines"`
	BookLines    int64      `json:"book_lines"`
	Matches      int64      `json:"matches"`
	Breaks       int64      `json:"breaks"`
	LimitReached bool       `json:"limit_reached"`
	Digest       string     `json:"digest"`
}

// plan is a reconciliation that is worked out and not stored.
type plan struct {
	run    reconciledb.Run
	work   reconciledb.Work
	result reconcile.Result
}

func (p *plan) summary() RunSummary {
	r := p.run
	return RunSummary{
		ID: r.ID, Rules: r.Rules, RulesVersion: r.RulesVersion, Through: r.Through, BankLines: r.BankLines,
		BookLines: r.BookLines, Matches: r.Matches, Breaks: r.Breaks, LimitReached: r.LimitReached,
		Digest: hex.EncodeToString(r.Digest[:]),
	}
}

// plan works a reconciliation out of one snapshot, without a lock on anything.
func (s *Service) plan(ctx context.Context, in RunInput) (*plan, error) {
	p := &plan{run: reconciledb.Run{Rules: in.Rules}}
	var set reconcile.RuleSet
	_, err := read(ctx, s, in.Account, func(tx database.Tx, a ledger.Account) (struct{}, error) {
		var err error
		if in.Trial != nil {
			set, err = *in.Trial, in.Trial.Validate()
		} else {
			set, p.run.RulesVersion, err = rules(ctx, tx, in.Rules)
		}
		if err != nil {
			return struct{}{}, err
		}
		if in.Through.IsZero() {
			last, err := reconciledb.Statements(ctx, tx, a, reconciledb.Position{}, 1)
			if err != nil || len(last) == 0 {
				return struct{}{}, errors.Join(err, fmt.Errorf("statements of %q: %w", a.Code, reconciledb.ErrNotFound))
			}
			in.Through = last[0].Last
		}
		p.work, err = reconciledb.Load(ctx, tx, a, set, in.Through)
		return struct{}{}, err
	})
	if err != nil {
		return nil, err
	}
	if p.result, err = reconcile.Run(p.work.Bank, p.work.Books, set); err != nil {
		return nil, err
	}
	p.result.Breaks = p.work.Breaks(p.result)
	p.run.Through, p.run.LimitReached = in.Through, p.result.LimitReached
	p.run.BankLines, p.run.BookLines = int64(len(p.work.Bank)), int64(len(p.work.Books))
	p.run.Matches, p.run.Breaks = int64(len(p.result.Matches)), int64(len(p.result.Breaks))
	p.run.Digest, err = p.result.Digest()
	return p, err
}

// Run reconciles and keeps the result. Lines that somebody else matches at the
// same time make it begin anew; the error is reconciledb.ErrClaimed when that
// does not end.
func (s *Service) Run(
	ctx context.Context, actor access.Actor, key command.Key, in RunInput,
) (command.Result[RunSummary], error) {
	var err error
	for range runAttemptsMax {
		var p *plan
		if p, err = s.plan(ctx, in); err != nil {
			return command.Result[RunSummary]{}, err
		}
		var result command.Result[RunSummary]
		if result, err = s.keep(ctx, actor, key, in.Account, p); !errors.Is(err, reconciledb.ErrClaimed) {
			return result, err
		}
	}
	return command.Result[RunSummary]{}, err
}

func (s *Service) keep(
	ctx context.Context, actor access.Actor, key command.Key, account uuid.UUID, p *plan,
) (command.Result[RunSummary], error) {
	p.run.ID = s.env.NewID()
	matchSpace := s.env.NewID()
	return command.Run(ctx, s.env.Commands, command.Command{
		Name: "reconcile.run", Actor: actor, Subject: account, Key: key, Detail: p.summary(),
	}, func(tx database.Tx, now time.Time) (RunSummary, error) {
		found, err := ledgerdb.Account(ctx, tx, account)
		if err != nil {
			return RunSummary{}, err
		}
		p.run.RecordedAt, p.run.RecordedBy = now, actor.ID.String()
		if err := reconciledb.SaveRun(ctx, tx, found, p.run, &p.work, &p.result, matchSpace); err != nil {
			return RunSummary{}, err
		}
		if p.run.LimitReached { // what is left may still belong together
			return p.summary(), nil
		}
		return p.summary(), s.env.Outbox.Append(ctx, tx, now, event.ReconciliationCompleted{
			RunID: p.run.ID, AccountID: account, Account: found.Code, Through: p.run.Through, Matches: p.run.Matches,
			Breaks: p.run.Breaks,
		})
	})
}
