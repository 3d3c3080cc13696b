package activation

import (
	"flag"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

var update = flag.Bool("update", false, "write the answers of the examples anew")

// Ids of the examples: answers are compared to the letter.
var (
	exampleApplication = uuid.MustParse("7c1f5a0e-4d2b-4b1a-9a53-0d5f6f1e2a01")
	exampleCustomer    = uuid.MustParse("7c1f5a0e-4d2b-4b1a-9a53-0d5f6f1e2a02")
	exampleStaff       = uuid.MustParse("7c1f5a0e-4d2b-4b1a-9a53-0d5f6f1e2a03")
)

// TestExamplesAreTrue sends every example of the documentation to a real
// service: a version of a product, a loan of it in two tranches, and refusals.
func TestExamplesAreTrue(t *testing.T) {
	t.Parallel()
	examples := httpapitest.ReadExamples(t, "examples.json", *update)
	f := newFixture(t)
	now, ids := loandbtest.Now, byte(0)
	f.env.Now = func() time.Time { return now }
	f.env.NewID = func() uuid.UUID { ids++; return uuid.UUID{0: 0xb0, 6: 0x40, 8: 0x80, 15: ids} }
	terms := loandbtest.RBITerms(loandbtest.Date(t, "2026-01-15"))
	terms.Instalments = 3
	terms.Tranches = []amortization.Tranche{{Date: loandbtest.Date(t, "2026-02-01"), Amount: loandbtest.INR(500_000)}}
	signed := f.over(terms)
	signed.ApplicationID, signed.CustomerID, signed.Product = exampleApplication, exampleCustomer, "MICRO_LOAN"
	client := f.http.As(exampleStaff, access.Finance, access.System)
	const agreed, paidOut = 5, 7 // after the examples of products, and after that of a payout
	examples.AreTrue(func(i int) *httpapitest.Client {
		now = now.Add(time.Minute)
		switch i {
		case agreed:
			f.deliver(signed)
		case paidOut:
			f.payOut()
		}
		return client
	})
	api := httpapi.New(httpapi.Options{Title: "test", Version: "test"})
	f.component.Routes(api)
	examples.Cover(api, tag)
}
