package reconcilesvc

import (
	"context"
	"io"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/bankfile"
	"github.com/tenor-lending/tenor/ledger/reconcile"
	"github.com/tenor-lending/tenor/ledger/reconciledb"
)

const pathStatements = base + "/statements"

func (s *Service) importRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "save-csv-mapping", Method: http.MethodPut, Path: base + "/csv-mappings/{name}", Tag: tag, Access: writers,
		Summary:     "Declare the form of a bank's CSV files",
		Description: "Another content adds a version; the latest one holds for imports.",
	}, s.saveMapping)
	httpapi.Register(api, httpapi.Op{
		ID: "get-csv-mapping", Method: http.MethodGet, Path: base + "/csv-mappings/{name}", Tag: tag, Access: readers,
		Summary: "Read a CSV mapping", Errors: []int{http.StatusNotFound},
	}, s.getMapping)
	httpapi.Register(api, httpapi.Op{
		ID: "save-reconciliation-rules", Method: http.MethodPut, Path: base + "/rule-sets/{name}", Tag: tag, Access: writers,
		Summary:     "Declare the rules by which lines are matched",
		Description: "Rules are tried in their order. Another content adds a version; the latest one holds for runs.",
	}, s.saveRules)
	httpapi.Register(api, httpapi.Op{
		ID: "get-reconciliation-rules", Method: http.MethodGet, Path: base + "/rule-sets/{name}", Tag: tag, Access: readers,
		Summary:     "Read a rule set",
		Description: "Until one is saved under it, the name `default` has built-in rules, version 0.",
		Errors:      []int{http.StatusNotFound},
	}, s.getRules)
	httpapi.Register(api, httpapi.Op{
		ID: "import-bank-statement", Method: http.MethodPost, Path: pathStatements, Tag: tag, Access: writers,
		Idempotent: true, BodyBytes: bankfile.BytesMax, Summary: "Import a bank's file",
		Description: "The body is the file itself: CSV of a declared form, camt.053 or MT940, at most 64 MiB and 250,000 " +
			"lines. It is imported as a whole or not at all; a fault names the place in the file and the field. Opening " +
			"balance and lines must make the closing balance. The same file, or another one with the same lines, again has " +
			"no effect and answers `duplicate`.",
		Errors: []int{http.StatusNotFound, http.StatusRequestEntityTooLarge},
	}, s.importFile)
	describeFile(api)
	httpapi.Register(api, httpapi.Op{
		ID: "list-bank-statements", Method: http.MethodGet, Path: pathStatements, Tag: tag, Access: readers,
		Summary: "List imported bank statements, the latest first",
	}, s.listStatements)
	httpapi.Register(api, httpapi.Op{
		ID: "list-bank-lines", Method: http.MethodGet, Path: base + "/bank-lines", Tag: tag, Access: readers,
		Summary: "List the lines of bank statements by booking date",
	}, s.listLines)
}

