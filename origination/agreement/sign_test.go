package agreement

import (
	"bytes"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/privacy"
)

var keep = flag.String("keep", "", "directory in which the tests leave the documents that they make")

var inr = money.MustCurrency("INR")

// rbiTerms is the illustration of the key facts statement of the Reserve Bank
// of India (circular of 15 April 2024).
func rbiTerms() amortization.Terms {
	return amortization.Terms{
		Principal: money.New(20_000_00, inr), AnnualRatePercent: amortization.MustDecimal("15"), Instalments: 24,
		DisbursementDate: civil.Date{Year: 2024, Month: 4, Day: 15},
		Fees: []amortization.Fee{
			{Name: "processing", Amount: money.New(240_00, inr)},
			{Name: "insurance", Amount: money.New(160_00, inr), Payee: amortization.ThirdParty},
		},
	}
}

func factsOf(t testing.TB, terms amortization.Terms) contractFacts {
	t.Helper()
	schedule, err := amortization.New(terms)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := amortization.Disclose(schedule)
	if err != nil {
		t.Fatal(err)
	}
	id := func(n int) uuid.UUID { return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, n)) }
	return contractFacts{
		ID: id(1), ApplicationID: id(2), CustomerID: id(3), OfferID: id(4), Lender: "Crédit de Démonstration",
		At: time.Date(2024, 4, 15, 9, 30, 0, 0, time.UTC), Schedule: schedule, KeyFacts: facts,
	}
}

func drawn(t testing.TB, terms amortization.Terms) []byte {
	t.Helper()
	pdf, err := draw(factsOf(t, terms))
	if err != nil {
		t.Fatal(err)
	}
	return pdf
}

