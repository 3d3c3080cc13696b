// Package sqllint checks that all SQL means the same on CockroachDB and on
// PostgreSQL: every migration, every statement in the Go code, and, when
// TENOR_TEST_SQL_LINT_DIR names a directory that dbtest wrote to, every statement
// that the test suite executed. It parses with CockroachDB's own parser, which
// makes it slow to compile for the first time.
//
// It holds tests only, and runs no SQL. The parser knows no tables, types or
// functions, so running on CockroachDB itself stays the last word.
package sqllint

import (
	"os"
	"strings"
	"testing"
)

// lintDirEnv names a directory of executed statements.
const lintDirEnv = "TENOR_TEST_SQL_LINT_DIR"

func TestMigrations(t *testing.T) {
	t.Parallel()
	files, err := inMigrations()
	if err != nil || len(files) == 0 {
		t.Fatalf("%d migrations found (%v)", len(files), err)
	}
	check(t, files, nullableColumns(files))
}

func TestCode(t *testing.T) {
	t.Parallel()
	files, err := inMigrations()
	if err != nil {
		t.Fatal(err)
	}
	found, err := inCode(root)
	const fewest = 10 // fewer mean that the search went wrong
	if err != nil || len(found) < fewest {
		t.Fatalf("only %d statements found in the code (%v)", len(found), err)
	}
	t.Logf("%d statements in the code", len(found))
	check(t, found, nullableColumns(files))
}

func TestExecuted(t *testing.T) {
	t.Parallel()
	dir := os.Getenv(lintDirEnv)
	if dir == "" {
		t.Skipf("NOT RUN: %s is not set; make test runs this after all other tests", lintDirEnv)
	}
	files, err := inMigrations()
	if err != nil {
		t.Fatal(err)
	}
	found, err := executed(dir)
	if err != nil || len(found) == 0 {
		t.Fatalf("%d statements found in %s (%v)", len(found), dir, err)
	}
	t.Logf("%d distinct statements executed", len(found))
	check(t, found, nullableColumns(files))
}

func check(t *testing.T, found []statement, nullable columnSet) {
	t.Helper()
	for _, s := range found {
		for _, fault := range lint(s, nullable) {
			t.Error(fault)
		}
	}
}

// TestRules shows each rule on a statement that it must refuse, told by a part
// of its message; an empty message marks a statement that must pass.
func TestRules(t *testing.T) {
	t.Parallel()
	nullable := columnSet{"published_at": true}
	for _, tc := range []struct{ sql, want string }{
		{`select id, amount from payment where id = $1`, ""},
		{`select count(*) from payment`, ""},
		{`select count(*) filter (where amount > 0) from payment`, ""},
		{`select id from outbox where published_at is null order by id limit 10 for update skip locked`, ""},
		{`insert into t (id, a) select u.id, u.a from unnest($1::uuid[], $2::bigint[]) as u (id, a)`, ""},
		{`insert into t (id) values ($1) on conflict (id) do update set a = excluded.a where t.a < excluded.a`, ""},
		{`with a as (update t set b = 1 where id = $1 returning id) insert into u (id) select id from a`, ""},
		{`select 'select * from x where a / b' as "int"`, ""},
		{`select a from t order by published_at desc nulls last`, ""},
		{`begin isolation level serializable`, ""},
		{"-- SELECT int\nselect 1", ""},

		{`selekt 1`, "does not parse"},
		{`listen paid`, "does not parse"},
		{`select 1; select 2`, "2 statements"},
		{`select * from t`, "selects *"},
		{`select t.* from t`, "selects *"},
		{`insert into t (a) values (1) returning *`, "selects *"},
		{`select a from (select * from t) as u`, "selects *"},
		{`insert into t values (1)`, "list of columns"},
		{`with a as (update t set b = 1 returning id) update t set b = 2 where id in (select id from a)`, "table t 2 times"},
		{`with a as (delete from t returning id), b as (insert into t (id) values (1)) select id from a`, "table t 2 times"},
		{`select a from t limit 1`, "limit without order by"},
		{`select a from t where b in (select c from u limit 5) order by a`, "limit without order by"},
		{`delete from t where a = 1 limit 5`, "limit in update or delete"},
		{`select a from t where published_at < $1 and b = 1 order by published_at limit 5`, ""},
		{`select a from t order by published_at`, "orders by published_at"},
		{`select a from t where published_at < $1 or b = 1 order by published_at`, "orders by published_at"},
		{`select a / 2 from t`, "divides in SQL"},
		{`select a // 2 from t`, "divides in SQL"},
		{`select a from t order by a collate "de"`, "collate"},
		{`select a from t for share`, "locks with FOR SHARE"},
		{`select a from t for no key update`, "locks with FOR NO KEY UPDATE"},
		{`select a from t as of system time '-1s'`, "as of system time"},
		{`upsert into t (a) values (1)`, "upsert"},
		{`insert into t (a) values (1) on conflict on constraint t_pkey do nothing`, "on conflict on constraint"},
		{`insert into t (a) values (1) on conflict (a) where b is null do nothing`, "condition on the arbiter"},
		{`insert into t (a) values (1) on conflict (lower(a)) do nothing`, "does not parse"},
		{`select pg_advisory_xact_lock(1)`, "calls pg_advisory_xact_lock"},
		{`select pg_notify('a', 'b')`, "calls pg_notify"},
		{`select now()`, "calls now"},
		{`select nextval('s')`, "calls nextval"},
		{`select gen_random_uuid()`, "calls gen_random_uuid"},
		{`select a::int from t`, "uses type int"},
		{`select a::integer from t`, "uses type integer"},
		{`select a::numeric from t`, "uses type DECIMAL"},
		{`select a::float8 from t`, "uses type FLOAT8"},
		{`select a::int4range from t`, "casts to int4range"},
		{`select $1::varchar[] from t`, "uses type VARCHAR"},
		{`SELECT a FROM t`, "in capitals"},
		{`savepoint s`, "savepoint"},
		{`create table t (a bigint)`, "changed by migrations only"},
		{`do $$ begin raise notice 'x'; end $$`, "no sequences"},
	} {
		faults := lint(statement{where: "x.go:1", kind: fromCode, sql: tc.sql}, nullable)
		judge(t, tc.sql, faults, tc.want)
	}
}

