package devstack

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// postgresMajorMin is the oldest PostgreSQL that Tenor supports.
const postgresMajorMin = 15

// postgresBinaries is a directory with the programs of one PostgreSQL.
type postgresBinaries struct {
	dir   string
	major int
}

func (b postgresBinaries) tool(name string) string {
	return filepath.Join(b.dir, name)
}

// postgresPlaces are the directories, beside the PATH, in which systems and
// installers put PostgreSQL's programs.
var postgresPlaces = []string{
	"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                   // the project's own packages for Red Hat
	"/usr/libexec/postgresql*",                           // Alpine
	"/usr/lib64/pgsql/bin",                               // openSUSE
	"/usr/local/pgsql/bin",                               // built from source
	"/opt/homebrew/opt/postgresql@*/bin",                 // Homebrew on ARM
	"/usr/local/opt/postgresql@*/bin",                    // Homebrew on Intel
	"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
}

// installedPostgres lists the usable PostgreSQL installations, newest first.
func installedPostgres(ctx context.Context) []postgresBinaries {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	for _, place := range postgresPlaces {
		matches, err := filepath.Glob(place)
		if err == nil {
			dirs = append(dirs, matches...)
		}
	}
	return usablePostgres(ctx, dirs)
}

// usablePostgres keeps the directories that hold a server and its initdb of a
// supported version, newest first. A link is followed first: the PATH often
// holds a link to one program while its siblings live elsewhere.
func usablePostgres(ctx context.Context, dirs []string) []postgresBinaries {
	var found []postgresBinaries
	seen := map[string]bool{}
	for _, dir := range dirs {
		server, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
		if err != nil {
			continue
		}
		real := filepath.Dir(server)
		if seen[real] {
			continue
		}
		seen[real] = true
		major, ok := postgresMajor(ctx, real)
		if ok && major >= postgresMajorMin {
			found = append(found, postgresBinaries{dir: real, major: major})
		}
	}
	slices.SortStableFunc(found, func(a, b postgresBinaries) int { return b.major - a.major })
	return found
}

var postgresVersion = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// postgresMajor asks both programs in the directory for their version.
func postgresMajor(ctx context.Context, dir string) (int, bool) {
	major := 0
	for _, name := range []string{"initdb", "postgres"} {
		out, err := runTool(ctx, account{}, dir, filepath.Join(dir, name), "--version")
		if err != nil {
			return 0, false
		}
		match := postgresVersion.FindStringSubmatch(out)
		if match == nil {
			return 0, false
		}
		major, err = strconv.Atoi(match[1])
		if err != nil {
			return 0, false
		}
	}
	return major, true
}
