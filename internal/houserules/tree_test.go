// Package houserules keeps the rules of this repository executable: who may
// import whom, where floating point, clocks and random ids are forbidden, how
// long files and functions may grow, how migrations are named.
//
// It holds tests only, reads source text only, and knows nothing of what the
// code does. Each rule is a function from sources to violations, and is tested
// on a bad example beside its run over the tree.
package houserules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/tenor-lending/tenor/"

// source is one parsed Go file; dir and name are relative to the repository.
type source struct {
	dir, name string
	text      string
	fset      *token.FileSet
	file      *ast.File
}

func (s *source) path() string         { return path.Join(s.dir, s.name) }
func (s *source) test() bool           { return strings.HasSuffix(s.name, "_test.go") }
func (s *source) line(p token.Pos) int { return s.fset.Position(p).Line }

// at names a place in a form that terminals and editors can open.
func (s *source) at(p token.Pos) string {
	pos := s.fset.Position(p)
	return strings.Join([]string{s.path(), strconv.Itoa(pos.Line), strconv.Itoa(pos.Column)}, ":")
}

// imports lists what the file imports.
func (s *source) imports() []string {
	var list []string
	for _, spec := range s.file.Imports {
		list = append(list, strings.Trim(spec.Path.Value, `"`))
	}
	return list
}

// root is the repository's top folder.
const root = "../.."

// skipped are folders that hold no source of ours.
var skipped = []string{".git", ".dev", "bin", "testdata", "node_modules"}

var tree = sync.OnceValues(func() ([]*source, error) {
	var sources []*source
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains(skipped, entry.Name()) {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(file, ".go") {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		parsed, err := parse(filepath.ToSlash(relative), string(text))
		sources = append(sources, parsed)
		return err
	})
	return sources, err
})

func parse(file, text string) (*source, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, text, parser.ParseComments|parser.SkipObjectResolution)
	dir, name := path.Split(file)
	return &source{dir: path.Clean(dir), name: name, text: text, fset: fset, file: parsed}, err
}

// rule finds violations in a set of sources.
type rule func([]*source) []string

// holds runs the rule over the repository.
func holds(t *testing.T, r rule) {
	t.Helper()
	sources, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	const fewest = 20 // fewer mean that the walk went wrong, not that all is well
	if len(sources) < fewest {
		t.Fatalf("only %d source files found", len(sources))
	}
	for _, violation := range r(sources) {
		t.Error(violation)
	}
}

// example is a file for which the rule must speak up (bad) or be silent.
type example struct {
	file string
	text string
	bad  bool
}

// judges runs the rule over each example alone.
func judges(t *testing.T, r rule, examples []example) {
	t.Helper()
	for _, e := range examples {
		parsed, err := parse(e.file, e.text)
		if err != nil {
			t.Fatal(err)
		}
		violations := r([]*source{parsed})
		if e.bad != (len(violations) > 0) {
			t.Errorf("%s %q: violations %q, want some: %v", e.file, e.text, violations, e.bad)
		}
	}
}

// within tells whether dir is one of the trees or lies below one.
func within(dir string, trees ...string) bool {
	return slices.ContainsFunc(trees, func(tree string) bool {
		return dir == tree || strings.HasPrefix(dir, tree+"/")
	})
}
