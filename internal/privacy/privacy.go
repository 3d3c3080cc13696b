// Package privacy owns the protection of personal data: text that masks itself
// wherever it is printed, logged or marshalled, and the encryption of what is
// stored or sent (AES-256-GCM, bound to its place).
//
// It must not know databases, HTTP or any service.
package privacy

import (
	"fmt"
	"log/slog"
)

// mask is what anyone but the owner of the data sees.
const mask = "[masked]"

// Text is personal data: a name, an address, an identity number. Every way of
// printing it gives a mask; Reveal is the one way to the value, so that each
// use can be found by name.
type Text string

// Reveal returns the value.
func (t Text) Reveal() string { return string(t) }

// String implements fmt.Stringer.
func (Text) String() string { return mask }

// GoString implements fmt.GoStringer.
func (Text) GoString() string { return mask }

// Format implements fmt.Formatter: no verb shows the value.
func (Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(mask)) }

// LogValue implements slog.LogValuer.
func (Text) LogValue() slog.Value { return slog.StringValue(mask) }

// MarshalText masks the value in JSON as well, in audit rows for example; an
// answer to its owner reveals it field by field.
func (Text) MarshalText() ([]byte, error) { return []byte(mask), nil }
