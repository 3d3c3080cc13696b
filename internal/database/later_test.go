package database_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
)

var errMissing = errors.New("a row is missing")

func put(id int64) database.Write {
	return database.Write{
		What: "putting", SQL: `insert into outbox_relay (id) values ($1)`, Args: []any{id}, Rows: 1, Otherwise: errMissing,
	}
}

// A queued statement has run before every statement that follows, in whatever
// way that is sent, and before the commit.
func TestLaterRunsBeforeWhatFollows(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "kyc")
	const sql = `select count(*) from outbox_relay where id > 100`
	asks := map[string]func(tx database.Tx) (n int64, err error){
		"query": func(tx database.Tx) (n int64, err error) {
			rows, err := tx.Query(t.Context(), sql)
			if err != nil {
				return 0, err
			}
			return pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64])
		},
		"row": func(tx database.Tx) (n int64, err error) {
			return n, tx.QueryRow(t.Context(), sql).Scan(&n)
		},
		"exec": func(tx database.Tx) (int64, error) {
			tag, err := tx.Exec(t.Context(), `update outbox_relay set id = id + 1000 where id > 100`)
			return tag.RowsAffected(), err
		},
		"batch": func(tx database.Tx) (n int64, err error) {
			var b pgx.Batch
			b.Queue(sql).QueryRow(func(row pgx.Row) error { return row.Scan(&n) })
			return n, tx.SendBatch(t.Context(), &b).Close()
		},
		"copy": func(tx database.Tx) (n int64, err error) {
			_, err = tx.CopyFrom(t.Context(), pgx.Identifier{"outbox_relay"}, []string{"id"}, pgx.CopyFromRows(nil))
			if err != nil {
				return 0, err
			}
			return n, tx.QueryRow(t.Context(), sql).Scan(&n)
		},
	}
	undo := errors.New("undo")
	for name, ask := range asks {
		err := database.InTx(t.Context(), db, func(tx database.Tx) error {
			tx.Later(put(101))
			tx.Later(put(102))
			if n, err := ask(tx); err != nil || n != 2 {
				t.Errorf("%s found %d, %v; want 2", name, n, err)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := database.InTx(t.Context(), db, func(tx database.Tx) error {
		tx.Later(put(103))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = database.InReadTx(t.Context(), db, func(tx database.Tx) error {
		if n, err := asks["row"](tx); err != nil || n != 1 {
			t.Errorf("after the commit %d, %v; want 1", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A queued statement that fails, or that finds other rows than it must, fails
// the transaction wherever it is sent.
func TestLaterFailsTheTransaction(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "kyc")
	missing := database.Write{
		What: "moving", SQL: `update outbox_relay set id = 7 where id = 6`, Rows: 1, Otherwise: errMissing,
	}
	for name, rest := range map[string]func(tx database.Tx) error{
		"commit": func(database.Tx) error { return nil },
		"query": func(tx database.Tx) error {
			var n int64
			return tx.QueryRow(t.Context(), `select 1::bigint`).Scan(&n)
		},
		"batch": func(tx database.Tx) error {
			var b pgx.Batch
			b.Queue(`select 1`)
			return tx.SendBatch(t.Context(), &b).Close()
		},
		"exec": func(tx database.Tx) error {
			_, err := tx.Exec(t.Context(), `select 1`)
			return err
		},
	} {
		err := database.InTx(t.Context(), db, func(tx database.Tx) error {
			tx.Later(put(200))
			tx.Later(missing)
			return rest(tx)
		})
		if !errors.Is(err, errMissing) {
			t.Errorf("%s: %v, want the error of the write", name, err)
		}
		err = database.InTx(t.Context(), db, func(tx database.Tx) error {
			tx.Later(put(1)) // it is there
			return rest(tx)
		})
		if !database.IsUnique(err, "outbox_relay_pkey") {
			t.Errorf("%s: %v, want a unique violation", name, err)
		}
	}
	err := database.InReadTx(t.Context(), db, func(tx database.Tx) error {
		var n int64
		if err := tx.QueryRow(t.Context(), `select count(*) from outbox_relay where id <> 1`).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows are left, %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
