package document

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/internal/upload"
)

// PerApplicationMax is how many documents one application may have.
const PerApplicationMax = 50

// Errors, for errors.Is.
var (
	// ErrNotFound means there is no such document, or it is not the actor's.
	ErrNotFound = errors.New("no such document")
	// ErrDuplicate means that the application has the same content already.
	ErrDuplicate = errors.New("the application has this document already")
	// ErrTooMany means that an application has PerApplicationMax documents.
	ErrTooMany = fmt.Errorf("an application has at most %d documents", PerApplicationMax)
)

// Kind is what a document is evidence of.
type Kind string

// The kinds of documents.
const (
	Identity Kind = "IDENTITY"
	Income   Kind = "INCOME"
	Address  Kind = "ADDRESS"
	Other    Kind = "OTHER"
)

// Kinds lists them.
var Kinds = []Kind{Identity, Income, Address, Other}

// Document is a file given with an application.
type Document struct {
	ID            uuid.UUID
	ApplicationID uuid.UUID
	CustomerID    uuid.UUID
	Kind          Kind
	ContentType   string
	Size          int64
	SHA256        string
	UploadedAt    time.Time
}

// Service keeps documents.
type Service struct {
	db       *database.DB
	commands *command.Runner
	outbox   *stream.Outbox
	newID    func() uuid.UUID
	intake   *upload.Intake
}

// New makes the service; see app.Service.
func New(env *app.Env) (*app.Component, error) {
	s := &Service{
		db: env.DB, commands: env.Commands, outbox: env.Outbox, newID: env.NewID,
		intake: &upload.Intake{DB: env.DB, Blobs: env.Blobs, Now: env.Now, Log: env.Log},
	}
	return &app.Component{
		Routes:        s.routes,
		Subscriptions: append(casefile.Subscriptions(), s.subscriptions()...),
		Start:         env.Blobs.Ping,
		Tasks:         []app.Task{{Name: "sweep of loose blobs", Run: s.intake.Run}},
		Checks:        map[string]httpapi.Check{"blobs": env.Blobs.Ping},
	}, nil
}

// NewDocument is what a borrower says about the file that follows.
type NewDocument struct {
	ApplicationID uuid.UUID
	Kind          Kind
}

// Upload receives the file of form as evidence for an application of the
// actor's own. The key is bound to the application, the kind and the content.
// After an error nothing of the file is left.
func (s *Service) Upload(
	ctx context.Context, actor access.Actor, key command.Key, in NewDocument, form *upload.Form,
) (command.Result[Document], error) {
	// Before a byte of the file is read: a stranger's application is no place
	// to store anything. The stage is left to the transaction, because a
	// repeated request has to get its first answer at any stage.
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		_, err := casefile.Visible(ctx, tx, actor, in.ApplicationID)
		return err
	})
	if err != nil {
		return command.Result[Document]{}, err
	}
	received, err := s.intake.Receive(ctx, form)
	if err != nil {
		return command.Result[Document]{}, err
	}
	result, err := s.add(ctx, actor, key, in, received)
	if err != nil || result.Replayed {
		s.intake.Drop(ctx, received.Key)
	}
	return result, err
}

// request is what an idempotency key is bound to.
type request struct {
	ApplicationID uuid.UUID `json:"application_id"`
	Kind          Kind      `json:"kind"`
	SHA256        string    `json:"sha256"`
}

