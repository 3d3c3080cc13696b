package customer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/privacy"
	"github.com/tenor-lending/tenor/internal/stream"
)

// Errors of the service, for errors.Is.
var (
	// ErrNotFound means there is no such customer, or it is not the actor's to see.
	ErrNotFound = errors.New("no such customer")
	// ErrEmailTaken means another customer has the e-mail address.
	ErrEmailTaken = errors.New("e-mail address is registered already")
	// ErrIdentityFixed means the identity data were approved and cannot be changed.
	ErrIdentityFixed = errors.New("identity data are approved and can no longer be changed")
	// ErrErased means the person's key was destroyed: the data are gone for good.
	ErrErased = errors.New("customer's data were erased")
)

// KYCStatus tells how far the identity data have come.
type KYCStatus string

// The states of identity data.
const (
	KYCNone      KYCStatus = "NONE"
	KYCSubmitted KYCStatus = "SUBMITTED"
	KYCVerified  KYCStatus = "VERIFIED"
)

// hashing is how a password becomes a credential (OWASP's second setting for
// argon2id; one lane, so that the cost does not depend on the machine).
var hashing = argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// hashesMax bounds how many passwords are hashed at once: each takes 19 MiB.
const hashesMax = 4

// anonymous acts before there is an account.
var anonymous = access.Actor{Name: "anonymous"}

// Service holds what the rules need.
type Service struct {
	db       *database.DB
	commands *command.Runner
	outbox   *stream.Outbox
	keyring  *privacy.Keyring
	now      func() time.Time
	newID    func() uuid.UUID
	hashes   chan struct{}
}

// New makes the service; it starts nothing.
func New(env *app.Env) (*app.Component, error) {
	s := &Service{
		db: env.DB, commands: env.Commands, outbox: env.Outbox, keyring: env.Keyring, now: env.Now, newID: env.NewID,
		hashes: make(chan struct{}, hashesMax),
	}
	return &app.Component{Routes: s.routes, Subscriptions: s.subscriptions()}, nil
}

// Registered is the outcome of a registration. It is kept with the idempotency
// key and holds no personal data.
type Registered struct {
	CustomerID   uuid.UUID `json:"customer_id"`
	RegisteredAt time.Time `json:"registered_at"`
}

// Register opens an account, or returns ErrInvalid or ErrEmailTaken.
func (s *Service) Register(
	ctx context.Context, r Registration, key command.Key,
) (command.Result[Registered], error) {
	r = r.normal()
	if err := r.check(civil.DateOf(s.now().UTC())); err != nil {
		return command.Result[Registered]{}, err
	}
	// Hashing is slow on purpose: it happens before the transaction begins.
	credential, err := s.hash(ctx, r.Password)
	if err != nil {
		return command.Result[Registered]{}, err
	}
	id := s.newID()
	account, err := s.seal(id, r, credential)
	if err != nil {
		return command.Result[Registered]{}, fmt.Errorf("sealing customer %s: %w", id, err)
	}
	c := command.Command{Name: "customer.register", Actor: anonymous, Subject: id, Key: key}
	return command.Run(ctx, s.commands, c, func(tx database.Tx, now time.Time) (Registered, error) {
		if err := insertCustomer(ctx, tx, account.row, now); err != nil {
			return Registered{}, err
		}
		err := s.outbox.Append(ctx, tx, now, event.CustomerRegistered{
			OnCustomer:       event.OnCustomer{CustomerID: id},
			SealedCredential: account.credential, SealedContact: account.contact,
		})
		return Registered{CustomerID: id, RegisteredAt: now}, err
	})
}

