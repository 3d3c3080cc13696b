// Package conform runs files of test vectors against Tenor: each vector states
// the terms of a loan as neutral numbers and what must follow from them.
//
// It owns the file format and the comparison, not the rules: a Runner for a
// kind of vector turns inputs into results. It does not open files and it must
// not be lenient: an unknown field is an error, because a rule that is ignored
// is a rule that is not tested.
package conform
