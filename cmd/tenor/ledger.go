package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"strconv"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/ledgerexport"
)

const ledgerUsage = `usage: tenor ledger verify [SEQ HASH]         verify the journal, against a head that was kept
       tenor ledger export FORMAT [FROM [TO]] write the journal: csv, jsonl, hledger or beancount
`

// ledgerDatabase is the database that holds the books.
const ledgerDatabase = "core"

// ledgerCommand verifies or exports the journal, reading the database itself:
// for auditors, who need no service to trust.
func ledgerCommand(ctx context.Context, args []string, std streams) int {
	words, flags := splitArgs(args)
	cfg, rest, err := config.Load(config.Environ(), flags, std.err)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	words = append(words, rest...)
	if len(words) == 0 || err != nil {
		say(std.err, "%s", ledgerUsage)
		if err != nil {
			say(std.err, "tenor ledger: %v\n", err)
		}
		return exitUsage
	}
	var run func(ctx context.Context, db *database.DB, std streams) error
	switch words[0] {
	case "verify":
		run, err = verifyJournal(words[1:])
	case "export":
		run, err = exportJournal(words[1:])
	default:
		err = fmt.Errorf("no command %q", words[0])
	}
	if err != nil {
		say(std.err, "tenor ledger: %v\n%s", err, ledgerUsage)
		return exitUsage
	}
	db, err := openLedger(ctx, cfg)
	if err == nil {
		err = run(ctx, db, std)
		db.Close()
	}
	if err != nil {
		say(std.err, "tenor ledger: %v\n", err)
		return exitFailed
	}
	return 0
}

// openLedger opens the books for long reading: no statement is cut short.
func openLedger(ctx context.Context, cfg *config.Config) (*database.DB, error) {
	dsn, err := cfg.DatabaseDSN(ledgerDatabase)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(dsn)
	if err != nil {
		return nil, errors.New(config.Prefix + "DATABASE_URL: not a URL")
	}
	query := at.Query()
	query.Set("statement_timeout", "0")
	at.RawQuery = query.Encode()
	return database.Open(ctx, database.Config{DSN: at.String(), MaxConns: 2, ApplicationName: "tenor ledger"})
}

// verifyJournal returns the verification against the head that the words name.
// What it finds is an error, so that scripts see it in the exit code.
func verifyJournal(words []string) (func(context.Context, *database.DB, streams) error, error) {
	var kept *ledgerdb.ChainHead
	if len(words) != 0 {
		if len(words) != 2 {
			return nil, errors.New("a kept head is SEQ and HASH")
		}
		seq, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil || seq < 1 {
			return nil, fmt.Errorf("SEQ %q is no number from 1", words[0])
		}
		hash, err := hex.DecodeString(words[1])
		if err != nil {
			return nil, fmt.Errorf("HASH %q is not hexadecimal", words[1])
		}
		kept = &ledgerdb.ChainHead{Seq: seq, Hash: hash}
	}
	return func(ctx context.Context, db *database.DB, std streams) error {
		v, err := ledgerdb.Verify(ctx, db, kept)
		var tampered *ledgerdb.Tampered
		if errors.As(err, &tampered) {
			say(std.out, "verified %s\n", counted(v))
			say(std.out, "NOT INTACT: batch %d (%s)", tampered.Seq, tampered.Batch)
			if tampered.Entry != uuid.Nil {
				say(std.out, ", entry or account %s", tampered.Entry)
			}
			say(std.out, ": %s\n", tampered.What)
			return errors.New("the journal is not as it was posted")
		}
		if err != nil {
			return err
		}
		say(std.out, "intact: %s\nhead: %d %x\n", counted(v), v.Head.Seq, v.Head.Hash)
		return nil
	}, nil
}

// counted says what a verification has looked at. Records are of accounts, kept
// rejections, pending entries, and closings of accounts and periods.
func counted(v ledgerdb.Verified) string {
	return fmt.Sprintf("%d batches, %d entries, %d lines, %d records", v.Head.Seq, v.Entries, v.Lines, v.Records)
}

// exportJournal returns the export in the format and range that the words name.
func exportJournal(words []string) (func(context.Context, *database.DB, streams) error, error) {
	const most = 3
	if len(words) == 0 || len(words) > most {
		return nil, errors.New("export wants FORMAT [FROM [TO]]")
	}
	form, ok := ledgerexport.Find(words[0])
	if !ok {
		return nil, fmt.Errorf("no format %q", words[0])
	}
	var filter ledgerdb.EntryFilter
	for i, date := range []*civil.Date{&filter.From, &filter.To} {
		if len(words) > i+1 {
			var err error
			if *date, err = civil.ParseDate(words[i+1]); err != nil {
				return nil, fmt.Errorf("%q is no date like 2026-03-31", words[i+1])
			}
		}
	}
	return func(ctx context.Context, db *database.DB, std streams) error {
		// The snapshot is what is sealed: an auditor's login may not be one that seals.
		err := database.InReadTx(ctx, db, func(tx database.Tx) error {
			head, err := ledgerdb.Head(ctx, tx)
			filter.Snapshot = head.Seq
			return err
		})
		if err != nil {
			return err
		}
		if filter.Snapshot == 0 {
			return errors.New("nothing is sealed yet; run the ledger once")
		}
		out := bufio.NewWriter(std.out)
		return errors.Join(form.Write(ctx, db, out, filter, nil), out.Flush())
	}, nil
}
