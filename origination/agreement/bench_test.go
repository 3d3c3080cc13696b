package agreement

import (
	"testing"
	"time"
)

// BenchmarkDrawAndSign makes and signs the contract of a loan of 24 instalments.
func BenchmarkDrawAndSign(b *testing.B) {
	by, facts := selfMade(b), factsOf(b, rbiTerms())
	about := signature{At: time.Date(2024, 4, 16, 10, 0, 0, 0, time.UTC), Name: "Lender", Reason: "consent"}
	for b.Loop() {
		pdf, err := draw(facts)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := by.sign(pdf, about); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify checks a signed contract.
func BenchmarkVerify(b *testing.B) {
	pdf := signed(b, selfMade(b))
	for b.Loop() {
		if _, err := VerifySignature(pdf); err != nil {
			b.Fatal(err)
		}
	}
}
