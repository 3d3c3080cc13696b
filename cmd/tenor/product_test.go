package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/origination/application"
	"github.com/tenor-lending/tenor/servicing/activation"
)

// TestEveryProductOnOfferIsInTheCatalogue compares what can be applied for with
// what the catalogue of servicing knows: the packages do not know each other.
func TestEveryProductOnOfferIsInTheCatalogue(t *testing.T) {
	t.Parallel()
	var onOffer []string
	for _, product := range application.Products {
		onOffer = append(onOffer, product.Code)
	}
	slices.Sort(onOffer)
	if diff := cmp.Diff(onOffer, activation.ProductCodes); diff != "" {
		t.Errorf("(-on offer +in the catalogue):\n%s", diff)
	}
}
