package main

import (
	"context"
	"testing"

	"github.com/tenor-lending/tenor/internal/journey"
)

func TestLifecycle(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), flowTimeout)
	defer cancel()
	p, staff := startTestPlatform(t)
	borrower, id := borrowerWithCase(ctx, t, p, "Asha Rao")
	loan, err := journey.Originate(ctx, staff, borrower, id, illustrationTerms())
	must(t, err)
	t.Log(loan)
}
