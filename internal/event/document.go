package event

import "github.com/google/uuid"

// DocumentUploaded says that a file was stored with an application.
type DocumentUploaded struct {
	OnApplication
	DocumentID  uuid.UUID `json:"document_id"`
	Kind        string    `json:"kind"`
	ContentType string    `json:"content_type"`
	SHA256      string    `json:"sha256"`
	Size        int64     `json:"size"`
}

// Type implements Event.
func (DocumentUploaded) Type() string { return "document.uploaded.v1" }

// DocumentDeleted says that a file was taken back by its owner.
type DocumentDeleted struct {
	OnApplication
	DocumentID uuid.UUID `json:"document_id"`
	Kind       string    `json:"kind"`
}

// Type implements Event.
func (DocumentDeleted) Type() string { return "document.deleted.v1" }
