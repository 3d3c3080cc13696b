package reconcilesvc_test

import (
	"flag"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/ledger/ledgersvc"
	"github.com/tenor-lending/tenor/ledger/reconcilesvc"
)

var update = flag.Bool("update", false, "write the answers of the examples anew")

// controller is who sends the examples: ids of entries are derived from it.
var controller = uuid.MustParse("3d6c0f1e-7a44-4a5b-9d57-2f1f0b6f6a10")

// TestExamplesAreTrue sends every example of the documentation to a real
// service, with books that have four payments, and compares the answers to the
// letter. Each operation has one, and each format of a bank's file.
func TestExamplesAreTrue(t *testing.T) {
	t.Parallel()
	examples := httpapitest.ReadExamples(t, "examples.json", *update)
	env := httpapitest.Env(t, "core", dbtest.New(t, "core"))
	now := time.Date(2026, time.March, 6, 9, 0, 0, 0, time.UTC)
	env.Now = func() time.Time { return now }
	ids := byte(0)
	env.NewID = func() uuid.UUID { ids++; return uuid.UUID{0: 0xa0, 3: ids, 6: 0x40, 8: 0x80} }
	own, err := reconcilesvc.New(env)
	if err != nil {
		t.Fatal(err)
	}
	books, err := ledgersvc.New(env)
	if err != nil {
		t.Fatal(err)
	}
	server := httpapitest.New(t, own)
	keeper := &desk{t: t, finance: httpapitest.New(t, books).As(controller, access.Finance)}
	keeper.openAccounts()
	for _, payment := range [][3]string{
		{"2026-03-03", "INV-1", "969.73"},
		{"2026-03-03", "INV-2", "100.00"},
		{"2026-03-04", "IVN-3", "151.00"},
		{"2026-03-05", "INV-5", "80.00"},
	} {
		whole := keeper.finance
		keeper.finance = whole.WithKey(payment[1])
		keeper.book(payment[0], payment[1], payment[2])
		keeper.finance = whole
	}
	client := server.As(controller, access.Finance)
	examples.AreTrue(func(int) *httpapitest.Client {
		now = now.Add(time.Minute)
		return client
	})
	api := httpapi.New(httpapi.Options{Title: "test", Version: "test"})
	own.Routes(api)
	examples.Cover(api, "ledger")
}
