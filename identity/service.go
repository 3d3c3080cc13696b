package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/privacy"
	"github.com/tenor-lending/tenor/internal/stream"
)

// Errors of the rules, for errors.Is.
var (
	// ErrLoginRefused means no active account has this e-mail and password. It
	// never says which of the two is wrong.
	ErrLoginRefused = errors.New("e-mail or password is wrong")
	// ErrTooManyAttempts means this login name has to wait; see AttemptsError.
	ErrTooManyAttempts = errors.New("too many attempts to log in")
	// ErrBusy means all password checks that may run at once are running.
	ErrBusy = errors.New("too many logins at once")
	// ErrRefreshRefused means a refresh token is unknown, used, expired or revoked.
	ErrRefreshRefused = errors.New("refresh token is not accepted")
	// ErrClientRefused means no active client has this id and secret.
	ErrClientRefused = errors.New("client id or secret is wrong")
	// ErrScope means a client asks for a role that it does not have.
	ErrScope = errors.New("scope goes beyond the client's roles")
	// ErrNotFound means there is no such account or client.
	ErrNotFound = errors.New("no such account or client")
	// ErrNameTaken means an account has this e-mail, or a client this name.
	ErrNameTaken = errors.New("the name is taken")
	// ErrRoles means roles are missing, repeated or not for this kind of account.
	ErrRoles = errors.New("roles are not allowed here")
	// ErrPassword means a password is too short or too long.
	ErrPassword = errors.New("password is too short or too long")
	// ErrLastAdmin means nobody would be left to administer the platform.
	ErrLastAdmin = errors.New("the last active administrator cannot be disabled")
	// ErrRotationPending means the newest key does not sign yet.
	ErrRotationPending = errors.New("a new key is published and does not sign yet")
)

// Service is the identity service.
type Service struct {
	cfg      config.Identity
	audience string // base URL of the platform, for its metadata
	db       *database.DB
	commands *command.Runner
	outbox   *stream.Outbox
	log      *slog.Logger
	now      func() time.Time
	newID    func() uuid.UUID
	random   io.Reader
	keyring  *privacy.Keyring
	hasher   *hasher
	keys     *keyCache
	// refusalTime is how long a refused login takes.
	refusalTime time.Duration
	// lookup is the key of login names, known after Start.
	lookup atomic.Pointer[[]byte]
}

// New returns the identity service as a component.
func New(env *app.Env) (*app.Component, error) {
	return newService(env).component(), nil
}

func (s *Service) component() *app.Component {
	return &app.Component{
		Routes:        s.routes,
		Subscriptions: s.subscriptions(),
		Start:         s.start,
		Tasks:         []app.Task{{Name: "identity housekeeping", Run: s.keepHouse}},
	}
}

func newService(env *app.Env) *Service {
	s := &Service{
		db: env.DB, commands: env.Commands, outbox: env.Outbox, log: env.Log, now: env.Now, newID: env.NewID,
		random: rand.Reader, keyring: env.Keyring, hasher: newHasher(),
		refusalTime: refusalTime,
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if env.Config != nil {
		s.cfg, s.audience = env.Config.Identity, publicURL(env)
	}
	s.keys = &keyCache{load: s.loadKeys}
	return s
}

// publicURL is where clients find the platform: what the operator says, or the
// gateway as this process sees it.
func publicURL(env *app.Env) string {
	if env.Config.Gateway.PublicURL != "" {
		return env.Config.Gateway.PublicURL
	}
	for _, service := range env.Services {
		if service.Name != "gateway" {
			continue
		}
		base := env.Config.Upstream(service.Name, service.Port)
		if env.Config.Gateway.TLSCert != "" {
			base = strings.Replace(base, "http://", "https://", 1)
		}
		return base
	}
	return ""
}

// start makes what the service cannot work without: the key of login names, a
// signing key, and the first administrator. Several processes may start at once.
func (s *Service) start(ctx context.Context) error {
	if err := s.loadLookupKey(ctx); err != nil {
		return err
	}
	if err := s.ensureKey(ctx); err != nil {
		return err
	}
	return s.bootstrap(ctx)
}

// bootstrap makes the configured administrator unless there is one already.
func (s *Service) bootstrap(ctx context.Context) error {
	if s.cfg.BootstrapEmail == "" {
		return nil
	}
	self := access.Platform("identity")
	account, err := s.prepareStaff(ctx, self, NewStaff{
		Email: privacy.Text(s.cfg.BootstrapEmail), Password: privacy.Text(s.cfg.BootstrapPassword),
		Roles: []access.Role{access.Admin},
	})
	if err != nil {
		return fmt.Errorf("making the first administrator: %w", err)
	}
	err = database.InTx(ctx, s.db, func(tx database.Tx) error {
		admins, err := countActiveAdmins(ctx, tx)
		if err != nil || admins > 0 {
			return err
		}
		now := s.instant()
		account.CreatedAt = now
		if err := insertAccount(ctx, tx, account); err != nil {
			return err
		}
		return command.Audit(ctx, tx, command.Command{
			Name: "identity.bootstrap", Actor: self, Subject: account.ID, Detail: account.audit(),
		}, now)
	})
	if errors.Is(err, ErrNameTaken) {
		// Another process was faster, or the name belongs to somebody else.
		return s.needAdmin(ctx)
	}
	if err != nil {
		return fmt.Errorf("making the first administrator: %w", err)
	}
	return nil
}

func (s *Service) needAdmin(ctx context.Context) error {
	return database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		admins, err := countActiveAdmins(ctx, tx)
		if err == nil && admins == 0 {
			err = fmt.Errorf("making the first administrator: %w: choose another e-mail", ErrNameTaken)
		}
		return err
	})
}

// instant is now as the database can store it.
func (s *Service) instant() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// Housekeeping.
const (
	housePause = time.Minute
	// forgetAfter is how long ended things are kept for a look back.
	forgetAfter = 24 * time.Hour
	forgetMax   = 500
)

// keepHouse rotates keys in time and forgets what is over, until ctx ends.
// Several processes may do so at once.
func (s *Service) keepHouse(ctx context.Context) error {
	ticker := time.NewTicker(housePause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		err := errors.Join(s.ensureKey(ctx), s.forget(ctx))
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "housekeeping failed, next try in a minute", "error", err)
		}
	}
}

// forget deletes, in bounded portions, what ended more than forgetAfter ago.
func (s *Service) forget(ctx context.Context) error {
	before := s.instant().Add(-forgetAfter)
	for _, purge := range []func(context.Context, database.Tx, time.Time) (int64, error){
		deleteAttempts, deleteSessions, deleteKeys, deleteResets,
	} {
		for deleted := int64(forgetMax); deleted == forgetMax; {
			err := database.InTx(ctx, s.db, func(tx database.Tx) error {
				var err error
				deleted, err = purge(ctx, tx, before)
				return err
			})
			if err != nil {
				return fmt.Errorf("forgetting what is over: %w", err)
			}
		}
	}
	return nil
}
