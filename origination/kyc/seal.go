package kyc

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/privacy"
)

func notePlace(application uuid.UUID) string { return "kyc.note:" + application.String() }

func notesPlace(application uuid.UUID, check CheckName) string {
	return "kyc.notes:" + application.String() + ":" + string(check)
}

// keyOf returns the applicant's key, made when it is first needed.
func (s *Service) keyOf(ctx context.Context, tx database.Tx, customer uuid.UUID) (*privacy.SubjectKey, error) {
	wrapped, err := readKey(ctx, tx, customer)
	if err != nil {
		return nil, err
	}
	if wrapped == "" {
		wrapped, err = s.newKey(ctx, tx, customer)
	}
	if err != nil {
		return nil, err
	}
	return s.keyring.SubjectKey(customer.String(), wrapped)
}

// newKey makes a key and returns it wrapped, or the one that another
// transaction has just made.
func (s *Service) newKey(ctx context.Context, tx database.Tx, customer uuid.UUID) (string, error) {
	_, wrapped, err := s.keyring.NewSubjectKey(customer.String())
	if err != nil {
		return "", fmt.Errorf("making key of %s: %w", customer, err)
	}
	first, err := insertKey(ctx, tx, customer, wrapped)
	if err != nil || first {
		return wrapped, err
	}
	return readKey(ctx, tx, customer)
}

// sealedTexts are what the notes of a page of reviews are opened with.
type sealedTexts struct {
	keys  map[uuid.UUID]string // by customer, wrapped
	notes map[noteOf]string
}

type noteOf struct {
	application uuid.UUID
	check       CheckName
}

// openNotes fills in the notes of a review. Without the person's key, which
// erasure destroys, they stay empty.
func (s *Service) openNotes(r *Review, texts sealedTexts) error {
	wrapped := texts.keys[r.CustomerID]
	if wrapped == "" {
		return nil
	}
	key, err := s.keyring.SubjectKey(r.CustomerID.String(), wrapped)
	if err != nil {
		return fmt.Errorf("opening notes on %s: %w", r.ApplicationID, err)
	}
	for i, check := range r.Checks {
		text := texts.notes[noteOf{r.ApplicationID, check.Name}]
		if r.Checks[i].Notes, err = key.Open(text, notesPlace(r.ApplicationID, check.Name)); err != nil {
			return fmt.Errorf("opening notes on %s: %w", r.ApplicationID, err)
		}
	}
	return nil
}
