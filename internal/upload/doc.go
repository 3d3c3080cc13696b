// Package upload owns how a file comes into the platform: it reads a multipart
// form as a stream, tells the type of a file by its content, refuses what is
// not what it says it is or could act by itself, and keeps account of blobs to
// which no row refers (table loose_blob), so that none is forgotten.
//
// It must not know what a file is for or who may send it. Nothing that a user
// chose becomes part of a name.
package upload
