package ledgersvc

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

func (s *Service) accountRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "open-gl-account", Method: http.MethodPost, Path: base + "/gl-accounts", Tag: tag, Access: writers,
		Idempotent: true, Status: http.StatusCreated, Summary: "Add a general ledger account",
		Description: "The heading under which accounts of every currency are summed. One that exists with the same " +
			"definition is left as it is.",
	}, s.openHeading)
	httpapi.Register(api, httpapi.Op{
		ID: "list-gl-accounts", Method: http.MethodGet, Path: base + "/gl-accounts", Tag: tag, Access: readers,
		Summary: "List the chart of accounts",
	}, s.listHeadings)
	httpapi.Register(api, httpapi.Op{
		ID: "open-account", Method: http.MethodPost, Path: base + "/accounts", Tag: tag, Access: writers,
		Idempotent: true, Status: http.StatusCreated, Summary: "Open an account",
		Description: "The code names the account for ever and decides its id. Type and normal side are those of the " +
			"general ledger account. A limit belongs to the account: no request can pass it. An account that exists with " +
			"the same definition is left as it is.",
	}, s.openAccount)
	httpapi.Register(api, httpapi.Op{
		ID: "list-accounts", Method: http.MethodGet, Path: base + "/accounts", Tag: tag, Access: readers,
		Summary: "List accounts",
		Description: "In the order of their codes. All conditions must hold. The cursor keeps the whole query, and can be " +
			"sent alone.",
	}, s.listAccounts)
	httpapi.Register(api, httpapi.Op{
		ID: "get-account", Method: http.MethodGet, Path: base + "/accounts/{account}", Tag: tag, Access: readers,
		Summary: "Read an account", Errors: []int{http.StatusNotFound},
	}, s.getAccount)
	httpapi.Register(api, httpapi.Op{
		ID: "close-account", Method: http.MethodPost, Path: base + "/accounts/{account}/close", Tag: tag, Access: writers,
		Idempotent: true, Summary: "Close an account", Errors: []int{http.StatusNotFound},
		Description: "Its balance must be zero. A closed account takes no further lines, not even of a reversal.",
	}, s.closeAccount)
	httpapi.Register(api, httpapi.Op{
		ID: "reopen-account", Method: http.MethodPost, Path: base + "/accounts/{account}/reopen", Tag: tag,
		Access: writers, Idempotent: true, Summary: "Open a closed account again", Errors: []int{http.StatusNotFound},
	}, s.reopenAccount)
	httpapi.Register(api, httpapi.Op{
		ID: "get-account-balance", Method: http.MethodGet, Path: base + "/accounts/{account}/balance", Tag: tag,
		Access: readers, Summary: "Read a balance at a pair of dates", Errors: []int{http.StatusNotFound},
		Description: "`effective` asks for what counts by the end of a day, `known_at` for what was recorded by an " +
			"instant; `snapshot` is the books as a statement or report had them, whatever was posted or back-dated since.",
	}, s.getBalance)
}

type headingBody struct {
	Code       string             `json:"code" minLength:"1" maxLength:"100" pattern:"^[A-Za-z0-9._:/-]+$" example:"1100" doc:"Names it for ever"`
	Name       string             `json:"name" minLength:"1" maxLength:"200" example:"Loan portfolio"`
	Type       ledger.AccountType `json:"type" enum:"ASSET,LIABILITY,EQUITY,INCOME,EXPENSE" example:"ASSET"`
	NormalSide ledger.Side        `json:"normal_side,omitempty" enum:"DEBIT,CREDIT" doc:"The side on which it grows; default: that of its type. A contra account has the other one"`
}

func headingOf(gl ledger.GLAccount) headingBody {
	return headingBody{Code: gl.Code, Name: gl.Name, Type: gl.Type, NormalSide: gl.NormalSide}
}

type headingInput struct{ Body headingBody }

type headingOutput struct{ Body headingBody }

func (s *Service) openHeading(ctx context.Context, in *headingInput) (*headingOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	gl := ledger.GLAccount{Code: in.Body.Code, Name: in.Body.Name, Type: in.Body.Type, NormalSide: in.Body.NormalSide}
	if gl.NormalSide == "" {
		gl.NormalSide = gl.Type.NormalSide()
	}
	result, err := s.OpenHeading(ctx, httpapi.Actor(ctx), key, gl)
	if err != nil {
		return nil, err
	}
	return &headingOutput{Body: headingOf(httpapi.Reply(ctx, result))}, nil
}

type headingsOutput struct {
	Body struct {
		Items []headingBody `json:"items" nullable:"false"`
	}
}

func (s *Service) listHeadings(ctx context.Context, _ *struct{}) (*headingsOutput, error) {
	list, err := read(ctx, s, func(tx database.Tx) ([]ledger.GLAccount, error) { return ledgerdb.Headings(ctx, tx) })
	if err != nil {
		return nil, err
	}
	out := &headingsOutput{}
	out.Body.Items = make([]headingBody, len(list))
	for i, gl := range list {
		out.Body.Items[i] = headingOf(gl)
	}
	return out, nil
}

