package ledgerdb

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
)

// OpenGL adds general ledger accounts. Those that exist with the same
// definition are left alone; one that differs is rejected with AccountDiffers.
func OpenGL(ctx context.Context, tx database.Tx, now time.Time, accounts ...ledger.GLAccount) error {
	now = now.UTC().Truncate(time.Microsecond)
	var codes, names, types, sides []string
	var subjects []uuid.UUID
	var hashes [][]byte
	for _, gl := range accounts {
		if err := gl.Validate(); err != nil {
			return fmt.Errorf("opening general ledger account %q: %w", gl.Code, err)
		}
		codes = append(codes, gl.Code)
		names = append(names, gl.Name)
		types = append(types, string(gl.Type))
		sides = append(sides, string(gl.NormalSide))
		subjects = append(subjects, headingSubject(gl.Code))
		hashes = append(hashes, headingHash(gl, now))
	}
	tag, err := tx.Exec(ctx, `
		with opened as (
			insert into ledger_gl (code, name, type, normal_side, created_at, row_hash)
			select u.code, u.name, u.type, u.normal_side, $5, u.row_hash
			  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $6::bytea[])
			       as u (code, name, type, normal_side, row_hash)
			 order by u.code
			on conflict (code) do nothing
			returning code, row_hash)
		insert into ledger_unsealed_record (kind, subject, number, hash)
		select $7, s.subject, 0, o.row_hash
		  from opened o join unnest($1::text[], $8::uuid[]) as s (code, subject) on s.code = o.code`,
		codes, names, types, sides, now, hashes, headingRecord, subjects)
	if err != nil {
		return fmt.Errorf("opening general ledger accounts: %w", err)
	}
	if tag.RowsAffected() == int64(len(accounts)) {
		return nil
	}
	stored, err := glByCode(ctx, tx, codes)
	if err != nil {
		return err
	}
	for _, gl := range accounts {
		have := stored[gl.Code]
		if have.Type != gl.Type || have.NormalSide != gl.NormalSide {
			return fmt.Errorf("opening general ledger account %q: %w", gl.Code,
				ledger.Reject(ledger.AccountDiffers, "code", "names an account of another type or side"))
		}
	}
	return nil
}

