package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/privacy"
)

// Kind tells whose account it is.
type Kind string

// The kinds of accounts.
const (
	KindCustomer Kind = "CUSTOMER"
	KindStaff    Kind = "STAFF"
)

// Status tells whether an account or a client may be used.
type Status string

// The states of accounts and clients.
const (
	StatusActive   Status = "ACTIVE"
	StatusDisabled Status = "DISABLED"
)

// StaffRoles are the roles that a person may be given. SYSTEM and PARTNER are
// for programs; CUSTOMER comes with registration only.
var StaffRoles = append(slices.Clone(access.Staff), access.Finance)

// Account is somebody who can log in.
type Account struct {
	ID               uuid.UUID     `json:"id"`
	Kind             Kind          `json:"kind"`
	Roles            []access.Role `json:"roles"`
	Status           Status        `json:"status"`
	CreatedAt        time.Time     `json:"created_at"`
	CreatedBy        uuid.UUID     `json:"created_by"`
	SealedEmail      string        `json:"sealed_email"`
	loginKey         []byte
	sealedCredential string
}

// audit is what the audit trail keeps of a new account.
func (a Account) audit() any {
	return struct {
		Kind  Kind          `json:"kind"`
		Roles []access.Role `json:"roles"`
	}{a.Kind, a.Roles}
}

// Places to which encrypted text is bound.
func emailPlace(id uuid.UUID) string      { return "identity.email:" + id.String() }
func credentialPlace(id uuid.UUID) string { return "identity.credential:" + id.String() }

const lookupKeyPlace = "identity.lookup-key"

// loadLookupKey finds the key of login names, or makes it the first time.
func (s *Service) loadLookupKey(ctx context.Context) error {
	fresh := make([]byte, sha256.Size)
	if _, err := io.ReadFull(s.random, fresh); err != nil {
		return fmt.Errorf("drawing the lookup key: %w", err)
	}
	sealed, err := s.keyring.Seal(fresh, lookupKeyPlace)
	if err != nil {
		return fmt.Errorf("sealing the lookup key: %w", err)
	}
	var stored string
	err = database.InTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		stored, err = keepLookupKey(ctx, tx, sealed)
		return err
	})
	if err != nil {
		return fmt.Errorf("loading the lookup key: %w", err)
	}
	key, err := s.keyring.Open(stored, lookupKeyPlace)
	if err != nil {
		return fmt.Errorf("opening the lookup key: %w", err)
	}
	s.lookup.Store(&key)
	return nil
}

// loginKey is the hash under which a login name is found. Case and surrounding
// space of an e-mail do not count.
func (s *Service) loginKey(email privacy.Text) ([]byte, error) {
	return s.keyedHash("login", strings.ToLower(strings.TrimSpace(email.Reveal())))
}

func (s *Service) keyedHash(purpose, text string) ([]byte, error) {
	key := s.lookup.Load()
	if key == nil {
		return nil, fmt.Errorf("the lookup key is not loaded: the service has not started")
	}
	mac := hmac.New(sha256.New, *key)
	mac.Write([]byte(purpose + "\x00" + text)) // a hash.Hash never fails
	return mac.Sum(nil), nil
}

// Email opens the e-mail of an account.
func (s *Service) Email(a Account) (privacy.Text, error) {
	plain, err := s.keyring.Open(a.SealedEmail, emailPlace(a.ID))
	if err != nil {
		return "", fmt.Errorf("opening e-mail of account %s: %w", a.ID, err)
	}
	return privacy.Text(plain), nil
}

// seal fills in what an account stores of its e-mail and password hash.
func (s *Service) seal(a *Account, email privacy.Text, hash string) error {
	var err error
	a.loginKey, err = s.loginKey(email)
	if err != nil {
		return err
	}
	a.SealedEmail, err = s.keyring.Seal([]byte(strings.TrimSpace(email.Reveal())), emailPlace(a.ID))
	if err != nil {
		return fmt.Errorf("sealing e-mail of account %s: %w", a.ID, err)
	}
	a.sealedCredential, err = s.keyring.Seal([]byte(hash), credentialPlace(a.ID))
	if err != nil {
		return fmt.Errorf("sealing credential of account %s: %w", a.ID, err)
	}
	return nil
}

// NewStaff describes a staff account to make.
type NewStaff struct {
	Email    privacy.Text
	Password privacy.Text
	Roles    []access.Role
}

// RequestKey binds an idempotency key to the request without storing anything
// from which its password or e-mail could be guessed.
func (s *Service) RequestKey(value string, n NewStaff) (command.Key, error) {
	login, err := s.loginKey(n.Email)
	if err != nil {
		return command.Key{}, err
	}
	password, err := s.keyedHash("password", n.Password.Reveal())
	if err != nil {
		return command.Key{}, err
	}
	return command.NewKey(value, struct {
		Login, Password []byte
		Roles           []access.Role
	}{login, password, n.Roles})
}

