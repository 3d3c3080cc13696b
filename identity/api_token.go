package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

const (
	tokenPath              = "/api/v1/oauth/token"
	grantClientCredentials = "client_credentials"
	formType               = "application/x-www-form-urlencoded"
	formBytesMax           = 8 << 10
)

func (k SigningKey) public() jwk {
	return jwk{
		KeyType: "OKP", Curve: "Ed25519", Use: "sig", Algorithm: "EdDSA", KeyID: k.KID,
		Public: base64.RawURLEncoding.EncodeToString(k.Public),
	}
}

// oauthProblem is a problem document that is an error of RFC 6749 as well, so
// that both kinds of clients understand it.
type oauthProblem struct {
	huma.ErrorModel
	Code        string `json:"error" enum:"invalid_request,invalid_client,unsupported_grant_type,invalid_scope"`
	Explanation string `json:"error_description"`
}

func newOAuthProblem(ctx context.Context, status int, code, explanation string) error {
	slug := strings.ReplaceAll(code, "_", "-")
	problem := &oauthProblem{
		ErrorModel: *httpapi.NewProblem(ctx, status, slug, "Token request refused", explanation),
		Code:       code, Explanation: explanation,
	}
	if status != http.StatusUnauthorized {
		return problem
	}
	return huma.ErrorWithHeaders(problem, http.Header{"Www-Authenticate": {`Basic realm="tenor"`}})
}

type clientTokenInput struct {
	Authorization string `header:"Authorization" hidden:"true"`
	RawBody       []byte `contentType:"application/x-www-form-urlencoded"`
}

type clientTokenBody struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type" enum:"Bearer"`
	ExpiresIn   int64  `json:"expires_in" example:"900"`
	Scope       string `json:"scope" doc:"The token's roles" example:"PARTNER"`
}

type clientTokenOutput struct {
	Pragma string `header:"Pragma"`
	Body   clientTokenBody
}

func (s *Service) tokenRoute(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "client-token", Method: http.MethodPost, Path: tokenPath, Tag: tag, Access: httpapi.Public(),
		Summary: "Get an access token with client credentials (RFC 6749, 4.4)",
		Description: "For programs. Identify with HTTP Basic (client id and secret) or with `client_id` and " +
			"`client_secret` in the form. Errors are problem documents that also carry RFC 6749's `error` and " +
			"`error_description`. There is no refresh token: ask again.",
		BodyBytes: formBytesMax, Errors: []int{http.StatusBadRequest, http.StatusUnauthorized},
	}, s.clientToken)
	describeForm(api.Huma().OpenAPI().Paths[tokenPath].Post)
}

// describeForm documents the form, which is read by hand.
func describeForm(operation *huma.Operation) {
	text := func(doc string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: doc} }
	operation.RequestBody.Required = true
	operation.RequestBody.Content = map[string]*huma.MediaType{formType: {Schema: &huma.Schema{
		Type: huma.TypeObject, Required: []string{"grant_type"},
		Properties: map[string]*huma.Schema{
			"grant_type":    {Type: huma.TypeString, Enum: []any{grantClientCredentials}},
			"client_id":     text("Unless HTTP Basic is used"),
			"client_secret": text("Unless HTTP Basic is used"),
			"scope":         text("Roles that the token shall have, separated by spaces; all of the client's by default"),
		},
	}}}
	operation.Security = []map[string][]string{}
}

func (s *Service) clientToken(ctx context.Context, in *clientTokenInput) (*clientTokenOutput, error) {
	form, err := readForm(in.RawBody)
	if err != nil {
		return nil, newOAuthProblem(ctx, http.StatusBadRequest, "invalid_request", err.Error())
	}
	id, secret, err := clientCredentials(in.Authorization, form)
	if err != nil {
		return nil, newOAuthProblem(ctx, http.StatusBadRequest, "invalid_request", err.Error())
	}
	switch grant := form.Get("grant_type"); grant {
	case grantClientCredentials:
	case "":
		return nil, newOAuthProblem(ctx, http.StatusBadRequest, "invalid_request", "grant_type is missing")
	default:
		return nil, newOAuthProblem(ctx, http.StatusBadRequest, "unsupported_grant_type",
			"the only grant type is "+grantClientCredentials)
	}
	var scope []access.Role
	for role := range strings.FieldsSeq(form.Get("scope")) {
		scope = append(scope, access.Role(role))
	}
	token, roles, err := s.ClientToken(ctx, id, secret, scope)
	switch {
	case errors.Is(err, ErrClientRefused):
		return nil, newOAuthProblem(ctx, http.StatusUnauthorized, "invalid_client", ErrClientRefused.Error())
	case errors.Is(err, ErrScope):
		return nil, newOAuthProblem(ctx, http.StatusBadRequest, "invalid_scope", ErrScope.Error())
	case err != nil:
		return nil, err
	}
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = string(role)
	}
	return &clientTokenOutput{Pragma: "no-cache", Body: clientTokenBody{
		AccessToken: token, TokenType: "Bearer", ExpiresIn: seconds(s.cfg.AccessTTL), Scope: strings.Join(names, " "),
	}}, nil
}

var (
	errForm        = errors.New("the body is not a form")
	errRepeated    = errors.New("a parameter is repeated")
	errTwoMethods  = errors.New("credentials are in the header and in the form; use one of them")
	errCredentials = errors.New("the Authorization header is not HTTP Basic with form-encoded credentials")
)

func readForm(body []byte) (url.Values, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errForm
	}
	for _, values := range form {
		if len(values) > 1 {
			return nil, errRepeated
		}
	}
	return form, nil
}

// clientCredentials reads them from the one place where they are; RFC 6749,
// 2.3.1 wants both parts form-encoded inside HTTP Basic.
func clientCredentials(authorization string, form url.Values) (id, secret string, err error) {
	if authorization == "" {
		return form.Get("client_id"), form.Get("client_secret"), nil
	}
	if form.Has("client_secret") {
		return "", "", errTwoMethods
	}
	request := http.Request{Header: http.Header{"Authorization": {authorization}}}
	user, password, ok := request.BasicAuth()
	if !ok {
		return "", "", errCredentials
	}
	id, idErr := url.QueryUnescape(user)
	secret, secretErr := url.QueryUnescape(password)
	if idErr != nil || secretErr != nil || form.Has("client_id") && form.Get("client_id") != id {
		return "", "", errCredentials
	}
	return id, secret, nil
}