func glByCode(ctx context.Context, tx database.Tx, codes []string) (map[string]ledger.GLAccount, error) {
	rows, err := tx.Query(ctx, `
		select code, name, type, normal_side from ledger_gl where code = any($1) order by code`, codes)
	if err != nil {
		return nil, fmt.Errorf("reading general ledger accounts: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ledger.GLAccount])
	if err != nil {
		return nil, fmt.Errorf("reading general ledger accounts: %w", err)
	}
	byCode := make(map[string]ledger.GLAccount, len(list))
	for _, gl := range list {
		byCode[gl.Code] = gl
	}
	return byCode, nil
}

// OpenChart makes sure that the lender's chart and its control account for
// every role exist in the currency. Callers may make sure of it each time: once
// it is known that they do, nothing is asked, and no account is ever read, so that
// this does not conflict with those who open other accounts.
func OpenChart(ctx context.Context, tx database.Tx, now time.Time, currency money.Currency) error {
	place, remembers := tx.(places)
	if remembers {
		if _, known := place.Shared().Load(chartKey{currency}); known {
			return nil
		}
	}
	if err := openChart(ctx, tx, now, currency); err != nil {
		return err
	}
	if remembers {
		tx.AfterCommit(func() { place.Shared().Store(chartKey{currency}, true) }) // no account is ever removed
	}
	return nil
}

func openChart(ctx context.Context, tx database.Tx, now time.Time, currency money.Currency) error {
	var headings []ledger.GLAccount
	var accounts []ledger.Account
	for _, row := range ledger.Chart() {
		headings = append(headings, row.GL)
		accounts = append(accounts, ledger.ControlAccount(row.Role, currency))
	}
	if err := OpenGL(ctx, tx, now, headings...); err != nil {
		return err
	}
	slices.SortFunc(accounts, func(a, b ledger.Account) int { return compareIDs(a.ID(), b.ID()) })
	inserted, err := insertAccounts(ctx, tx, now, accounts)
	if err != nil || len(inserted) == 0 {
		return err // a whole chart was checked when it was opened
	}
	return checkDefinitions(ctx, tx, accounts, inserted)
}

// OpenAccounts adds accounts. Those that exist with the same definition are
// left alone; one that differs in anything but name and metadata is rejected
// with AccountDiffers, and one whose general ledger account is missing or of
// another type with GLAccountUnknown or AccountDiffers. Every account is opened for
// posting, whatever its Closed says.
func OpenAccounts(ctx context.Context, tx database.Tx, now time.Time, accounts ...ledger.Account) error {
	if len(accounts) == 0 {
		return nil
	}
	for _, a := range accounts {
		if err := a.Validate(); err != nil {
			return fmt.Errorf("opening account %q: %w", a.Code, err)
		}
	}
	if err := checkHeadings(ctx, tx, accounts); err != nil {
		return err
	}
	ordered := slices.Clone(accounts)
	slices.SortFunc(ordered, func(a, b ledger.Account) int { return compareIDs(a.ID(), b.ID()) })
	inserted, err := insertAccounts(ctx, tx, now, ordered)
	if err != nil {
		return err
	}
	if err := insertLimits(ctx, tx, ordered, inserted); err != nil {
		return err
	}
	return checkDefinitions(ctx, tx, ordered, inserted)
}

func compareIDs(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }

func checkHeadings(ctx context.Context, tx database.Tx, accounts []ledger.Account) error {
	var codes []string
	for _, a := range accounts {
		codes = append(codes, a.GLCode)
	}
	slices.Sort(codes)
	stored, err := glByCode(ctx, tx, slices.Compact(codes))
	if err != nil {
		return err
	}
	for _, a := range accounts {
		gl, ok := stored[a.GLCode]
		if !ok {
			return fmt.Errorf("opening account %q: %w", a.Code,
				ledger.Reject(ledger.GLAccountUnknown, "gl_code", "names no general ledger account"))
		}
		if gl.Type != a.Type || gl.NormalSide != a.NormalSide {
			return fmt.Errorf("opening account %q: %w", a.Code,
				ledger.Reject(ledger.AccountDiffers, "type", "and normal side must be those of the general ledger account"))
		}
	}
	return nil
}

func insertAccounts(
	ctx context.Context, tx database.Tx, now time.Time, accounts []ledger.Account,
) (map[uuid.UUID]bool, error) {
	now = now.UTC().Truncate(time.Microsecond)
	var ids []uuid.UUID
	var codes, names, gls, types, sides, currencies, limits, metadata []string
	var hashes [][]byte
	for _, a := range accounts {
		pairs, err := encodeMetadata(a.Metadata)
		if err != nil {
			return nil, err
		}
		ids = append(ids, a.ID())
		codes = append(codes, a.Code)
		names = append(names, a.Name)
		gls = append(gls, a.GLCode)
		types = append(types, string(a.Type))
		sides = append(sides, string(a.NormalSide))
		currencies = append(currencies, a.Currency.Code())
		limits = append(limits, string(a.Limit))
		metadata = append(metadata, pairs)
		hashes = append(hashes, accountHash(a, pairs, now))
	}
	rows, err := tx.Query(ctx, `
		with opened as (
			insert into ledger_account
			       (id, code, name, gl_code, type, normal_side, currency, limit_rule, closed, metadata, created_at, row_hash)
			select u.id, u.code, u.name, u.gl_code, u.type, u.normal_side, u.currency, u.limit_rule, false,
			       u.metadata::jsonb, $10, u.row_hash
			  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
			              $9::text[], $11::bytea[])
			       as u (id, code, name, gl_code, type, normal_side, currency, limit_rule, metadata, row_hash)
			 order by u.id
			on conflict (id) do nothing
			returning id, row_hash)
		insert into ledger_unsealed_record (kind, subject, number, hash)
		select $12, o.id, 0, o.row_hash from opened o
		returning subject`,
		ids, codes, names, gls, types, sides, currencies, limits, metadata, now, hashes, accountRecord)
	if err != nil {
		return nil, fmt.Errorf("opening accounts: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("opening accounts: %w", err)
	}
	fresh := setOf(list)
	noteOpened(tx, accounts, fresh)
	return fresh, nil
}

func setOf(ids []uuid.UUID) map[uuid.UUID]bool {
	set := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

func insertLimits(ctx context.Context, tx database.Tx, accounts []ledger.Account, fresh map[uuid.UUID]bool) error {
	var ids []uuid.UUID
	for _, a := range accounts {
		if fresh[a.ID()] && a.Limit != ledger.NoLimit {
			ids = append(ids, a.ID())
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		insert into ledger_limit (account_id, debits, credits, pending_debits, pending_credits)
		select u.id, 0, 0, 0, 0 from unnest($1::uuid[]) as u (id) order by u.id`, ids)
	if err != nil {
		return fmt.Errorf("opening accounts with a limit: %w", err)
	}
	return nil
}

// checkDefinitions compares the accounts that were there before with what was
// asked for.
func checkDefinitions(ctx context.Context, tx database.Tx, accounts []ledger.Account, fresh map[uuid.UUID]bool) error {
	var ids []uuid.UUID
	for _, a := range accounts {
		if !fresh[a.ID()] {
			ids = append(ids, a.ID())
		}
	}
	stored, err := Accounts(ctx, tx, ids...)
	if err != nil {
		return err
	}
	for _, a := range accounts {
		have, ok := stored[a.ID()]
		if ok && (have.GLCode != a.GLCode || have.Type != a.Type || have.NormalSide != a.NormalSide ||
			have.Currency != a.Currency || have.Limit != a.Limit) {
			return fmt.Errorf("opening account %q: %w", a.Code,
				ledger.Reject(ledger.AccountDiffers, "code", "names an account with another definition"))
		}
	}
	return nil
}

func encodeMetadata(pairs map[string]string) (string, error) {
	if len(pairs) == 0 {
		return "{}", nil
	}
	data, err := json.Marshal(pairs)
	if err != nil {
		return "", fmt.Errorf("encoding metadata: %w", err)
	}
	return string(data), nil
}

const accountColumns = `id, code, name, gl_code, type, normal_side, currency, limit_rule, closed, metadata`

// Accounts returns the accounts with the ids that exist, by id.
func Accounts(ctx context.Context, tx database.Tx, ids ...uuid.UUID) (map[uuid.UUID]ledger.Account, error) {
	if len(ids) == 0 {
		return map[uuid.UUID]ledger.Account{}, nil
	}
	rows, err := tx.Query(ctx, `
		select `+accountColumns+` from ledger_account where id = any($1) order by id`, ids)
	if err != nil {
		return nil, fmt.Errorf("reading accounts: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanAccount)
	if err != nil {
		return nil, fmt.Errorf("reading accounts: %w", err)
	}
	accounts := make(map[uuid.UUID]ledger.Account, len(list))
	for _, a := range list {
		accounts[a.ID()] = a
	}
	return accounts, nil
}

// Account returns one account or ErrNotFound.
func Account(ctx context.Context, tx database.Tx, id uuid.UUID) (ledger.Account, error) {
	found, err := Accounts(ctx, tx, id)
	if err != nil {
		return ledger.Account{}, err
	}
	account, ok := found[id]
	if !ok {
		return ledger.Account{}, fmt.Errorf("account %s: %w", id, ErrNotFound)
	}
	return account, nil
}

var errStoredAccount = errors.New("stored account does not fit its id")

func scanAccount(row pgx.CollectableRow) (ledger.Account, error) {
	var id uuid.UUID
	var a ledger.Account
	var currency string
	err := row.Scan(&id, &a.Code, &a.Name, &a.GLCode, &a.Type, &a.NormalSide, &currency, &a.Limit, &a.Closed, &a.Metadata)
	if err != nil {
		return ledger.Account{}, err
	}
	a.Currency, err = money.ParseCurrency(strings.TrimSpace(currency))
	if err != nil {
		return ledger.Account{}, err
	}
	if a.ID() != id {
		return ledger.Account{}, fmt.Errorf("%w: %s", errStoredAccount, id)
	}
	return a, nil
}

// AccountFilter selects accounts; zero fields select all.
type AccountFilter struct {
	GLCode   string
	Currency string
	Type     ledger.AccountType
	// Closed is "true" or "false"; anything else is both.
	Closed string
	// Prefix is how the code begins.
	Prefix string
	// Metadata are pairs that an account must all have.
	Metadata map[string]string
	// After is the code behind which the page begins.
	After string
	// Limit is the number of accounts at most, at least 1.
	Limit int
}

// ListAccounts returns accounts in the order of their codes.
func ListAccounts(ctx context.Context, tx database.Tx, f AccountFilter) ([]ledger.Account, error) {
	metadata, err := encodeMetadata(f.Metadata)
	if err != nil {
		return nil, err
	}
	query := selectAccounts
	if len(f.Metadata) > 0 {
		query = selectAccountsOfMetadata
	}
	rows, err := tx.Query(ctx, query,
		f.After, f.GLCode, f.Currency, f.Prefix, f.Prefix+"~", f.Limit, string(f.Type), f.Closed, metadata)
	if err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanAccount)
	if err != nil {
		return nil, fmt.Errorf("listing accounts: %w", err)
	}
	return list, nil
}

const (
	accountConditions = `
		select ` + accountColumns + `
		  from ledger_account
		 where code > $1 and ($2 = '' or gl_code = $2) and ($3 = '' or currency = $3)
		   and ($4 = '' or (code >= $4 and code < $5)) and ($7 = '' or type = $7)
		   and ($8 = '' or closed = ($8 = 'true'))`
	selectAccounts           = accountConditions + ` and $9::jsonb = '{}'::jsonb order by code limit $6`
	selectAccountsOfMetadata = accountConditions + ` and metadata @> $9::jsonb order by code limit $6`
)

// CloseAccount refuses further lines on an account whose balance is zero. One
// that is closed already is left alone. The error is ErrNotFound or the
// rejection AccountNotEmpty.
func CloseAccount(ctx context.Context, tx database.Tx, id uuid.UUID) error {
	account, err := Account(ctx, tx, id)
	if err != nil || account.Closed {
		return err
	}
	balance, err := BalanceOf(ctx, tx, account, Ever)
	if err != nil {
		return err
	}
	if !balance.Net.IsZero() {
		return fmt.Errorf("closing account %q: %w", account.Code,
			ledger.Reject(ledger.AccountNotEmpty, "balance", "must be zero"))
	}
	return setClosed(ctx, tx, account, true)
}

// ReopenAccount accepts lines on a closed account again.
func ReopenAccount(ctx context.Context, tx database.Tx, id uuid.UUID) error {
	account, err := Account(ctx, tx, id)
	if err != nil || !account.Closed {
		return err
	}
	return setClosed(ctx, tx, account, false)
}

// setClosed also moves the epoch that posting transactions read, so that one
// that runs at the same time with the account as it was cannot commit as well.
func setClosed(ctx context.Context, tx database.Tx, account ledger.Account, closed bool) error {
	forgetOpened(tx)
	_, err := tx.Exec(ctx, `update ledger_account set closed = $2 where id = $1`, account.ID(), closed)
	if err != nil {
		return fmt.Errorf("changing account %q: %w", account.Code, err)
	}
	kind := reopenedRecord
	if closed {
		kind = closedRecord
	}
	_, err = tx.Exec(ctx, `
		with moved as (
			update ledger_control set account_epoch = account_epoch + 1 where id = 1 returning account_epoch)
		insert into ledger_unsealed_record (kind, subject, number, hash)
		select $1, $2, m.account_epoch, ''::bytea from moved m`, kind, account.ID())
	if err != nil {
		return fmt.Errorf("changing account %q: %w", account.Code, err)
	}
	return nil
}
