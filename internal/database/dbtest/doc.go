// Package dbtest gives every test a database of its own on a real server:
// migrated, empty of rows, and dropped when the test ends.
//
// The server is the one in TENOR_TEST_DATABASE_URL. Without it the package
// starts a PostgreSQL for the test process and ends it with the process, even
// when that is killed; a test is never skipped for want of a database.
//
// On PostgreSQL a migrated template is made once per schema version and copied
// per test; CockroachDB has no templates, so there each database is migrated.
//
// It must be imported by tests and other test helpers only, and it knows no
// table. When TENOR_TEST_SQL_LOG_DIR is set, every distinct statement that a test
// runs is written there for the SQL lint.
package dbtest
