package identity

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
)

// ClientRoles are the roles that a program may be given.
var ClientRoles = []access.Role{access.Partner, access.System, access.Finance}

// Client is a program that acts by itself (OAuth 2 client credentials).
type Client struct {
	ID        uuid.UUID     `json:"id"`
	Name      string        `json:"name"`
	Roles     []access.Role `json:"roles"`
	Status    Status        `json:"status"`
	CreatedAt time.Time     `json:"created_at"`
	CreatedBy uuid.UUID     `json:"created_by"`
	// Secret is known in the answer to its creation only: neither the client's
	// row nor the record of the request has it.
	Secret     string `json:"-"`
	secretHash []byte
}

const clientSecretBytes = 32

// CreateClient makes a client. Its secret is in the first answer only; when
// that is lost, disable the client and make another.
func (s *Service) CreateClient(
	ctx context.Context, actor access.Actor, key command.Key, name string, roles []access.Role,
) (command.Result[Client], error) {
	if err := checkRoles(roles, ClientRoles); err != nil {
		return command.Result[Client]{}, err
	}
	raw := make([]byte, clientSecretBytes)
	if _, err := io.ReadFull(s.random, raw); err != nil {
		return command.Result[Client]{}, fmt.Errorf("drawing a client secret: %w", err)
	}
	client := Client{
		ID: s.newID(), Name: name, Roles: roles, Status: StatusActive, CreatedBy: actor.ID,
		Secret: base64.RawURLEncoding.EncodeToString(raw),
	}
	client.secretHash = hashToken(client.Secret)
	return command.Run(ctx, s.commands, command.Command{
		Name: "identity.create-client", Actor: actor, Subject: client.ID, Key: key,
		Detail: map[string]any{"name": name, "roles": roles},
	}, func(tx database.Tx, now time.Time) (Client, error) {
		client.CreatedAt = now
		return client, insertClient(ctx, tx, client)
	})
}

// Clients lists clients by id, after the given one.
func (s *Service) Clients(ctx context.Context, after uuid.UUID, limit int) ([]Client, error) {
	var page []Client
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		page, err = listClients(ctx, tx, after, limit)
		return err
	})
	return page, err
}

// DisableClient shuts a client: it gets no more tokens. Those that are out live
// until they expire. Disabling twice is harmless.
func (s *Service) DisableClient(
	ctx context.Context, actor access.Actor, key command.Key, id uuid.UUID,
) (command.Result[Client], error) {
	return command.Run(ctx, s.commands, command.Command{
		Name: "identity.disable-client", Actor: actor, Subject: id, Key: key,
	}, func(tx database.Tx, _ time.Time) (Client, error) {
		client, known, err := findClient(ctx, tx, id)
		if err != nil {
			return Client{}, err
		}
		if !known {
			return Client{}, fmt.Errorf("%w: %s", ErrNotFound, id)
		}
		client.Status = StatusDisabled
		return client, disableClient(ctx, tx, id)
	})
}

// ClientToken issues an access token to a client. scope narrows its roles; an
// empty one means all of them.
func (s *Service) ClientToken(
	ctx context.Context, clientID, secret string, scope []access.Role,
) (token string, roles []access.Role, err error) {
	id, err := uuid.Parse(clientID)
	if err != nil {
		return "", nil, ErrClientRefused
	}
	var client Client
	var known bool
	err = database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		client, known, err = findClient(ctx, tx, id)
		return err
	})
	if err != nil {
		return "", nil, err
	}
	fits := subtle.ConstantTimeCompare(client.secretHash, hashToken(secret)) == 1
	if !known || !fits || client.Status != StatusActive {
		return "", nil, ErrClientRefused
	}
	roles = client.Roles
	for _, role := range scope {
		if !slices.Contains(client.Roles, role) {
			return "", nil, fmt.Errorf("%w: %s", ErrScope, role)
		}
		roles = scope
	}
	token, err = s.issue(ctx, client.ID, roles, client.ID.String(), uuid.Nil)
	return token, roles, err
}
