package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/tenor-lending/tenor/internal/blob"
	"github.com/tenor-lending/tenor/internal/database"
)

// Limits of removing loose blobs.
const (
	// looseAfter is far beyond the longest request: a blob still loose then
	// belongs to an upload that did not end well.
	looseAfter  = time.Hour
	sweepEvery  = time.Minute
	sweepMax    = 100
	dropTimeout = 10 * time.Second
)

// Intake receives files into the blob store on behalf of one service.
type Intake struct {
	DB    *database.DB
	Blobs *blob.Store
	Now   func() time.Time
	Log   *slog.Logger
}

// Received is a stored file that no row refers to yet. Within the transaction
// that refers to it call Keep; in every other case call Drop.
type Received struct {
	blob.Object
	// ContentType is the type that the content has.
	ContentType string
}

// Receive streams the file of a form into the blob store. Its errors are
// ErrType, ErrContent, ErrForm and blob.ErrTooLarge for the sender's faults;
// after any error nothing is left.
func (i *Intake) Receive(ctx context.Context, form *Form) (Received, error) {
	key, err := i.Blobs.NewKey()
	if err != nil {
		return Received{}, err
	}
	err = database.InTx(ctx, i.DB, func(tx database.Tx) error {
		return reserve(ctx, tx, key, i.Now().Add(looseAfter))
	})
	if err != nil {
		return Received{}, err
	}
	object, err := i.Blobs.Put(ctx, key, form.File(), FileBytesMax)
	if err == nil {
		err = form.Finish()
	}
	if err != nil {
		i.Drop(ctx, key)
		return Received{}, err
	}
	return Received{Object: object, ContentType: form.File().Type()}, nil
}

// Drop removes a blob unless a row refers to it by now. What cannot be removed
// at once is left to Sweep. It works although ctx is over, for a client that
// went away is the usual reason to drop.
func (i *Intake) Drop(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
	defer cancel()
	if err := i.drop(ctx, key); err != nil {
		i.Log.WarnContext(ctx, "blob is left to the sweep", "blob", key, "error", err)
	}
}

func (i *Intake) drop(ctx context.Context, key string) error {
	loose := false
	err := database.InTx(ctx, i.DB, func(tx database.Tx) error {
		var err error
		loose, err = claim(ctx, tx, key)
		return err
	})
	if err != nil || !loose {
		return err
	}
	if err := i.Blobs.Delete(ctx, key); err != nil {
		return err
	}
	return database.InTx(ctx, i.DB, func(tx database.Tx) error { return forget(ctx, tx, key) })
}

// Sweep removes blobs that uploads left behind and that were released, at most
// sweepMax at once, and returns how many.
func (i *Intake) Sweep(ctx context.Context) (int, error) {
	var keys []string
	err := database.InReadTx(ctx, i.DB, func(tx database.Tx) error {
		var err error
		keys, err = due(ctx, tx, i.Now(), sweepMax)
		return err
	})
	if err != nil {
		return 0, err
	}
	var faults []error
	for _, key := range keys {
		if err := i.drop(ctx, key); err != nil {
			faults = append(faults, err)
		}
	}
	return len(keys) - len(faults), errors.Join(faults...)
}

// Run sweeps until ctx ends.
func (i *Intake) Run(ctx context.Context) error {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		removed, err := i.Sweep(ctx)
		if err != nil && ctx.Err() == nil {
			i.Log.WarnContext(ctx, "sweeping loose blobs", "error", err)
		}
		if removed > 0 {
			i.Log.InfoContext(ctx, "removed loose blobs", "count", removed)
		}
	}
}

// Download is a stored file that is being read.
type Download struct {
	io.ReadCloser
	// Name is the file name that the reader is given; it holds nothing that a user chose.
	Name string
	// ContentType is the type of the content, and Size its length in bytes.
	ContentType string
	Size        int64
}

// Read opens a stored file for download under a name without extension.
func (i *Intake) Read(ctx context.Context, stored Received, name string) (*Download, error) {
	content, err := i.Blobs.Get(ctx, stored.Ref)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return &Download{
		ReadCloser: content, Name: name + Extension(stored.ContentType), ContentType: stored.ContentType, Size: stored.Size,
	}, nil
}
