package event

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Append appends the JSON of e to b: that of json.Marshal, but Data is taken as
// it is. It must be what json.Marshal gave, or compact and escaped likewise: a
// relay publishes every event of its database and need not read each once more.
func (e *Envelope) Append(b []byte) ([]byte, error) {
	if !e.plain() {
		data, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("encoding event %s: %w", e.ID, err)
		}
		return append(b, data...), nil
	}
	b = append(b, `{"specversion":"`...)
	b = append(b, e.SpecVersion...)
	b = append(b, `","id":"`...)
	b = append(b, e.ID.String()...)
	b = append(b, `","source":"`...)
	b = append(b, e.Source...)
	b = append(b, `","type":"`...)
	b = append(b, e.Type...)
	b = append(b, `","subject":"`...)
	b = append(b, e.Subject.String()...)
	b = append(b, `","time":"`...)
	b = e.Time.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","datacontenttype":"`...)
	b = append(b, e.DataContentType...)
	b = append(b, `","sequence":"`...)
	b = strconv.AppendInt(b, e.Version, 10)
	if e.TraceParent != "" {
		b = append(b, `","traceparent":"`...)
		b = append(b, e.TraceParent...)
	}
	b = append(b, `","data":`...)
	return append(append(b, e.Data...), '}'), nil
}

// plain reports whether the texts of e stand for themselves in JSON, and its time
// is one that JSON has.
func (e *Envelope) plain() bool {
	const yearMax = 9999
	if year := e.Time.Year(); year < 0 || year > yearMax || e.Time.Location() != time.UTC || len(e.Data) == 0 {
		return false
	}
	for _, text := range []string{e.SpecVersion, e.Source, e.Type, e.DataContentType, e.TraceParent} {
		if strings.ContainsFunc(text, notPlain) || strings.ContainsAny(text, `"<>&`) {
			return false
		}
	}
	return true
}