func (s *Service) add(
	ctx context.Context, actor access.Actor, key command.Key, in NewDocument, received upload.Received,
) (command.Result[Document], error) {
	bound := request{in.ApplicationID, in.Kind, received.SHA256}
	key, err := command.NewKey(key.Value, bound)
	if err != nil {
		return command.Result[Document]{}, err
	}
	id := s.newID()
	return command.Run(ctx, s.commands, command.Command{
		Name: "document.upload", Actor: actor, Subject: in.ApplicationID, Key: key, Detail: bound,
	}, func(tx database.Tx, now time.Time) (Document, error) {
		c, err := editable(ctx, tx, actor, in.ApplicationID)
		if err != nil {
			return Document{}, err
		}
		document := Document{
			ID: id, ApplicationID: c.ApplicationID, CustomerID: c.CustomerID, Kind: in.Kind,
			ContentType: received.ContentType, Size: received.Size, SHA256: received.SHA256, UploadedAt: now,
		}
		count, err := countOf(ctx, tx, c.ApplicationID)
		if err != nil {
			return Document{}, err
		}
		if count >= PerApplicationMax {
			return Document{}, ErrTooMany
		}
		if err := insert(ctx, tx, document, received.Ref); err != nil {
			return Document{}, err
		}
		if err := upload.Keep(ctx, tx, received.Key); err != nil {
			return Document{}, err
		}
		return document, s.outbox.Append(ctx, tx, now, event.DocumentUploaded{
			OnApplication: event.OnApplication{ApplicationID: c.ApplicationID, CustomerID: c.CustomerID},
			DocumentID:    id, Kind: string(in.Kind), ContentType: received.ContentType,
			SHA256: received.SHA256, Size: received.Size,
		})
	})
}

// editable returns an application of the actor's own whose evidence may still
// change: until the identity review is decided.
func editable(ctx context.Context, tx database.Tx, actor access.Actor, applicationID uuid.UUID) (casefile.Case, error) {
	c, err := casefile.Visible(ctx, tx, actor, applicationID)
	if err != nil {
		return casefile.Case{}, err
	}
	frozen, err := isClosed(ctx, tx, applicationID)
	if err != nil {
		return casefile.Case{}, err
	}
	if frozen || c.Stage != event.StageInput && c.Stage != event.StageKYC {
		return casefile.Case{}, fmt.Errorf("%w: it is at %s, documents change at %s and until %s is decided",
			casefile.ErrWrongStage, c.Stage, event.StageInput, event.StageKYC)
	}
	return c, nil
}

// List returns the documents of an application to its owner and to staff, in
// the order of their upload; there are at most PerApplicationMax.
func (s *Service) List(ctx context.Context, actor access.Actor, applicationID uuid.UUID) ([]Document, error) {
	var documents []Document
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		if _, err := casefile.Visible(ctx, tx, actor, applicationID, access.Staff...); err != nil {
			return err
		}
		var err error
		documents, err = list(ctx, tx, applicationID)
		return err
	})
	return documents, err
}

// Read opens a document for its owner and for staff; the caller closes it.
func (s *Service) Read(ctx context.Context, actor access.Actor, id uuid.UUID) (*upload.Download, error) {
	var document Document
	var received upload.Received
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		document, received.Ref, err = find(ctx, tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !actor.MaySee(document.CustomerID, access.Staff...) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	received.Size, received.ContentType = document.Size, document.ContentType
	return s.intake.Read(ctx, received, "document-"+id.String())
}

// Delete takes back a document of the actor's own.
func (s *Service) Delete(ctx context.Context, actor access.Actor, id uuid.UUID) error {
	var document Document
	var blobKey string
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		document, err = owned(ctx, tx, actor, id)
		return err
	})
	if err != nil {
		return err
	}
	_, err = command.Run(ctx, s.commands, command.Command{
		Name: "document.delete", Actor: actor, Subject: document.ApplicationID,
		Detail: map[string]string{"document": id.String()},
	}, func(tx database.Tx, now time.Time) (struct{}, error) {
		if _, err := editable(ctx, tx, actor, document.ApplicationID); err != nil {
			return struct{}{}, err
		}
		var err error
		blobKey, err = remove(ctx, tx, id)
		if err != nil {
			return struct{}{}, err
		}
		if err := upload.Release(ctx, tx, blobKey, now); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.outbox.Append(ctx, tx, now, event.DocumentDeleted{
			OnApplication: event.OnApplication{ApplicationID: document.ApplicationID, CustomerID: document.CustomerID},
			DocumentID:    id, Kind: string(document.Kind),
		})
	})
	if err != nil {
		return err
	}
	s.intake.Drop(ctx, blobKey)
	return nil
}

// owned returns a document of the actor's own.
func owned(ctx context.Context, tx database.Tx, actor access.Actor, id uuid.UUID) (Document, error) {
	document, _, err := find(ctx, tx, id)
	if err != nil {
		return Document{}, err
	}
	if !actor.MaySee(document.CustomerID) {
		return Document{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return document, nil
}
