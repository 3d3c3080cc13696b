package agreement

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
	"unicode/utf16"

	"github.com/smallstep/pkcs7"
)

// Errors of verifying a signed PDF, for errors.Is.
var (
	// ErrUnsigned means that a PDF has no signature.
	ErrUnsigned = errors.New("the PDF has no signature")
	// ErrSignature means that the signature does not stand: the file was
	// changed, or the signature does not cover the whole of it.
	ErrSignature = errors.New("the signature of the PDF is not valid")
)

// SignatureInfo is what a valid signature says.
type SignatureInfo struct {
	// Subject is the name in the signer's certificate.
	Subject string
	// Fingerprint is SHA-256 over the certificate, in hex: compare it with the
	// one that the lender publishes, for the name proves nothing by itself.
	Fingerprint string
	// SignedAt is the signer's own clock at the time of signing.
	SignedAt time.Time
	// Covered is the number of bytes that the signature covers: the whole file
	// without the signature's own hole, which is Hole bytes long.
	Covered, Hole int
	// CMS is the signature itself (RFC 5652, detached, DER), for other tools.
	CMS []byte
}

var byteRangePattern = regexp.MustCompile(`/ByteRange\s*\[\s*(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*\]`)

// VerifySignature checks the one signature of a PDF: that it covers every byte
// of the file but its own, that not a byte has changed, and that the
// certificate it names is the one that signed. Whose certificate that is, the
// caller has to know: see SignatureInfo.Fingerprint. It does not ask a
// certificate authority.
func VerifySignature(pdf []byte) (SignatureInfo, error) {
	found := byteRangePattern.FindAllSubmatchIndex(pdf, 2)
	if len(found) == 0 {
		return SignatureInfo{}, ErrUnsigned
	}
	if len(found) > 1 {
		return SignatureInfo{}, fmt.Errorf("%w: there is more than one", ErrSignature)
	}
	numbers := make([]int, 4)
	for i := range numbers {
		number, err := strconv.Atoi(string(pdf[found[0][2*i+2]:found[0][2*i+3]]))
		if err != nil {
			return SignatureInfo{}, fmt.Errorf("%w: malformed range", ErrSignature)
		}
		numbers[i] = number
	}
	hole, end := numbers[1], numbers[2]
	switch {
	case numbers[0] != 0 || hole >= end || end > len(pdf) || found[0][1] > hole:
		return SignatureInfo{}, fmt.Errorf("%w: malformed range", ErrSignature)
	case end+numbers[3] < len(pdf):
		return SignatureInfo{}, fmt.Errorf("%w: something was added after signing", ErrSignature)
	case end+numbers[3] > len(pdf):
		return SignatureInfo{}, fmt.Errorf("%w: the file was cut", ErrSignature)
	}
	cms, err := readHole(pdf[:hole], pdf[hole:end])
	if err != nil {
		return SignatureInfo{}, err
	}
	info, err := verifyCMS(cms, append(bytes.Clone(pdf[:hole]), pdf[end:]...))
	info.Covered, info.Hole = hole+numbers[3], end-hole
	return info, err
}

// readHole returns the CMS structure in the hole. The one way to write it is
// lower-case hexadecimal, filled up with zeros: whatever else the hole might
// hold would not be covered by anything.
func readHole(before, hole []byte) ([]byte, error) {
	if len(hole) < 2 || hole[0] != '<' || hole[len(hole)-1] != '>' || !bytes.HasSuffix(before, []byte(contentsKey)) {
		return nil, fmt.Errorf("%w: it covers less than the file", ErrSignature)
	}
	raw, err := hex.DecodeString(string(hole[1 : len(hole)-1]))
	if err != nil || hex.EncodeToString(raw) != string(hole[1:len(hole)-1]) {
		return nil, fmt.Errorf("%w: malformed contents", ErrSignature)
	}
	var structure asn1.RawValue
	filling, err := asn1.Unmarshal(raw, &structure)
	if err != nil || len(bytes.Trim(filling, "\x00")) > 0 {
		return nil, fmt.Errorf("%w: malformed contents", ErrSignature)
	}
	return structure.FullBytes, nil
}

func verifyCMS(cms, content []byte) (SignatureInfo, error) {
	message, err := pkcs7.Parse(cms)
	if err != nil {
		return SignatureInfo{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	certificate := message.GetOnlySigner()
	if certificate == nil || len(message.Content) > 0 {
		return SignatureInfo{}, fmt.Errorf("%w: want one signer and detached content", ErrSignature)
	}
	message.Content = content
	if err := message.Verify(); err != nil {
		return SignatureInfo{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	var named signingCertificate
	if err := message.UnmarshalSignedAttribute(oidSigningCertificateV2, &named); err != nil {
		return SignatureInfo{}, fmt.Errorf("%w: the signed attributes name no certificate", ErrSignature)
	}
	sum := sha256.Sum256(certificate.Raw)
	if len(named.Certificates) == 0 || !bytes.Equal(named.Certificates[0].Hash, sum[:]) {
		return SignatureInfo{}, fmt.Errorf("%w: it was made with another certificate", ErrSignature)
	}
	info := SignatureInfo{Subject: certificate.Subject.String(), Fingerprint: fingerprint(certificate), CMS: cms}
	if err := message.UnmarshalSignedAttribute(pkcs7.OIDAttributeSigningTime, &info.SignedAt); err != nil {
		return SignatureInfo{}, fmt.Errorf("%w: no signing time", ErrSignature)
	}
	return info, nil
}

func fingerprint(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.Raw)
	return hex.EncodeToString(sum[:])
}

func utf16Units(text string) []uint16 { return utf16.Encode([]rune(text)) }
