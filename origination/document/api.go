package document

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/upload"
)

const (
	pathUpload  = "/api/v1/documents/upload"
	pathList    = "/api/v1/documents/{appId}/list"
	pathOne     = "/api/v1/documents/{docId}"
	pathContent = "/api/v1/documents/{docId}/content"
	tag         = "document"

	fieldApplication = "application_id"
	fieldKind        = "kind"
)

func (s *Service) routes(api *httpapi.API) {
	api.Problems(
		httpapi.Problem{
			Err: ErrNotFound, Status: http.StatusNotFound, Type: "document-not-found",
			Title: "No such document",
		},
		httpapi.Problem{
			Err: ErrDuplicate, Status: http.StatusConflict, Type: "document-exists",
			Title: "The application has this document already",
		},
		httpapi.Problem{
			Err: ErrTooMany, Status: http.StatusConflict, Type: "too-many-documents",
			Title: "The application has as many documents as it may",
		},
		httpapi.Problem{
			Err: casefile.ErrNotFound, Status: http.StatusNotFound, Type: "application-not-found",
			Title: "No such application",
		},
		httpapi.Problem{
			Err: casefile.ErrWrongStage, Status: http.StatusConflict, Type: "wrong-stage",
			Title: "The application is at another stage",
		},
	)
	api.Problems(upload.Problems()...)
	httpapi.Register(api, httpapi.Op{
		ID: "upload-document", Method: http.MethodPost, Path: pathUpload, Tag: tag, Access: httpapi.Bearer(),
		Idempotent: true, Status: http.StatusCreated, BodyBytes: upload.FormBytesMax,
		Summary: "Give a document with an application",
		Description: "The borrower sends one file as evidence: a PDF, JPEG or PNG of at most 10 MiB whose name ends " +
			"accordingly. The type is told by the content. PDFs with scripts, actions, other files or encryption are " +
			"refused. Documents can be given until the identity review is decided.",
		Errors: []int{http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType},
	}, s.upload)
	kinds := make([]string, len(Kinds))
	for i, kind := range Kinds {
		kinds[i] = string(kind)
	}
	upload.Describe(api, pathUpload,
		upload.Field{Name: fieldApplication, Doc: "The application that the document belongs to.", Format: "uuid"},
		upload.Field{Name: fieldKind, Doc: "What the document is evidence of.", Enum: kinds})
	httpapi.Register(api, httpapi.Op{
		ID: "list-documents", Method: http.MethodGet, Path: pathList, Tag: tag, Access: httpapi.Bearer(),
		Summary:     "List the documents of an application",
		Description: "For the borrower and for staff, in the order of upload; an application has at most 50.",
		Errors:      []int{http.StatusNotFound},
	}, s.list)
	httpapi.Register(api, httpapi.Op{
		ID: "read-document", Method: http.MethodGet, Path: pathContent, Tag: tag, Access: httpapi.Bearer(),
		Summary: "Download a document", Description: "For the borrower and for staff.", Errors: []int{http.StatusNotFound},
	}, s.read)
	upload.DescribeDownload(api, pathContent, upload.PDF, upload.JPEG, upload.PNG)
	httpapi.Register(api, httpapi.Op{
		ID: "delete-document", Method: http.MethodDelete, Path: pathOne, Tag: tag, Access: httpapi.Bearer(),
		Status: http.StatusNoContent, Summary: "Take back a document",
		Description: "For the borrower, until the identity review is decided. The file is destroyed.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, s.remove)
}

type documentBody struct {
	ID            uuid.UUID `json:"id" format:"uuid" doc:"Names the document."`
	ApplicationID uuid.UUID `json:"application_id" format:"uuid" doc:"The application that it belongs to."`
	Kind          Kind      `json:"kind" enum:"IDENTITY,INCOME,ADDRESS,OTHER" doc:"What it is evidence of."`
	ContentType   string    `json:"content_type" example:"application/pdf" doc:"The type that its content has."`
	Size          int64     `json:"size" example:"48213" doc:"Length in bytes."`
	SHA256        string    `json:"sha256" doc:"SHA-256 of the content, in hex."`
	UploadedAt    time.Time `json:"uploaded_at" doc:"When it was received."`
}

func bodyOf(d Document) documentBody {
	return documentBody{d.ID, d.ApplicationID, d.Kind, d.ContentType, d.Size, d.SHA256, d.UploadedAt.UTC()}
}

type uploadInput struct {
	upload.Input
}

type documentOutput struct {
	Body documentBody
}

func (s *Service) upload(ctx context.Context, in *uploadInput) (*documentOutput, error) {
	form, err := in.Open(fieldApplication, fieldKind)
	if err != nil {
		return nil, err
	}
	defer form.Close()
	applicationID, err := uuid.Parse(form.Field(fieldApplication))
	if err != nil {
		return nil, &upload.FieldError{Field: fieldApplication, Reason: "is not a UUID"}
	}
	kind := Kind(form.Field(fieldKind))
	if !slices.Contains(Kinds, kind) {
		return nil, &upload.FieldError{Field: fieldKind, Reason: "is not one of IDENTITY, INCOME, ADDRESS, OTHER"}
	}
	key, err := httpapi.Key(ctx, nil) // the service binds it to the content
	if err != nil {
		return nil, err
	}
	result, err := s.Upload(ctx, httpapi.Actor(ctx), key, NewDocument{applicationID, kind}, form)
	if err != nil {
		return nil, err
	}
	return &documentOutput{Body: bodyOf(httpapi.Reply(ctx, result))}, nil
}

type listInput struct {
	ApplicationID uuid.UUID `path:"appId" format:"uuid" doc:"The application."`
}

type listOutput struct {
	Body struct {
		Documents []documentBody `json:"documents" maxItems:"50" nullable:"false" doc:"In the order of upload."`
	}
}

func (s *Service) list(ctx context.Context, in *listInput) (*listOutput, error) {
	documents, err := s.List(ctx, httpapi.Actor(ctx), in.ApplicationID)
	if err != nil {
		return nil, err
	}
	out := &listOutput{}
	out.Body.Documents = make([]documentBody, len(documents))
	for i, document := range documents {
		out.Body.Documents[i] = bodyOf(document)
	}
	return out, nil
}

type documentInput struct {
	ID uuid.UUID `path:"docId" format:"uuid" doc:"The document."`
}

func (s *Service) read(ctx context.Context, in *documentInput) (*huma.StreamResponse, error) {
	download, err := s.Read(ctx, httpapi.Actor(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return upload.Send(download)
}

func (s *Service) remove(ctx context.Context, in *documentInput) (*struct{}, error) {
	return nil, s.Delete(ctx, httpapi.Actor(ctx), in.ID)
}
