// Package blob owns where files live: a directory, an S3-compatible bucket or
// memory, chosen by URL. It names them at random, measures and hashes them
// while they stream, encrypts each with a key of its own, and leaves nothing
// behind when a write fails.
//
// It must not know what a file is for, who may read it, or any database; the
// reference that it returns is the caller's to keep.
package blob
