package customer

import (
	"encoding/json"
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/privacy"
)

// profileDoc is a profile as it is sealed: the one place besides identityDoc
// where personal data are plain text, and never for longer than a call.
type profileDoc struct {
	Email       string     `json:"email"`
	Phone       string     `json:"phone"`
	Name        string     `json:"name"`
	DateOfBirth civil.Date `json:"date_of_birth"`
}

// identityDoc is identity data as it is sealed.
type identityDoc struct {
	IDKind, IDNumber, IDCountry            string
	Line1, Line2, City, Region, PostalCode string
	Country, Nationality                   string
	Occupation, Employment, Employer       string
}

func profilePlace(id uuid.UUID) string  { return "customer.profile:" + id.String() }
func identityPlace(id uuid.UUID) string { return "customer.identity:" + id.String() }

func profileOf(r Registration) profileDoc {
	return profileDoc{
		Email: r.Email.Reveal(), Phone: r.Phone.Reveal(), Name: r.Name.Reveal(), DateOfBirth: r.DateOfBirth,
	}
}

func identityDocOf(i Identity) identityDoc {
	return identityDoc{
		IDKind: i.NationalID.Kind.Reveal(), IDNumber: i.NationalID.Number.Reveal(),
		IDCountry: i.NationalID.Country.Reveal(),
		Line1:     i.Address.Line1.Reveal(), Line2: i.Address.Line2.Reveal(), City: i.Address.City.Reveal(),
		Region: i.Address.Region.Reveal(), PostalCode: i.Address.PostalCode.Reveal(),
		Country: i.Address.Country.Reveal(), Nationality: i.Nationality.Reveal(),
		Occupation: i.Occupation.Reveal(), Employment: i.Employment.Reveal(), Employer: i.Employer.Reveal(),
	}
}

func (d identityDoc) identity() *Identity {
	return &Identity{
		NationalID: NationalID{
			Kind: privacy.Text(d.IDKind), Number: privacy.Text(d.IDNumber), Country: privacy.Text(d.IDCountry),
		},
		Address: Address{
			Line1: privacy.Text(d.Line1), Line2: privacy.Text(d.Line2), City: privacy.Text(d.City),
			Region: privacy.Text(d.Region), PostalCode: privacy.Text(d.PostalCode), Country: privacy.Text(d.Country),
		},
		Nationality: privacy.Text(d.Nationality), Occupation: privacy.Text(d.Occupation),
		Employment: privacy.Text(d.Employment), Employer: privacy.Text(d.Employer),
	}
}

func sealJSON(key *privacy.SubjectKey, doc any, place string) (string, error) {
	plain, err := json.Marshal(doc)
	if err != nil {
		return "", err
	}
	return key.Seal(privacy.Text(plain), place)
}

func openJSON(key *privacy.SubjectKey, text, place string, doc any) error {
	plain, err := key.Open(text, place)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(plain.Reveal()), doc)
}

// keyOf unwraps the key of the person behind a row, or returns ErrErased.
func (s *Service) keyOf(r row) (*privacy.SubjectKey, error) {
	if r.WrappedKey == "" {
		return nil, fmt.Errorf("%w: %s", ErrErased, r.ID)
	}
	return s.keyring.SubjectKey(r.ID.String(), r.WrappedKey)
}

func (s *Service) sealIdentity(r row, data Identity) (string, error) {
	key, err := s.keyOf(r)
	if err != nil {
		return "", err
	}
	return sealJSON(key, identityDocOf(data), identityPlace(r.ID))
}

// open reads a row with the person's key.
func (s *Service) open(r row) (Profile, error) {
	key, err := s.keyOf(r)
	if err != nil {
		return Profile{}, err
	}
	var doc profileDoc
	if err := openJSON(key, r.Profile, profilePlace(r.ID), &doc); err != nil {
		return Profile{}, fmt.Errorf("opening profile of %s: %w", r.ID, err)
	}
	profile := Profile{
		CustomerID: r.ID, Email: privacy.Text(doc.Email), Phone: privacy.Text(doc.Phone), Name: privacy.Text(doc.Name),
		DateOfBirth: doc.DateOfBirth, KYCStatus: r.KYCStatus, RegisteredAt: r.RegisteredAt,
		KYCSubmittedAt: r.KYCSubmittedAt,
	}
	if r.Identity == "" {
		return profile, nil
	}
	var identity identityDoc
	if err := openJSON(key, r.Identity, identityPlace(r.ID), &identity); err != nil {
		return Profile{}, fmt.Errorf("opening identity data of %s: %w", r.ID, err)
	}
	profile.Identity = identity.identity()
	return profile, nil
}
