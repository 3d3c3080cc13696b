package notification

import (
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/tenor-lending/tenor/internal/event"
)

// rules says which events become messages and in what words. Fields of the
// template are those of the event. Reasons that staff wrote for the file are
// not repeated to customers.
var rules = []rule{
	tell[event.CustomerRegistered]("Welcome", "Your account is ready. You can now apply for a loan."),
	tellStage(),
	tell[event.RiskRejected]("Your application was not approved",
		"We cannot offer you credit. The principal reasons: {{reasons .Reasons}}."),
	tell[event.OfferMade]("You have an offer",
		"We offer you {{.Principal}} in monthly instalments of {{.Instalment}}, at an annual percentage rate of "+
			"{{.APRPercent}} %. You can accept it until {{.ValidUntil}}."),
	tell[event.AgreementGenerated]("Your agreement is ready", "Please read your loan agreement and sign it."),
	tellSigningCode(),
	tell[event.AgreementUploaded]("We received your signed agreement",
		"We look at the copy you uploaded and tell you when it is accepted."),
	tell[event.AgreementSigned]("Your agreement is signed", "The loan of {{.Principal}} is concluded. We now pay it out."),
	tell[event.RepaymentScheduleCreated]("Your repayment schedule",
		"You repay {{.TotalDue}} in {{.Instalments}} instalments, the first on {{.FirstDueDate}} and the last on "+
			"{{.LastDueDate}}."),
	tell[event.LoanActivated]("Your loan account is open", "Your loan of {{.Principal}} started on {{.BusinessDate}}."),
	tell[event.DisbursementCompleted]("Your money is on its way",
		"We paid out {{.Amount}} with value date {{.ValueDate}}. Bank reference: {{.BankReference}}."),
	tell[event.DisbursementFailed]("We could not pay out your loan",
		"The payout of {{.Amount}} did not reach your account. The loan is cancelled and you owe nothing."),
	tellDeclared(),
	tell[event.PaymentVerified]("Your payment is booked",
		"We received and booked your payment of {{.Amount}} with value date {{.ValueDate}}: {{.Principal}} repaid "+
			"principal, {{.Interest}} interest, {{.Fees}} fees and {{.Penalties}} penalties"+
			"{{if .Overpaid.IsPositive}}; {{.Overpaid}} is overpaid{{end}}."),
	tell[event.PaymentRejected]("Your payment was not found",
		"We could not find the payment of {{.Amount}} that you declared. Please check it and declare it again."),
	tell[event.PaymentOverdue]("A payment is overdue",
		"Instalment {{.Instalment}} was due on {{.DueDate}}. {{.AmountOverdue}} is overdue by {{.DaysPastDue}} "+
			"day{{if ne .DaysPastDue 1}}s{{end}}."),
	tell[event.LateFeeCharged]("A late fee was charged",
		"Instalment {{.Instalment}}, due on {{.DueDate}}, is {{.DaysPastDue}} day{{if ne .DaysPastDue 1}}s{{end}} past due. "+
			"A late fee of {{.Amount}} was charged with value date {{.ValueDate}}."),
	tell[event.LateFeeReversed]("A late fee was taken back",
		"The late fee of {{.Amount}} on instalment {{.Instalment}}, due on {{.DueDate}}, no longer counts: you do not owe "+
			"it."),
	tell[event.LoanWaived]("Something you owed was waived",
		"With value date {{.ValueDate}} we waived {{.Amount}}. You no longer owe it."),
	tell[event.LoanRefunded]("A refund", "With value date {{.ValueDate}} we gave {{.Amount}} back to you."),
	tell[event.LoanChargedBack]("A payment was taken back",
		"With value date {{.ValueDate}} {{.Amount}} that you had paid was taken back from us. You owe it again."),
	tell[event.LoanRescheduled]("Your new repayment plan",
		"Since {{.ValueDate}} you repay by a new plan, with the last instalment on {{.LastDueDate}}. You still owe "+
			"{{.Outstanding}}, interest to come included."),
	tell[event.LoanFullyRepaid]("Your loan is repaid", "Since {{.ValueDate}} you owe nothing on this loan."),
	tell[event.LoanCompleted]("Your loan is closed", "Your loan account was closed on {{.BusinessDate}}. Thank you."),
	tellSessionEnded(),
	tellResetCode(),
	tellPasswordChanged(),
}

// stageTexts says what a new stage means to the applicant. Stages that another
// event tells more about say nothing here.
var stageTexts = map[event.Stage]string{
	event.StageKYC:        "We received your application and now check your identity.",
	event.StageRisk:       "Your identity is confirmed. We now assess your application.",
	event.StageDiscussion: "Your application is approved in principle. An officer prepares your offer.",
	event.StageApproval:   "Thank you for accepting the offer. It now goes through our approval.",
	event.StageAgreement:  "Your loan is approved. We prepare the agreement.",
}

// outcomeTexts says why an application was closed, likewise.
var outcomeTexts = map[event.Outcome]string{
	event.OutcomeKYCRejected:      "Your identity could not be confirmed. Your application is closed.",
	event.OutcomeDeclined:         "You declined our offer. Your application is closed.",
	event.OutcomeExpired:          "Our offer was not answered in time. Your application is closed.",
	event.OutcomeApprovalRejected: "Your loan was not approved. Your application is closed.",
}

func tellStage() rule {
	r := tell[event.ApplicationStageChanged]("Your application", "{{.}}")
	r.data = func(_ *Service, e any) (any, error) {
		change, _ := e.(event.ApplicationStageChanged)
		if change.To == event.StageClosed {
			return skipEmpty(outcomeTexts[change.Outcome]), nil
		}
		return skipEmpty(stageTexts[change.To]), nil
	}
	return r
}

