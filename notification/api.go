package notification

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/httpapi"
)

const tag = "notification"

var problems = []httpapi.Problem{
	{Err: ErrNotFound, Status: http.StatusNotFound, Type: "notification-not-found", Title: "No such notification"},
	{Err: ErrInvalid, Status: http.StatusUnprocessableEntity, Type: "invalid-value", Title: "A value cannot be accepted"},
}

func (s *Service) routes(api *httpapi.API) {
	api.Problems(problems...)
	httpapi.Register(api, httpapi.Op{
		ID: "get-inbox", Method: http.MethodGet, Path: "/api/v1/notifications/inbox",
		Summary: "Read your inbox", Description: "Newest first.", Tag: tag, Access: httpapi.Bearer(),
	}, s.getInbox)
	httpapi.Register(api, httpapi.Op{
		ID: "read-notification", Method: http.MethodPatch, Path: "/api/v1/notifications/{id}/read",
		Summary: "Mark a notification as read", Description: "Doing so again changes nothing.",
		Tag: tag, Access: httpapi.Bearer(), Errors: []int{http.StatusNotFound},
	}, s.patchRead)
	httpapi.Register(api, httpapi.Op{
		ID: "get-notification-preferences", Method: http.MethodGet, Path: "/api/v1/notifications/preferences",
		Summary: "Read how you want to be notified", Tag: tag, Access: httpapi.Bearer(),
	}, s.getPreferences)
	httpapi.Register(api, httpapi.Op{
		ID: "set-notification-preferences", Method: http.MethodPut, Path: "/api/v1/notifications/preferences",
		Summary: "Say how you want to be notified",
		Description: "The inbox has every message. Beside it, messages are sent by the channels given here, outside " +
			"the quiet hours; urgent ones, such as signing codes, at once. The code for a new password goes by e-mail in any " +
			"case. It holds for messages from now on.",
		Tag: tag, Access: httpapi.Bearer(),
	}, s.putPreferences)
	httpapi.Register(api, httpapi.Op{
		ID: "get-notification-history", Method: http.MethodGet, Path: "/api/v1/notifications/history",
		Summary:     "Read all your notifications and how they were delivered",
		Description: "Newest first.", Tag: tag, Access: httpapi.Bearer(),
	}, s.getHistory)
}

type messageBody struct {
	ID        uuid.UUID  `json:"id" format:"uuid"`
	Type      string     `json:"type" example:"offer.made.v1" doc:"The event that it is about"`
	Title     string     `json:"title" example:"You have an offer"`
	Body      string     `json:"body"`
	CreatedAt time.Time  `json:"created_at"`
	ReadAt    *time.Time `json:"read_at,omitempty" doc:"Absent while unread"`
}

func bodyOf(m Message) messageBody {
	return messageBody{ID: m.ID, Type: m.Type, Title: m.Title, Body: m.Body, CreatedAt: m.CreatedAt, ReadAt: m.ReadAt}
}

type inboxInput struct {
	httpapi.PageInput
	Unread bool `query:"unread" default:"false" doc:"Only unread messages"`
}

type inboxOutput struct {
	Body struct {
		Items       []messageBody `json:"items"`
		UnreadCount int           `json:"unread_count" doc:"Unread messages in the whole inbox"`
		NextCursor  string        `json:"next_cursor,omitempty" doc:"Absent on the last page"`
	}
}

