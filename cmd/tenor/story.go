package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fatih/color"
	"golang.org/x/term"
)

// story tells a demonstration: headings, facts, tables, and checks that compare
// what the platform says with what it must say. It is plain text in a pipe.
type story struct {
	w        io.Writer
	began    time.Time
	chapter  int
	checks   int
	failures []string
	bold     *color.Color
	dim      *color.Color
	good     *color.Color
	bad      *color.Color
}

func newStory(w io.Writer) *story {
	s := &story{
		w: w, began: time.Now(), bold: color.New(color.Bold, color.FgCyan), dim: color.New(color.Faint),
		good: color.New(color.FgGreen), bad: color.New(color.Bold, color.FgRed),
	}
	if !colourful(w) {
		for _, c := range []*color.Color{s.bold, s.dim, s.good, s.bad} {
			c.DisableColor()
		}
	}
	return s
}

// colourful reports whether w is a terminal that wants colour (no-color.org).
func colourful(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// heading begins a chapter.
func (s *story) heading(format string, args ...any) {
	s.chapter++
	say(s.w, "\n%s %s\n", s.bold.Sprintf("%2d  %s", s.chapter, fmt.Sprintf(format, args...)),
		s.dim.Sprintf("(%.1f s)", time.Since(s.began).Seconds()))
}

// tell is a line of the story.
func (s *story) tell(format string, args ...any) { say(s.w, "    %s\n", fmt.Sprintf(format, args...)) }

// progress is a line about what is being waited for.
func (s *story) progress(format string, args ...any) {
	say(s.w, "    %s\n", s.dim.Sprint("… "+fmt.Sprintf(format, args...)))
}

// check compares a figure with what it must be.
func (s *story) check(what, got, want string) {
	s.checks++
	if got == want {
		say(s.w, "    %s %-34s %s\n", s.good.Sprint("ok"), what, got)
		return
	}
	s.failures = append(s.failures, fmt.Sprintf("%s is %s, must be %s", what, got, want))
	say(s.w, "    %s %-34s %s, must be %s\n", s.bad.Sprint("WRONG"), what, got, want)
}

// table prints rows in columns, the first row as the head.
func (s *story) table(rows [][]string) {
	var text strings.Builder
	writer := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		say(writer, "%s\t\n", strings.Join(row, "\t"))
	}
	_ = writer.Flush() // writes to memory
	for i, line := range strings.Split(strings.TrimRight(text.String(), "\n"), "\n") {
		if i == 0 {
			line = s.dim.Sprint(line)
		}
		say(s.w, "    %s\n", line)
	}
}

// end says how it went: nil when every check held.
func (s *story) end() error {
	took := time.Since(s.began).Seconds()
	if len(s.failures) == 0 {
		say(s.w, "\n%s\n", s.good.Sprintf("All %d figures are as they must be. %.1f s.", s.checks, took))
		return nil
	}
	say(s.w, "\n%s\n", s.bad.Sprintf("%d of %d figures are wrong:", len(s.failures), s.checks))
	errs := make([]error, 0, len(s.failures))
	for _, failure := range s.failures {
		say(s.w, "    %s\n", failure)
		errs = append(errs, errors.New(failure))
	}
	return errors.Join(errs...)
}
