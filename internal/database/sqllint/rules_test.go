package sqllint

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/cockroachdb/cockroachdb-parser/pkg/sql/parser"
	"github.com/cockroachdb/cockroachdb-parser/pkg/sql/parser/statements"
	_ "github.com/cockroachdb/cockroachdb-parser/pkg/sql/plpgsql/parser" // the SQL parser needs it for DO blocks
	"github.com/cockroachdb/cockroachdb-parser/pkg/sql/sem/tree"
	"github.com/cockroachdb/cockroachdb-parser/pkg/sql/sem/tree/treebin"
	"github.com/cockroachdb/cockroachdb-parser/pkg/sql/sem/tree/treecmp"
	"github.com/cockroachdb/cockroachdb-parser/pkg/sql/types"
	"github.com/lib/pq/oid"
)

// kind says where a statement comes from, for the few rules that differ.
type kind int

const (
	fromMigration kind = iota // a file in migrations/
	fromCode                  // a string in the Go code
	fromTests                 // executed by the test suite, its own helpers included
)

// statement is one text handed to a database, and where it was found.
type statement struct {
	where string
	kind  kind
	sql   string
}

// lint returns what is wrong with the text, each fault with its place.
func lint(s statement, nullable columnSet) []string {
	parsed, err := parser.Parse(s.sql)
	if err != nil {
		return []string{fmt.Sprintf("%s: CockroachDB does not parse it: %v: %s", s.where, err, squeeze(s.sql))}
	}
	l := &linter{statement: s, nullable: nullable, excused: map[*tree.Order]bool{}}
	if s.kind == fromMigration {
		l.migration(parsed)
	} else if len(parsed) > 1 {
		l.fault("%d statements in one text; send them one by one", len(parsed))
	}
	l.words()
	for _, p := range parsed {
		l.kindOf(p.AST)
		l.mutated = map[string]int{}
		l.visit(reflect.ValueOf(p.AST))
		for table, times := range l.mutated {
			if times > 1 {
				l.fault("changes table %s %d times in one statement; CockroachDB forbids that", table, times)
			}
		}
	}
	return l.faults
}

type linter struct {
	statement
	nullable columnSet
	mutated  map[string]int
	excused  map[*tree.Order]bool
	faults   []string
}

func (l *linter) fault(format string, args ...any) {
	l.faults = append(l.faults, fmt.Sprintf("%s: %s: %s", l.where, fmt.Sprintf(format, args...), squeeze(l.sql)))
}

func squeeze(sql string) string {
	const shown = 200
	short := strings.Join(strings.Fields(sql), " ")
	if len(short) > shown {
		short = short[:shown] + "…"
	}
	return short
}

// visit walks every exported field below a node of the syntax tree.
func (l *linter) visit(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return
		}
		if v.Kind() == reflect.Pointer && v.CanInterface() && !l.node(v.Interface()) {
			return
		}
		l.visit(v.Elem())
	case reflect.Struct:
		if v.CanInterface() && !l.node(v.Interface()) {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				l.visit(v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			l.visit(v.Index(i))
		}
	default:
	}
}

// node judges one node and tells whether to look below it.
func (l *linter) node(node any) bool {
	switch n := node.(type) {
	case *types.T:
		l.typeName(n)
		return false
	case tree.UnqualifiedStar, *tree.AllColumnsSelector:
		l.fault("selects *; list the columns")
	case *tree.FuncExpr:
		return l.function(n)
	case *tree.BinaryExpr:
		if n.Operator.Symbol == treebin.Div || n.Operator.Symbol == treebin.FloorDiv {
			l.fault("divides in SQL; the engines disagree on the result")
		}
	case *tree.CollateExpr:
		l.fault("uses collate; databases sort in byte order")
	case *tree.LockingItem:
		if n.Strength != tree.ForUpdate {
			l.fault("locks with %s, which CockroachDB ignores under serializable; only for update", n.Strength)
		}
	case *tree.AsOfClause, tree.AsOfClause:
		l.asOf(n)
	case *tree.Order:
		l.order(n)
	case *tree.Select:
		if n.Limit != nil && n.Limit.Count != nil && len(n.OrderBy) == 0 {
			l.fault("limit without order by")
		}
		l.excuse(n)
	case *tree.Insert:
		l.mutates(n.Table)
		l.onConflict(n.OnConflict)
		if len(n.Columns) == 0 && !n.DefaultValues() {
			l.fault("inserts without a list of columns")
		}
	case *tree.Update:
		l.mutates(n.Table)
		l.limited(n.Limit)
	case *tree.Delete:
		l.mutates(n.Table)
		l.limited(n.Limit)
	case *tree.ColumnTableDef:
		l.column(n)
	case *tree.UnresolvedName:
		if n.Star {
			l.fault("selects *; list the columns")
		}
	case *tree.CastExpr:
		if _, builtIn := n.Type.(*types.T); !builtIn {
			l.fault("casts to %s, which is not built in", n.Type.SQLString())
		}
	}
	return true
}

