// Package migrations owns the schema: one folder per database, plus `shared`
// for the tables that every service has. Files are NNNN_what.sql, embedded,
// forward-only, one DDL statement each, and idempotent. append_only.txt of a
// folder lists the tables whose rows services may never change or remove.
//
// It imports nothing of Tenor and runs nothing; internal/database runs it.
package migrations

import "embed"

// FS holds every migration as <database>/NNNN_what.sql, and the lists
// <database>/append_only.txt.
//
//go:embed */*.sql */append_only.txt
var FS embed.FS