type accountInput struct {
	Body struct {
		Code     string            `json:"code" minLength:"1" maxLength:"100" pattern:"^[A-Za-z0-9._:/-]+$" example:"1050.INR.bank-2" doc:"Names the account for ever and decides its id"`
		Name     string            `json:"name" minLength:"1" maxLength:"200" example:"Second bank, in suspense"`
		GLCode   string            `json:"gl_code" minLength:"1" maxLength:"100" example:"1050" doc:"General ledger account that it rolls up to"`
		Currency string            `json:"currency" pattern:"^[A-Z]{3}$" example:"INR" doc:"ISO 4217 alphabetic code"`
		Limit    ledger.Limit      `json:"limit,omitempty" enum:"NONE,DEBITS_MUST_NOT_EXCEED_CREDITS,CREDITS_MUST_NOT_EXCEED_DEBITS" default:"NONE" doc:"A bound that no entry can pass"`
		Metadata map[string]string `json:"metadata,omitempty" maxProperties:"20" example:"{\"bank\":\"second\"}"`
	}
}

type accountBody struct {
	ID         uuid.UUID          `json:"id" format:"uuid"`
	Code       string             `json:"code"`
	Name       string             `json:"name"`
	GLCode     string             `json:"gl_code"`
	Type       ledger.AccountType `json:"type" enum:"ASSET,LIABILITY,EQUITY,INCOME,EXPENSE"`
	NormalSide ledger.Side        `json:"normal_side" enum:"DEBIT,CREDIT"`
	Currency   string             `json:"currency"`
	Limit      ledger.Limit       `json:"limit" enum:"NONE,DEBITS_MUST_NOT_EXCEED_CREDITS,CREDITS_MUST_NOT_EXCEED_DEBITS"`
	Closed     bool               `json:"closed"`
	Metadata   map[string]string  `json:"metadata" nullable:"false"`
}

type accountOutput struct{ Body accountBody }

func accountOf(a ledger.Account) accountBody {
	metadata := a.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return accountBody{
		ID: a.ID(), Code: a.Code, Name: a.Name, GLCode: a.GLCode, Type: a.Type, NormalSide: a.NormalSide,
		Currency: a.Currency.Code(), Limit: a.Limit, Closed: a.Closed, Metadata: metadata,
	}
}

func (s *Service) openAccount(ctx context.Context, in *accountInput) (*accountOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	currency, err := money.ParseCurrency(in.Body.Currency)
	if err != nil {
		return nil, ledger.Reject(ledger.FieldInvalid, "currency", "must be an ISO 4217 currency")
	}
	headings, err := read(ctx, s, func(tx database.Tx) ([]ledger.GLAccount, error) { return ledgerdb.Headings(ctx, tx) })
	if err != nil {
		return nil, err
	}
	account := ledger.Account{
		Code: in.Body.Code, Name: in.Body.Name, GLCode: in.Body.GLCode, Currency: currency, Limit: in.Body.Limit,
		Metadata: in.Body.Metadata,
	}
	known := false
	for _, gl := range headings {
		if gl.Code == account.GLCode {
			account.Type, account.NormalSide, known = gl.Type, gl.NormalSide, true
		}
	}
	if !known {
		return nil, ledger.Reject(ledger.GLAccountUnknown, "gl_code", "names no general ledger account")
	}
	result, err := s.OpenAccount(ctx, httpapi.Actor(ctx), key, account)
	if err != nil {
		return nil, err
	}
	return &accountOutput{Body: accountOf(httpapi.Reply(ctx, result))}, nil
}

// AccountQuery says which accounts to list.
type AccountQuery struct {
	GLCode   string             `query:"gl_code" json:"gl_code,omitempty" maxLength:"100" doc:"Only accounts of this general ledger account"`
	Currency string             `query:"currency" json:"currency,omitempty" maxLength:"3" doc:"Only accounts in this currency"`
	Type     ledger.AccountType `query:"type" json:"type,omitempty" enum:"ASSET,LIABILITY,EQUITY,INCOME,EXPENSE" doc:"Only accounts of this type"`
	Closed   string             `query:"closed" json:"closed,omitempty" enum:"true,false" doc:"Only accounts that are closed, or that are open"`
	Prefix   string             `query:"prefix" json:"prefix,omitempty" maxLength:"100" example:"1100.INR." doc:"Only codes that begin so"`
	Metadata []string           `query:"metadata,explode" json:"metadata,omitempty" maxItems:"5" doc:"Only accounts with this pair, as key=value; may be repeated"`
}

type accountsInput struct {
	PageInput
	AccountQuery
}

