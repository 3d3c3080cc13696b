package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/journey"
)

// demoCommand starts everything, tells the story of one loan, stops everything
// and fails if any figure was not as it must be.
func demoCommand(ctx context.Context, args []string, std streams) int {
	out, flags := takeFlag(args, "out", filepath.Join(defaultDir, "demo"))
	s := newStory(std.out)
	s.heading("Starting the platform on embedded parts")
	work, err := os.MkdirTemp("", "tenor-demo-")
	if err != nil {
		say(std.err, "tenor demo: %v\n", err)
		return exitFailed
	}
	err = runDemo(ctx, s, work, out, flags)
	if !errors.Is(err, errStarted) {
		err = errors.Join(err, os.RemoveAll(work)) // keep the log of a platform that did not start
	}
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		say(std.err, "\ntenor demo: %v\n", err)
		return exitFailed
	}
	return 0
}

var errStarted = errors.New("the platform could not be started")

func runDemo(ctx context.Context, s *story, work, out string, flags []string) error {
	p, err := startPlatform(ctx, platformOptions{
		dir: work, ephemeral: true, environ: config.Environ(), flags: flags, say: s.progress,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errStarted, err)
	}
	staff, err := p.staff(ctx)
	if err == nil {
		d := &demo{s: s, p: p, staff: staff, out: out}
		err = d.tell(ctx)
	}
	s.heading("Stopping")
	if stopErr := p.stop(); stopErr != nil {
		err = errors.Join(err, stopErr)
	}
	s.progress("nothing is left running")
	return errors.Join(err, s.end())
}

// demo is the state of the story: Asha's loan is the main thread; Bela declines
// her offer, and Chandra's identity is not established.
type demo struct {
	s     *story
	p     *platform
	staff *journey.Staff
	out   string

	asha, bela, chandra           *journey.Borrower
	ashaCase, belaCase, chandraID string
	offer                         journey.Offer
	loan                          string
}

// tell runs the chapters in order; the first that fails ends the story.
func (d *demo) tell(ctx context.Context) error {
	for _, chapter := range []struct {
		title string
		run   func(context.Context) error
	}{
		{"Three borrowers register and apply", d.apply},
		{"KYC review: two identities hold, one does not", d.reviewKYC},
		{"Risk: scored, then decided by a risk manager", d.decideRisk},
		{"The offer, beside the figures that the central bank publishes", d.makeOffers},
		{"Three levels of approval, by three different people", d.approve},
		{"The agreement: generated, signed with a one-time code, verified", d.signAgreement},
		{"Activation and disbursement", d.activate},
		{"The first instalment is paid on its due date", d.payFirst},
		{"The second is late: close-of-day flags it overdue", d.payLate},
		{"The third is declared by the borrower, proven, and verified", d.payDeclared},
		{"An early payoff closes the loan at exactly zero", d.payOff},
		{"The journal of the loan, and the trial balance", d.showBooks},
		{"The timeline of the application", d.showTimeline},
		{"The other two ended closed", d.showOthers},
	} {
		d.s.heading("%s", chapter.title)
		if err := chapter.run(ctx); err != nil {
			return fmt.Errorf("chapter %q: %w", chapter.title, err)
		}
	}
	return nil
}

func (d *demo) apply(ctx context.Context) error {
	var err error
	for _, who := range []struct {
		name     string
		borrower **journey.Borrower
		id       *string
	}{
		{"Asha Rao", &d.asha, &d.ashaCase}, {"Bela Shah", &d.bela, &d.belaCase}, {"Chandra Sen", &d.chandra, &d.chandraID},
	} {
		if *who.borrower, err = journey.Register(ctx, d.p.client, who.name); err != nil {
			return err
		}
		if *who.id, err = (*who.borrower).Apply(ctx, illustrationApplication()); err != nil {
			return err
		}
		if err := (*who.borrower).SubmitIdentity(ctx); err != nil {
			return err
		}
		if err := (*who.borrower).UploadDocuments(ctx, *who.id); err != nil {
			return err
		}
		if _, err := journey.WaitStage(ctx, (*who.borrower).Client, *who.id, "KYC_REVIEW"); err != nil {
			return err
		}
		d.s.tell("%-12s application %s, identity data and two documents handed in", who.name, *who.id)
	}
	return nil
}

