package main

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"golang.org/x/mod/semver"
)

// entryBytesMax bounds one entry; the largest known is well below.
const entryBytesMax = 8 << 20

// entry is one vulnerability: what the index needs, and the whole text.
type entry struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
	Aliases  []string  `json:"aliases"`
	Affected []struct {
		Package struct {
			Name string `json:"name"`
		} `json:"package"`
		Ranges []struct {
			Events []event `json:"events"`
		} `json:"ranges"`
	} `json:"affected"`

	text []byte
}

// event opens or closes a range of vulnerable versions.
type event struct {
	Introduced string `json:"introduced"`
	Fixed      string `json:"fixed"`
}

var entryName = regexp.MustCompile(`^GO-\d{4}-\d+\.json$`)

// readEntries takes every GO-*.json of the archive, wherever it lies in it.
func readEntries(from io.Reader) ([]entry, error) {
	unzipped, err := gzip.NewReader(from)
	if err != nil {
		return nil, err
	}
	var entries []entry
	archive := tar.NewReader(unzipped)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag != tar.TypeReg || !entryName.MatchString(path.Base(header.Name)) {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(archive, entryBytesMax))
		if err != nil {
			return nil, err
		}
		e := entry{text: text}
		err = json.Unmarshal(text, &e)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", header.Name, err)
		}
		if e.ID+".json" != path.Base(header.Name) {
			return nil, fmt.Errorf("%s says that it is %q", header.Name, e.ID)
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.ID, b.ID) })
	return entries, nil
}

// The files of the index, as govulncheck wants them.
type (
	indexVuln struct {
		ID       string    `json:"id"`
		Modified time.Time `json:"modified"`
		Aliases  []string  `json:"aliases,omitempty"`
	}
	moduleVuln struct {
		ID       string    `json:"id"`
		Modified time.Time `json:"modified"`
		Fixed    string    `json:"fixed,omitempty"`
	}
	indexModule struct {
		Path  string       `json:"path"`
		Vulns []moduleVuln `json:"vulns"`
	}
	indexDB struct {
		Modified time.Time `json:"modified"`
	}
)

// writeDatabase writes entries and index aside and renames the whole.
func writeDatabase(out string, entries []entry) error {
	making := out + ".new"
	err := errors.Join(
		os.RemoveAll(making),
		os.MkdirAll(filepath.Join(making, "ID"), 0o755),
		os.MkdirAll(filepath.Join(making, "index"), 0o755))
	if err != nil {
		return err
	}
	for _, e := range entries {
		err = os.WriteFile(filepath.Join(making, "ID", e.ID+".json"), e.text, 0o600)
		if err != nil {
			return err
		}
	}
	modules, vulns, database := index(entries)
	for name, content := range map[string]any{"modules": modules, "vulns": vulns, "db": database} {
		text, err := json.Marshal(content)
		if err != nil {
			return err
		}
		err = os.WriteFile(filepath.Join(making, "index", name+".json"), text, 0o600)
		if err != nil {
			return err
		}
	}
	return errors.Join(os.RemoveAll(out), os.Rename(making, out))
}

func index(entries []entry) ([]indexModule, []indexVuln, indexDB) {
	byModule := map[string][]moduleVuln{}
	vulns := make([]indexVuln, 0, len(entries))
	var database indexDB
	for _, e := range entries {
		vulns = append(vulns, indexVuln{ID: e.ID, Modified: e.Modified, Aliases: e.Aliases})
		if e.Modified.After(database.Modified) {
			database.Modified = e.Modified
		}
		events := map[string][]event{}
		for _, affected := range e.Affected {
			name := affected.Package.Name
			events[name] = append(events[name], event{})
			for _, r := range affected.Ranges {
				events[name] = append(events[name], r.Events...)
			}
		}
		for name, list := range events {
			byModule[name] = append(byModule[name], moduleVuln{ID: e.ID, Modified: e.Modified, Fixed: fixedIn(list)})
		}
	}
	modules := make([]indexModule, 0, len(byModule))
	for _, name := range slices.Sorted(maps.Keys(byModule)) {
		modules = append(modules, indexModule{Path: name, Vulns: byModule[name]})
	}
	return modules, vulns, database
}

// fixedIn returns the version from which on a module is never vulnerable, or ""
// if a range stays open: the scanner skips an entry for versions from there on.
func fixedIn(events []event) string {
	introduced, fixed := "", ""
	for _, e := range events {
		if e.Introduced != "" && semver.Compare("v"+e.Introduced, "v"+introduced) > 0 {
			introduced = e.Introduced
		}
		if e.Fixed != "" && semver.Compare("v"+e.Fixed, "v"+fixed) > 0 {
			fixed = e.Fixed
		}
	}
	if introduced != "" && introduced != "0" && semver.Compare("v"+introduced, "v"+fixed) >= 0 {
		return ""
	}
	return fixed
}
