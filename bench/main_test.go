package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestFlagsAndNamesMayBeMixed(t *testing.T) {
	t.Parallel()
	args := []string{"apr", "--duration", "5s", "events", "--rate=20", "--json", "x"}
	names, o, to, _, err := parseRun(args, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(names, " ") != "apr events" || o.Duration != 5*time.Second || o.Rate != 20 || to.json != "x" {
		t.Errorf("names %q, options %+v, outputs %+v", names, o, to)
	}
	args = []string{"peers", "--against", "formance=http://a", "--against=blnk=http://b"}
	_, o, _, _, err = parseRun(args, &bytes.Buffer{})
	if err != nil || strings.Join(o.Against, " ") != "formance=http://a blnk=http://b" {
		t.Errorf("against %q, %v", o.Against, err)
	}
	for _, bad := range [][]string{
		{"--rate", "1", "--clients", "1"}, {"--duration", "0s"}, {"--scale", "-1"}, {"--nonsense"},
	} {
		if _, _, _, _, err := parseRun(bad, &bytes.Buffer{}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestEveryScenarioIsNamedOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range scenarios() {
		if seen[s.Name] || s.What == "" || s.Run == nil {
			t.Errorf("scenario %q is there twice or says nothing", s.Name)
		}
		seen[s.Name] = true
	}
	if all, err := pick([]string{"all"}); err != nil || len(all) != len(seen) {
		t.Errorf("all is %d of %d (%v)", len(all), len(seen), err)
	}
	if _, err := pick([]string{"no-such"}); err == nil {
		t.Error("an unknown scenario was found")
	}
	var out, log bytes.Buffer
	code := dispatch(t.Context(), []string{"list"}, &out, &log)
	if code != 0 || !strings.Contains(out.String(), "events") {
		t.Errorf("list: %d %s", code, out.String())
	}
	if code := dispatch(t.Context(), []string{"run"}, &out, &log); code != exitUsage {
		t.Errorf("run without a scenario: %d", code)
	}
}
