package notification

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
)

func TestPreferences(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const path = "/api/v1/notifications/preferences"
	var view preferencesBody
	b.owner().Get(path).Want(http.StatusOK).Into(&view)
	if diff := cmp.Diff(preferencesBody{Channels: []string{"EMAIL", "SMS"}}, view); diff != "" {
		t.Errorf("default (-want +got):\n%s", diff)
	}
	chosen := preferencesBody{
		Channels:   []string{"PUSH", "EMAIL"},
		QuietHours: &quietHoursBody{From: "22:00", Until: "07:00", Zone: "Asia/Kolkata"},
	}
	for range 2 {
		b.owner().Put(path, chosen).Want(http.StatusOK).Into(&view)
	}
	b.owner().Get(path).Want(http.StatusOK).Into(&view)
	chosen.Channels = []string{"EMAIL", "PUSH"}
	if diff := cmp.Diff(chosen, view); diff != "" {
		t.Errorf("preferences (-want +got):\n%s", diff)
	}
	want := event.NotificationPreferencesChanged{RecipientID: b.customer.CustomerID, Channels: []string{"EMAIL", "PUSH"}}
	if diff := cmp.Diff(want, streamtest.Last[event.NotificationPreferencesChanged](t, b.db)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if types := streamtest.Types(t, b.db); len(types) != 1 {
		t.Errorf("announced %v, want one change", types)
	}
	quiet := func(from, until, zone string) map[string]any {
		return map[string]any{
			"channels": []string{}, "quiet_hours": map[string]string{"from": from, "until": until, "zone": zone},
		}
	}
	bad := map[string]struct {
		body  map[string]any
		slug  string
		field string
	}{
		"no channels":     {map[string]any{}, "validation", "body.channels"},
		"unknown channel": {map[string]any{"channels": []string{"PIGEON"}}, "validation", "body.channels[0]"},
		"channel twice":   {map[string]any{"channels": []string{"SMS", "SMS"}}, "validation", "body.channels"},
		"unknown field":   {map[string]any{"channels": []string{}, "loud": true}, "validation", "body.loud"},
		"no time":         {quiet("25:00", "07:00", "UTC"), "validation", "body.quiet_hours.from"},
		"all day":         {quiet("07:00", "07:00", "UTC"), "invalid-value", "body.quiet_hours.until"},
		"no zone":         {quiet("22:00", "07:00", "Mars/Olympus"), "invalid-value", "body.quiet_hours.zone"},
		"machine's zone":  {quiet("22:00", "07:00", "Local"), "invalid-value", "body.quiet_hours.zone"},
	}
	for name, test := range bad {
		t.Log(name) // the last one logged is the one that failed
		b.owner().Put(path, test.body).WantProblem(http.StatusUnprocessableEntity, test.slug).WantField(t, test.field)
	}
	b.owner().Get(path).Want(http.StatusOK).Into(&view)
	if diff := cmp.Diff(chosen, view); diff != "" {
		t.Errorf("preferences after bad ones (-want +got):\n%s", diff)
	}
}
