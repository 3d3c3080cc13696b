// Package devstack starts what a machine lacks to run Tenor (a database and a
// Kafka broker) and stops it again.
//
// It owns the search for a database engine, the embedded PostgreSQL binaries,
// the embedded broker, the Apache Kafka used by broker tests, and the life of
// those processes: whatever it starts it also ends, and a directory that it
// made for one run is removed with it. Three nets hold that promise: an orderly
// Stop, a death signal to the children where the kernel has one (Linux), and a
// sweep at the next start for what a killed process left behind. The sweep
// touches only directories of the same user whose lock nobody holds.
//
// It must not know services, schemas, topics or migrations, and production
// deployments must not need it: a given DSN and given seeds always win.
//
// Unix only: it relies on file locks, process groups and user ids.
package devstack
