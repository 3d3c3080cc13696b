// Package notification owns what the platform tells people: each person's
// inbox, their preferences, and the delivery of messages by e-mail, SMS and
// push.
//
// It publishes NotificationRead and NotificationPreferencesChanged. It consumes
// CustomerRegistered, from which it keeps how to reach a customer, and every
// event in the table of templates (template.go), which makes at most one message.
//
// A message is delivered at least once by each channel its recipient wants: a
// process that dies between sending and recording sends again, with the same
// Message-ID. The process that stores a delivery makes it; what it leaves, another
// one makes when the lease has ended. Contacts and messages are stored encrypted.
//
// It must not decide anything about applications or loans, nor be asked by
// other services: it only listens.
package notification
