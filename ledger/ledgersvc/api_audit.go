package ledgersvc

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/ledgerexport"
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
			"plain-text accounting tools, which come to the same balances. It is of one snapshot of the books, which the " +
			"header `Tenor-Snapshot` names. Streamed: a transfer that breaks off is incomplete.",
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
	Format string `query:"format" enum:"csv,jsonl,hledger,beancount" default:"csv"`
	EntryQuery
}

// exportPageTimeout is how long the client may take for one page of the export.
const exportPageTimeout = time.Minute

func (s *Service) exportJournal(ctx context.Context, in *exportInput) (*huma.StreamResponse, error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	if err := s.pin(ctx, &filter.Snapshot); err != nil {
		return nil, err
	}
	form, _ := ledgerexport.Find(in.Format) // the schema allows those names only
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", form.ContentType)
		ctx.SetHeader("Content-Disposition", `attachment; filename="journal.`+form.Extension+`"`)
		ctx.SetHeader("Tenor-Snapshot", strconv.FormatInt(filter.Snapshot, 10))
		patience := func() error { return httpapi.ExtendWrite(ctx, exportPageTimeout) }
		err := patience()
		if err == nil {
			err = form.Write(ctx.Context(), s.env.DB, ctx.BodyWriter(), filter, patience)
		}
		if err != nil {
			s.env.Log.WarnContext(ctx.Context(), "export broke off", "error", err)
			panic(http.ErrAbortHandler) // the status is sent: only a broken transfer can still tell the client
		}
	}}, nil
}
