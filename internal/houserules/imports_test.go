package houserules

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// platform are the internal packages on which any service may stand.
var platform = []string{
	"internal/access", "internal/app", "internal/blob", "internal/casefile", "internal/command", "internal/config",
	"internal/database", "internal/event", "internal/groupcommit", "internal/httpapi", "internal/money", "internal/mutant",
	"internal/pdfdoc", "internal/privacy", "internal/stream", "internal/telemetry", "internal/upload",
}

// stage is what a service of origination may import: never another service, and
// never ledgerdb.
var stage = append([]string{"amortization", "ledger"}, platform...)

// core is what the services around the database "core" may import: they post to
// the ledger in the transaction that changes the loan.
var core = append([]string{"servicing", "servicing/loandb", "servicing/statement", "ledger/ledgerdb"}, stage...)

// layers lists, for every package, what it may import of this module. An entry
// that ends in a slash allows what lies below it. A package without a row is a
// violation: decide where it belongs before it grows users.
var layers = map[string][]string{
	"migrations":   {},
	"amortization": {"internal/money"},
	"ledger":       {"internal/money"},
	"servicing":    {"amortization", "ledger", "servicing/posting", "internal/money", "internal/mutant"},

	"ledger/bankfile":  {"internal/money"},
	"ledger/reconcile": {"internal/money"},
	"ledger/reconciledb": {
		"ledger", "ledger/bankfile", "ledger/ledgerdb", "ledger/reconcile", "internal/database", "internal/money",
	},
	"ledger/reconcilesvc": append([]string{
		"ledger", "ledger/bankfile", "ledger/ledgerdb", "ledger/reconcile", "ledger/reconciledb",
	}, platform...),
	"ledger/ledgerdb": {"ledger", "internal/database", "internal/groupcommit", "internal/money"},
	"ledger/ledgerexport": {
		"ledger", "ledger/ledgerdb", "internal/database", "internal/httpapi",
	},
	"ledger/ledgersvc":  append([]string{"ledger", "ledger/ledgerdb", "ledger/ledgerexport"}, platform...),
	"servicing/posting": {"ledger", "internal/money"},
	"servicing/statement": {
		"servicing", "servicing/posting", "ledger", "internal/money", "internal/pdfdoc",
	},
	"servicing/loandb": {
		"servicing", "amortization", "ledger", "ledger/ledgerdb", "internal/database", "internal/event", "internal/money",
		"internal/mutant", "internal/stream",
	},
	"servicing/legacy":     {"amortization", "amortization/", "servicing/legacy/"},
	"servicing/activation": append([]string{"servicing/posting"}, core...), // products may replace rows of its table
	"servicing/repayment":  append([]string{"ledger/reconcile", "ledger/reconciledb"}, core...),
	"servicing/closeofday": core,

	"origination":             {},
	"origination/customer":    stage,
	"origination/application": stage,
	"origination/document":    stage,
	"origination/kyc":         stage,
	"origination/risk":        stage,
	"origination/discussion":  stage,
	"origination/approval":    stage,
	"origination/agreement":   stage,

	"notification": platform,
	"identity":     platform,
	"gateway":      platform,

	"internal/money":  {},
	"internal/pdfdoc": {},
	"internal/access": {},
	"internal/config": {},
	"internal/blob":   {"internal/privacy"},
	"internal/event":  {"internal/money"},
	"internal/upload": {"internal/blob", "internal/database", "internal/httpapi"},

	"internal/upload/uploadtest": {},

	"internal/database":    {"internal/mutant", "migrations"},
	"internal/telemetry":   {"internal/config"},
	"internal/privacy":     {"internal/database"},
	"internal/groupcommit": {"internal/database"},
	"internal/failpoint":   {},
	"internal/mutant":      {},
	"internal/command":     {"internal/access", "internal/database", "internal/failpoint", "internal/mutant"},
	"internal/stream": {
		"internal/event", "internal/database", "internal/failpoint", "internal/mutant", "internal/telemetry",
	},
	"internal/casefile": {"internal/access", "internal/database", "internal/event", "internal/stream"},
	"internal/httpapi":  {"internal/access", "internal/command", "internal/database", "internal/money"},
	"internal/app": {
		"internal/access", "internal/blob", "internal/command", "internal/config", "internal/database",
		"internal/event", "internal/httpapi", "internal/privacy", "internal/stream", "internal/telemetry",
	},

	"internal/client":              {},
	"internal/eventdoc":            {"internal/event", "internal/money"},
	"internal/journey":             {"internal/client", "internal/money"},
	"internal/scheduleview":        {"amortization", "internal/money"},
	"internal/openapidoc":          {"internal/app", "internal/config", "internal/httpapi"},
	"internal/devstack":            {},
	"internal/database/pgfault":    {},
	"internal/devstack/devexec":    {"internal/devstack"},
	"internal/database/dbtest":     {"internal/database", "internal/devstack", "migrations"},
	"internal/database/sqllint":    {},
	"internal/stream/streamfault":  {"internal/event", "internal/stream"},
	"internal/stream/streamtest":   {"internal/database", "internal/event", "internal/stream", "internal/devstack"},
	"internal/httpapi/httpapitest": platform,
	"internal/privacy/privacytest": {"internal/database"},
	"servicing/loandb/loandbtest": {
		"servicing", "servicing/loandb", "amortization", "ledger", "ledger/ledgerdb", "internal/database",
		"internal/money",
	},
	"internal/houserules":     {},
	"internal/tools/debtools": {},
	"internal/tools/vulndb":   {},

	"bench": append([]string{
		"bench/", "servicing", "servicing/loandb", "ledger/ledgerdb", "ledger/bankfile", "ledger/reconcile",
		"ledger/reconciledb", "internal/client", "internal/database/pgfault", "internal/devstack", "internal/failpoint",
		"internal/journey", "internal/stream/streamfault",
	}, stage...),
	"bench/faults/verdict": {"amortization", "internal/event", "internal/money"}, // it judges, and asks nobody
	"bench/faults/fleet": {
		"bench/", "internal/client", "internal/database/pgfault", "internal/devstack", "internal/failpoint",
		"internal/mutant", "internal/privacy",
	},
	"bench/faults/payer": {
		"bench/faults/", "amortization", "internal/client", "internal/event", "internal/journey",
		"internal/stream/streamfault",
	},
	"cmd/tenor": append([]string{
		"amortization/", "servicing/", "ledger/", "origination/", "notification", "identity", "gateway", "internal/client",
		"internal/eventdoc", "internal/journey", "internal/openapidoc", "internal/devstack",
		"internal/scheduleview", "migrations",
	}, stage...),
}

