package ledgersvc

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/ledger"
)

// echo answers with what was read, and with the amounts as the ledger gets them.
type echo struct {
	Body struct {
		Entries []batchEntry    `json:"entries"`
		Lines   [][]ledger.Line `json:"lines"`
	}
}

func echoOf(entries []batchEntry) *echo {
	out := &echo{}
	out.Body.Entries = entries
	for _, e := range entries {
		out.Body.Lines = append(out.Body.Lines, e.entry().Lines)
	}
	return out
}

// twin is a batch that Huma reads in its own way.
type twin struct {
	Body struct {
		Atomic  bool         `json:"atomic,omitempty"`
		Entries []batchEntry `json:"entries" minItems:"1" maxItems:"1000" nullable:"false"`
	}
}

const soundBatch = `{"atomic":true,"entries":[{"kind":"BANK_FEE","effective_date":"2026-03-01",` +
	`"booking_date":"2026-03-02","reference":"loan","description":"fee","metadata":{"statement":"2026-03"},` +
	`"linked":true,"lines":[{"account":"1000.INR","side":"DEBIT","amount":{"amount":"12.50","currency":"INR"}},` +
	`{"account":"cash","side":"CREDIT","amount":{"amount":"12.50","currency":"INR"}}]}]}`

var swaps = []string{
	"null", `""`, `"x"`, "12", "true", "{}", "[]", "{", "]", ",", "", `"DEBIT"`, `"debit"`, `"INR"`, `"inr"`, `"XQZ"`,
	`"2026-02-30"`, `"2026-3-1"`, `"A"`, `"_A"`, `"A9_"`, `"A-"`, `"1."`, `".5"`, `"1.23456"`, `"-1.00"`, `"+1"`,
	`"1e3"`, `"1234567890123456789"`, `"123456789012345678.1234"`, `"kind"`, `"Kind"`, `"entries"`, `"other"`,
	`"` + strings.Repeat("A", 41) + `"`, `"` + strings.Repeat("é", 60) + `"`, `"` + strings.Repeat("x", 101) + `"`,
	`"` + strings.Repeat("x", 501) + `"`, `"kind":"B","kind"`, `"reference":"r","reference"`, `"\u0041"`, "\"\xff\"",
}

// TestALargeBodyIsReadAsAnyOther holds that a batch which is read in one pass is
// answered as one that Huma reads in its own way.
func TestALargeBodyIsReadAsAnyOther(t *testing.T) {
	t.Parallel()
	api := httpapi.New(httpapi.Options{Title: "test", Version: "test"})
	op := httpapi.Op{Method: http.MethodPost, Access: httpapi.Public(), BodyBytes: entryBytesMax}
	op.ID, op.Path = "large", "/large"
	httpapi.Register(api, op, func(_ context.Context, in *batchInput) (*echo, error) {
		return echoOf(in.Body.Entries), nil
	})
	op.ID, op.Path = "twin", "/twin"
	httpapi.Register(api, op, func(_ context.Context, in *twin) (*echo, error) { return echoOf(in.Body.Entries), nil })
	twins := httpapitest.Twins{API: api, Type: "batchBody", Sound: soundBatch, Swaps: swaps}
	twins.AnswerAlike(t)
}
