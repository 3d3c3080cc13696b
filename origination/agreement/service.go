package agreement

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/pdfdoc"
	"github.com/tenor-lending/tenor/internal/privacy"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/internal/upload"
)

// Errors, for errors.Is.
var (
	// ErrNotFound means that there is no agreement for the application yet.
	ErrNotFound = errors.New("there is no agreement yet")
	// ErrState means that the agreement is at a state that does not allow the step.
	ErrState = errors.New("the agreement is at another state")
	// ErrTerms means that the schedule is not the one that was agreed on.
	ErrTerms = errors.New("the schedule differs from the one agreed on")
)

// Status is where an agreement stands.
type Status string

// The states of an agreement.
const (
	// Generated means that the contract waits for the borrower's consent.
	Generated Status = "GENERATED"
	// UnderReview means that a copy signed by hand waits for an officer.
	UnderReview Status = "UNDER_REVIEW"
	// Signed means that the contract is concluded.
	Signed Status = "SIGNED"
)

// The ways to sign.
const (
	// MethodESign is consent by a one-time code, sealed by the platform's signature.
	MethodESign = "ESIGN"
	// MethodUpload is a copy signed by hand and approved by an officer.
	MethodUpload = "UPLOAD"
)

// Agreement is the contract of one application.
type Agreement struct {
	ID            uuid.UUID
	ApplicationID uuid.UUID
	CustomerID    uuid.UUID
	OfferID       uuid.UUID
	// ScheduleHash names the repayment schedule (amortization.Schedule.Hash).
	ScheduleHash string
	Status       Status
	// SHA256 is the hash of the document as presented, in hex.
	SHA256      string
	GeneratedAt time.Time
	// Method, SignedSHA256 and SignedAt are set once it is signed.
	Method       string
	SignedSHA256 string
	SignedAt     *time.Time
	// Certificate is the fingerprint of the certificate that signed it
	// electronically: SHA-256 in hex.
	Certificate string
}

// View is an agreement with what people want to see beside it.
type View struct {
	Agreement
	Principal  money.Amount
	Instalment money.Amount
	APRPercent string
	// Returned is why the last copy signed by hand was not accepted, if it was not.
	Returned string
}

// Service makes and concludes agreements.
type Service struct {
	config   config.Agreement
	db       *database.DB
	commands *command.Runner
	outbox   *stream.Outbox
	keyring  *privacy.Keyring
	now      func() time.Time
	newID    func() uuid.UUID
	random   io.Reader
	signers  *signers
	intake   *upload.Intake
}

// New makes the service; see app.Service.
func New(env *app.Env) (*app.Component, error) {
	s := &Service{
		config: env.Config.Agreement, db: env.DB, commands: env.Commands, outbox: env.Outbox, keyring: env.Keyring,
		now: env.Now, newID: env.NewID, random: rand.Reader,
		signers: &signers{config: env.Config.Agreement, db: env.DB, keyring: env.Keyring, random: rand.Reader},
		intake:  &upload.Intake{DB: env.DB, Blobs: env.Blobs, Now: env.Now, Log: env.Log},
	}
	if err := pdfdoc.Printable(s.config.Lender); err != nil {
		return nil, err
	}
	return &app.Component{
		Routes:        s.routes,
		Subscriptions: append(casefile.Subscriptions(), s.subscriptions()...),
		Start:         s.start,
		Tasks:         []app.Task{{Name: "sweep of loose blobs", Run: s.intake.Run}},
		Checks:        map[string]httpapi.Check{"blobs": env.Blobs.Ping, "certificate": s.checkCertificate},
	}, nil
}

// start finds out before the first borrower does whether contracts can be signed.
func (s *Service) start(ctx context.Context) error {
	if err := s.intake.Blobs.Ping(ctx); err != nil {
		return err
	}
	return s.checkCertificate(ctx)
}

func (s *Service) checkCertificate(ctx context.Context) error {
	_, err := s.signers.get(ctx, s.now())
	return err
}

