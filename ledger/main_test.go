package ledger_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain has each property try ten thousand cases, unless -rapid.checks says
// how many: without a database they cost next to nothing.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", "10000"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
