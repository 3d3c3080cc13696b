package customer

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/privacy"
)

const tag = "customer"

var problems = []httpapi.Problem{
	{Err: ErrInvalid, Status: http.StatusUnprocessableEntity, Type: "validation", Title: "A value is not acceptable"},
	{Err: ErrNotFound, Status: http.StatusNotFound, Type: "customer-not-found", Title: "No such customer"},
	{
		Err: ErrEmailTaken, Status: http.StatusConflict, Type: "email-taken",
		Title: "The e-mail address is registered already",
	},
	{
		Err: ErrIdentityFixed, Status: http.StatusConflict, Type: "identity-approved",
		Title: "The identity data are approved and can no longer be changed",
	},
	{Err: ErrErased, Status: http.StatusGone, Type: "customer-erased", Title: "The customer's data were erased"},
}

func (s *Service) routes(api *httpapi.API) {
	api.Problems(problems...)
	httpapi.Register(api, httpapi.Op{
		ID: "register-customer", Method: http.MethodPost, Path: "/api/v1/customers/register", Tag: tag,
		Summary: "Register a borrower",
		Description: "Opens an account; log in with the e-mail address and the password at `/api/v1/auth/login` a moment " +
			"later. The e-mail address is compared without regard to case. The password is not part of what the " +
			"idempotency key stands for, so that no trace of it is kept.",
		Access: httpapi.Public(), Idempotent: true, Status: http.StatusCreated, Errors: []int{http.StatusConflict},
	}, s.register)
	httpapi.Register(api, httpapi.Op{
		ID: "get-customer-profile", Method: http.MethodGet, Path: "/api/v1/customers/{id}/profile", Tag: tag,
		Summary:     "Read a borrower's profile",
		Description: "For the borrower and for the lender's staff.",
		Access:      httpapi.Bearer(), Errors: []int{http.StatusNotFound, http.StatusGone},
	}, s.profile)
	httpapi.Register(api, httpapi.Op{
		ID: "submit-customer-kyc", Method: http.MethodPut, Path: "/api/v1/customers/{id}/kyc", Tag: tag,
		Summary: "Hand in identity data",
		Description: "For the borrower alone. Replaces what was handed in before; possible until a KYC review has " +
			"approved the data. Applications that wait for it move on by themselves.",
		Access: httpapi.Bearer(), Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusGone},
	}, s.submit)
}

type registerBody struct {
	Email       string     `json:"email" format:"email" maxLength:"254" example:"asha@example.com" doc:"E-mail address, the name to log in with"`
	Phone       string     `json:"phone" pattern:"^\\+[1-9][0-9]{6,14}$" example:"+919876543210" doc:"Mobile number in E.164 form"`
	Name        string     `json:"full_name" minLength:"1" maxLength:"200" example:"Asha Rao" doc:"Full legal name"`
	DateOfBirth civil.Date `json:"date_of_birth" format:"date" example:"1990-04-23" doc:"Date of birth; borrowers are 18 or older"`
	Password    string     `json:"password" minLength:"12" maxLength:"128" writeOnly:"true" example:"correct horse battery" doc:"12 to 128 characters, not the e-mail address"`
}

type registerInput struct{ Body registerBody }

type registerOutput struct {
	Location string `header:"Location" doc:"The new profile"`
	Body     struct {
		ID           uuid.UUID `json:"id" format:"uuid" doc:"Names the borrower everywhere: the customer_id of other resources"`
		RegisteredAt time.Time `json:"registered_at"`
	}
}

func (s *Service) register(ctx context.Context, in *registerInput) (*registerOutput, error) {
	// The key is bound to a keyed fingerprint of everything but the password: a
	// plain hash would let whoever reads the table guess at the data.
	named := in.Body
	named.Password = ""
	canonical, err := json.Marshal(named)
	if err != nil {
		return nil, err
	}
	key, err := httpapi.Key(ctx, s.keyring.Index(canonical, "customer.register"))
	if err != nil {
		return nil, err
	}
	result, err := s.Register(ctx, Registration{
		Email: privacy.Text(in.Body.Email), Phone: privacy.Text(in.Body.Phone), Name: privacy.Text(in.Body.Name),
		DateOfBirth: in.Body.DateOfBirth, Password: privacy.Text(in.Body.Password),
	}, key)
	if err != nil {
		return nil, err
	}
	registered := httpapi.Reply(ctx, result)
	out := &registerOutput{Location: "/api/v1/customers/" + registered.CustomerID.String() + "/profile"}
	out.Body.ID, out.Body.RegisteredAt = registered.CustomerID, registered.RegisteredAt
	return out, nil
}

type nationalIDBody struct {
	Kind    string `json:"type" enum:"NATIONAL_ID,PASSPORT,TAX_ID,DRIVING_LICENCE,VOTER_ID" doc:"Kind of document"`
	Number  string `json:"number" minLength:"4" maxLength:"32" example:"ABCDE1234F" doc:"As printed; letters and digits"`
	Country string `json:"country" pattern:"^[A-Z]{2}$" example:"IN" doc:"Issuing country, ISO 3166-1 alpha-2"`
}

