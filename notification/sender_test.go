package notification

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/privacy"
)

// smtpServer is a mail server that answers RCPT TO as the test says.
type smtpServer struct {
	listener net.Listener
	rcpt     string
	mu       sync.Mutex
	received []string
}

func startSMTP(t *testing.T, rcpt string) *smtpServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &smtpServer{listener: listener, rcpt: rcpt}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		wait.Wait()
	})
	return s
}

func (s *smtpServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Minute))
	lines := bufio.NewScanner(conn)
	say := func(text string) { _, _ = fmt.Fprintf(conn, "%s\r\n", text) }
	say("220 test")
	for lines.Scan() {
		verb, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " ")
		switch verb {
		case "EHLO", "HELO", "MAIL", "RSET", "NOOP":
			say("250 ok")
		case "RCPT":
			say(s.rcpt)
		case "DATA":
			say("354 go on")
			var data strings.Builder
			for lines.Scan() && lines.Text() != "." {
				data.WriteString(lines.Text() + "\r\n")
			}
			s.mu.Lock()
			s.received = append(s.received, data.String())
			s.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 what")
		}
	}
}

func (s *smtpServer) url() string { return "smtp://" + s.listener.Addr().String() }

func sendBySMTP(t *testing.T, url string, letter Letter) error {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }
	sender, err := newSMTPSender(url, "no-reply@tenor.example", now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	return sender.Send(ctx, letter)
}

func letterTo(address string) Letter {
	return Letter{
		ID: uuid.NewString() + ".email", Channel: Email, To: privacy.Text(address), Title: "Grüße", Body: "Guten Tag.",
	}
}

func TestSMTP(t *testing.T) {
	t.Parallel()
	server := startSMTP(t, "250 ok")
	letter := letterTo(asha.Email)
	if err := sendBySMTP(t, server.url(), letter); err != nil {
		t.Fatal(err)
	}
	if len(server.received) != 1 {
		t.Fatalf("%d letters arrived", len(server.received))
	}
	message, err := mail.ReadMessage(strings.NewReader(server.received[0]))
	if err != nil {
		t.Fatal(err)
	}
	if got := message.Header.Get("Message-Id"); got != "<"+letter.ID+"@tenor>" {
		t.Errorf("message id %s", got)
	}
	if got := message.Header.Get("To"); got != "<asha@example.org>" {
		t.Errorf("to %s", got)
	}
	if !strings.Contains(server.received[0], "Guten Tag.") {
		t.Errorf("body is missing: %s", server.received[0])
	}
}

func TestSMTPFailures(t *testing.T) {
	t.Parallel()
	busy, refusing := startSMTP(t, "451 try later"), startSMTP(t, "550 no such user asha@example.org")
	tests := map[string]struct {
		url, to string
		text    string
		final   bool
	}{
		"later":      {busy.url(), asha.Email, "the mail server answered 451", false},
		"never":      {refusing.url(), asha.Email, "the mail server answered 550", true},
		"no server":  {"smtp://127.0.0.1:1", asha.Email, "the mail server was not reached", false},
		"no address": {busy.url(), "not an address", "the address is malformed", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := sendBySMTP(t, test.url, letterTo(test.to))
			var got *SendError
			if !errors.As(err, &got) || got.Text != test.text || got.Final != test.final {
				t.Errorf("error %v, want %q, final %t", err, test.text, test.final)
			}
			if strings.Contains(fmt.Sprint(err), "asha") {
				t.Errorf("error %q shows the address", err)
			}
		})
	}
}

func TestSMTPURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"http://mail:25", "smtp://", "smtp://host:99999999", "smtp://host:x", "::"} {
		if _, err := newSMTPSender(url, "no-reply@tenor.example", time.Now); err == nil {
			t.Errorf("%s was accepted", url)
		}
	}
	for _, url := range []string{"smtp://mail.example.org", "smtps://user:secret@mail.example.org:465"} {
		if _, err := newSMTPSender(url, "no-reply@tenor.example", time.Now); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestSendersFollowConfiguration(t *testing.T) {
	t.Parallel()
	env := httpapitest.Env(t, "notification", nil)
	env.Config.Notify.SMTPURL = "smtp://127.0.0.1:2525"
	senders, err := sendersOf(env)
	if err != nil {
		t.Fatal(err)
	}
	if senders[Email].Name() != "smtp" || senders[SMS].Name() != "log" || senders[Push].Name() != "log" {
		t.Errorf("senders %v", senders)
	}
	env.Config.Notify.SMTPURL = "ftp://127.0.0.1"
	if _, err := New(env); err == nil {
		t.Error("a malformed SMTP URL was accepted")
	}
}

func TestLogSenderShowsNoSecrets(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	sender := &logSender{log: slog.New(slog.NewJSONHandler(&out, nil))}
	letter := letterTo(asha.Email)
	letter.Body = "Your code is 493817."
	if err := sender.Send(context.Background(), letter); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), letter.ID) {
		t.Errorf("log does not name the delivery: %s", out.String())
	}
	for _, secret := range []string{"asha", "493817", "Grüße"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("log shows %q: %s", secret, out.String())
		}
	}
}