// Generate makes the agreement of an application whose offer is accepted and
// approved. If there is one already, that is the answer.
func (s *Service) Generate(
	ctx context.Context, actor access.Actor, key command.Key, applicationID uuid.UUID,
) (command.Result[View], error) {
	id := s.newID()
	return command.Run(ctx, s.commands, command.Command{
		Name: "agreement.generate", Actor: actor, Subject: applicationID, Key: key,
	}, func(tx database.Tx, now time.Time) (View, error) {
		c, err := casefile.Visible(ctx, tx, actor, applicationID, access.System)
		if err != nil {
			return View{}, err
		}
		offer, found, err := findAccepted(ctx, tx, applicationID)
		if err != nil {
			return View{}, err
		}
		if !found || !offer.Approved {
			return View{}, noneYet(c)
		}
		agreement, err := s.generate(ctx, tx, now, id, offer)
		if err != nil {
			return View{}, err
		}
		return viewOf(agreement, offer.Offer), nil
	})
}

// generate makes the agreement, unless there is one.
func (s *Service) generate(
	ctx context.Context, tx database.Tx, now time.Time, id uuid.UUID, offer accepted,
) (Agreement, error) {
	existing, found, err := findAgreement(ctx, tx, offer.On.ApplicationID)
	if err != nil || found {
		return existing, err
	}
	content, err := s.document(id, now, offer)
	if err != nil {
		return Agreement{}, err
	}
	sum := sha256.Sum256(content)
	agreement := Agreement{
		ID: id, ApplicationID: offer.On.ApplicationID, CustomerID: offer.On.CustomerID, OfferID: offer.Offer.OfferID,
		ScheduleHash: offer.Offer.ScheduleHash, Status: Generated, SHA256: hex.EncodeToString(sum[:]), GeneratedAt: now,
	}
	if err := insertAgreement(ctx, tx, agreement); err != nil {
		return Agreement{}, err
	}
	if err := insertContract(ctx, tx, id, versionOriginal, content); err != nil {
		return Agreement{}, err
	}
	return agreement, s.outbox.Append(ctx, tx, now, event.AgreementGenerated{
		OnApplication: offer.On, AgreementID: id, OfferID: agreement.OfferID, ScheduleHash: agreement.ScheduleHash,
		SHA256: agreement.SHA256,
	})
}

// document computes the schedule again and draws the contract. ErrTerms means
// that the result is not what the borrower accepted.
func (s *Service) document(id uuid.UUID, now time.Time, offer accepted) ([]byte, error) {
	var terms amortization.Terms
	if err := json.Unmarshal(offer.Offer.Terms, &terms); err != nil {
		return nil, fmt.Errorf("%w: terms of offer %s: %w", ErrTerms, offer.Offer.OfferID, err)
	}
	schedule, err := amortization.New(terms)
	if err != nil {
		return nil, fmt.Errorf("%w: terms of offer %s: %w", ErrTerms, offer.Offer.OfferID, err)
	}
	if hash := schedule.Hash(); hash != offer.Offer.ScheduleHash {
		return nil, fmt.Errorf("%w: offer %s has schedule %s, its terms give %s",
			ErrTerms, offer.Offer.OfferID, offer.Offer.ScheduleHash, hash)
	}
	facts, err := amortization.Disclose(schedule)
	if err != nil {
		return nil, fmt.Errorf("key facts of offer %s: %w", offer.Offer.OfferID, err)
	}
	return draw(contractFacts{
		ID: id, ApplicationID: offer.On.ApplicationID, CustomerID: offer.On.CustomerID, OfferID: offer.Offer.OfferID,
		Lender: s.config.Lender, At: now, Schedule: schedule, KeyFacts: facts,
		Versioned: offer.Offer.ProductVersion != nil, LateFee: offer.Offer.LateFee,
	})
}

func viewOf(a Agreement, offer event.Offer) View {
	return View{Agreement: a, Principal: offer.Principal, Instalment: offer.Instalment, APRPercent: offer.APRPercent}
}