func (s *Service) hash(ctx context.Context, password privacy.Text) (string, error) {
	select {
	case s.hashes <- struct{}{}:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	defer func() { <-s.hashes }()
	hash, err := argon2id.CreateHash(password.Reveal(), &hashing)
	if err != nil {
		return "", fmt.Errorf("hashing password: %w", err)
	}
	return hash, nil
}

// sealed is an account in the form in which it leaves the process.
type sealed struct {
	row                 row
	credential, contact string
}

func (s *Service) seal(id uuid.UUID, r Registration, credential string) (sealed, error) {
	key, wrapped, err := s.keyring.NewSubjectKey(id.String())
	if err != nil {
		return sealed{}, err
	}
	account := sealed{row: row{
		ID: id, WrappedKey: wrapped, EmailIndex: s.keyring.Index([]byte(r.Email.Reveal()), "customer.email"),
	}}
	if account.row.Profile, err = sealJSON(key, profileOf(r), profilePlace(id)); err != nil {
		return sealed{}, err
	}
	if account.credential, err = s.keyring.Seal([]byte(credential), "customer.credential:"+id.String()); err != nil {
		return sealed{}, err
	}
	contact, err := json.Marshal(event.Contact{
		Email: r.Email.Reveal(), Phone: r.Phone.Reveal(), Name: r.Name.Reveal(),
	})
	if err != nil {
		return sealed{}, err
	}
	account.contact, err = s.keyring.Seal(contact, "customer.contact:"+id.String())
	return account, err
}

// Profile is a customer as the owner and staff see it.
type Profile struct {
	CustomerID     uuid.UUID
	Email          privacy.Text
	Phone          privacy.Text
	Name           privacy.Text
	DateOfBirth    civil.Date
	KYCStatus      KYCStatus
	RegisteredAt   time.Time
	KYCSubmittedAt *time.Time
	// Identity is nil until it was handed in.
	Identity *Identity
}

// Profile returns a customer to itself or to staff; everybody else gets ErrNotFound.
func (s *Service) Profile(ctx context.Context, actor access.Actor, id uuid.UUID) (Profile, error) {
	if !actor.MaySee(id, access.Staff...) {
		return Profile{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	var found row
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		found, err = findCustomer(ctx, tx, id)
		return err
	})
	if err != nil {
		return Profile{}, err
	}
	return s.open(found)
}

// Submitted is the outcome of handing in identity data.
type Submitted struct {
	CustomerID  uuid.UUID `json:"customer_id"`
	KYCStatus   KYCStatus `json:"kyc_status"`
	SubmittedAt time.Time `json:"submitted_at"`
}

// SubmitIdentity stores a customer's identity data in place of what was there.
// Only the customer may, and only until a reviewer has approved them; errors
// are ErrInvalid, ErrNotFound and ErrIdentityFixed.
func (s *Service) SubmitIdentity(
	ctx context.Context, actor access.Actor, id uuid.UUID, data Identity,
) (Submitted, error) {
	if !actor.MaySee(id) {
		return Submitted{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err := data.check(); err != nil {
		return Submitted{}, err
	}
	c := command.Command{Name: "customer.submit-identity", Actor: actor, Subject: id}
	result, err := command.Run(ctx, s.commands, c, func(tx database.Tx, now time.Time) (Submitted, error) {
		found, err := findCustomer(ctx, tx, id)
		if err != nil {
			return Submitted{}, err
		}
		text, err := s.sealIdentity(found, data)
		if err != nil {
			return Submitted{}, err
		}
		if err := updateIdentity(ctx, tx, id, text, now); err != nil {
			return Submitted{}, err
		}
		err = s.outbox.Append(ctx, tx, now, event.CustomerKYCSubmitted{OnCustomer: event.OnCustomer{CustomerID: id}})
		return Submitted{CustomerID: id, KYCStatus: KYCSubmitted, SubmittedAt: now}, err
	})
	return result.Value, err
}

// verify fixes the identity data of a customer whom KYC has approved.
func (s *Service) verify(ctx context.Context, tx database.Tx, id uuid.UUID) error {
	if err := markVerified(ctx, tx, id); err != nil {
		return err
	}
	c := command.Command{Name: "customer.verify", Actor: access.Platform("customer"), Subject: id}
	return command.Audit(ctx, tx, c, s.now())
}
