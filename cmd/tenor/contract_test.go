package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tenor-lending/tenor/internal/access"
)

type contractRow struct {
	method, path, auth string
}

// TestContractRowsExist compares the API with the product's contract, a table
// of method, path, service and auth that is kept outside the repository. The
// authorization table in testdata is the repository's own.
func TestContractRowsExist(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "..", "shared", "contract", "endpoints.tsv")
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("NOT RUN: the product's contract is not here (%s)", file)
	}
	must(t, err)
	described := describedOperations(t)
	rows := strings.Split(strings.TrimSpace(string(data)), "\n")[1:]
	for _, line := range rows {
		cells := strings.Split(line, "\t")
		row := contractRow{method: cells[0], path: cells[1], auth: cells[3]}
		if row.path == "/metrics" {
			continue // not an operation: each service answers it outside its API
		}
		roles, ok := described[row.method+" "+row.path]
		if !ok && row.path == "/health/{service}" {
			roles, ok = described["GET /health/kyc"]
		}
		if !ok {
			t.Errorf("%s %s is not there", row.method, row.path)
			continue
		}
		checkAuth(t, row, roles)
	}
	t.Logf("%d rows of the contract", len(rows))
}

// checkAuth: a role in the contract must be let in, and a borrower must not
// unless the contract says Bearer or Public.
func checkAuth(t *testing.T, row contractRow, roles []access.Role) {
	t.Helper()
	switch row.auth {
	case "Public", "Internal", "Refresh Token":
		if roles != nil {
			t.Errorf("%s %s asks for %v, want %s", row.method, row.path, roles, row.auth)
		}
	case "Bearer":
		if !slices.Contains(roles, access.Customer) {
			t.Errorf("%s %s is for %v, want any bearer", row.method, row.path, roles)
		}
	default:
		if !slices.Contains(roles, access.Role(row.auth)) || slices.Contains(roles, access.Customer) {
			t.Errorf("%s %s is for %v, want %s", row.method, row.path, roles, row.auth)
		}
	}
}

// describedOperations maps each operation of the merged document to its roles:
// nil when it is public.
func describedOperations(t *testing.T) map[string][]access.Role {
	t.Helper()
	data, err := mergedOpenAPI()
	must(t, err)
	var document struct {
		Paths map[string]map[string]struct {
			Security []map[string][]string `json:"security"`
			Roles    []access.Role         `json:"x-tenor-roles"`
		} `json:"paths"`
	}
	must(t, json.Unmarshal(data, &document))
	described := make(map[string][]access.Role)
	for path, methods := range document.Paths {
		for method, o := range methods {
			roles := o.Roles
			if len(o.Security) > 0 && len(roles) == 0 {
				roles = access.Roles
			}
			described[strings.ToUpper(method)+" "+path] = roles
		}
	}
	return described
}
