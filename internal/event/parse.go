package event

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// parsePlain reads an envelope in the form in which a relay writes it: attributes
// in the order of Envelope, in ASCII without escapes, no space between them, the
// data an object and last. Every consumer of a topic reads every event of it, most
// of them only to see that it is none of theirs. ok is false for any other form,
// which encoding/json reads; where both can they agree. Data is a part of data.
func parsePlain(data []byte) (e Envelope, ok bool) {
	p := plain{rest: data}
	e.SpecVersion = string(p.text(`{"specversion":"`))
	id := p.text(`,"id":"`)
	e.Source = string(p.text(`,"source":"`))
	e.Type = string(p.text(`,"type":"`))
	subject := p.text(`,"subject":"`)
	at := p.text(`,"time":"`)
	e.DataContentType = string(p.text(`,"datacontenttype":"`))
	version := p.text(`,"sequence":"`)
	if bytes.HasPrefix(p.rest, []byte(`,"traceparent":"`)) {
		e.TraceParent = string(p.text(`,"traceparent":"`))
	}
	body, found := bytes.CutPrefix(p.rest, []byte(`,"data":`))
	if p.failed || !found || len(version) == 0 || version[0] < '1' || version[0] > '9' {
		return Envelope{}, false
	}
	body, found = bytes.CutSuffix(body, []byte(`}`))
	if !found || !bytes.HasPrefix(body, []byte(`{`)) || !bytes.HasSuffix(body, []byte(`}`)) || !json.Valid(body) {
		return Envelope{}, false
	}
	var err error
	if e.Version, err = strconv.ParseInt(string(version), 10, 64); err != nil {
		return Envelope{}, false
	}
	if e.ID.UnmarshalText(id) != nil || e.Subject.UnmarshalText(subject) != nil || e.Time.UnmarshalText(at) != nil {
		return Envelope{}, false
	}
	e.Data = body
	return e, true
}

// plain reads attributes from the start of rest.
type plain struct {
	rest   []byte
	failed bool
}

// text returns the text between the prefix, which ends with a quote, and the next
// quote.
func (p *plain) text(prefix string) []byte {
	rest, found := bytes.CutPrefix(p.rest, []byte(prefix))
	end := bytes.IndexByte(rest, '"')
	if p.failed || !found || end < 0 || bytes.ContainsFunc(rest[:end], notPlain) {
		p.failed = true
		return nil
	}
	p.rest = rest[end+1:]
	return rest[:end]
}

func notPlain(r rune) bool { return r < ' ' || r > '~' || r == '\\' }
