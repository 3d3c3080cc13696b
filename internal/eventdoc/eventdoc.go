// Package eventdoc owns the generated catalogue of events: an AsyncAPI 3.0
// document made from the Go contracts of package event.
//
// It must not hold any fact about an event that the contract does not.
package eventdoc

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
)

type object = map[string]any

// Document returns the AsyncAPI document of every event, by topic, with who
// publishes it and the JSON Schema of its data. It is the same bytes each time.
func Document(version string) ([]byte, error) {
	messages, channels, operations := object{}, object{}, make(map[string]*operation)
	carried := make(map[string]object)
	for _, topic := range event.Topics {
		carried[topic] = object{}
		channels[topic] = object{"address": topic, "messages": carried[topic]}
	}
	for _, publisher := range slices.Sorted(maps.Keys(event.Catalogue)) {
		for _, e := range event.Catalogue[publisher] {
			schema, err := schemaOf(reflect.TypeOf(e))
			if err != nil {
				return nil, fmt.Errorf("describing %s: %w", e.Type(), err)
			}
			messages[e.Type()] = object{
				"name": e.Type(), "contentType": "application/cloudevents+json", "x-publisher": publisher,
				"payload": envelope(e.Type(), schema),
			}
			if carried[e.Topic()] == nil {
				return nil, fmt.Errorf("describing %s: unknown topic %s", e.Type(), e.Topic())
			}
			carried[e.Topic()][e.Type()] = object{"$ref": "#/components/messages/" + e.Type()}
			name := publisher + " to " + e.Topic()
			if operations[name] == nil {
				operations[name] = &operation{Action: "send", Channel: object{"$ref": "#/channels/" + e.Topic()}}
			}
			operations[name].Messages = append(operations[name].Messages,
				object{"$ref": "#/channels/" + e.Topic() + "/messages/" + e.Type()})
		}
	}
	return json.MarshalIndent(object{
		"asyncapi": "3.0.0",
		"info": object{"title": "Tenor events", "version": version, "description": "Every event is a CloudEvents 1.0 " +
			"envelope. The record key is the application, loan or customer id; delivery is at least once, in order per key."},
		"defaultContentType": "application/cloudevents+json",
		"channels":           channels, "operations": operations, "components": object{"messages": messages},
	}, "", "  ")
}

// operation is one publisher's use of a topic.
type operation struct {
	Action   string   `json:"action"`
	Channel  object   `json:"channel"`
	Messages []object `json:"messages"`
}

func envelope(typ string, data object) object {
	text := object{"type": "string"}
	return object{
		"type":     "object",
		"required": []string{"specversion", "id", "source", "type", "subject", "time", "sequence", "data"},
		"properties": object{
			"specversion": object{"const": event.SpecVersion}, "id": object{"type": "string", "format": "uuid"},
			"source": text, "type": object{"const": typ}, "subject": object{"type": "string", "format": "uuid"},
			"time":            object{"type": "string", "format": "date-time"},
			"datacontenttype": object{"const": "application/json"},
			"sequence":        object{"type": "string", "description": "version of the aggregate, from 1, without gaps"},
			"traceparent":     text, "data": data,
		},
	}
}

var known = map[reflect.Type]object{
	reflect.TypeFor[uuid.UUID]():       {"type": "string", "format": "uuid"},
	reflect.TypeFor[civil.Date]():      {"type": "string", "format": "date"},
	reflect.TypeFor[time.Time]():       {"type": "string", "format": "date-time"},
	reflect.TypeFor[json.RawMessage](): {"type": "object"},
	reflect.TypeFor[money.Amount](): {
		"type": "object", "required": []string{"amount", "currency"},
		"properties": object{
			"amount":   object{"type": "string", "description": "decimal number in major units"},
			"currency": object{"type": "string", "description": "ISO 4217 code"},
		},
	},
}

func schemaOf(t reflect.Type) (object, error) {
	if schema, ok := known[t]; ok {
		return schema, nil
	}
	switch t.Kind() {
	case reflect.String:
		return object{"type": "string"}, nil
	case reflect.Bool:
		return object{"type": "boolean"}, nil
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}, nil
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Slice:
		items, err := schemaOf(t.Elem())
		return object{"type": "array", "items": items}, err
	case reflect.Struct:
		properties, required := object{}, []string{}
		err := addFields(t, properties, &required)
		return object{"type": "object", "properties": properties, "required": required}, err
	}
	return nil, fmt.Errorf("no schema for %s", t)
}

// addFields lists the fields of a struct the way encoding/json sees them.
func addFields(t reflect.Type, properties object, required *[]string) error {
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Anonymous {
			if err := addFields(field.Type, properties, required); err != nil {
				return err
			}
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		schema, err := schemaOf(field.Type)
		if err != nil {
			return fmt.Errorf("field %s: %w", field.Name, err)
		}
		properties[name] = schema
		if !strings.Contains(options, "omit") { // omitempty or omitzero
			*required = append(*required, name)
		}
	}
	return nil
}