func (d *demo) reviewKYC(ctx context.Context) error {
	for id, approve := range map[string]bool{d.ashaCase: true, d.belaCase: true, d.chandraID: false} {
		if err := d.staff.ReviewKYC(ctx, id, approve); err != nil {
			return err
		}
	}
	for _, id := range []string{d.ashaCase, d.belaCase} {
		if _, err := journey.WaitStage(ctx, d.staff.Officer, id, "RISK_ASSESSMENT"); err != nil {
			return err
		}
	}
	closed, err := journey.WaitStage(ctx, d.chandra.Client, d.chandraID, "CLOSED")
	if err != nil {
		return err
	}
	d.s.tell("assigned by a manager, verified by an officer, decided by the manager")
	d.s.check("Chandra's application", closed.Stage+" "+closed.Outcome, "CLOSED KYC_REJECTED")
	return nil
}

func (d *demo) decideRisk(ctx context.Context) error {
	for _, id := range []string{d.ashaCase, d.belaCase} {
		if err := d.staff.DecideRisk(ctx, id, true, rupees("20000.00")); err != nil {
			return err
		}
		if _, err := journey.WaitStage(ctx, d.staff.Officer, id, "DISCUSSION"); err != nil {
			return err
		}
	}
	var report struct {
		Assessment struct {
			Score  int    `json:"score"`
			Band   string `json:"band"`
			Policy string `json:"policy_version"`
		} `json:"assessment"`
	}
	if err := d.staff.Officer.Get(ctx, "/api/v1/risk/"+d.ashaCase+"/report", &report); err != nil {
		return err
	}
	a := report.Assessment
	d.s.tell("Asha's score is %d, band %s, by policy %s; up to 20000.00 INR may be offered", a.Score, a.Band, a.Policy)
	return nil
}

func (d *demo) makeOffers(ctx context.Context) error {
	var err error
	if d.offer, err = d.staff.Offer(ctx, d.ashaCase, illustrationTerms()); err != nil {
		return err
	}
	facts := d.offer.KeyFacts
	d.s.check("instalment (published 969.73)", facts.Instalment.Amount, publishedInstalment)
	d.s.check("APR % (published 17.07)", facts.APRPercent, publishedAPR)
	d.s.check("net disbursed (20000 - 400)", facts.NetDisbursed.Amount, publishedNet)
	d.s.check("total interest, whole rupees", wholeUnits(facts.TotalInterest.Amount), publishedTotalInterest)
	d.s.check("total paid, whole rupees", wholeUnits(facts.TotalPaid.Amount), publishedTotalPaid)
	rows := [][]string{{"no", "due", "principal", "interest", "instalment", "balance"}}
	for _, i := range d.offer.Schedule {
		rows = append(rows, []string{
			fmt.Sprint(i.Number), i.DueDate, i.Principal.Amount, i.Interest.Amount, i.Total.Amount, i.Balance.Amount,
		})
	}
	d.s.table(rows)
	last := d.offer.Schedule[len(d.offer.Schedule)-1]
	d.s.check("instalments", fmt.Sprint(len(d.offer.Schedule)), "24")
	d.s.check("balance after the last", last.Balance.Amount, "0.00")
	if err := d.asha.Accept(ctx, d.ashaCase, d.offer); err != nil {
		return err
	}
	d.s.tell("Asha accepts exactly this schedule (hash %.12s…)", d.offer.ScheduleHash)
	if _, err := d.staff.Offer(ctx, d.belaCase, illustrationTerms()); err != nil {
		return err
	}
	if err := d.bela.Decline(ctx, d.belaCase, "FOUND_BETTER_OFFER"); err != nil {
		return err
	}
	d.s.tell("Bela declines hers")
	return nil
}

func (d *demo) approve(ctx context.Context) error {
	if err := d.staff.ApproveAll(ctx, d.ashaCase); err != nil {
		return err
	}
	d.s.tell("internal, management and final approval; none of them made the offer")
	return nil
}