// subtrees have packages below them that share their owner's row and may import
// their owner and siblings.
var subtrees = []string{
	"amortization", "bench", "cmd/tenor", "gateway", "identity", "notification", "internal/tools",
	"servicing/legacy",
}

func allowed(dir string) (list []string, known bool) {
	list, known = layers[dir]
	if known {
		return list, true
	}
	if helper(dir) { // the helper of the package above it
		return append([]string{path.Dir(dir), "internal/devstack"}, platform...), true
	}
	for _, tree := range subtrees {
		if within(dir, tree) {
			return append([]string{tree, tree + "/"}, layers[tree]...), true
		}
	}
	return nil, false
}

// importRules looks at what is compiled into programs: a test may use any helper.
func importRules(sources []*source) []string {
	var faults []string
	for _, s := range sources {
		list, known := allowed(s.dir)
		if !known {
			faults = append(faults, fmt.Sprintf("%s: package %s has no row in the table of imports", s.path(), s.dir))
			continue
		}
		if s.test() {
			continue
		}
		for _, imported := range s.imports() {
			imported, ours := strings.CutPrefix(imported, module)
			if ours && !permits(list, s.dir, imported) {
				faults = append(faults, fmt.Sprintf("%s: %s must not import %s", s.path(), s.dir, imported))
			}
		}
	}
	return faults
}

func permits(list []string, dir, imported string) bool {
	if helper(imported) {
		return helper(dir)
	}
	return slices.ContainsFunc(list, func(entry string) bool {
		return imported == entry || strings.HasSuffix(entry, "/") && strings.HasPrefix(imported, entry)
	})
}

// helper tells whether the package helps tests and must stay out of programs.
func helper(dir string) bool { return strings.HasSuffix(path.Base(dir), "test") }

func TestImports(t *testing.T) {
	t.Parallel()
	holds(t, importRules)
	imports := func(name string) string { return "package p\nimport _ \"" + module + name + "\"\n" }
	judges(t, importRules, []example{
		{"origination/kyc/service.go", imports("internal/database"), false},
		{"origination/kyc/service.go", imports("origination/customer"), true},
		{"origination/kyc/service.go", imports("ledger/ledgerdb"), true},
		{"origination/kyc/service_test.go", imports("internal/database/dbtest"), false},
		{"origination/kyc/service.go", imports("internal/database/dbtest"), true},
		{"internal/stream/streamtest/s.go", imports("internal/database/dbtest"), false},
		{"origination/kyc/kyctest/x.go", imports("origination/kyc"), false},
		{"origination/kyc/kyctest/x.go", imports("origination/customer"), true},
		{"origination/kyc/service.go", imports("internal/devstack"), true},
		{"ledger/ledger.go", imports("internal/database"), true},
		{"servicing/repayment/service.go", imports("ledger/ledgerdb"), false},
		{"servicing/repayment/service.go", imports("servicing/activation"), true},
		{"internal/event/x.go", imports("internal/stream"), true},
		{"gateway/service.go", imports("cmd/tenor"), true},
		{"cmd/tenor/main.go", imports("servicing/repayment"), false},
		{"amortization/legacy/x.go", imports("amortization"), false},
		{"amortization/legacy/x.go", imports("ledger"), true},
		{"bench/faults/verdict/x.go", imports("bench/faults/fleet"), true},
		{"bench/faults/payer/x.go", imports("bench/faults/fleet"), false},
		{"common/x.go", "package common\n", true},
	})
}

