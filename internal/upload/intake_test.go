package upload_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tenor-lending/tenor/internal/blob"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/privacy"
	"github.com/tenor-lending/tenor/internal/upload"
	"github.com/tenor-lending/tenor/internal/upload/uploadtest"
)

var start = time.Date(2024, 4, 15, 9, 0, 0, 0, time.UTC)

func intake(t *testing.T) (*upload.Intake, *time.Time) {
	t.Helper()
	keyring, err := privacy.NewKeyring("test:"+strings.Repeat("5a", privacy.KeyBytes), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := start
	return &upload.Intake{
		DB: dbtest.New(t, "document"), Blobs: blob.New("mem://", keyring, rand.Reader),
		Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	}, &now
}

func receive(t *testing.T, i *upload.Intake) upload.Received {
	t.Helper()
	body, contentType := uploadtest.Form{Name: "a.pdf", Content: uploadtest.PDF("x", "")}.Encode(t)
	form, err := upload.Open(contentType, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer form.Close()
	received, err := i.Receive(t.Context(), form)
	if err != nil {
		t.Fatal(err)
	}
	return received
}

func keep(t *testing.T, i *upload.Intake, key string) error {
	t.Helper()
	return database.InTx(t.Context(), i.DB, func(tx database.Tx) error { return upload.Keep(t.Context(), tx, key) })
}

func wantBlob(t *testing.T, i *upload.Intake, key string, want bool) {
	t.Helper()
	found, err := i.Blobs.Exists(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if found != want {
		t.Errorf("blob exists: %v, want %v", found, want)
	}
}

func sweep(t *testing.T, i *upload.Intake, want int) {
	t.Helper()
	removed, err := i.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if removed != want {
		t.Errorf("swept %d blobs, want %d", removed, want)
	}
}

func TestAKeptFileIsNeverDropped(t *testing.T) {
	t.Parallel()
	i, now := intake(t)
	received := receive(t, i)
	if err := keep(t, i, received.Key); err != nil {
		t.Fatal(err)
	}
	// As after a commit whose answer was lost: the caller believes it failed.
	i.Drop(t.Context(), received.Key)
	*now = start.Add(48 * time.Hour)
	sweep(t, i, 0)
	wantBlob(t, i, received.Key, true)
	download, err := i.Read(t.Context(), received, "a-name")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = download.Close() }()
	content, err := io.ReadAll(download)
	if err != nil || !bytes.Equal(content, uploadtest.PDF("x", "")) || download.Name != "a-name.pdf" {
		t.Errorf("read %d bytes as %s: %v", len(content), download.Name, err)
	}
}

func TestADroppedFileCannotBeKept(t *testing.T) {
	t.Parallel()
	i, _ := intake(t)
	received, neighbour := receive(t, i), receive(t, i)
	wantBlob(t, i, received.Key, true)
	i.Drop(t.Context(), received.Key)
	wantBlob(t, i, received.Key, false)
	wantBlob(t, i, neighbour.Key, true)
	if err := keep(t, i, neighbour.Key); err != nil {
		t.Errorf("keeping another one: %v", err)
	}
	if err := keep(t, i, received.Key); !errors.Is(err, upload.ErrExpired) {
		t.Errorf("keeping it: %v, want ErrExpired", err)
	}
}

func TestWhatACrashLeavesIsSwept(t *testing.T) {
	t.Parallel()
	i, now := intake(t)
	forgotten := receive(t, i)
	*now = start.Add(59 * time.Minute)
	sweep(t, i, 0)
	wantBlob(t, i, forgotten.Key, true)
	*now = start.Add(time.Hour)
	sweep(t, i, 1)
	wantBlob(t, i, forgotten.Key, false)
	sweep(t, i, 0)
}

func TestAReleasedFileIsSwept(t *testing.T) {
	t.Parallel()
	i, _ := intake(t)
	received := receive(t, i)
	if err := keep(t, i, received.Key); err != nil {
		t.Fatal(err)
	}
	err := database.InTx(t.Context(), i.DB, func(tx database.Tx) error {
		return upload.Release(t.Context(), tx, received.Key, start)
	})
	if err != nil {
		t.Fatal(err)
	}
	sweep(t, i, 1)
	wantBlob(t, i, received.Key, false)
}

func TestAnUploadGivenUpLeavesNothing(t *testing.T) {
	t.Parallel()
	i, now := intake(t)
	body, contentType := uploadtest.Form{Name: "a.pdf", Content: uploadtest.Padded(1 << 20)}.Encode(t)
	ctx, hangUp := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	go func() {
		_, _ = writer.Write(body[:len(body)/2])
		hangUp()
		_ = writer.CloseWithError(io.ErrUnexpectedEOF)
	}()
	form, err := upload.Open(contentType, reader)
	if err != nil {
		t.Fatal(err)
	}
	defer form.Close()
	if _, err := i.Receive(ctx, form); err == nil {
		t.Fatal("half a file was received")
	}
	*now = start.Add(48 * time.Hour)
	sweep(t, i, 0)
}