// passwordKey is RequestKey for a new password of an account.
func (s *Service) passwordKey(value string, id uuid.UUID, password privacy.Text) (command.Key, error) {
	hash, err := s.keyedHash("password", password.Reveal())
	if err != nil {
		return command.Key{}, err
	}
	return command.NewKey(value, struct {
		ID       uuid.UUID
		Password []byte
	}{id, hash})
}

// CreateStaff makes an account for one of the lender's people.
func (s *Service) CreateStaff(
	ctx context.Context, actor access.Actor, key command.Key, n NewStaff,
) (command.Result[Account], error) {
	account, err := s.prepareStaff(ctx, actor, n)
	if err != nil {
		return command.Result[Account]{}, err
	}
	return command.Run(ctx, s.commands, command.Command{
		Name: "identity.create-user", Actor: actor, Subject: account.ID, Key: key, Detail: account.audit(),
	}, func(tx database.Tx, now time.Time) (Account, error) {
		account.CreatedAt = now
		return account, insertAccount(ctx, tx, account)
	})
}

func (s *Service) prepareStaff(ctx context.Context, actor access.Actor, n NewStaff) (Account, error) {
	if err := checkRoles(n.Roles, StaffRoles); err != nil {
		return Account{}, err
	}
	hash, err := s.hasher.hash(ctx, "password", n.Password)
	if err != nil {
		return Account{}, err
	}
	account := Account{
		ID: s.newID(), Kind: KindStaff, Roles: n.Roles, Status: StatusActive, CreatedBy: actor.ID,
	}
	return account, s.seal(&account, n.Email, hash)
}

func checkRoles(roles, allowed []access.Role) error {
	seen := make(map[access.Role]bool)
	for _, role := range roles {
		if seen[role] || !slices.Contains(allowed, role) {
			return fieldError{field: "roles", err: fmt.Errorf("%w: %s", ErrRoles, role)}
		}
		seen[role] = true
	}
	if len(roles) == 0 {
		return fieldError{field: "roles", err: fmt.Errorf("%w: none given", ErrRoles)}
	}
	return nil
}

// Staff lists staff accounts by id, after the given one.
func (s *Service) Staff(ctx context.Context, after uuid.UUID, limit int) ([]Account, error) {
	var page []Account
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		page, err = listStaff(ctx, tx, after, limit)
		return err
	})
	return page, err
}

// Disable shuts an account: it cannot log in or refresh any more. Access tokens
// that are out live until they expire. Disabling twice is harmless.
func (s *Service) Disable(
	ctx context.Context, actor access.Actor, key command.Key, id uuid.UUID,
) (command.Result[Account], error) {
	return command.Run(ctx, s.commands, command.Command{
		Name: "identity.disable-user", Actor: actor, Subject: id, Key: key,
	}, func(tx database.Tx, now time.Time) (Account, error) {
		account, err := findAccount(ctx, tx, id)
		if err != nil || account.Status == StatusDisabled {
			return account, err
		}
		if err := setAccountStatus(ctx, tx, id, StatusDisabled); err != nil {
			return Account{}, err
		}
		if slices.Contains(account.Roles, access.Admin) {
			admins, err := countActiveAdmins(ctx, tx)
			if err != nil {
				return Account{}, err
			}
			if admins == 0 {
				return Account{}, ErrLastAdmin
			}
		}
		account.Status = StatusDisabled
		sessions, err := endSessions(ctx, tx, id, 0)
		if err != nil {
			return Account{}, err
		}
		return account, s.announceEnds(ctx, tx, now, id, sessions, actor, ReasonDisabled)
	})
}

// registerCustomer makes the account of a new borrower. A login name that
// somebody else has stays theirs: the borrower then has no account, which the
// audit trail and the log tell.
func (s *Service) registerCustomer(ctx context.Context, tx database.Tx, e event.CustomerRegistered) error {
	hash, err := s.keyring.Open(e.SealedCredential, "customer.credential:"+e.CustomerID.String())
	if err != nil {
		return fmt.Errorf("opening credential of customer %s: %w", e.CustomerID, err)
	}
	if err := checkHash(string(hash)); err != nil {
		return fmt.Errorf("customer %s: %w", e.CustomerID, err)
	}
	contact, err := s.openContact(e)
	if err != nil {
		return err
	}
	now := s.instant()
	account := Account{
		ID: e.CustomerID, Kind: KindCustomer, Roles: []access.Role{access.Customer}, Status: StatusActive,
		CreatedAt: now, CreatedBy: e.CustomerID,
	}
	if err := s.seal(&account, privacy.Text(contact.Email), string(hash)); err != nil {
		return err
	}
	made, err := insertAccountIfFree(ctx, tx, account)
	if err != nil {
		return err
	}
	name := "identity.register-customer"
	if !made {
		name = "identity.login-name-taken"
		s.log.WarnContext(ctx, "customer gets no account: the login name is taken", "customer", e.CustomerID)
	}
	return command.Audit(ctx, tx, command.Command{
		Name: name, Actor: access.Platform("identity"), Subject: account.ID, Detail: account.audit(),
	}, now)
}
