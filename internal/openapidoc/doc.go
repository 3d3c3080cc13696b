// Package openapidoc owns the merging of every service's OpenAPI description
// into the one document of the platform. The same services give the same
// bytes, so that the committed document can be checked for drift.
//
// It must not start or call any service, nor change what a service says about
// its operations.
package openapidoc