func judge(t *testing.T, sql string, faults []string, want string) {
	t.Helper()
	all := strings.Join(faults, "\n")
	if want == "" && all != "" || !strings.Contains(all, want) {
		t.Errorf("%s\nfaults: %s\nwant: %q", sql, all, want)
	}
}

func TestMigrationRules(t *testing.T) {
	t.Parallel()
	const head = "-- +goose NO TRANSACTION\n-- +goose Up\n"
	for _, tc := range []struct{ sql, want string }{
		{head + "create table if not exists t (id uuid not null primary key, a bigint, b jsonb not null)", ""},
		{head + "create unique index if not exists i on t (a) where b is null", ""},
		{head + "alter table t add column if not exists c timestamptz", ""},
		{head + "insert into t (id) values (1) on conflict (id) do nothing", ""},

		{"-- +goose Up\ncreate table if not exists t (id uuid)", "NO TRANSACTION"},
		{"-- +goose NO TRANSACTION\ncreate table if not exists t (id uuid)", "goose Up"},
		{head + "create table if not exists t (id uuid);\n-- +goose Down\ndrop table if exists t", "goose Down"},
		{head + "create table if not exists t (id uuid); create index if not exists i on t (id)", "2 statements"},
		{head, "0 statements"},
		{head + "create table t (id uuid)", "cannot run twice"},
		{head + "create index i on t (a)", "cannot run twice"},
		{head + "alter table t add column c text", "cannot run twice"},
		{head + "insert into t (id) values (1)", "cannot run twice"},
		{head + "create table if not exists t (id serial)", "numbers itself"},
		{head + "create table if not exists t (id bigint generated always as identity)", "numbers itself"},
		{head + "create table if not exists t (id int)", "uses type int"},
		{head + "create table if not exists t (a numeric(19,4))", "uses type DECIMAL"},
		{head + "create table if not exists t (a timestamp)", "uses type TIMESTAMP"},
		{head + "create table if not exists t (a interval)", "type interval"},
		{head + "create table if not exists t (a mood)", "not built in"},
		{head + "create table if not exists t (a bigint, b bigint generated always as (a + 1) stored)", "computed"},
		{head + "create table if not exists t (a text collate \"C\")", "does not parse"},
		{head + "create table if not exists t (a text collate \"de\")", "uses collate"},
		{head + "create table if not exists t (a uuid references u (id) deferrable initially deferred)", "does not parse"},
		{head + "create table if not exists t (a uuid default gen_random_uuid())", "calls gen_random_uuid"},
		{head + "create sequence if not exists s", "no sequences"},
		{head + "create type mood as enum ('good')", "no sequences"},
		{head + "create trigger x before insert on t for each row execute function f()", "no sequences"},
		{head + "create function f() returns bigint language sql as $$ select 1 $$", "no sequences"},
		{head + "create view v as select 1", "no sequences"},
	} {
		faults := lint(statement{where: "migrations/x/0001_y.sql", kind: fromMigration, sql: tc.sql}, nil)
		judge(t, tc.sql, faults, tc.want)
	}
}

func TestNullableColumns(t *testing.T) {
	t.Parallel()
	got := nullableColumns([]statement{
		{sql: "create table a (id uuid primary key, x text, y text not null, z text)"},
		{sql: "create table b (id uuid not null, z text not null)"},
		{sql: "alter table b add column w text"},
	})
	for name, want := range map[string]bool{"id": false, "x": true, "y": false, "z": false, "w": true} {
		if got[name] != want {
			t.Errorf("%s may be null: %v, want %v", name, got[name], want)
		}
	}
}

func TestFindsSQLInCode(t *testing.T) {
	t.Parallel()
	found, err := inFile("p/store.go", "package p\n"+
		"const a = `\n  select id from t`\n"+
		"var b = \"insert into t (id) \" + `values ($1)`\n"+
		"func f() { q(`update t as x set a = 1`); q(`with x as (select 1) select 1 from x`) }\n"+
		"var prose = []string{`select one of the offers`, `update the loan`, `with interest`, `delete it`}\n"+
		"var ddl = `create table t (id uuid)`\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range found {
		got = append(got, squeeze(s.where+" "+s.sql))
	}
	want := []string{
		"p/store.go:2 select id from t", "p/store.go:4 insert into t (id) values ($1)",
		"p/store.go:5 update t as x set a = 1", "p/store.go:5 with x as (select 1) select 1 from x",
		"p/store.go:7 create table t (id uuid)",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("found %q, want %q", got, want)
	}
}
