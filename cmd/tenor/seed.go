package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/journey"
)

const adminEmail = "admin@tenor.local"

// officers are the people that an embedded platform begins with, by the name
// before @tenor.local.
var officers = []struct {
	name string
	role access.Role
}{
	{"officer", access.Officer},
	{"manager", access.Manager},
	{"risk", access.RiskMgr},
	{"internal", access.Internal},
	{"credit", access.CreditHead},
	{"finance", access.Finance},
}

func emailOf(name string) string { return name + "@tenor.local" }

// seed makes the officers and the two programs (a partner and the scheduler)
// that do not exist yet, through the API.
func (p *platform) seed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, seedTimeout)
	defer cancel()
	token, err := journey.Login(ctx, p.client, adminEmail, p.secrets.AdminPassword)
	if err != nil {
		return fmt.Errorf("logging in as the administrator: %w", err)
	}
	admin := p.client.As(token)
	for _, officer := range officers {
		body := map[string]any{
			"email": emailOf(officer.name), "password": p.secrets.StaffPassword, "roles": []access.Role{officer.role},
		}
		err := admin.Post(ctx, "/api/v1/admin/users", body, nil)
		if err != nil && client.Status(err) != http.StatusConflict {
			return fmt.Errorf("making %s: %w", officer.name, err)
		}
	}
	system, err := ensureClient(ctx, admin, p.secrets.System, "scheduler", access.System)
	if err != nil {
		return err
	}
	partner, err := ensureClient(ctx, admin, p.secrets.Partner, "payments partner", access.Partner)
	if err != nil {
		return err
	}
	p.secrets.System, p.secrets.Partner, p.secrets.Gateway = system, partner, p.client.Base()
	return p.secrets.save()
}

func ensureClient(
	ctx context.Context, admin *client.Client, known credentials, name string, role access.Role,
) (credentials, error) {
	if known.Secret != "" {
		if _, err := journey.ClientToken(ctx, admin, known.ID, known.Secret); err == nil {
			return known, nil
		}
	}
	var made struct {
		ID     uuid.UUID `json:"client_id"`
		Secret string    `json:"client_secret"`
	}
	err := admin.Post(ctx, "/api/v1/admin/clients", map[string]any{"name": name, "roles": []access.Role{role}}, &made)
	if err != nil {
		return credentials{}, fmt.Errorf("making client %s: %w", name, err)
	}
	return credentials{ID: made.ID.String(), Secret: made.Secret}, nil
}

// staff logs everybody in.
func (p *platform) staff(ctx context.Context) (*journey.Staff, error) {
	ctx, cancel := context.WithTimeout(ctx, seedTimeout)
	defer cancel()
	s := &journey.Staff{}
	var errs []error
	login := func(name, password string) *client.Client {
		token, err := journey.Login(ctx, p.client, emailOf(name), password)
		errs = append(errs, err)
		return p.client.As(token)
	}
	program := func(c credentials) *client.Client {
		token, err := journey.ClientToken(ctx, p.client, c.ID, c.Secret)
		errs = append(errs, err)
		return p.client.As(token)
	}
	s.Admin = login("admin", p.secrets.AdminPassword)
	for _, officer := range officers {
		c := login(officer.name, p.secrets.StaffPassword)
		switch officer.role {
		case access.Officer:
			s.Officer = c
		case access.Manager:
			s.Manager = c
		case access.RiskMgr:
			s.RiskManager = c
		case access.Internal:
			s.Internal = c
		case access.CreditHead:
			s.CreditHead = c
		case access.Finance:
			s.Finance = c
		}
	}
	s.System, s.Partner = program(p.secrets.System), program(p.secrets.Partner)
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("logging the staff in: %w", err)
	}
	var err error
	s.OfficerID, err = userID(ctx, s.Admin, emailOf("officer"))
	return s, err
}

func userID(ctx context.Context, admin *client.Client, email string) (string, error) {
	var list struct {
		Items []struct {
			ID    string `json:"id"`
			Email string `json:"email"`
		} `json:"items"`
	}
	if err := admin.Get(ctx, "/api/v1/admin/users?limit=200", &list); err != nil {
		return "", err
	}
	for _, user := range list.Items {
		if user.Email == email {
			return user.ID, nil
		}
	}
	return "", fmt.Errorf("no user %s", email)
}