func (l *linter) asOf(node any) {
	clause, ok := node.(tree.AsOfClause)
	if !ok {
		pointer, _ := node.(*tree.AsOfClause)
		clause = *pointer
	}
	if clause.Expr != nil {
		l.fault("as of system time exists on CockroachDB only")
	}
}

func (l *linter) limited(limit *tree.Limit) {
	if limit != nil {
		l.fault("limit in update or delete exists on CockroachDB only")
	}
}

func (l *linter) mutates(table tree.TableExpr) {
	if aliased, ok := table.(*tree.AliasedTableExpr); ok {
		table = aliased.Expr
	}
	l.mutated[tree.AsString(table)]++
}

func (l *linter) onConflict(clause *tree.OnConflict) {
	switch {
	case clause == nil:
	case clause.IsUpsertAlias():
		l.fault("upsert exists on CockroachDB only")
	case clause.Constraint != "":
		l.fault("on conflict on constraint; name the columns")
	case clause.ArbiterPredicate != nil:
		l.fault("on conflict with a condition on the arbiter; name the columns of a full unique key")
	}
}

func (l *linter) order(order *tree.Order) {
	name, ok := order.Expr.(*tree.UnresolvedName)
	if ok && order.NullsOrder == tree.DefaultNullsOrder && !l.excused[order] && l.nullable[name.Parts[0]] {
		l.fault("orders by %s, which may be null, without nulls first or last", name.Parts[0])
	}
}

// excuse lets a query order by a column that its own condition keeps from being
// null: a comparison is never true of null.
func (l *linter) excuse(query *tree.Select) {
	clause, ok := query.Select.(*tree.SelectClause)
	if !ok || clause.Where == nil {
		return
	}
	var filled func(tree.Expr) []string
	filled = func(expr tree.Expr) []string {
		switch e := expr.(type) {
		case *tree.AndExpr:
			return append(filled(e.Left), filled(e.Right)...)
		case *tree.ParenExpr:
			return filled(e.Expr)
		case *tree.IsNotNullExpr:
			return columnNames(e.Expr)
		case *tree.ComparisonExpr:
			switch e.Operator.Symbol {
			case treecmp.EQ, treecmp.LT, treecmp.GT, treecmp.LE, treecmp.GE, treecmp.NE:
				return columnNames(e.Left, e.Right)
			default:
			}
		}
		return nil
	}
	for _, name := range filled(clause.Where.Expr) {
		for _, order := range query.OrderBy {
			if slices.Contains(columnNames(order.Expr), name) {
				l.excused[order] = true
			}
		}
	}
}

func columnNames(exprs ...tree.Expr) []string {
	var names []string
	for _, expr := range exprs {
		if name, ok := expr.(*tree.UnresolvedName); ok {
			names = append(names, name.Parts[0])
		}
	}
	return names
}

// functions are those known to mean the same on both engines. now() and its
// kin are missing on purpose: time comes in as a value. So is all that makes
// ids, takes advisory locks or notifies.
var functions = []string{
	"abs", "array_agg", "bool_and", "bool_or", "coalesce", "count", "greatest", "has_table_privilege", "least", "length",
	"lower", "max",
	"min", "sum", "unnest", "upper", "row_number", "rank", "lag", "lead", "first_value", "last_value", "octet_length",
	"jsonb_agg", "jsonb_build_object", "array_length", "cardinality", "string_agg", "any", "all", "exists", "trim",
	"btrim", "substring", "substr", "left", "right", "concat", "replace", "starts_with", "strpos", "position",
	"encode", "decode",
	"generate_series", "jsonb_array_length", "array_position", "every", "nullif",
	// about the server itself
	"version", "current_database", "current_setting",
}

func (l *linter) function(f *tree.FuncExpr) bool {
	name := strings.ToLower(tree.AsString(&f.Func))
	name = strings.TrimPrefix(name, "pg_catalog.")
	if !slices.Contains(functions, name) {
		l.fault("calls %s, which is not on the list of functions that both engines have alike", name)
	}
	if name == "count" && len(f.Exprs) == 1 {
		if _, star := f.Exprs[0].(tree.UnqualifiedStar); star {
			l.visit(reflect.ValueOf(f.Filter))
			l.visit(reflect.ValueOf(f.WindowDef))
			return false
		}
	}
	return true
}

// typeOIDs are the types of columns and casts that both engines have alike.
var typeOIDs = []oid.Oid{
	oid.T_int8, oid.T_text, oid.T_uuid, oid.T_date, oid.T_timestamptz, oid.T_jsonb, oid.T_bytea, oid.T_bool,
	oid.T_interval, // in expressions; column refuses it
}

func (l *linter) typeName(t *types.T) {
	if t.Family() == types.ArrayFamily {
		t = t.ArrayContents()
	}
	if t.Family() == types.CollatedStringFamily {
		l.fault("uses collate; databases sort in byte order")
	}
	if !slices.Contains(typeOIDs, t.Oid()) {
		l.fault("uses type %s; use bigint, text, uuid, date, timestamptz, jsonb, bytea or boolean", t.SQLString())
	}
}

