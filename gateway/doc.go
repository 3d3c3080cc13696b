// Package gateway owns the platform's one door: it routes every operation to
// its service, checks tokens and roles before any service does, limits rates
// and sizes, cuts off services that fail, and shows the API's documentation.
//
// It publishes and consumes no events and has no database. It must not know
// any rule of a service, read or change a body, or let anything through that
// its table of routes does not name; the services check tokens and roles again.
package gateway
