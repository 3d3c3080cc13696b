package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/devstack"
	"github.com/tenor-lending/tenor/internal/journey"
)

// fleet is the platform with each role in a process of its own.
type fleet struct {
	t       *testing.T
	binary  string
	environ []string
	offset  int
	dir     string
	mu      sync.Mutex
	running map[string]*exec.Cmd
	kills   int
}

const (
	roleStartTimeout = 10 * time.Minute
	readyLook        = 20 * time.Millisecond
)

// startFleet builds the binary and starts every role.
func startFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir(), running: make(map[string]*exec.Cmd)}
	f.binary = filepath.Join(f.dir, "tenor")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", f.binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	offset, claim, err := claimOffset(t.Context(), anyRange())
	must(t, err)
	t.Cleanup(func() { must(t, claim.Close()) })
	f.offset = offset
	f.environ = append(testEnviron(t),
		config.Prefix+"PORT_OFFSET="+strconv.Itoa(offset), config.Prefix+"DATA_KEYS=test:"+randomHex(32),
		config.Prefix+"BLOB_URL=file://"+filepath.Join(f.dir, "documents"),
		config.Prefix+"IDENTITY_BOOTSTRAP_EMAIL="+adminEmail, config.Prefix+"IDENTITY_BOOTSTRAP_PASSWORD="+testPassword,
		config.Prefix+"LOG_FORMAT=text", config.Prefix+"DATABASE_MAX_CONNS=4",
	)
	if os.Getenv("TENOR_TEST_KAFKA_SEEDS") == "" {
		broker, err := devstack.StartBroker(t.Context(), devstack.BrokerOptions{})
		must(t, err)
		t.Cleanup(func() { _ = broker.Stop() }) // the fleet is gone by then
		f.environ = append(f.environ, config.Prefix+"KAFKA_SEEDS="+strings.Join(broker.Seeds, ","))
	}
	t.Cleanup(f.stopAll)
	var wait sync.WaitGroup
	for _, s := range services {
		wait.Go(func() { f.start(s.Name) })
	}
	wait.Wait()
	for _, s := range services {
		f.waitReady(s.Name)
	}
	return f
}

const testPassword = "a password for tests only"

func (f *fleet) start(role string) {
	f.t.Helper()
	log, err := os.OpenFile(filepath.Join(f.dir, role+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		f.t.Errorf("log of %s: %v", role, err)
		return
	}
	defer func() { _ = log.Close() }() // the child has its own
	// Without a context: it must survive the step that starts it.
	cmd := exec.Command(f.binary, "run", role)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, f.environ...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		f.t.Errorf("starting %s: %v", role, err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running[role] = cmd
}

// kill ends a role the hard way: no signal handler, no draining.
func (f *fleet) kill(role string) {
	f.t.Helper()
	f.mu.Lock()
	cmd := f.running[role]
	delete(f.running, role)
	f.kills++
	f.mu.Unlock()
	must(f.t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
}

// restart kills a role and starts it again; it does not wait.
func (f *fleet) restart(role string) {
	f.t.Helper()
	f.kill(role)
	f.start(role)
}

func (f *fleet) stopAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for role, cmd := range f.running {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended by itself, which Wait tells
		if err := cmd.Wait(); err != nil {
			f.t.Errorf("%s did not stop cleanly: %v", role, err)
		}
	}
	if f.t.Failed() {
		for _, s := range services {
			f.t.Logf("%s:", s.Name)
			showLog(f.t, filepath.Join(f.dir, s.Name+".log"))
		}
	}
}

func (f *fleet) waitReady(role string) {
	f.t.Helper()
	i := slices.IndexFunc(services, roleNamed(role))
	address := fmt.Sprintf("http://127.0.0.1:%d/health/%s/ready", services[i].Port+f.offset, role)
	ctx, cancel := context.WithTimeout(f.t.Context(), roleStartTimeout)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		must(f.t, err)
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if ctx.Err() != nil {
			f.t.Fatalf("%s is not ready after %s", role, roleStartTimeout)
		}
		time.Sleep(readyLook)
	}
}

// platform makes the officers of the fleet.
func (f *fleet) platform(ctx context.Context) (*platform, *journey.Staff) {
	f.t.Helper()
	transport := newTransport()
	p := &platform{
		client:  client.New(fmt.Sprintf("http://127.0.0.1:%d", gatewayPort+f.offset), retrying{transport}),
		secrets: &secrets{AdminPassword: testPassword, StaffPassword: testPassword, path: filepath.Join(f.dir, "secrets")},
	}
	must(f.t, p.seed(ctx))
	staff, err := p.staff(ctx)
	must(f.t, err)
	return p, staff
}

// retrying sends a request again while the service behind the gateway is down,
// as any client of such a platform does: every POST has its idempotency key.
type retrying struct{ next http.RoundTripper }

const retryWindow = 10 * time.Minute

// RoundTrip implements http.RoundTripper.
func (r retrying) RoundTrip(request *http.Request) (*http.Response, error) {
	for end := time.Now().Add(retryWindow); ; {
		response, err := r.next.RoundTrip(request)
		down := err != nil || response.StatusCode == http.StatusBadGateway ||
			response.StatusCode == http.StatusServiceUnavailable || response.StatusCode == http.StatusGatewayTimeout
		if !down || time.Now().After(end) || request.Context().Err() != nil {
			return response, err
		}
		if err == nil {
			_ = response.Body.Close()
		}
		if request.GetBody != nil {
			if request.Body, err = request.GetBody(); err != nil {
				return nil, err
			}
		}
		time.Sleep(readyLook)
	}
}

// TestEveryRoleSurvivesAKill runs every role in its own process and takes a
// loan from registration to closing while, at each stage, the role that acted
// and the role that reacts are killed (-9) and started again.
//
//nolint:paralleltest // a whole platform: one at a time
func TestEveryRoleSurvivesAKill(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*flowTimeout)
	defer cancel()
	f := startFleet(t)
	p, staff := f.platform(ctx)
	borrower, err := journey.Register(ctx, p.client, "Asha Rao")
	must(t, err)
	f.restart("customer")
	f.restart("identity")
	id, err := borrower.Apply(ctx, illustrationApplication())
	must(t, err)
	f.restart("application")
	f.restart("document")
	must(t, borrower.SubmitIdentity(ctx))
	f.restart("customer")
	must(t, borrower.UploadDocuments(ctx, id))
	f.restart("application")
	f.restart("document")
	f.restart("kyc")
	must(t, staff.ReviewKYC(ctx, id, true))
	f.restart("kyc")
	f.restart("risk")
	must(t, staff.DecideRisk(ctx, id, true, rupees("20000.00")))
	f.restart("risk")
	f.restart("discussion")
	offer, err := staff.Offer(ctx, id, illustrationTerms())
	must(t, err)
	f.restart("discussion")
	must(t, borrower.Accept(ctx, id, offer))
	f.restart("discussion")
	f.restart("approval")
	must(t, staff.ApproveAll(ctx, id))
	f.restart("approval")
	f.restart("agreement")
	f.restart("notification")
	must(t, borrower.ESign(ctx, id))
	f.restart("agreement")
	f.restart("activation")
	f.restart("gateway")
	loan, err := borrower.Loan(ctx, id)
	must(t, err)
	f.repay(ctx, staff, borrower, id, loan, offer)
	t.Logf("%d kills", f.kills)
}