type addressBody struct {
	Line1      string `json:"line1" minLength:"1" maxLength:"120" example:"14 Lake Road"`
	Line2      string `json:"line2,omitempty" maxLength:"120"`
	City       string `json:"city" minLength:"1" maxLength:"120" example:"Pune"`
	Region     string `json:"region,omitempty" maxLength:"120" example:"Maharashtra" doc:"State or province"`
	PostalCode string `json:"postal_code,omitempty" maxLength:"12" example:"411001"`
	Country    string `json:"country" pattern:"^[A-Z]{2}$" example:"IN" doc:"ISO 3166-1 alpha-2"`
}

type identityBody struct {
	NationalID  nationalIDBody `json:"national_id"`
	Address     addressBody    `json:"address"`
	Nationality string         `json:"nationality" pattern:"^[A-Z]{2}$" example:"IN" doc:"ISO 3166-1 alpha-2"`
	Occupation  string         `json:"occupation" minLength:"1" maxLength:"120" example:"Tailor"`
	Employment  string         `json:"employment" enum:"SALARIED,SELF_EMPLOYED,RETIRED,STUDENT,UNEMPLOYED" doc:"How the borrower earns a living"`
	Employer    string         `json:"employer,omitempty" maxLength:"120" example:"Lake Road Tailors"`
}

func (b identityBody) identity() Identity {
	return Identity{
		NationalID: NationalID{
			Kind: privacy.Text(b.NationalID.Kind), Number: privacy.Text(b.NationalID.Number),
			Country: privacy.Text(b.NationalID.Country),
		},
		Address: Address{
			Line1: privacy.Text(b.Address.Line1), Line2: privacy.Text(b.Address.Line2),
			City: privacy.Text(b.Address.City), Region: privacy.Text(b.Address.Region),
			PostalCode: privacy.Text(b.Address.PostalCode), Country: privacy.Text(b.Address.Country),
		},
		Nationality: privacy.Text(b.Nationality), Occupation: privacy.Text(b.Occupation),
		Employment: privacy.Text(b.Employment), Employer: privacy.Text(b.Employer),
	}
}

// identityBodyOf reveals identity data to somebody who may see them.
func identityBodyOf(i *Identity) *identityBody {
	if i == nil {
		return nil
	}
	return &identityBody{
		NationalID: nationalIDBody{
			Kind: i.NationalID.Kind.Reveal(), Number: i.NationalID.Number.Reveal(),
			Country: i.NationalID.Country.Reveal(),
		},
		Address: addressBody{
			Line1: i.Address.Line1.Reveal(), Line2: i.Address.Line2.Reveal(), City: i.Address.City.Reveal(),
			Region: i.Address.Region.Reveal(), PostalCode: i.Address.PostalCode.Reveal(),
			Country: i.Address.Country.Reveal(),
		},
		Nationality: i.Nationality.Reveal(), Occupation: i.Occupation.Reveal(), Employment: i.Employment.Reveal(),
		Employer: i.Employer.Reveal(),
	}
}

type profileInput struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"Customer id"`
}

type profileOutput struct {
	Body struct {
		ID             uuid.UUID     `json:"id" format:"uuid"`
		Email          string        `json:"email"`
		Phone          string        `json:"phone"`
		Name           string        `json:"full_name"`
		DateOfBirth    civil.Date    `json:"date_of_birth" format:"date"`
		RegisteredAt   time.Time     `json:"registered_at"`
		KYCStatus      KYCStatus     `json:"kyc_status" enum:"NONE,SUBMITTED,VERIFIED" doc:"How far the identity data have come"`
		KYCSubmittedAt *time.Time    `json:"kyc_submitted_at,omitempty"`
		Identity       *identityBody `json:"identity,omitempty" doc:"Absent until it was handed in"`
	}
}

func (s *Service) profile(ctx context.Context, in *profileInput) (*profileOutput, error) {
	profile, err := s.Profile(ctx, httpapi.Actor(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := &profileOutput{}
	out.Body.ID = profile.CustomerID
	out.Body.Email, out.Body.Phone = profile.Email.Reveal(), profile.Phone.Reveal()
	out.Body.Name, out.Body.DateOfBirth = profile.Name.Reveal(), profile.DateOfBirth
	out.Body.RegisteredAt = profile.RegisteredAt
	out.Body.KYCStatus, out.Body.KYCSubmittedAt = profile.KYCStatus, profile.KYCSubmittedAt
	out.Body.Identity = identityBodyOf(profile.Identity)
	return out, nil
}

type submitInput struct {
	ID   uuid.UUID `path:"id" format:"uuid" doc:"Customer id"`
	Body identityBody
}

type submitOutput struct {
	Body struct {
		CustomerID  uuid.UUID `json:"customer_id" format:"uuid"`
		KYCStatus   KYCStatus `json:"kyc_status" enum:"SUBMITTED"`
		SubmittedAt time.Time `json:"submitted_at"`
	}
}

func (s *Service) submit(ctx context.Context, in *submitInput) (*submitOutput, error) {
	submitted, err := s.SubmitIdentity(ctx, httpapi.Actor(ctx), in.ID, in.Body.identity())
	if err != nil {
		return nil, err
	}
	out := &submitOutput{}
	out.Body.CustomerID, out.Body.KYCStatus = submitted.CustomerID, submitted.KYCStatus
	out.Body.SubmittedAt = submitted.SubmittedAt
	return out, nil
}