type accountsOutput struct {
	Body struct {
		Items      []accountBody `json:"items" nullable:"false"`
		NextCursor string        `json:"next_cursor,omitempty"`
	}
}

func (s *Service) listAccounts(ctx context.Context, in *accountsInput) (*accountsOutput, error) {
	var at resume[AccountQuery, string]
	if err := at.open(in.Cursor, in.AccountQuery, 0); err != nil {
		return nil, err
	}
	q := at.Query
	metadata, err := pairsOf(q.Metadata)
	if err != nil {
		return nil, err
	}
	list, err := read(ctx, s, func(tx database.Tx) ([]ledger.Account, error) {
		return ledgerdb.ListAccounts(ctx, tx, ledgerdb.AccountFilter{
			GLCode: q.GLCode, Currency: q.Currency, Type: q.Type, Closed: q.Closed, Prefix: q.Prefix, Metadata: metadata,
			After: at.After, Limit: in.Limit,
		})
	})
	if err != nil {
		return nil, err
	}
	out := &accountsOutput{}
	out.Body.Items = make([]accountBody, len(list))
	for i, a := range list {
		out.Body.Items[i] = accountOf(a)
	}
	if len(list) == in.Limit {
		out.Body.NextCursor, err = at.next(list[len(list)-1].Code)
	}
	return out, err
}

func (s *Service) getAccount(ctx context.Context, in *AccountPath) (*accountOutput, error) {
	account, err := read(ctx, s, func(tx database.Tx) (ledger.Account, error) {
		return ledgerdb.Account(ctx, tx, in.id())
	})
	if err != nil {
		return nil, err
	}
	return &accountOutput{Body: accountOf(account)}, nil
}

func (s *Service) closeAccount(ctx context.Context, in *AccountPath) (*accountOutput, error) {
	return s.setClosed(ctx, in, true)
}

func (s *Service) reopenAccount(ctx context.Context, in *AccountPath) (*accountOutput, error) {
	return s.setClosed(ctx, in, false)
}

func (s *Service) setClosed(ctx context.Context, in *AccountPath, closed bool) (*accountOutput, error) {
	key, err := httpapi.Key(ctx, in)
	if err != nil {
		return nil, err
	}
	result, err := s.SetClosed(ctx, httpapi.Actor(ctx), key, in.id(), closed)
	if err != nil {
		return nil, err
	}
	return &accountOutput{Body: accountOf(httpapi.Reply(ctx, result))}, nil
}

// BalanceBody is a balance in an answer.
type BalanceBody struct {
	AccountID uuid.UUID     `json:"account_id" format:"uuid"`
	Account   string        `json:"account" example:"1000.INR"`
	Debits    httpapi.Money `json:"debits" doc:"Total of all debits"`
	Credits   httpapi.Money `json:"credits" doc:"Total of all credits"`
	Balance   httpapi.Money `json:"balance" doc:"Their difference, positive on the account's normal side"`
}

func balanceOf(code string, b ledger.Balance) BalanceBody {
	return BalanceBody{
		AccountID: b.AccountID, Account: code, Debits: httpapi.MoneyOf(b.Debits), Credits: httpapi.MoneyOf(b.Credits),
		Balance: httpapi.MoneyOf(b.Net),
	}
}

type balanceInput struct {
	AccountPath
	AtInput
}

type fullBalance struct {
	BalanceBody
	PendingDebits  httpapi.Money `json:"pending_debits" doc:"Of open pending entries, now"`
	PendingCredits httpapi.Money `json:"pending_credits" doc:"Of open pending entries, now"`
	Available      httpapi.Money `json:"available" doc:"The balance less what is pending against it"`
}

type balanceOutput struct{ Body fullBalance }

func (s *Service) getBalance(ctx context.Context, in *balanceInput) (*balanceOutput, error) {
	body, err := read(ctx, s, func(tx database.Tx) (fullBalance, error) {
		account, err := ledgerdb.Account(ctx, tx, in.id())
		if err != nil {
			return fullBalance{}, err
		}
		view, err := ledgerdb.ViewAt(ctx, tx, in.Snapshot, in.Known)
		if err != nil {
			return fullBalance{}, err
		}
		balance, err := view.Balance(ctx, tx, account, ledgerdb.At{Effective: in.Effective})
		if err != nil {
			return fullBalance{}, err
		}
		debits, credits, err := ledgerdb.PendingOn(ctx, tx, account, s.env.Now())
		if err != nil {
			return fullBalance{}, err
		}
		available, err := balance.Available(account.NormalSide, debits, credits)
		return fullBalance{
			BalanceBody: balanceOf(account.Code, balance), PendingDebits: httpapi.MoneyOf(debits),
			PendingCredits: httpapi.MoneyOf(credits), Available: httpapi.MoneyOf(available),
		}, err
	})
	if err != nil {
		return nil, err
	}
	return &balanceOutput{Body: body}, nil
}