// repay pays a loan under kills: every acknowledged payment is there once, and
// the books balance.
func (f *fleet) repay(
	ctx context.Context, staff *journey.Staff, borrower *journey.Borrower, id, loan string, offer journey.Offer,
) {
	t := f.t
	f.restart("activation")
	f.restart("closeofday")
	must(t, staff.MoveTo(ctx, loan, offer.Schedule[0].DueDate))
	acknowledged := make(map[string]bool)
	pay := func(kind string, amount journey.Money) {
		t.Helper()
		key := uuid.NewString()
		var made journey.Payment
		must(t, staff.Partner.Do(ctx, http.MethodPost, "/api/v1/payments", key, map[string]any{
			"loan_id": loan, "amount": amount, "kind": kind, "channel": "BANK_TRANSFER",
		}, &made))
		acknowledged[made.ID] = true
	}
	pay("NORMAL", offer.Schedule[0].Total)
	f.restart("repayment")
	second, err := civil.ParseDate(offer.Schedule[1].DueDate)
	must(t, err)
	f.restart("closeofday")
	must(t, staff.MoveTo(ctx, loan, second.AddDays(daysLate).String()))
	f.restart("closeofday")
	f.restart("notification")
	_, err = borrower.WaitMessage(ctx, "payment.overdue")
	must(t, err)
	pay("NORMAL", rupees("500.00"))
	f.restart("repayment")
	owed, err := journey.OutstandingOf(ctx, borrower.Client, loan)
	must(t, err)
	f.restart("ledger")
	pay("PAYOFF", owed.Payoff.Total)
	f.restart("repayment")
	f.restart("application")
	closed, err := journey.WaitStage(ctx, borrower.Client, id, "CLOSED")
	must(t, err)
	if closed.Outcome != "REPAID" {
		t.Errorf("closed as %s, want REPAID", closed.Outcome)
	}
	payments, err := journey.History(ctx, borrower.Client, loan)
	must(t, err)
	for _, payment := range payments {
		if !acknowledged[payment.ID] {
			t.Errorf("payment %s was never acknowledged", payment.ID)
		}
		delete(acknowledged, payment.ID)
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d acknowledged payments are lost", len(acknowledged))
	}
	balance, err := staff.TrialBalance(ctx)
	must(t, err)
	if !balance.Balanced || len(balance.Totals) == 0 {
		t.Errorf("trial balance: %+v", balance)
	}
}
