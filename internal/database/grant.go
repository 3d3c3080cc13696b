package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/migrations"
)

// Grant gives the login of serviceDSN what services need on the database
// behind ownerDSN and nothing more: to read and change rows, but only to read
// and insert where the folder's append_only.txt says so, and no DDL. A login
// that is missing is made, with the password of serviceDSN. Call it after each
// Migrate; when both DSNs name the same login it does nothing.
func Grant(ctx context.Context, ownerDSN, serviceDSN, name string) error {
	owner, err := pgx.ParseConfig(ownerDSN)
	if err != nil {
		return fmt.Errorf("parsing the owner's DSN: %w", err)
	}
	service, err := url.Parse(serviceDSN)
	if err != nil {
		return errors.New("the services' DSN is not a URL") // the parser's own error may show the password
	}
	user := service.User.Username()
	if user == owner.User {
		return nil
	}
	if user == "" {
		return errors.New("the services' DSN names no user")
	}
	conn, err := pgx.ConnectConfig(ctx, owner)
	if err != nil {
		return fmt.Errorf("connecting as owner: %w", err)
	}
	password, _ := service.User.Password()
	err = ensureLogin(ctx, conn, user, password)
	if err == nil {
		err = grantTables(ctx, conn, user, name)
	}
	err = errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	if err != nil {
		return fmt.Errorf("granting %s what services need on database %s: %w", user, name, err)
	}
	return nil
}

const stateDuplicateObject = "42710"

func ensureLogin(ctx context.Context, conn *pgx.Conn, user, password string) error {
	var exists bool
	err := conn.QueryRow(ctx, `
		select exists (select 1 from pg_catalog.pg_roles where rolname = $1)`, user).Scan(&exists)
	if err != nil || exists {
		return err
	}
	statement := "create role " + pgx.Identifier{user}.Sanitize() + " login"
	if password != "" { // an insecure CockroachDB takes none
		statement += " password '" + strings.ReplaceAll(password, "'", "''") + "'"
	}
	_, err = conn.Exec(ctx, statement)
	if state := SQLState(err); state == stateDuplicateObject || state == stateUnique {
		return nil // another process was faster
	}
	return err
}

func grantTables(ctx context.Context, conn *pgx.Conn, user, name string) error {
	rows, err := conn.Query(ctx, `
		select table_name from information_schema.tables
		 where table_schema = 'public' and table_type = 'BASE TABLE' order by table_name`)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	fixed, err := appendOnly(sharedDir, name)
	if err != nil {
		return err
	}
	for _, table := range fixed {
		if !slices.Contains(tables, table) {
			return fmt.Errorf("append_only.txt names %s, which is no table", table)
		}
	}
	var free, kept []string
	for _, table := range tables {
		quoted := pgx.Identifier{table}.Sanitize()
		switch {
		case strings.HasPrefix(table, versionTable) || strings.HasPrefix(table, "goose_"):
		case slices.Contains(fixed, table):
			kept = append(kept, quoted)
		default:
			free = append(free, quoted)
		}
	}
	to := pgx.Identifier{user}.Sanitize()
	statements := []string{
		"grant connect on database " + pgx.Identifier{conn.Config().Database}.Sanitize() + " to " + to,
		"grant usage on schema public to " + to,
	}
	if len(free) > 0 {
		statements = append(statements,
			"grant select, insert, update, delete on table "+strings.Join(free, ", ")+" to "+to)
	}
	if list := strings.Join(kept, ", "); list != "" {
		statements = append(statements, "grant select, insert on table "+list+" to "+to,
			"revoke update, delete on table "+list+" from "+to)
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// appendOnly lists the tables of the folders whose rows are never changed.
func appendOnly(dirs ...string) ([]string, error) {
	var tables []string
	for _, dir := range dirs {
		list, err := fs.ReadFile(migrations.FS, dir+"/append_only.txt")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(list)) {
			if table, _, _ := strings.Cut(line, "#"); strings.TrimSpace(table) != "" {
				tables = append(tables, strings.TrimSpace(table))
			}
		}
	}
	return tables, nil
}