// describeFile documents the body, which is not JSON.
func describeFile(api *httpapi.API) {
	content := map[string]*huma.MediaType{}
	for _, kind := range []string{"text/csv", "application/xml", "text/plain"} {
		content[kind] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	api.Huma().OpenAPI().Paths[pathStatements].Post.RequestBody = &huma.RequestBody{Required: true, Content: content}
}

// NamePath names a declaration in a path.
type NamePath struct {
	Name string `path:"name" minLength:"1" maxLength:"60" pattern:"^[A-Za-z0-9._-]+$" example:"default"`
}

// VersionBody says which version of a declaration it is.
type VersionBody struct {
	Name       string     `json:"name"`
	Version    int64      `json:"version" doc:"0 means built in"`
	RecordedAt *time.Time `json:"recorded_at,omitempty"`
	RecordedBy string     `json:"recorded_by,omitempty"`
}

func versionOf(c reconciledb.Config) VersionBody {
	body := VersionBody{Name: c.Name, Version: c.Version, RecordedBy: c.RecordedBy}
	if !c.RecordedAt.IsZero() {
		body.RecordedAt = &c.RecordedAt
	}
	return body
}

type saveMappingInput struct {
	NamePath
	Body bankfile.Mapping
}

type versionOutput struct{ Body VersionBody }

func (s *Service) saveMapping(ctx context.Context, in *saveMappingInput) (*versionOutput, error) {
	config, err := s.SaveMapping(ctx, httpapi.Actor(ctx), in.Name, in.Body)
	if err != nil {
		return nil, err
	}
	return &versionOutput{versionOf(config)}, nil
}

type mappingOutput struct {
	Body struct {
		VersionBody
		Mapping bankfile.Mapping `json:"mapping"`
	}
}

func (s *Service) getMapping(ctx context.Context, in *NamePath) (*mappingOutput, error) {
	out := &mappingOutput{}
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		config, err := reconciledb.LoadConfig(ctx, tx, reconciledb.CSV, in.Name, 0, &out.Body.Mapping)
		out.Body.VersionBody = versionOf(config)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

type saveRulesInput struct {
	NamePath
	Body reconcile.RuleSet
}

func (s *Service) saveRules(ctx context.Context, in *saveRulesInput) (*versionOutput, error) {
	config, err := s.SaveRules(ctx, httpapi.Actor(ctx), in.Name, in.Body)
	if err != nil {
		return nil, err
	}
	return &versionOutput{versionOf(config)}, nil
}

type rulesOutput struct {
	Body struct {
		VersionBody
		RuleSet reconcile.RuleSet `json:"rule_set"`
	}
}

func (s *Service) getRules(ctx context.Context, in *NamePath) (*rulesOutput, error) {
	out := &rulesOutput{}
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		set, version, err := rules(ctx, tx, in.Name)
		out.Body.RuleSet, out.Body.Name, out.Body.Version = set, in.Name, version
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

type importInput struct {
	AccountQuery
	Format  bankfile.Format     `query:"format" required:"true" enum:"CSV,CAMT053,MT940" example:"CAMT053"`
	Mapping string              `query:"mapping" maxLength:"60" example:"house-bank" doc:"Name of the mapping of a CSV file"`
	Opening string              `query:"opening_balance" maxLength:"32" example:"1000.00" doc:"Of a CSV file that does not state it"`
	Closing string              `query:"closing_balance" maxLength:"32" example:"1500.00"`
	Overlap reconciledb.Overlap `query:"overlap" enum:"REFUSE,SKIP,KEEP" default:"REFUSE" doc:"When some lines were imported before and others not: import none, only the new ones, or all as different lines"`
	body    io.Reader
}

// Resolve implements huma.Resolver: it keeps the body unread.
func (in *importInput) Resolve(ctx huma.Context) []error {
	in.body = ctx.BodyReader()
	return nil
}

type importOutput struct {
	Status int
	Body   struct {
		Statements []uuid.UUID `json:"statements" nullable:"false" doc:"Ids of the statements that the file has"`
		New        int         `json:"new_lines"`
		Known      int         `json:"known_lines" doc:"Lines that were imported before"`
		Duplicate  bool        `json:"duplicate" doc:"Nothing was done: all of it was imported before"`
	}
}

func (s *Service) importFile(ctx context.Context, in *importInput) (*importOutput, error) {
	input := FileInput{
		Account: in.id(), Format: in.Format, Mapping: in.Mapping, Opening: in.Opening, Closing: in.Closing,
		Overlap: in.Overlap,
	}
	file, err := s.ReadFile(ctx, input, in.body)
	if err != nil {
		return nil, bodyBound(err)
	}
	key, err := httpapi.Key(ctx, struct {
		Input FileInput
		File  string
	}{input, file.Name()})
	if err != nil {
		return nil, err
	}
	result, err := s.Import(ctx, httpapi.Actor(ctx), key, input, file)
	if err != nil {
		return nil, err
	}
	imported := httpapi.Reply(ctx, result)
	out := &importOutput{Status: http.StatusCreated}
	if imported.Duplicate {
		out.Status = http.StatusOK
	}
	out.Body.Statements, out.Body.New, out.Body.Known = imported.Statements, imported.New, imported.Known
	out.Body.Duplicate = imported.Duplicate
	return out, nil
}

type statementBody struct {
	ID          uuid.UUID       `json:"id" format:"uuid"`
	Format      bankfile.Format `json:"format" enum:"CSV,CAMT053,MT940"`
	BankAccount string          `json:"bank_account,omitempty" doc:"The account's number as the file says it"`
	Reference   string          `json:"reference,omitempty" doc:"The statement's name at the bank"`
	From        civil.Date      `json:"from" format:"date"`
	To          civil.Date      `json:"to" format:"date"`
	Opening     httpapi.Money   `json:"opening_balance"`
	Closing     httpapi.Money   `json:"closing_balance"`
	Stated      bool            `json:"balances_stated" doc:"False for a CSV file without balances: the opening balance is then zero"`
	Lines       int64           `json:"lines"`
	ImportedAt  time.Time       `json:"imported_at"`
	ImportedBy  string          `json:"imported_by"`
}

type statementsInput struct {
	httpapi.PageInput
	AccountQuery
}

type statementsOutput struct {
	Body struct {
		Items      []statementBody `json:"items" nullable:"false"`
		NextCursor string          `json:"next_cursor,omitempty"`
	}
}

func (s *Service) listStatements(ctx context.Context, in *statementsInput) (*statementsOutput, error) {
	var before reconciledb.Position
	if err := httpapi.DecodeCursor(in.Cursor, &before); err != nil {
		return nil, err
	}
	list, err := read(ctx, s, in.id(), func(tx database.Tx, a ledger.Account) ([]reconciledb.Statement, error) {
		return reconciledb.Statements(ctx, tx, a, before, in.Limit)
	})
	if err != nil {
		return nil, err
	}
	out := &statementsOutput{}
	out.Body.Items = make([]statementBody, len(list))
	for i, st := range list {
		out.Body.Items[i] = statementBody{
			ID: st.ID, Format: st.Format, BankAccount: st.BankAccount, Reference: st.Reference, From: st.First, To: st.Last,
			Opening: httpapi.MoneyOf(st.Opening), Closing: httpapi.MoneyOf(st.Closing), Stated: st.Stated, Lines: st.Lines,
			ImportedAt: st.RecordedAt, ImportedBy: st.RecordedBy,
		}
	}
	if len(list) == in.Limit {
		last := list[len(list)-1]
		out.Body.NextCursor, err = httpapi.EncodeCursor(reconciledb.Position{Day: last.Last, ID: last.ID})
	}
	return out, err
}

type bankLineBody struct {
	ID            uuid.UUID     `json:"id" format:"uuid"`
	StatementID   uuid.UUID     `json:"statement_id" format:"uuid"`
	Place         string        `json:"place" example:"line[17]" doc:"Where in the file it is"`
	BookingDate   civil.Date    `json:"booking_date" format:"date"`
	ValueDate     civil.Date    `json:"value_date" format:"date"`
	Amount        httpapi.Money `json:"amount" doc:"Positive when money came in"`
	Reference     string        `json:"reference,omitempty"`
	BankReference string        `json:"bank_reference,omitempty"`
	Counterparty  string        `json:"counterparty,omitempty"`
	Text          string        `json:"text,omitempty"`
	MatchID       *uuid.UUID    `json:"match_id,omitempty" format:"uuid" doc:"The match that it belongs to"`
}

func bankLineOf(l reconciledb.BankLine) bankLineBody {
	body := bankLineBody{
		ID: l.ID, StatementID: l.StatementID, Place: l.Place, BookingDate: l.BookingDate, ValueDate: l.ValueDate,
		Amount: httpapi.MoneyOf(l.Amount), Reference: l.Reference, BankReference: l.BankReference,
		Counterparty: l.Counterparty, Text: l.Text,
	}
	if l.MatchID != uuid.Nil {
		body.MatchID = &l.MatchID
	}
	return body
}

type linesInput struct {
	httpapi.PageInput
	AccountQuery
	Days
	Unmatched bool `query:"unmatched" doc:"Only lines that belong to no match"`
}

type linesOutput struct {
	Body struct {
		Items      []bankLineBody `json:"items" nullable:"false"`
		NextCursor string         `json:"next_cursor,omitempty"`
	}
}

func (s *Service) listLines(ctx context.Context, in *linesInput) (*linesOutput, error) {
	filter := reconciledb.LineFilter{From: in.From, To: in.To, Unmatched: in.Unmatched, Limit: in.Limit}
	if err := httpapi.DecodeCursor(in.Cursor, &filter.After); err != nil {
		return nil, err
	}
	list, err := read(ctx, s, in.id(), func(tx database.Tx, a ledger.Account) ([]reconciledb.BankLine, error) {
		return reconciledb.BankLines(ctx, tx, a, filter)
	})
	if err != nil {
		return nil, err
	}
	out := &linesOutput{}
	out.Body.Items = make([]bankLineBody, len(list))
	for i, l := range list {
		out.Body.Items[i] = bankLineOf(l)
	}
	if len(list) == in.Limit {
		last := list[len(list)-1]
		out.Body.NextCursor, err = httpapi.EncodeCursor(reconciledb.Position{Day: last.BookingDate, ID: last.ID})
	}
	return out, err
}
