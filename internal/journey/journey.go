// Package journey drives loans through the platform's HTTP API the way people
// and partners do: it knows which call comes after which, and what it waits for
// in between. The demonstration, the flow tests and the load harness share it.
//
// It must not look behind the API, and no service uses it.
package journey

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/client"
)

// settle bounds the wait for what events bring about: long, for a consumer that was killed while
// it joined its group holds up that group until the broker gives it up, and a machine may be busy.
const settle = 5 * time.Minute

// Money is an amount in the API's JSON.
type Money struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// String returns the amount with its currency.
func (m Money) String() string { return m.Amount + " " + m.Currency }

// Staff are the lender's people and programs, each with a token of its own.
type Staff struct {
	Officer, Manager, RiskManager, Internal, CreditHead, Admin, Finance, System, Partner *client.Client
	// OfficerID is the officer to whom cases are assigned.
	OfficerID string
}

// Login returns the access token of a person.
func Login(ctx context.Context, c *client.Client, email, password string) (string, error) {
	var out struct {
		AccessToken string `json:"access_token"`
	}
	body := map[string]string{"email": email, "password": password}
	err := c.Do(ctx, http.MethodPost, "/api/v1/auth/login", "", body, &out)
	return out.AccessToken, err
}

// ClientToken returns the access token of a program (RFC 6749, client credentials).
func ClientToken(ctx context.Context, c *client.Client, id, secret string) (string, error) {
	var out struct {
		AccessToken string `json:"access_token"`
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Base()+"/api/v1/oauth/token",
		strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString(
		[]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret))))
	err = c.Send(request, &out)
	return out.AccessToken, err
}

// Borrower is a customer with a token.
type Borrower struct {
	ID     string
	Email  string
	Client *client.Client
}

// loginPause keeps a patient client below the limits of guessing.
const loginPause = 700 * time.Millisecond

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// password of every borrower that a journey registers.
const password = "correct horse battery staple"

// Register registers a borrower and logs in.
func Register(ctx context.Context, c *client.Client, name string) (*Borrower, error) {
	account := strings.ToLower(strings.ReplaceAll(name, " ", ".")) + "." + uuid.NewString()[:8]
	b := &Borrower{Email: account + "@example.com"}
	var out struct {
		ID string `json:"id"`
	}
	err := c.Post(ctx, "/api/v1/customers/register", map[string]string{
		"email": b.Email, "phone": "+919876543210", "full_name": name, "date_of_birth": "1990-04-23", "password": password,
	}, &out)
	if err != nil {
		return nil, err
	}
	b.ID = out.ID
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	err = client.Until(ctx, "the login", func() (bool, error) {
		token, err := Login(ctx, c, b.Email, password)
		if status := client.Status(err); status == http.StatusUnauthorized || status == http.StatusTooManyRequests {
			pause(ctx, loginPause) // identity has not heard of the registration yet; guessing is slowed down
			return false, nil
		}
		b.Client = c.As(token)
		return err == nil, err
	})
	return b, err
}

// Application is what a borrower asks for.
type Application struct {
	Product     string `json:"product"`
	Amount      Money  `json:"amount"`
	Instalments int    `json:"instalments"`
	Purpose     string `json:"purpose"`
	Income      Money  `json:"monthly_income"`
	Obligations Money  `json:"monthly_obligations"`
}

// Apply sends an application and returns its id.
func (b *Borrower) Apply(ctx context.Context, a Application) (string, error) {
	var out struct {
		ID string `json:"id"`
	}
	err := b.Client.Post(ctx, "/api/v1/applications", a, &out)
	return out.ID, err
}

// SubmitIdentity hands in the identity data.
func (b *Borrower) SubmitIdentity(ctx context.Context) error {
	return b.Client.Put(ctx, "/api/v1/customers/"+b.ID+"/kyc", map[string]any{
		"national_id": map[string]string{"type": "NATIONAL_ID", "number": "ABCDE1234F", "country": "IN"},
		"address":     map[string]string{"line1": "14 Lake Road", "city": "Pune", "postal_code": "411001", "country": "IN"},
		"nationality": "IN", "occupation": "Tailor", "employment": "SELF_EMPLOYED",
	}, nil)
}

// samplePDF is a document that a viewer can open.
const samplePDF = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n" +
	"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n" +
	"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\nxref\n0 4\n0000000000 65535 f \n" +
	"0000000009 00000 n \n0000000052 00000 n \n0000000101 00000 n \ntrailer<</Size 4/Root 1 0 R>>\nstartxref\n164\n%%EOF\n"

// UploadDocuments uploads the documents that an application needs. It waits
// for the document service to hear of the application.
func (b *Borrower) UploadDocuments(ctx context.Context, applicationID string) error {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	for _, kind := range []string{"IDENTITY", "INCOME"} {
		fields := map[string]string{"application_id": applicationID, "kind": kind}
		err := untilKnown(ctx, "document service", func() error {
			return b.Client.Upload(ctx, "/api/v1/documents/upload", fields, strings.ToLower(kind)+".pdf",
				"application/pdf", []byte(samplePDF), nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// untilKnown tries while a service answers that it does not know of the case
// yet, or that the case is not at the stage yet.
func untilKnown(ctx context.Context, who string, try func() error) error {
	return client.Until(ctx, who+" to hear of the case", func() (bool, error) {
		err := try()
		if status := client.Status(err); status == http.StatusNotFound || status == http.StatusConflict {
			if ctx.Err() == nil {
				return false, nil
			}
		}
		return err == nil, err
	})
}

// Step sends a POST of a step as soon as the platform is there.
func Step(ctx context.Context, c *client.Client, path string, body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	key := uuid.NewString()
	return untilKnown(ctx, path, func() error { return c.Do(ctx, http.MethodPost, path, key, body, out) })
}

// Case is where an application stands.
type Case struct {
	ID      string `json:"id"`
	Stage   string `json:"stage"`
	Outcome string `json:"outcome"`
	LoanID  string `json:"loan_id"`
}

// WaitStage waits until the application is at stage. One that closed instead
// is an error.
func WaitStage(ctx context.Context, c *client.Client, applicationID, stage string) (Case, error) {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	var found Case
	err := client.Until(ctx, "stage "+stage+" of "+applicationID, func() (bool, error) {
		found = Case{}
		if err := c.Get(ctx, "/api/v1/applications/"+applicationID, &found); err != nil {
			return false, err
		}
		if found.Stage == "CLOSED" && stage != "CLOSED" {
			return false, fmt.Errorf("application %s closed (%s) on its way to %s", applicationID, found.Outcome, stage)
		}
		return found.Stage == stage, nil
	})
	if err != nil {
		return found, fmt.Errorf("at stage %s: %w", found.Stage, err)
	}
	return found, nil
}