func (s *Service) getInbox(ctx context.Context, in *inboxInput) (*inboxOutput, error) {
	after := newest
	if err := httpapi.DecodeCursor(in.Cursor, &after); err != nil {
		return nil, err
	}
	p, err := s.inbox(ctx, httpapi.Actor(ctx), in.Unread, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &inboxOutput{}
	out.Body.Items = make([]messageBody, len(p.messages))
	for i, m := range p.messages {
		out.Body.Items[i] = bodyOf(m)
	}
	out.Body.UnreadCount = p.unread
	out.Body.NextCursor, err = p.cursor()
	return out, err
}

func (p page) cursor() (string, error) {
	if p.next == nil {
		return "", nil
	}
	return httpapi.EncodeCursor(p.next)
}

type deliveryBody struct {
	Channel  string     `json:"channel" enum:"EMAIL,SMS,PUSH"`
	State    string     `json:"state" enum:"PENDING,SENT,FAILED"`
	Attempts int        `json:"attempts"`
	Via      string     `json:"via,omitempty" example:"smtp" doc:"Who took it; log where no sender is configured"`
	Fault    string     `json:"fault,omitempty" doc:"Why the last attempt failed"`
	DueAt    *time.Time `json:"due_at,omitempty" doc:"When the next attempt is due, while pending"`
	ClosedAt *time.Time `json:"closed_at,omitempty" doc:"When it was sent or given up"`
}

type historyItem struct {
	Message    messageBody    `json:"notification"`
	Deliveries []deliveryBody `json:"deliveries"`
}

type historyInput struct {
	httpapi.PageInput
}

type historyOutput struct {
	Body struct {
		Items      []historyItem `json:"items"`
		NextCursor string        `json:"next_cursor,omitempty" doc:"Absent on the last page"`
	}
}

func (s *Service) getHistory(ctx context.Context, in *historyInput) (*historyOutput, error) {
	after := newest
	if err := httpapi.DecodeCursor(in.Cursor, &after); err != nil {
		return nil, err
	}
	p, err := s.history(ctx, httpapi.Actor(ctx), after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &historyOutput{}
	out.Body.Items = make([]historyItem, len(p.messages))
	for i, m := range p.messages {
		out.Body.Items[i] = historyItem{Message: bodyOf(m), Deliveries: make([]deliveryBody, len(m.Deliveries))}
		for k, d := range m.Deliveries {
			out.Body.Items[i].Deliveries[k] = deliveryOf(d)
		}
	}
	out.Body.NextCursor, err = p.cursor()
	return out, err
}

func deliveryOf(d Delivery) deliveryBody {
	body := deliveryBody{
		Channel: string(d.Channel), State: string(d.State), Attempts: d.Attempts, Via: d.Via, Fault: d.Fault,
	}
	if d.State == Pending {
		due := d.DueAt.UTC()
		body.DueAt = &due
	}
	if d.ClosedAt != nil {
		closed := d.ClosedAt.UTC()
		body.ClosedAt = &closed
	}
	return body
}

type readInput struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The notification"`
}

type readOutput struct {
	Body struct {
		ID     uuid.UUID `json:"id" format:"uuid"`
		ReadAt time.Time `json:"read_at" doc:"When it was first marked"`
	}
}

func (s *Service) patchRead(ctx context.Context, in *readInput) (*readOutput, error) {
	readAt, err := s.MarkRead(ctx, httpapi.Actor(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := &readOutput{}
	out.Body.ID, out.Body.ReadAt = in.ID, readAt
	return out, nil
}

type quietHoursBody struct {
	From  string `json:"from" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" example:"22:00"`
	Until string `json:"until" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" example:"07:00" doc:"On the next day if earlier than from"`
	Zone  string `json:"zone" minLength:"1" maxLength:"64" example:"Asia/Kolkata" doc:"IANA time zone"`
}

type preferencesBody struct {
	Channels   []string        `json:"channels" enum:"EMAIL,SMS,PUSH" maxItems:"3" uniqueItems:"true" example:"[\"EMAIL\"]" doc:"Empty: the inbox alone"`
	QuietHours *quietHoursBody `json:"quiet_hours,omitempty"`
}

type preferencesInput struct {
	Body preferencesBody
}

type preferencesOutput struct {
	Body preferencesBody
}

func preferencesOf(p Preferences) *preferencesOutput {
	out := &preferencesOutput{Body: preferencesBody{Channels: names(p.Channels)}}
	if p.Quiet != (QuietHours{}) {
		quiet := quietHoursBody(p.Quiet)
		out.Body.QuietHours = &quiet
	}
	return out
}

func (s *Service) getPreferences(ctx context.Context, _ *struct{}) (*preferencesOutput, error) {
	p, err := s.Preferences(ctx, httpapi.Actor(ctx))
	if err != nil {
		return nil, err
	}
	return preferencesOf(p), nil
}

func (s *Service) putPreferences(ctx context.Context, in *preferencesInput) (*preferencesOutput, error) {
	var p Preferences
	for _, c := range in.Body.Channels {
		p.Channels = append(p.Channels, Channel(c))
	}
	if in.Body.QuietHours != nil {
		p.Quiet = QuietHours(*in.Body.QuietHours)
	}
	stored, err := s.SetPreferences(ctx, httpapi.Actor(ctx), p)
	if err != nil {
		return nil, err
	}
	return preferencesOf(stored), nil
}
