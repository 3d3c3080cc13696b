// Package access owns who acts: the roles of the platform, the actor behind a
// command, and the one rule of ownership (what is not yours does not exist).
//
// It must not know tokens, HTTP or databases; it imports nothing of Tenor.
package access

import (
	"slices"

	"github.com/google/uuid"
)

// Role is a right to act that a token carries.
type Role string

// The roles of the platform. A borrower's token carries Customer; each staff
// role stands for one duty, so that four eyes can be told apart; System is the
// platform itself and its schedulers.
const (
	Customer   Role = "CUSTOMER"
	Officer    Role = "OFFICER"
	Manager    Role = "MANAGER"
	RiskMgr    Role = "RISK_MGR"
	Internal   Role = "INTERNAL"
	CreditHead Role = "CREDIT_HEAD"
	Admin      Role = "ADMIN"
	System     Role = "SYSTEM"
	Partner    Role = "PARTNER"
	Finance    Role = "FINANCE"
)

// Roles lists every role, in the order of the documentation.
var Roles = []Role{Customer, Officer, Manager, RiskMgr, Internal, CreditHead, Admin, System, Partner, Finance}

// Staff lists the roles of the lender's own people, who may read any case.
var Staff = []Role{Officer, Manager, RiskMgr, Internal, CreditHead, Admin}

// Valid reports whether r is one of Roles.
func (r Role) Valid() bool { return slices.Contains(Roles, r) }

// Actor is who does something: a person, a partner's client or the platform.
type Actor struct {
	// ID is the subject of the token; for a borrower it is the customer id.
	ID uuid.UUID `json:"id"`
	// Roles are the rights the actor has.
	Roles []Role `json:"roles"`
	// Name says which component acts, for the platform's own actors only.
	Name string `json:"name,omitempty"`
}

// Platform returns the actor for what the component does by itself: reacting
// to an event or to the calendar.
func Platform(component string) Actor {
	return Actor{ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte("tenor:"+component)), Roles: []Role{System}, Name: component}
}

// Has reports whether the actor has any of the roles.
func (a Actor) Has(roles ...Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(a.Roles, r) })
}

// MaySee reports whether the actor may know of an object that belongs to
// owner: its owner, or anyone with one of the roles. Whoever may not see an
// object is answered as if it did not exist.
func (a Actor) MaySee(owner uuid.UUID, roles ...Role) bool {
	return a.Has(roles...) || (a.Has(Customer) && a.ID == owner)
}
