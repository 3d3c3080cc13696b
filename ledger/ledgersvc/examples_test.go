package ledgersvc_test

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
)

var update = flag.Bool("update", false, "write the answers of the examples anew")

// controller is who sends the examples. Ids of entries are derived from it and
// from the key of the request, so that answers can be compared to the letter.
var controller = uuid.MustParse("3d6c0f1e-7a44-4a5b-9d57-2f1f0b6f6a10")

// TestExamplesAreTrue sends every example of the documentation to a real
// service, in their order and with a clock that stands still during a request,
// and compares status and answer to the letter. Each operation has one.
func TestExamplesAreTrue(t *testing.T) {
	t.Parallel()
	examples := httpapitest.ReadExamples(t, "examples.json", *update)
	env := httpapitest.Env(t, "core", dbtest.New(t, "core"))
	now := time.Date(2026, time.March, 6, 9, 0, 0, 0, time.UTC)
	env.Now = func() time.Time { return now }
	ids := byte(0)
	env.NewID = func() uuid.UUID { ids++; return uuid.UUID{0: 0xa0, 6: 0x40, 8: 0x80, 15: ids} }
	component, err := ledgersvc.New(env)
	if err != nil {
		t.Fatal(err)
	}
	client := httpapitest.New(t, component).As(controller, access.Finance)
	examples.AreTrue(func(int) *httpapitest.Client {
		now = now.Add(time.Minute)
		return client
	})
	api := httpapi.New(httpapi.Options{Title: "test", Version: "test"})
	component.Routes(api)
	examples.Cover(api, "ledger")
}