func testSigners(t testing.TB) *signers {
	t.Helper()
	keyring, err := privacy.NewKeyring("test:"+strings.Repeat("5a", privacy.KeyBytes), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &signers{config: config.Agreement{Lender: "Crédit de Démonstration"}, keyring: keyring, random: rand.Reader}
}

// selfMade returns a signer as load makes it, without a database.
func selfMade(t testing.TB) *signer {
	t.Helper()
	s := testSigners(t)
	der, sealed, err := s.make(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.open(der, sealed)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func signed(t testing.TB, by *signer) []byte {
	t.Helper()
	pdf, err := by.sign(drawn(t, rbiTerms()), signature{
		At: time.Date(2024, 4, 16, 10, 0, 0, 0, time.UTC), Name: "Crédit (de) Démonstration", Reason: `a \ reason`,
	})
	if err != nil {
		t.Fatal(err)
	}
	return pdf
}

func TestTheSignatureCoversTheWholeFile(t *testing.T) {
	t.Parallel()
	by := selfMade(t)
	original, pdf := drawn(t, rbiTerms()), signed(t, by)
	if !bytes.HasPrefix(pdf, original) {
		t.Error("what is signed does not begin with what was presented")
	}
	info, err := VerifySignature(pdf)
	if err != nil {
		t.Fatal(err)
	}
	if info.Covered+info.Hole != len(pdf) || info.Hole != 2*cmsBytesMax+2 {
		t.Errorf("%d bytes covered and a hole of %d, in %d", info.Covered, info.Hole, len(pdf))
	}
	if info.Fingerprint != fingerprint(by.certificate) || !strings.Contains(info.Subject, "Crédit de Démonstration") {
		t.Errorf("signed by %s (%s)", info.Subject, info.Fingerprint)
	}
	if *keep != "" {
		if err := os.WriteFile(filepath.Join(*keep, "signed.pdf"), pdf, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryChangeIsNoticed(t *testing.T) {
	t.Parallel()
	pdf := signed(t, selfMade(t))
	info, err := VerifySignature(pdf)
	if err != nil {
		t.Fatal(err)
	}
	hole := bytes.Index(pdf, []byte("/Contents <")) + len("/Contents ")
	cmsEnd := hole + 1 + 2*len(info.CMS)
	for at := range pdf {
		if at > hole && at < cmsEnd || at > cmsEnd+64 && at < hole+info.Hole-64 {
			continue // the CMS structure itself, see below; and the middle of its filling
		}
		changed := bytes.Clone(pdf)
		changed[at] ^= 1 << (at % 8)
		if _, err := VerifySignature(changed); err == nil {
			t.Fatalf("bit %d of byte %d of %d can be flipped", at%8, at, len(pdf))
		}
	}
	// Within the CMS structure a few bytes are signed by nobody; no change of
	// them may make the signature somebody else's.
	for at := hole + 1; at < cmsEnd; at++ {
		changed := bytes.Clone(pdf)
		changed[at] = "0123456789abcdef"[(strings.IndexByte("0123456789abcdef", pdf[at])+1)%16]
		again, err := VerifySignature(changed)
		if err == nil && again.Fingerprint != info.Fingerprint {
			t.Fatalf("byte %d makes it the signature of %s", at, again.Fingerprint)
		}
		if err == nil && again.SignedAt != info.SignedAt {
			t.Fatalf("byte %d changes the time of signing", at)
		}
	}
}

func TestAdditionsAndCutsAreNoticed(t *testing.T) {
	t.Parallel()
	pdf := signed(t, selfMade(t))
	appended := func(more string) []byte { return append(bytes.Clone(pdf), more...) }
	hole := bytes.Index(pdf, []byte("/Contents <")) + len("/Contents ")
	narrowed := bytes.Replace(pdf, fmt.Appendf(nil, "[0 %d ", hole), fmt.Appendf(nil, "[0 %d ", hole-1), 1)
	if bytes.Equal(narrowed, pdf) {
		t.Fatal("the test does not change what it means to")
	}
	upper := append(bytes.Clone(pdf[:hole]), bytes.ToUpper(pdf[hole:hole+1000])...)
	upper = append(upper, pdf[hole+1000:]...)
	cases := map[string]struct {
		pdf  []byte
		want error
	}{
		"one byte more":         {appended("\n"), ErrSignature},
		"an incremental update": {appended("3 0 obj\n<</Type /Page>>\nendobj\ntrailer\n<<>>\n%%EOF\n"), ErrSignature},
		"a second signature":    {appended("/ByteRange [0 1 2 3]"), ErrSignature},
		"written otherwise":     {upper, ErrSignature},
		"one byte less":         {pdf[:len(pdf)-1], ErrSignature},
		"a wider hole":          {narrowed, ErrSignature},
		"half":                  {pdf[:len(pdf)/2], ErrSignature},
		"never signed":          {drawn(t, rbiTerms()), ErrUnsigned},
		"empty":                 {nil, ErrUnsigned},
	}
	for name, c := range cases {
		if _, err := VerifySignature(c.pdf); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestAnotherSignatureHasAnotherFingerprint shows why callers compare it.
func TestAnotherSignatureHasAnotherFingerprint(t *testing.T) {
	t.Parallel()
	pdf, other := signed(t, selfMade(t)), signed(t, selfMade(t))
	hole := bytes.Index(pdf, []byte("/Contents <")) + len("/Contents ")
	replaced := append(bytes.Clone(pdf[:hole]), other[hole:]...) // both files are the same but for their holes
	first, err := VerifySignature(pdf)
	if err != nil {
		t.Fatal(err)
	}
	second, err := VerifySignature(replaced)
	if err != nil {
		t.Fatal(err)
	}
	if first.Fingerprint == second.Fingerprint || first.Subject != second.Subject {
		t.Errorf("%+v and %+v", first, second)
	}
}

func TestAStrangerCannotBorrowASignature(t *testing.T) {
	t.Parallel()
	honest, stranger := selfMade(t), selfMade(t)
	// The stranger signs with an own key but names the honest certificate.
	forged := &signer{certificate: honest.certificate, key: stranger.key}
	pdf, err := forged.sign(drawn(t, rbiTerms()), signature{At: time.Now(), Name: "x", Reason: "y"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifySignature(pdf); !errors.Is(err, ErrSignature) {
		t.Errorf("a forged signature: %v, want ErrSignature", err)
	}
}

func TestSigningRefusesForeignLayouts(t *testing.T) {
	t.Parallel()
	by, pdf := selfMade(t), drawn(t, rbiTerms())
	about := signature{At: time.Now(), Name: "x", Reason: "y"}
	once, err := by.sign(pdf, about)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty": nil, "text": []byte("hello"), "cut": pdf[:len(pdf)-40], "signed already": once,
		"a wrong table": bytes.Replace(pdf, []byte("xref\n0 "), []byte("xref\n1 "), 1),
	} {
		if _, err := by.sign(content, about); !errors.Is(err, errLayout) {
			t.Errorf("%s: %v, want errLayout", name, err)
		}
	}
}

// TestIndependentToolsAgree asks pdfsig (NSS), openssl and qpdf.
func TestIndependentToolsAgree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pdf := signed(t, selfMade(t))
	info, err := VerifySignature(pdf)
	if err != nil {
		t.Fatal(err)
	}
	hole := bytes.Index(pdf, []byte("/Contents <")) + len("/Contents ")
	content := append(bytes.Clone(pdf[:hole]), pdf[hole+info.Hole:]...)
	changed := bytes.Clone(pdf)
	changed[bytes.Index(changed, []byte("/CreationDate"))+20] ^= 1
	for name, data := range map[string][]byte{
		"signed.pdf": pdf, "changed.pdf": changed, "more.pdf": append(bytes.Clone(pdf), "\n% more\n"...),
		"signature.der": info.CMS, "content": content, "other": append(bytes.Clone(content), ' '),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(tool string, args ...string) string {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Logf("NOT VERIFIED with %s: it is not installed", tool)
			return ""
		}
		command := exec.Command(path, args...)
		command.Dir, command.Env = dir, append(os.Environ(), "HOME="+dir, "LC_ALL=C")
		out, err := command.CombinedOutput()
		t.Logf("%s %s: %v\n%s", tool, strings.Join(args, " "), err, out)
		return string(out)
	}
	wants := []struct {
		tool  string
		args  []string
		words []string
	}{
		{"pdfsig", []string{"-nocert", "signed.pdf"}, []string{"Signature is Valid.", "Total document signed", "SHA-256"}},
		{"pdfsig", []string{"-nocert", "changed.pdf"}, []string{"Digest Mismatch."}},
		{"pdfsig", []string{"-nocert", "more.pdf"}, []string{"Not total document signed"}},
		{"openssl", []string{
			"cms", "-verify", "-noverify", "-binary", "-inform", "DER", "-in", "signature.der",
			"-content", "content", "-out", "verified",
		}, []string{"Verification successful"}},
		{"openssl", []string{
			"cms", "-verify", "-noverify", "-binary", "-inform", "DER", "-in", "signature.der",
			"-content", "other", "-out", "verified",
		}, []string{"Verification failure"}},
		{"qpdf", []string{"--check", "signed.pdf"}, []string{"No syntax or stream encoding errors"}},
	}
	for _, want := range wants {
		out := run(want.tool, want.args...)
		for _, word := range want.words {
			if out != "" && !strings.Contains(strings.ToLower(out), strings.ToLower(word)) {
				t.Errorf("%s does not say %q", want.tool, word)
			}
		}
	}
}
