package servicing_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/servicing"
)

// The stored snapshot is the fold of the facts, byte for byte and field by field.
func TestCodecKeepsEveryLoan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, _ := live(t)
		data, err := servicing.EncodeLoan(&b.loan)
		if err != nil {
			t.Fatalf("encoding: %v", err)
		}
		again, err := servicing.DecodeLoan(data)
		if err != nil {
			t.Fatalf("decoding: %v", err)
		}
		if diff := cmp.Diff(b.loan, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("loan (-want +got):\n%s", diff)
		}
		folded, err := servicing.Replay(throughJSON(t, b.facts))
		if err != nil {
			t.Fatalf("replay: %v", err)
		}
		encoded, err := servicing.EncodeLoan(&folded)
		if err != nil || string(encoded) != string(data) {
			t.Fatalf("the fold encodes differently: %v", err)
		}
	})
}

func TestCodecRefusesWhatItDidNotWrite(t *testing.T) {
	t.Parallel()
	b := disbursed(t, rbiTerms(t))
	data, err := servicing.EncodeLoan(&b.loan)
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if _, err := servicing.DecodeLoan(data[:n]); !errors.Is(err, servicing.ErrCorrupt) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	if _, err := servicing.DecodeLoan(append(data[:len(data):len(data)], 0)); !errors.Is(err, servicing.ErrCorrupt) {
		t.Errorf("a byte too many: %v", err)
	}
	data[0]++
	if _, err := servicing.DecodeLoan(data); !errors.Is(err, servicing.ErrCorrupt) {
		t.Errorf("another version: %v", err)
	}
}

func BenchmarkDecodeLoan(b *testing.B) {
	loan := disbursed(b, rbiTerms(b)).loan
	data, err := servicing.EncodeLoan(&loan)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(data)), "bytes")
	for b.Loop() {
		if _, err := servicing.DecodeLoan(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeLoan(b *testing.B) {
	loan := disbursed(b, rbiTerms(b)).loan
	for b.Loop() {
		if _, err := servicing.EncodeLoan(&loan); err != nil {
			b.Fatal(err)
		}
	}
}

