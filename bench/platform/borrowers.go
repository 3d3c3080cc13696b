package platform

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/tenor-lending/tenor/internal/journey"
)

const (
	// borrowersMade have the loans of a run between them: registering takes a
	// hundred times as long as making a loan.
	borrowersMade = 32
	registrations = 4
)

// borrowers returns people who are registered, so that what the platform tells
// them has an address: without one each message is tried again and again.
func (p *platform) borrowers(ctx context.Context) ([]uuid.UUID, error) {
	if p.people != nil {
		return p.people, nil
	}
	people := make([]uuid.UUID, borrowersMade)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(registrations)
	for i := range people {
		group.Go(func() error {
			borrower, err := journey.Register(groupCtx, p.gateway, "Bench Borrower")
			if err != nil {
				return err
			}
			people[i], err = uuid.Parse(borrower.ID)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("registering borrowers: %w", err)
	}
	p.people = people
	return people, nil
}