func (l *linter) column(c *tree.ColumnTableDef) {
	known, builtIn := c.Type.(*types.T)
	switch {
	case builtIn && known.Oid() == oid.T_interval:
		l.fault("column %s has type interval; store days, months or seconds as bigint", c.Name)
	case c.IsSerial || c.GeneratedIdentity.IsGeneratedAsIdentity:
		l.fault("column %s numbers itself; ids are made by the client", c.Name)
	case !builtIn:
		l.fault("column %s has type %s, which is not built in", c.Name, c.Type.SQLString())
	case c.Computed.Computed:
		l.fault("column %s is computed; compute in Go", c.Name)
	case c.HasColumnFamily():
		l.fault("column %s has a family, which exists on CockroachDB only", c.Name)
	}
}

// kindOf forbids kinds of statements as a whole.
func (l *linter) kindOf(ast tree.Statement) {
	switch ast.(type) {
	case *tree.CreateSequence, *tree.AlterSequence, *tree.CreateType, *tree.AlterType, *tree.CreateTrigger,
		*tree.CreateRoutine, *tree.DoBlock, *tree.CreateExtension, *tree.CreateView, *tree.Call:
		l.fault("%s: no sequences, types, triggers, functions, blocks, extensions or views", ast.StatementTag())
	case *tree.Savepoint, *tree.ReleaseSavepoint, *tree.RollbackToSavepoint:
		l.fault("%s: a savepoint cannot recover a serialization failure; retry the whole transaction", ast.StatementTag())
	}
	if l.kind == fromCode && ast.StatementType() == tree.TypeDDL {
		l.fault("%s: the schema is changed by migrations only", ast.StatementTag())
	}
}

// migration holds the form of a migration: one statement, outside a
// transaction, that may run again after it was cut off.
func (l *linter) migration(parsed statements.Statements) {
	for _, want := range []string{"-- +goose NO TRANSACTION\n", "-- +goose Up\n"} {
		if !strings.Contains(l.sql, want) {
			l.fault("lacks the line %q", strings.TrimSpace(want))
		}
	}
	for _, never := range []string{"+goose Down", "+goose StatementBegin"} {
		if strings.Contains(l.sql, never) {
			l.fault("has %s; migrations go forward, one statement each", never)
		}
	}
	if len(parsed) != 1 {
		l.fault("%d statements in one migration, want 1", len(parsed))
	}
	for _, p := range parsed {
		if !repeatable(p.AST) {
			l.fault("%s cannot run twice; say if (not) exists, or on conflict do nothing", p.AST.StatementTag())
		}
	}
}

// repeatable tells whether the statement does no harm when it runs again after
// it was cut off half-way.
func repeatable(ast tree.Statement) bool {
	switch n := ast.(type) {
	case *tree.CreateTable:
		return n.IfNotExists
	case *tree.CreateIndex:
		return n.IfNotExists
	case *tree.DropTable:
		return n.IfExists
	case *tree.DropIndex:
		return n.IfExists
	case *tree.Insert:
		return n.OnConflict != nil && n.OnConflict.DoNothing
	case *tree.AlterTable:
		return !slices.ContainsFunc(n.Cmds, func(cmd tree.AlterTableCmd) bool {
			switch c := cmd.(type) {
			case *tree.AlterTableAddColumn:
				return !c.IfNotExists
			case *tree.AlterTableDropColumn:
				return !c.IfExists
			case *tree.AlterTableDropConstraint:
				return !c.IfExists
			case *tree.AlterTableSetDefault, *tree.AlterTableSetNotNull, *tree.AlterTableDropNotNull:
				return false
			}
			return true
		})
	case *tree.CommentOnTable, *tree.CommentOnColumn, *tree.CommentOnIndex, *tree.Update, *tree.Delete:
		return true
	}
	return false
}

var (
	bareInteger = regexp.MustCompile(`(?i)\b(int|integer|int4|int2|smallint)\b`)
	shouting    = regexp.MustCompile(
		`\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|VALUES|CREATE|TABLE|INDEX|ORDER|LIMIT|AND)\b`)
)

// words looks at the text itself, without strings, quoted names and comments:
// the parser makes the same type of int and bigint, and forgets the case.
func (l *linter) words() {
	bare := strip(l.sql)
	if word := bareInteger.FindString(bare); word != "" {
		l.fault("uses type %s, which has another size on each engine; use bigint", word)
	}
	if word := shouting.FindString(bare); word != "" && l.kind != fromTests {
		l.fault("%s in capitals; SQL is lower-case here", word)
	}
}

var notCode = regexp.MustCompile(`(?s)'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$\w*\$.*?\$\w*\$`)

func strip(sql string) string { return notCode.ReplaceAllString(sql, " ") }
