package ledgersvc

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

func (s *Service) auditRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "get-chain-head", Method: http.MethodGet, Path: base + "/chain", Tag: tag, Access: readers,
		Summary: "Read the head of the hash chain",
		Description: "Keep it outside of this system: given back to the verification, it proves that nothing that was " +
			"sealed before it has been changed, removed or replaced since.",
	}, s.chainHead)
	httpapi.Register(api, httpapi.Op{
		ID: "verify-chain", Method: http.MethodGet, Path: base + "/chain/verification", Tag: tag,
		Access: httpapi.Allow(access.Finance, access.Admin), Summary: "Verify the journal against its hash chain",
		Description: "Reads the whole journal and recomputes every hash. Names the first row that is not as it was posted.",
	}, s.verifyChain)
	httpapi.Register(api, httpapi.Op{
		ID: "export-journal", Method: http.MethodGet, Path: base + "/export", Tag: tag, Access: readers,
		Summary: "Export the journal",
		Description: "`csv` has a row per line, `jsonl` an entry per line; `hledger` and `beancount` are journals of these " +
			"plain-text accounting tools, which come to the same balances. Streamed: a transfer that breaks off is incomplete.",
	}, s.exportJournal)
}

type chainBody struct {
	Seq  int64  `json:"seq" doc:"Number of sealed batches"`
	Hash string `json:"hash" doc:"SHA-256 in hexadecimal; empty when nothing is sealed yet"`
}

type chainOutput struct{ Body chainBody }

func (s *Service) chainHead(ctx context.Context, _ *struct{}) (*chainOutput, error) {
	head, err := read(ctx, s, func(tx database.Tx) (ledgerdb.ChainHead, error) { return ledgerdb.Head(ctx, tx) })
	if err != nil {
		return nil, err
	}
	return &chainOutput{Body: chainBody{Seq: head.Seq, Hash: hex.EncodeToString(head.Hash)}}, nil
}

type verifyInput struct {
	Seq  int64  `query:"seq" minimum:"0" doc:"seq of a head that was kept"`
	Hash string `query:"hash" maxLength:"64" pattern:"^([0-9a-f]{64})?$" doc:"hash of the same head"`
}

type verifyOutput struct {
	Body struct {
		Intact  bool       `json:"intact"`
		Head    chainBody  `json:"head" doc:"As far as it was verified"`
		Entries int64      `json:"entries" doc:"Verified entries"`
		Lines   int64      `json:"lines" doc:"Verified lines"`
		Batch   int64      `json:"batch,omitempty" doc:"Place in the chain of the batch at fault"`
		Entry   *uuid.UUID `json:"entry,omitempty" format:"uuid" doc:"Entry or account at fault"`
		Fault   string     `json:"fault,omitempty" doc:"What does not fit"`
	}
}

func (s *Service) verifyChain(ctx context.Context, in *verifyInput) (*verifyOutput, error) {
	var kept *ledgerdb.ChainHead
	if in.Seq > 0 {
		hash, err := hex.DecodeString(in.Hash)
		if err != nil {
			return nil, ledger.Reject(ledger.FieldInvalid, "hash", "must be hexadecimal")
		}
		kept = &ledgerdb.ChainHead{Seq: in.Seq, Hash: hash}
	}
	verified, err := ledgerdb.Verify(ctx, s.env.DB, kept)
	out := &verifyOutput{}
	var tampered *ledgerdb.Tampered
	switch {
	case err == nil:
		out.Body.Intact = true
	case errors.As(err, &tampered):
		s.env.Log.ErrorContext(ctx, "the journal was changed", "error", err)
		out.Body.Batch, out.Body.Fault = tampered.Seq, tampered.What
		if tampered.Entry != uuid.Nil {
			out.Body.Entry = &tampered.Entry
		}
	default:
		return nil, err
	}
	out.Body.Head = chainBody{Seq: verified.Head.Seq, Hash: hex.EncodeToString(verified.Head.Hash)}
	out.Body.Entries, out.Body.Lines = verified.Entries, verified.Lines
	return out, nil
}

type exportInput struct {
	Format    string     `query:"format" enum:"csv,jsonl,hledger,beancount" default:"csv"`
	From      civil.Date `query:"from" format:"date" doc:"First effective date"`
	To        civil.Date `query:"to" format:"date" doc:"Last effective date"`
	Known     time.Time  `query:"known_at" format:"date-time" doc:"Leaves out what was recorded later; default: now"`
	Reference string     `query:"reference" maxLength:"100" doc:"Only entries about this object, such as a loan id"`
}

func (s *Service) exportJournal(_ context.Context, in *exportInput) (*huma.StreamResponse, error) {
	form := formats[in.Format]
	if in.Known.IsZero() {
		in.Known = s.env.Now()
	}
	filter := ledgerdb.EntryFilter{From: in.From, To: in.To, Known: in.Known, Reference: in.Reference}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", form.contentType)
		ctx.SetHeader("Content-Disposition", `attachment; filename="journal.`+form.extension+`"`)
		err := s.export(ctx.Context(), ctx.BodyWriter(), form, filter)
		if err != nil {
			s.env.Log.WarnContext(ctx.Context(), "export broke off", "error", err)
			panic(http.ErrAbortHandler) // the status is sent: only a broken transfer can still tell the client
		}
	}}, nil
}
