package repayment

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
)

// echo answers with what was read, and with the payments as the service gets them.
type echo struct {
	Body struct {
		Items    []batchItem  `json:"items"`
		Payments []NewPayment `json:"payments"`
	}
}

func echoOf(items []batchItem) *echo {
	out := &echo{}
	out.Body.Items = items
	for i := range items {
		out.Body.Payments = append(out.Body.Payments, items[i].payment())
	}
	return out
}

// twin is a batch that Huma reads in its own way.
type twin struct {
	Body struct {
		Payments []batchItem `json:"payments" minItems:"1" maxItems:"10000" nullable:"false"`
	}
}

const soundBatch = `{"payments":[{"idempotency_key":"one","loan_id":"3c8025ad-549d-4186-98cb-8e25cd8b5764",` +
	`"amount":{"amount":"12.50","currency":"INR"},"kind":"NORMAL","value_date":"2026-03-01",` +
	`"quote_id":"b1ef640b-f02a-4825-af27-7da733c4e185","channel":"UPI","reference":"UTR 1"},` +
	`{"idempotency_key":"two","loan_id":"3c8025ad-549d-4186-98cb-8e25cd8b5764",` +
	`"amount":{"amount":"7.00","currency":"INR"},"channel":"CASH"}]}`

var swaps = []string{
	"null", `""`, `"x"`, "12", "true", "{}", "[]", "{", "]", ",", "", `"PAYOFF"`, `"payoff"`, `"CARD"`, `"card"`, `"INR"`,
	`"XQZ"`, `"2026-02-30"`, `"2026-3-1"`, `"1."`, `"1.234"`, `"-1.00"`, `"1e3"`, `"1234567890123456789"`, `"Kind"`,
	`"kind"`, `"00000000-0000-0000-0000-000000000000"`, `"urn:uuid:3c8025ad-549d-4186-98cb-8e25cd8b5764"`,
	`"reference"`, `"other"`,
	`"3c8025ad549d418698cb8e25cd8b5764"`, `"{3c8025ad-549d-4186-98cb-8e25cd8b5764}"`, `"3c8025ad-549d-4186-98cb"`,
	`"` + strings.Repeat("x", 65) + `"`, `"` + strings.Repeat("x", 256) + `"`, `"é"`, `"a_b"`, `"a,b"`, `"kind":"","kind"`,
	`"reference":"","reference"`, `"\u0041"`, `"\n"`, "\"\xff\"", `"loan_id":"x","loan_id"`,
}

// TestABatchIsReadAsAnyOtherBody holds that payments which are read in one pass
// are answered as those that Huma reads in its own way.
func TestABatchIsReadAsAnyOtherBody(t *testing.T) {
	t.Parallel()
	api := httpapi.New(httpapi.Options{Title: "test", Version: "test"})
	op := httpapi.Op{Method: http.MethodPost, Access: httpapi.Public(), BodyBytes: batchBytesMax}
	op.ID, op.Path = "large", "/large"
	httpapi.Register(api, op, func(_ context.Context, in *batchInput) (*echo, error) {
		return echoOf(in.Body.Payments), nil
	})
	op.ID, op.Path = "twin", "/twin"
	httpapi.Register(api, op, func(_ context.Context, in *twin) (*echo, error) { return echoOf(in.Body.Payments), nil })
	twins := httpapitest.Twins{API: api, Type: "batchRequest", Sound: soundBatch, Swaps: swaps}
	twins.AnswerAlike(t)
}