// tellDeclared says nothing of a payment that is booked at once: of that, the
// booking tells. One payment is worth one message.
func tellDeclared() rule {
	r := tell[event.PaymentReceived]("We received your payment",
		"Your payment of {{.Amount}} with value date {{.ValueDate}} has been received. It waits to be verified; then we "+
			"tell you again.")
	r.data = func(_ *Service, e any) (any, error) {
		if received, _ := e.(event.PaymentReceived); received.Status == "POSTED" {
			return nil, nil
		}
		return e, nil
	}
	return r
}

// tellSigningCode opens the sealed code: only its owner's message shows it.
func tellSigningCode() rule {
	r := tell[event.SigningCodeIssued]("Your signing code",
		"Your code is {{.Code}}. It is valid until {{.ExpiresAt}}. Enter it to sign your agreement, and tell it nobody.")
	r.urgent = true
	r.data = func(s *Service, e any) (any, error) {
		issued, _ := e.(event.SigningCodeIssued)
		code, err := s.env.Keyring.Open(issued.SealedCode, "agreement.code:"+issued.CustomerID.String())
		if err != nil {
			return nil, fmt.Errorf("opening signing code of agreement %s: %w", issued.AgreementID, err)
		}
		return codeData(code, issued.ExpiresAt), nil
	}
	return r
}

// tellResetCode opens the sealed code, as tellSigningCode does. It goes by e-mail
// in any case: who cannot log in cannot change preferences either.
func tellResetCode() rule {
	r := tell[event.ResetCodeIssued]("Your code for a new password",
		"Your code is {{.Code}}. It is valid until {{.ExpiresAt}}. Enter it to set a new password, and tell it nobody. "+
			"If you did not ask for it, you need not do anything.")
	r.urgent, r.by = true, []Channel{Email}
	r.data = func(s *Service, e any) (any, error) {
		issued, _ := e.(event.ResetCodeIssued)
		code, err := s.env.Keyring.Open(issued.SealedCode, "identity.reset_code:"+issued.UserID.String())
		if err != nil {
			return nil, fmt.Errorf("opening reset code of %s: %w", issued.UserID, err)
		}
		return codeData(code, issued.ExpiresAt), nil
	}
	return r
}

// codeData is what the text of a code's message needs.
func codeData(code []byte, expires time.Time) map[string]string {
	return map[string]string{"Code": string(code), "ExpiresAt": expires.UTC().Format("15:04 MST on 2006-01-02")}
}

func tellPasswordChanged() rule {
	r := tell[event.PasswordChanged]("Your password was changed",
		"Your password was changed and all your sessions ended. If that was not you, set a new one at once and tell us.")
	r.urgent = true
	return r
}

func tellSessionEnded() rule {
	r := tell[event.SessionEnded]("Security warning",
		"We ended one of your sessions because its refresh token was used twice. If that was not you, change your password.")
	r.urgent = true
	r.data = func(_ *Service, e any) (any, error) {
		if ended, _ := e.(event.SessionEnded); ended.Reason != "REUSE_DETECTED" {
			return nil, nil
		}
		return e, nil
	}
	return r
}

// rule turns events of one type into messages.
type rule struct {
	typ         string
	title, body *template.Template
	// urgent messages ignore quiet hours.
	urgent bool
	// by says how the message is sent whatever its recipient prefers; nil leaves
	// it to them.
	by []Channel
	// data gives what the templates show, or nil when this event says nothing.
	data func(*Service, any) (any, error)
	// event is one of the type, and decode reads another from its envelope.
	event  event.Personal
	decode func(event.Envelope) (event.Personal, error)
}

// tell makes the rule of one type of event. Malformed templates are a fault of
// the program, found at start.
func tell[E event.Personal](title, body string) rule {
	var zero E
	return rule{
		typ: zero.Type(), title: parse(title), body: parse(body),
		data:  func(_ *Service, e any) (any, error) { return e, nil },
		event: zero, decode: func(env event.Envelope) (event.Personal, error) { return event.Decode[E](env) },
	}
}

func parse(text string) *template.Template {
	return template.Must(template.New("").Option("missingkey=error").
		Funcs(template.FuncMap{"reasons": reasons}).Parse(text))
}

// reasons says codes in words: "TERM_TOO_LONG" is "term too long".
func reasons(codes []string) string {
	words := slices.Clone(codes)
	for i := range words {
		words[i] = strings.ToLower(strings.ReplaceAll(words[i], "_", " "))
	}
	return strings.Join(words, ", ")
}

func skipEmpty(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// content is what a message says.
type content struct {
	Title string `json:"title"`
	Body  string `json:"body"`
}

// render writes the message of an event; silent is true when there is none.
func (r *rule) render(s *Service, e any) (c content, silent bool, err error) {
	data, err := r.data(s, e)
	if err != nil || data == nil {
		return content{}, data == nil, err
	}
	var title, body strings.Builder
	if err := r.title.Execute(&title, data); err != nil {
		return content{}, false, fmt.Errorf("writing the title of %s: %w", r.typ, err)
	}
	if err := r.body.Execute(&body, data); err != nil {
		return content{}, false, fmt.Errorf("writing the body of %s: %w", r.typ, err)
	}
	return content{Title: title.String(), Body: body.String()}, false, nil
}

// ruleOf finds the rule of a type of event.
var ruleOf = func() map[string]*rule {
	found := make(map[string]*rule, len(rules))
	for i := range rules {
		found[rules[i].typ] = &rules[i]
	}
	return found
}()

// now is the clock as precise as the database stores it.
func (s *Service) now() time.Time { return s.env.Now().UTC().Truncate(time.Microsecond) }
