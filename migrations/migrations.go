// Package migrations owns the schema: one folder per database, plus `shared`
// for the tables that every service has. Files are NNNN_what.sql, embedded,
// forward-only, one DDL statement each, and idempotent.
//
// It imports nothing of Tenor and runs nothing; internal/database runs it.
package migrations

import "embed"

// FS holds every migration as <database>/NNNN_what.sql.
//
//go:embed */*.sql
var FS embed.FS
