package identity

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/privacy"
)

var passwordProblems = []httpapi.Problem{
	{
		Err: ErrPasswordWrong, Status: http.StatusUnprocessableEntity, Type: "password-wrong",
		Title: "The current password is not right",
	},
	{
		Err: ErrPasswordSame, Status: http.StatusUnprocessableEntity, Type: "validation",
		Title: "The new password is the old one",
	},
	{
		Err: ErrPasswordChanged, Status: http.StatusConflict, Type: "password-changed",
		Title: "The password was changed by another request meanwhile",
	},
	{
		Err: ErrResetRefused, Status: http.StatusUnprocessableEntity, Type: "reset-code-refused",
		Title: "The code is not accepted; have a new one sent",
	},
}

type changePasswordInput struct {
	Body struct {
		Current privacy.Text `json:"current_password" minLength:"1" maxLength:"128"`
		New     privacy.Text `json:"new_password" minLength:"12" maxLength:"128" doc:"12 to 128 bytes, not the current one"`
	}
}

type forgotInput struct {
	Body struct {
		Email privacy.Text `json:"email" format:"email" maxLength:"254" example:"asha@example.com"`
	}
}

type resetInput struct {
	Body struct {
		Code privacy.Text `json:"code" minLength:"1" maxLength:"64" doc:"As it was sent; case and spaces do not count"`
		New  privacy.Text `json:"new_password" minLength:"12" maxLength:"128" doc:"12 to 128 bytes"`
	}
}

type setPasswordInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Password privacy.Text `json:"password" minLength:"12" maxLength:"128" doc:"12 to 128 bytes; for its owner to change"`
	}
}

func (s *Service) passwordRoutes(api *httpapi.API) {
	api.Problems(passwordProblems...)
	httpapi.Register(api, httpapi.Op{
		ID: "change-password", Method: http.MethodPost, Path: "/api/v1/auth/password", Tag: tag, Access: httpapi.Bearer(),
		Summary: "Change your password",
		Description: "For people, not for programs. Every session of the account ends; the answer begins a new one. " +
			"A wrong password counts as an attempt to log in. Who lost the answer logs in with the new password.",
		Errors: []int{
			http.StatusNotFound, http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable,
		},
	}, func(ctx context.Context, in *changePasswordInput) (*tokenOutput, error) {
		tokens, err := s.ChangePassword(ctx, httpapi.Actor(ctx), in.Body.Current, in.Body.New)
		if err != nil {
			return nil, s.attemptsProblem(ctx, err)
		}
		return s.tokenOutput(tokens), nil
	})
	httpapi.Register(api, httpapi.Op{
		ID: "forgot-password", Method: http.MethodPost, Path: "/api/v1/auth/password/forgotten", Tag: tag,
		Access: httpapi.Public(), Status: http.StatusAccepted, Summary: "Have a code to set a new password sent",
		Description: "For borrowers; an administrator sets the password of staff. The answer is the same whether or not " +
			"the e-mail has an account. A code is good for 30 minutes, and a new one is sent 5 minutes after the last " +
			"at the earliest.",
	}, func(ctx context.Context, in *forgotInput) (*struct{}, error) {
		return nil, s.ForgotPassword(ctx, in.Body.Email)
	})
	httpapi.Register(api, httpapi.Op{
		ID: "reset-password", Method: http.MethodPost, Path: "/api/v1/auth/password/reset", Tag: tag,
		Access: httpapi.Public(), Summary: "Set a new password with the code that was sent",
		Description: "Every session of the account ends; the answer begins a new one. A code is good for one use.",
		Errors:      []int{http.StatusConflict, http.StatusServiceUnavailable},
	}, func(ctx context.Context, in *resetInput) (*tokenOutput, error) {
		tokens, err := s.ResetPassword(ctx, in.Body.Code.Reveal(), in.Body.New)
		if err != nil {
			return nil, err
		}
		return s.tokenOutput(tokens), nil
	})
	httpapi.Register(api, httpapi.Op{
		ID: "set-password", Method: http.MethodPost, Path: "/api/v1/admin/users/{id}/password", Tag: tag,
		Access: httpapi.Allow(access.Admin), Idempotent: true, Summary: "Give one of the lender's people a new password",
		Description: "For who forgot it. Ends the account's sessions; access tokens that are out live until they expire. " +
			"The owner changes it after the first login.",
		Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable},
	}, s.setPassword)
}

func (s *Service) setPassword(ctx context.Context, in *setPasswordInput) (*userOutput, error) {
	sent, err := httpapi.Key(ctx, struct{}{})
	if err != nil {
		return nil, err
	}
	key, err := s.passwordKey(sent.Value, in.ID, in.Body.Password)
	if err != nil {
		return nil, err
	}
	result, err := s.SetPassword(ctx, httpapi.Actor(ctx), key, in.ID, in.Body.Password)
	if err != nil {
		return nil, err
	}
	body, err := s.userBody(httpapi.Reply(ctx, result))
	return &userOutput{Body: body}, err
}