// TestEveryRowHasItsPackage would catch a typo in the table; rows for packages
// that are still to come are allowed only while their folder does not exist.
func TestEveryRowIsSpelledRight(t *testing.T) {
	t.Parallel()
	for dir, list := range layers {
		for _, entry := range list {
			name := strings.TrimSuffix(entry, "/")
			_, known := layers[name]
			if !known && !slices.ContainsFunc(keys(), func(row string) bool { return within(row, name) }) {
				t.Errorf("the row of %s allows %s, which has no row", dir, entry)
			}
		}
	}
}

func keys() []string {
	var rows []string
	for dir := range layers {
		rows = append(rows, dir)
	}
	return rows
}

// edge is a rule on who may use a third party's library.
type edge struct {
	library string   // import path prefix
	trees   []string // folders that may use it, with all below them
	files   string   // base name of the files that may use it elsewhere
	only    []string // folders in which the rule holds; empty is all
}

// edges say where the outside world may be known. Files may be split by topic:
// api.go and api_review.go are both the API of a service.
var edges = []edge{
	{
		library: "github.com/danielgtaylor/huma",
		trees:   []string{"internal/httpapi", "internal/app", "gateway", "cmd/tenor"}, files: "api",
	},
	{
		library: "net/http", files: "api",
		trees: []string{},
		only:  []string{"origination", "servicing", "ledger", "amortization", "internal/event", "bench/faults/verdict"},
	},
	{
		library: "github.com/jackc/pgx",
		trees: []string{
			"internal/database", "internal/stream", "internal/command", "internal/casefile", "internal/groupcommit",
			"internal/devstack", "internal/privacy", "ledger/ledgerdb", "servicing/loandb",
		},
		files: "store",
	},
	{
		library: "github.com/twmb/franz-go",
		// internal/app holds the one producer that internal/stream built.
		trees: []string{"internal/stream", "internal/devstack", "internal/app"},
	},
}

func edgeRules(sources []*source) []string {
	var faults []string
	for _, s := range sources {
		if s.test() {
			continue
		}
		for _, imported := range s.imports() {
			for _, e := range edges {
				if e.forbids(s, imported) {
					faults = append(faults, fmt.Sprintf("%s must not import %s: that belongs in %s",
						s.path(), imported, e.places()))
				}
			}
		}
	}
	return faults
}

// places tells in words where the library may be used.
func (e edge) places() string {
	places := e.trees
	if e.files != "" {
		places = append([]string{e.files + ".go", e.files + "_*.go"}, places...)
	}
	return strings.Join(places, ", ")
}

func (e edge) forbids(s *source, imported string) bool {
	if !within(imported, e.library) || len(e.only) > 0 && !within(s.dir, e.only...) {
		return false
	}
	named := e.files != "" && (s.name == e.files+".go" || strings.HasPrefix(s.name, e.files+"_"))
	return !named && !within(s.dir, e.trees...)
}

func TestEdges(t *testing.T) {
	t.Parallel()
	holds(t, edgeRules)
	imports := func(name string) string { return "package p\nimport _ \"" + name + "\"\n" }
	judges(t, edgeRules, []example{
		{"origination/kyc/api.go", imports("github.com/danielgtaylor/huma/v2"), false},
		{"origination/kyc/api_review.go", imports("net/http"), false},
		{"origination/kyc/service.go", imports("github.com/danielgtaylor/huma/v2"), true},
		{"origination/kyc/service.go", imports("net/http"), true},
		{"gateway/proxy.go", imports("net/http"), false},
		{"origination/kyc/store.go", imports("github.com/jackc/pgx/v5"), false},
		{"origination/kyc/service.go", imports("github.com/jackc/pgx/v5/pgxpool"), true},
		{"origination/kyc/service_test.go", imports("github.com/jackc/pgx/v5"), false},
		{"ledger/ledgerdb/post.go", imports("github.com/jackc/pgx/v5"), false},
		{"origination/kyc/consumer.go", imports("github.com/twmb/franz-go/pkg/kgo"), true},
		{"internal/stream/relay.go", imports("github.com/twmb/franz-go/pkg/kgo"), false},
	})
}
