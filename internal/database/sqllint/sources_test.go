package sqllint

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	sqlparser "github.com/cockroachdb/cockroachdb-parser/pkg/sql/parser"
	"github.com/cockroachdb/cockroachdb-parser/pkg/sql/sem/tree"

	"github.com/tenor-lending/tenor/migrations"
)

const root = "../../.."

// administration is the folder whose SQL speaks to a server, not to a service's
// database.
const administration = "internal/devstack"

// inMigrations returns every migration.
func inMigrations() ([]statement, error) {
	var found []statement
	err := fs.WalkDir(migrations.FS, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".sql") || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.FS, path)
		found = append(found, statement{where: "migrations/" + path, kind: fromMigration, sql: string(text)})
		return err
	})
	return found, err
}

// columnSet holds names of columns.
type columnSet map[string]bool

// nullableColumns are the names that may be null in every table that has them.
// Names serve in place of a resolver: the same word means the same here.
func nullableColumns(files []statement) columnSet {
	nullable, notNull := columnSet{}, columnSet{}
	note := func(c *tree.ColumnTableDef) {
		mayBe := c.Nullable.Nullability != tree.NotNull && !c.PrimaryKey.IsPrimaryKey
		if mayBe {
			nullable[string(c.Name)] = true
		} else {
			notNull[string(c.Name)] = true
		}
	}
	for _, file := range files {
		parsed, err := sqlparser.Parse(file.sql)
		if err != nil {
			continue // the lint reports it
		}
		for _, p := range parsed {
			switch n := p.AST.(type) {
			case *tree.CreateTable:
				for _, def := range n.Defs {
					if c, ok := def.(*tree.ColumnTableDef); ok {
						note(c)
					}
				}
			case *tree.AlterTable:
				for _, cmd := range n.Cmds {
					if add, ok := cmd.(*tree.AlterTableAddColumn); ok {
						note(add.ColumnDef)
					}
				}
			}
		}
	}
	for name := range notNull {
		delete(nullable, name)
	}
	return nullable
}

// inCode returns the SQL in the string constants of the tree's programs.
func inCode(root string) ([]statement, error) {
	var found []statement
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		if entry.IsDir() {
			skipped := slices.Contains([]string{".git", ".dev", "bin", "testdata"}, entry.Name()) ||
				strings.HasSuffix(entry.Name(), "test") // helpers of tests; what they run is in the executed statements
			if skipped || relative == administration {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		inFile, err := inFile(relative, string(text))
		found = append(found, inFile...)
		return err
	})
	return found, err
}

// looksLikeSQL tells a statement from prose that begins with the same word.
var looksLikeSQL = regexp.MustCompile(`(?is)^\s*(--[^\n]*\n\s*)*(` + strings.Join([]string{
	`select\s.*\sfrom\s`, `select\s+(\$|\w+\()`, `insert\s+into\s`, `upsert\s+into\s`, `delete\s+from\s`,
	`update\s+\w+(\s+(as\s+)?\w+)?\s+set\s`, `with\s+(recursive\s+)?\w+\s*(\([^)]*\))?\s+as\s+(materialized\s+)?\(`,
	`(create|alter|drop|truncate)\s+(unique\s+)?(table|index|type|sequence|function|trigger|view)\s`,
}, "|") + `)`)

// inFile returns the SQL in one file's strings. Strings joined by + are one.
func inFile(name, text string) ([]statement, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found []statement
	ast.Inspect(file, func(node ast.Node) bool {
		expr, ok := node.(ast.Expr)
		if !ok {
			return true
		}
		value, constant := stringOf(expr)
		if !constant {
			return true
		}
		if looksLikeSQL.MatchString(value) {
			where := fmt.Sprintf("%s:%d", name, fset.Position(expr.Pos()).Line)
			found = append(found, statement{where: where, kind: fromCode, sql: value})
		}
		return false
	})
	return found, nil
}

// stringOf evaluates a literal or a sum of literals.
func stringOf(expr ast.Expr) (string, bool) {
	switch e := expr.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		value, err := strconv.Unquote(e.Value)
		return value, err == nil
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		left, leftOK := stringOf(e.X)
		right, rightOK := stringOf(e.Y)
		return left + right, leftOK && rightOK
	case *ast.ParenExpr:
		return stringOf(e.X)
	}
	return "", false
}

// executed returns the distinct statements that dbtest wrote down.
func executed(dir string) ([]statement, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var found []statement
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(content)) {
			var sql string
			err := json.Unmarshal([]byte(line), &sql)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if seen[sql] {
				continue
			}
			seen[sql] = true
			found = append(found, statement{where: "executed in " + filepath.Base(file), kind: fromTests, sql: sql})
		}
	}
	return found, nil
}
