package houserules

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

// moneyTrees are the folders in which an amount may pass through any line.
var moneyTrees = []string{
	"amortization", "ledger", "servicing", "origination", "notification",
	"internal/money", "internal/event", "internal/command", "internal/casefile",
}

// floats finds floating point near money: the types, literals, and the
// conversions of decimal libraries.
func floats(sources []*source) []string {
	var faults []string
	for _, s := range sources {
		if s.test() || !within(s.dir, moneyTrees...) {
			continue
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			what := ""
			switch n := node.(type) {
			case *ast.Ident:
				if slices.Contains([]string{"float32", "float64", "complex64", "complex128"}, n.Name) ||
					strings.HasSuffix(n.Name, "Float64") || strings.HasSuffix(n.Name, "Float32") {
					what = n.Name
				}
			case *ast.BasicLit:
				if n.Kind == token.FLOAT || n.Kind == token.IMAG {
					what = n.Value
				}
			}
			if what != "" {
				faults = append(faults, fmt.Sprintf(
					"%s: %s: money and rates are money.Amount and apd.Decimal, never floating point", s.at(node.Pos()), what))
			}
			return true
		})
	}
	return faults
}

func TestNoFloatNearMoney(t *testing.T) {
	t.Parallel()
	holds(t, floats)
	judges(t, floats, []example{
		{"ledger/x.go", "package p\nvar x float64\n", true},
		{"ledger/x.go", "package p\nvar x = 0.5\n", true},
		{"origination/risk/x.go", "package p\nfunc f(d *apd.Decimal) { d.SetFloat64(y) }\n", true},
		{"servicing/x.go", "package p\nfunc f(m map[string][]float32) {}\n", true},
		{"ledger/x.go", "package p\n// a float64 in a comment\nvar x = 5\n", false},
		{"ledger/x_test.go", "package p\nvar x float64\n", false},
		{"bench/x.go", "package p\nvar x float64\n", false},
	})
}

// clockTrees are the folders that may ask for the time or for a random id:
// where the program is wired, where it meets the outside, and test helpers.
var clockTrees = []string{
	"cmd", "bench", "internal/app", "internal/devstack", "internal/tools", "internal/telemetry", "internal/httpapi",
	"internal/client", "internal/journey", "internal/database/dbtest", "internal/stream/streamtest",
}

// asking are the functions whose answer differs from run to run.
var asking = map[string][]string{
	"time":                   {"Now", "Since", "Until"},
	"github.com/google/uuid": {"New", "NewString", "NewRandom", "NewUUID", "NewV6", "NewV7", "Must"},
	"math/rand":              {"*"},
}

// clocks finds domain code that asks for the time or makes random ids: both
// come in as values or functions, so that a test, a replay and a retry agree.
func clocks(sources []*source) []string {
	var faults []string
	for _, s := range sources {
		if s.test() || within(s.dir, clockTrees...) {
			continue
		}
		names := map[string][]string{} // local package name -> forbidden functions
		for _, spec := range s.file.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			name := path.Base(imported)
			if spec.Name != nil {
				name = spec.Name.Name
			}
			if asking[imported] != nil {
				names[name] = asking[imported]
			}
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			selector, ok := node.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			name, ok := selector.X.(*ast.Ident)
			if ok && (slices.Contains(names[name.Name], selector.Sel.Name) || slices.Contains(names[name.Name], "*")) {
				faults = append(faults, fmt.Sprintf("%s: %s.%s: take the clock or the id as a value or a function",
					s.at(node.Pos()), name.Name, selector.Sel.Name))
			}
			return true
		})
	}
	return faults
}

func TestDomainAsksNoClock(t *testing.T) {
	t.Parallel()
	holds(t, clocks)
	judges(t, clocks, []example{
		{"ledger/x.go", "package p\nimport \"time\"\nvar x = time.Now()\n", true},
		{"ledger/x.go", "package p\nimport \"time\"\nvar now = time.Now\n", true},
		{"ledger/x.go", "package p\nimport clock \"time\"\nvar x = clock.Since(y)\n", true},
		{"origination/kyc/x.go", "package p\nimport \"github.com/google/uuid\"\nvar id = uuid.New()\n", true},
		{"origination/kyc/x.go", "package p\nimport \"github.com/google/uuid\"\nvar id = uuid.Nil\n", false},
		{"ledger/x.go", "package p\nimport \"time\"\nvar x time.Duration\n", false},
		{"ledger/x.go", "package p\nimport \"ours/time\"\nvar x = time.Now()\n", false},
		{"cmd/tenor/x.go", "package p\nimport \"time\"\nvar x = time.Now()\n", false},
		{"ledger/x_test.go", "package p\nimport \"time\"\nvar x = time.Now()\n", false},
	})
}
