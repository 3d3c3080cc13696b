package identity

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/privacy"
)

// userBody is a staff account as administrators see it.
type userBody struct {
	ID        uuid.UUID     `json:"id" format:"uuid"`
	Email     string        `json:"email" example:"officer@example.com"`
	Roles     []access.Role `json:"roles" example:"[\"OFFICER\"]"`
	Status    Status        `json:"status" enum:"ACTIVE,DISABLED"`
	CreatedAt time.Time     `json:"created_at"`
}

type userOutput struct{ Body userBody }

type createUserInput struct {
	Body struct {
		Email    privacy.Text  `json:"email" format:"email" maxLength:"254" example:"officer@example.com" doc:"Login name"`
		Password privacy.Text  `json:"password" minLength:"12" maxLength:"128" doc:"At least 12 characters"`
		Roles    []access.Role `json:"roles" minItems:"1" maxItems:"7" enum:"OFFICER,MANAGER,RISK_MGR,INTERNAL,CREDIT_HEAD,ADMIN,FINANCE"`
	}
}

type listInput struct{ httpapi.PageInput }

type usersOutput struct {
	Body struct {
		Items      []userBody `json:"items"`
		NextCursor string     `json:"next_cursor,omitempty"`
	}
}

func (s *Service) userBody(a Account) (userBody, error) {
	email, err := s.Email(a)
	if err != nil {
		return userBody{}, err
	}
	return userBody{ID: a.ID, Email: email.Reveal(), Roles: a.Roles, Status: a.Status, CreatedAt: a.CreatedAt}, nil
}

func (s *Service) userRoutes(api *httpapi.API) {
	admin := httpapi.Allow(access.Admin)
	httpapi.Register(api, httpapi.Op{
		ID: "create-user", Method: http.MethodPost, Path: "/api/v1/admin/users", Tag: tag, Access: admin,
		Idempotent: true, Status: http.StatusCreated, Summary: "Make an account for one of the lender's people",
		Errors: []int{http.StatusConflict},
	}, s.createUser)
	httpapi.Register(api, httpapi.Op{
		ID: "list-users", Method: http.MethodGet, Path: "/api/v1/admin/users", Tag: tag, Access: admin,
		Summary: "List staff accounts",
	}, s.listUsers)
	httpapi.Register(api, httpapi.Op{
		ID: "disable-user", Method: http.MethodPost, Path: "/api/v1/admin/users/{id}/disable", Tag: tag, Access: admin,
		Idempotent: true, Summary: "Shut an account, a borrower's or one of the staff",
		Description: "Ends its sessions. Access tokens that are out live until they expire. Harmless to repeat.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, s.disableUser)
	httpapi.Register(api, httpapi.Op{
		ID: "rotate-keys", Method: http.MethodPost, Path: "/api/v1/admin/keys/rotate", Tag: tag, Access: admin,
		Idempotent: true, Summary: "Publish a new signing key",
		Description: "The new key signs ten minutes after it is published. With `compromised` it signs at once and all " +
			"older keys are withdrawn at once; every token that is out becomes worthless within minutes.",
		Errors: []int{http.StatusConflict},
	}, s.rotateKeys)
}

func (s *Service) createUser(ctx context.Context, in *createUserInput) (*userOutput, error) {
	staff := NewStaff{Email: in.Body.Email, Password: in.Body.Password, Roles: in.Body.Roles}
	sent, err := httpapi.Key(ctx, struct{}{})
	if err != nil {
		return nil, err
	}
	key, err := s.RequestKey(sent.Value, staff)
	if err != nil {
		return nil, err
	}
	result, err := s.CreateStaff(ctx, httpapi.Actor(ctx), key, staff)
	if err != nil {
		return nil, err
	}
	body, err := s.userBody(httpapi.Reply(ctx, result))
	return &userOutput{Body: body}, err
}

func (s *Service) listUsers(ctx context.Context, in *listInput) (*usersOutput, error) {
	var after position
	if err := httpapi.DecodeCursor(in.Cursor, &after); err != nil {
		return nil, err
	}
	page, err := s.Staff(ctx, after.ID, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &usersOutput{}
	out.Body.Items = make([]userBody, 0, len(page))
	for _, account := range page {
		body, err := s.userBody(account)
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, body)
	}
	out.Body.NextCursor, err = nextCursor(page, in.Limit, func(a Account) uuid.UUID { return a.ID })
	return out, err
}

// disableInput names one account or client.
type disableInput struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

func (s *Service) disableUser(ctx context.Context, in *disableInput) (*userOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.Disable(ctx, httpapi.Actor(ctx), key, in.ID)
	if err != nil {
		return nil, err
	}
	body, err := s.userBody(httpapi.Reply(ctx, result))
	return &userOutput{Body: body}, err
}

type rotateInput struct {
	Body struct {
		Compromised bool `json:"compromised,omitempty" doc:"Withdraw all older keys at once"`
	}
}

type rotateOutput struct {
	Body struct {
		KeyID     string    `json:"kid"`
		SignsFrom time.Time `json:"signs_from"`
	}
}

func (s *Service) rotateKeys(ctx context.Context, in *rotateInput) (*rotateOutput, error) {
	key, err := httpapi.Key(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	result, err := s.RotateKey(ctx, httpapi.Actor(ctx), key, in.Body.Compromised)
	if err != nil {
		return nil, err
	}
	fresh := httpapi.Reply(ctx, result)
	out := &rotateOutput{}
	out.Body.KeyID, out.Body.SignsFrom = fresh.KID, fresh.SignsFrom
	return out, nil
}