// Get returns the agreement of an application to its owner, to staff and to
// the platform.
func (s *Service) Get(ctx context.Context, actor access.Actor, applicationID uuid.UUID) (View, error) {
	var view View
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		view, err = s.visible(ctx, tx, actor, applicationID)
		return err
	})
	return view, err
}

// readers are the roles that may read any agreement.
var readers = append([]access.Role{access.System}, access.Staff...)

func (s *Service) visible(
	ctx context.Context, tx database.Tx, actor access.Actor, applicationID uuid.UUID,
) (View, error) {
	if _, err := casefile.Visible(ctx, tx, actor, applicationID, readers...); err != nil {
		return View{}, err
	}
	agreement, found, err := findAgreement(ctx, tx, applicationID)
	if err != nil {
		return View{}, err
	}
	if !found {
		return View{}, fmt.Errorf("%w: application %s", ErrNotFound, applicationID)
	}
	offer, _, err := findAccepted(ctx, tx, applicationID)
	if err != nil {
		return View{}, err
	}
	view := viewOf(agreement, offer.Offer)
	last, _, found, err := lastCopy(ctx, tx, agreement.ID)
	if err != nil {
		return View{}, err
	}
	if found && last.Decision == decisionRejected && agreement.Status == Generated {
		view.Returned = last.Reason
	}
	return view, nil
}

// Read opens the document of an agreement: as it was presented, or as it
// stands now, which is the signed one or the copy under review, where there is one.
func (s *Service) Read(
	ctx context.Context, actor access.Actor, applicationID uuid.UUID, original bool,
) (*upload.Download, error) {
	var view View
	var copied upload.Received
	var content []byte
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		content, copied = nil, upload.Received{}
		var err error
		view, err = s.visible(ctx, tx, actor, applicationID)
		if err != nil {
			return err
		}
		version := versionOriginal
		switch {
		case original || view.Status == Generated:
		case view.Method == MethodESign:
			version = versionSigned
		default:
			last, ref, _, err := lastCopy(ctx, tx, view.ID)
			copied.Ref, copied.Size, copied.ContentType = ref, last.Size, upload.PDF
			return err
		}
		content, err = findContract(ctx, tx, view.ID, version)
		return err
	})
	if err != nil {
		return nil, err
	}
	name := "agreement-" + view.ID.String()
	if content == nil {
		return s.intake.Read(ctx, copied, name+"-signed-by-hand")
	}
	return &upload.Download{
		ReadCloser: io.NopCloser(bytes.NewReader(content)), Name: name + upload.Extension(upload.PDF),
		ContentType: upload.PDF, Size: int64(len(content)),
	}, nil
}

// noneYet says why there is no agreement to work with: the application is at
// another stage, or it has just come to this one.
func noneYet(c casefile.Case) error {
	if c.Stage == event.StageAgreement {
		return fmt.Errorf("%w: it is not made yet", ErrState)
	}
	return c.Wrong(event.StageAgreement)
}

// open returns the agreement of an application of the actor's own that waits
// for consent; ErrState or casefile.ErrWrongStage mean that it does not.
func (s *Service) open(
	ctx context.Context, tx database.Tx, actor access.Actor, applicationID uuid.UUID,
) (Agreement, accepted, error) {
	c, err := casefile.Visible(ctx, tx, actor, applicationID)
	if err != nil {
		return Agreement{}, accepted{}, err
	}
	agreement, found, err := findAgreement(ctx, tx, applicationID)
	if err != nil {
		return Agreement{}, accepted{}, err
	}
	if !found || c.Stage == event.StageClosed {
		return Agreement{}, accepted{}, noneYet(c)
	}
	if agreement.Status != Generated {
		return Agreement{}, accepted{}, fmt.Errorf("%w: it is %s, this step needs %s", ErrState, agreement.Status, Generated)
	}
	offer, _, err := findAccepted(ctx, tx, applicationID)
	return agreement, offer, err
}
