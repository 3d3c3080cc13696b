package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func archiveOf(t *testing.T, files map[string]string) *bytes.Buffer {
	t.Helper()
	var buffer bytes.Buffer
	zipped := gzip.NewWriter(&buffer)
	archive := tar.NewWriter(zipped)
	for name, content := range files {
		err := archive.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(content)), Mode: 0o644})
		if err != nil {
			t.Fatal(err)
		}
		_, err = archive.Write([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(archive.Close(), zipped.Close())
	if err != nil {
		t.Fatal(err)
	}
	return &buffer
}

const sample = `{"id": "GO-2026-0001", "modified": "2026-01-02T00:00:00Z", "aliases": ["CVE-1"], "affected": [
 {"package": {"name": "example.com/a"}, "ranges": [{"events": [{"introduced": "0"}, {"fixed": "1.2.0"}]}]},
 {"package": {"name": "example.com/b"}, "ranges": [{"events": [{"introduced": "0"}]}]}]}`

func TestConvert(t *testing.T) {
	t.Parallel()
	entries, err := readEntries(archiveOf(t, map[string]string{
		"deep/in/GO-2026-0001.json": sample,
		"deep/index/modules.json":   `[]`,
		"README.md":                 "no entry",
	}))
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d entries (%v), want 1", len(entries), err)
	}
	out := filepath.Join(t.TempDir(), "db")
	for range 2 { // the second replaces the first
		err = writeDatabase(out, entries)
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"index/modules.json": `[
			{"path": "example.com/a", "vulns": [{"id": "GO-2026-0001", "modified": "2026-01-02T00:00:00Z", "fixed": "1.2.0"}]},
			{"path": "example.com/b", "vulns": [{"id": "GO-2026-0001", "modified": "2026-01-02T00:00:00Z"}]}]`,
		"index/vulns.json":     `[{"id": "GO-2026-0001", "modified": "2026-01-02T00:00:00Z", "aliases": ["CVE-1"]}]`,
		"index/db.json":        `{"modified": "2026-01-02T00:00:00Z"}`,
		"ID/GO-2026-0001.json": sample,
	} {
		text, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(decoded(t, want), decoded(t, string(text))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	var value any
	err := json.Unmarshal([]byte(text), &value)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestBadArchives(t *testing.T) {
	t.Parallel()
	for _, bad := range []*bytes.Buffer{
		bytes.NewBufferString("no archive"),
		archiveOf(t, map[string]string{"GO-2026-0001.json": "{"}),
		archiveOf(t, map[string]string{"GO-2026-0002.json": sample}),
	} {
		_, err := readEntries(bad)
		if err == nil {
			t.Error("a broken archive is taken")
		}
	}
}

func TestFixedIn(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		events []event
		want   string
	}{
		{[]event{{Introduced: "0"}, {Fixed: "1.2.0"}}, "1.2.0"},
		{[]event{{Introduced: "0"}, {Fixed: "1.2.0"}, {Introduced: "1.10.0"}, {Fixed: "1.10.1"}}, "1.10.1"},
		{[]event{{Introduced: "0"}, {Fixed: "1.2.0"}, {Introduced: "1.10.0"}}, ""},
		{[]event{{Introduced: "0"}}, ""},
		{[]event{{Introduced: "1.3.0"}}, ""},
		{nil, ""},
	} {
		if diff := cmp.Diff(tc.want, fixedIn(tc.events)); diff != "" {
			t.Errorf("%v: %s", tc.events, diff)
		}
	}
}

// TestBlindScanner has a scanner that finds nothing and says so with success.
func TestBlindScanner(t *testing.T) {
	t.Parallel()
	scanner := filepath.Join(t.TempDir(), "scanner")
	err := os.WriteFile(scanner, []byte("#!/bin/sh\necho No vulnerabilities found.\n"), 0o700)
	if err != nil {
		t.Fatal(err)
	}
	err = canary(context.Background(), scanner, t.TempDir())
	if !errors.Is(err, errBlind) {
		t.Errorf("error %v, want errBlind", err)
	}
}
