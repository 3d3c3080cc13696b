package notification

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/privacy"
)

// Letter is one message on its way by one channel.
type Letter struct {
	// ID is the delivery's, in ASCII without spaces; it is the same at every attempt.
	ID      string
	Channel Channel
	// To is the address: e-mail, phone number, or the recipient's id for push.
	To    privacy.Text
	Title privacy.Text
	Body  privacy.Text
}

// Sender hands letters to the world. Send must return within the deadline of
// ctx, and tells what it knows of a failure by a *SendError.
type Sender interface {
	// Name says by which means: "smtp".
	Name() string
	Send(ctx context.Context, letter Letter) error
}

// SendError is why a letter was not sent.
type SendError struct {
	// Text goes into the history, which the recipient reads.
	Text string
	// Final means that trying again is useless.
	Final bool
	// Cause goes to the log; it must not show an address. It may be nil.
	Cause error
}

// Error implements error.
func (e *SendError) Error() string {
	if e.Cause == nil {
		return e.Text
	}
	return e.Text + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *SendError) Unwrap() error { return e.Cause }

// sendersOf picks the sender of each channel from the configuration. SMS and
// push have no provider yet: they are written to the log.
func sendersOf(env *app.Env) (map[Channel]Sender, error) {
	written := &logSender{log: env.Log}
	senders := map[Channel]Sender{Email: written, SMS: written, Push: written}
	if env.Config.Notify.SMTPURL == "" {
		return senders, nil
	}
	smtp, err := newSMTPSender(env.Config.Notify.SMTPURL, env.Config.Notify.From, env.Now)
	if err != nil {
		return nil, err
	}
	senders[Email] = smtp
	return senders, nil
}

// logSender writes that there was a letter, and nothing of what is in it.
type logSender struct{ log *slog.Logger }

// Name implements Sender.
func (*logSender) Name() string { return "log" }

// Send implements Sender.
func (s *logSender) Send(ctx context.Context, letter Letter) error {
	s.log.InfoContext(ctx, "letter not sent but logged", "delivery", letter.ID, "channel", letter.Channel,
		"to", letter.To, "title", letter.Title)
	return nil
}

// smtpSender sends e-mail.
type smtpSender struct {
	client *mail.Client
	from   string
	now    func() time.Time
}

const (
	portSubmission = 587
	portSMTPS      = 465
)

// newSMTPSender reads smtp://user:password@host:port, or smtps:// for TLS from
// the first byte. With a password TLS is a must, without it is used if offered.
func newSMTPSender(rawURL, from string, now func() time.Time) (*smtpSender, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" || (u.Scheme != "smtp" && u.Scheme != "smtps") {
		return nil, errors.New("SMTP URL: want smtp://host:port or smtps://host:port") // it may hold a password
	}
	port := portSubmission
	options := []mail.Option{mail.WithTimeout(sendTimeout), mail.WithTLSPolicy(mail.TLSOpportunistic)}
	if u.Scheme == "smtps" {
		port = portSMTPS
		options = append(options, mail.WithSSL())
	}
	if u.Port() != "" {
		port, err = strconv.Atoi(u.Port())
		if err != nil {
			return nil, errors.New("SMTP URL: port is no number")
		}
	}
	options = append(options, mail.WithPort(port),
		mail.WithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}))
	if password, given := u.User.Password(); given {
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory), mail.WithUsername(u.User.Username()),
			mail.WithPassword(password), mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover))
	}
	client, err := mail.NewClient(u.Hostname(), options...)
	if err != nil {
		return nil, fmt.Errorf("SMTP client: %w", err)
	}
	return &smtpSender{client: client, from: from, now: now}, nil
}

// Name implements Sender.
func (*smtpSender) Name() string { return "smtp" }

// Send implements Sender. The replies of the server are not repeated: they may
// show the address.
func (s *smtpSender) Send(ctx context.Context, letter Letter) error {
	message := mail.NewMsg()
	if err := message.From(s.from); err != nil {
		return fmt.Errorf("sender address: %w", err)
	}
	if err := message.To(letter.To.Reveal()); err != nil {
		return &SendError{Text: "the address is malformed", Final: true}
	}
	message.SetMessageIDWithValue(letter.ID + "@tenor")
	message.SetDateWithValue(s.now())
	message.Subject(letter.Title.Reveal())
	message.SetBodyString(mail.TypeTextPlain, letter.Body.Reveal()+"\r\n")
	connection, err := s.client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return &SendError{Text: "the mail server was not reached", Cause: err}
	}
	// Once the letter is taken, a failing goodbye does not make it untaken.
	defer func() { _ = s.client.CloseWithSMTPClient(connection) }()
	err = s.client.SendWithSMTPClient(connection, message)
	if err == nil {
		return nil
	}
	var reply *mail.SendError
	if !errors.As(err, &reply) || reply.ErrorCode() == 0 {
		return &SendError{Text: "the mail server broke off"}
	}
	return &SendError{
		Text:  fmt.Sprintf("the mail server answered %d", reply.ErrorCode()),
		Final: !reply.IsTemp() && reply.ErrorCode() >= smtpPermanent,
	}
}

// smtpPermanent is the first reply code of a permanent failure (RFC 5321, 4.2.1).
const smtpPermanent = 500
