package amortization

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/tenor-lending/tenor/internal/money"
)

// DecodeTerms reads terms as JSON and refuses fields that Terms do not have. It
// fails with the faults joined, each a *TermsError that names the field: with
// RuleSyntax what cannot be read, with RuleUnknown a field or a currency that
// does not exist, with RuleOverflow an amount beyond the range of money. What
// the terms say is for Validate and New to judge.
func DecodeTerms(data []byte) (Terms, error) {
	var t Terms
	whole := decodeStrictly(data, &t)
	if whole == nil {
		return t, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return Terms{}, fault("terms", RuleSyntax, "not a JSON object: %v", err)
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		alone, err := json.Marshal(map[string]json.RawMessage{name: fields[name]})
		if err == nil {
			err = decodeStrictly(alone, &t)
		}
		if err != nil {
			faults = append(faults, fault(name, syntaxRule(err, &t, name), "%v", err))
		}
	}
	if faults == nil {
		return Terms{}, fault("terms", RuleSyntax, "%v", whole)
	}
	return Terms{}, errors.Join(faults...)
}

func syntaxRule(err error, t *Terms, name string) Rule {
	known, marshalErr := json.Marshal(map[string]any{name: nil})
	switch {
	case errors.Is(err, money.ErrOverflow):
		return RuleOverflow
	case errors.Is(err, money.ErrUnknownCurrency):
		return RuleUnknown
	case marshalErr == nil && decodeStrictly(known, t) != nil: // not even nothing can be given
		return RuleUnknown
	}
	return RuleSyntax
}

func decodeStrictly(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}
