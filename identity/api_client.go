package identity

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

// clientBody is a client as administrators see it.
type clientBody struct {
	ID        uuid.UUID     `json:"client_id" format:"uuid"`
	Name      string        `json:"name" example:"Acme Collections"`
	Roles     []access.Role `json:"roles" example:"[\"PARTNER\"]"`
	Status    Status        `json:"status" enum:"ACTIVE,DISABLED"`
	CreatedAt time.Time     `json:"created_at"`
	Secret    string        `json:"client_secret,omitempty" doc:"In the first answer to the creation only; it is not stored"`
}

func newClientBody(c Client) clientBody {
	return clientBody{
		ID: c.ID, Name: c.Name, Roles: c.Roles, Status: c.Status, CreatedAt: c.CreatedAt, Secret: c.Secret,
	}
}

type clientOutput struct{ Body clientBody }

type createClientInput struct {
	Body struct {
		Name  string        `json:"name" minLength:"1" maxLength:"100" pattern:"^\\S(.*\\S)?$" example:"Acme Collections"`
		Roles []access.Role `json:"roles" minItems:"1" maxItems:"3" enum:"PARTNER,SYSTEM,FINANCE"`
	}
}

type clientsOutput struct {
	Body struct {
		Items      []clientBody `json:"items"`
		NextCursor string       `json:"next_cursor,omitempty"`
	}
}

func (s *Service) clientRoutes(api *httpapi.API) {
	admin := httpapi.Allow(access.Admin)
	httpapi.Register(api, httpapi.Op{
		ID: "create-client", Method: http.MethodPost, Path: "/api/v1/admin/clients", Tag: tag, Access: admin,
		Idempotent: true, Status: http.StatusCreated, Summary: "Make an OAuth client for a program",
		Description: "The answer holds the client's secret, once: repeating the request with the same idempotency key " +
			"gives the same client without it. If the secret is lost, disable the client and make another.",
		Errors: []int{http.StatusConflict},
	}, s.createClient)
	httpapi.Register(api, httpapi.Op{
		ID: "list-clients", Method: http.MethodGet, Path: "/api/v1/admin/clients", Tag: tag, Access: admin,
		Summary: "List OAuth clients",
	}, s.listClients)
	httpapi.Register(api, httpapi.Op{
		ID: "disable-client", Method: http.MethodPost, Path: "/api/v1/admin/clients/{id}/disable", Tag: tag,
		Access: admin, Idempotent: true, Summary: "Shut an OAuth client",
		Description: "It gets no more tokens; those that are out live until they expire. Harmless to repeat.",
		Errors:      []int{http.StatusNotFound},
	}, s.disableClient)
}

func (s *Service) createClient(ctx context.Context, in *createClientInput) (*clientOutput, error) {
	key, err := httpapi.Key(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	result, err := s.CreateClient(ctx, httpapi.Actor(ctx), key, in.Body.Name, in.Body.Roles)
	if err != nil {
		return nil, err
	}
	return &clientOutput{Body: newClientBody(httpapi.Reply(ctx, result))}, nil
}

func (s *Service) listClients(ctx context.Context, in *listInput) (*clientsOutput, error) {
	var after position
	if err := httpapi.DecodeCursor(in.Cursor, &after); err != nil {
		return nil, err
	}
	page, err := s.Clients(ctx, after.ID, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &clientsOutput{}
	out.Body.Items = make([]clientBody, 0, len(page))
	for _, client := range page {
		out.Body.Items = append(out.Body.Items, newClientBody(client))
	}
	out.Body.NextCursor, err = nextCursor(page, in.Limit, func(c Client) uuid.UUID { return c.ID })
	return out, err
}

func (s *Service) disableClient(ctx context.Context, in *disableInput) (*clientOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.DisableClient(ctx, httpapi.Actor(ctx), key, in.ID)
	if err != nil {
		return nil, err
	}
	return &clientOutput{Body: newClientBody(httpapi.Reply(ctx, result))}, nil
}
