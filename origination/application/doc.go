// Package application owns loan applications: what a borrower asks for, the
// stage that each application has reached, its timeline, and the figures about
// all of them. It runs on database application.
//
// Publishes: application.created, application.submitted (as soon as identity
// data and the documents IDENTITY and INCOME are there, in whatever order) and
// application.stage.changed.
//
// Consumes: the events of every stage and of the loan after it. They say what
// has been decided; how a decision moves the stage is the table in lifecycle.go.
//
// It must not decide anything about an applicant. It must not move a stage
// back: events of another topic may come early or late, and then only add a
// row to the timeline. CLOSED is final.
package application
