package agreement

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/smallstep/pkcs7"
)

// A signature is put into a PDF by an incremental update (ISO 32000-1, 7.5.6
// and 12.8): the bytes that were presented stay as they are, and new objects
// follow them:
//
//	the signature: a dictionary with a hole for the CMS structure (Contents)
//	and the two ranges around that hole (ByteRange), which is all that is signed;
//	the signature field, an invisible annotation of the first page;
//	the page and the catalogue again, now with the field;
//	a cross-reference section and trailer that point back to the former ones.
//
// The CMS structure is a detached signature of those ranges with the hash of
// the signer's certificate among the signed attributes (RFC 5035).

const (
	// cmsBytesMax is the room for the CMS structure; a certificate with its
	// chain takes 1 to 6 KiB.
	cmsBytesMax = 12 << 10
	// byteRangeWidth is the room for the ByteRange, whose numbers are known last.
	byteRangeWidth = 60
	contentsKey    = "/Contents "
)

// errLayout means that a PDF is not laid out as draw lays it out.
var errLayout = errors.New("unexpected layout of the PDF")

// signer is a certificate with its key.
type signer struct {
	certificate *x509.Certificate
	chain       []*x509.Certificate
	key         crypto.Signer
}

// signature says what the signature dictionary tells people.
type signature struct {
	At           time.Time
	Name, Reason string
}

// sign returns pdf, which draw made, with a signature over the whole of it.
func (s *signer) sign(pdf []byte, about signature) ([]byte, error) {
	update, err := newUpdate(pdf)
	if err != nil {
		return nil, err
	}
	if err := update.addSignature(about); err != nil {
		return nil, err
	}
	signed := update.finish()
	hole, end := update.hole, update.hole+2*cmsBytesMax+2
	ranges := fmt.Sprintf("[0 %d %d %d]", hole, end, len(signed)-end)
	copy(signed[update.ranges:], ranges+strings.Repeat(" ", len(byteRangeRoom)-len(ranges)))
	cms, err := s.cms(append(bytes.Clone(signed[:hole]), signed[end:]...))
	if err != nil {
		return nil, err
	}
	if len(cms) > cmsBytesMax {
		return nil, fmt.Errorf("signing: the CMS structure has %d bytes, more than %d", len(cms), cmsBytesMax)
	}
	hex.Encode(signed[hole+1:], cms)
	return signed, nil
}

var byteRangeRoom = "[" + strings.Repeat(" ", byteRangeWidth) + "]"

// update is an incremental update of a PDF in the making.
type update struct {
	out        bytes.Buffer
	original   []byte
	catalogue  int // object number
	info       string
	size       int // first free object number
	previous   int // offset of the former cross-reference table
	table      map[int]int
	hole       int // offset of the bracket that opens the signature's hole
	ranges     int // offset of the room for the ByteRange
	newOffsets []entry
}

type entry struct{ object, offset int }

var (
	trailerPattern = regexp.MustCompile(
		`trailer\s*<<\s*/Size (\d+)\s*/Root (\d+) 0 R\s*(/Info \d+ 0 R)?[^>]*>>\s*startxref\s*(\d+)\s*%%EOF\s*$`)
	pagesPattern = regexp.MustCompile(`/Pages (\d+) 0 R`)
	kidsPattern  = regexp.MustCompile(`/Kids \[(\d+) 0 R`)
)

// trailerMax bounds the search for the trailer.
const trailerMax = 1 << 10

func newUpdate(pdf []byte) (*update, error) {
	tail := pdf[max(0, len(pdf)-trailerMax):]
	found := trailerPattern.FindSubmatch(tail)
	if found == nil {
		return nil, fmt.Errorf("%w: no trailer", errLayout)
	}
	u := &update{original: pdf, info: string(found[3])}
	u.size, _ = strconv.Atoi(string(found[1])) // the pattern matches digits; an overflow fails below
	u.catalogue, _ = strconv.Atoi(string(found[2]))
	u.previous, _ = strconv.Atoi(string(found[4]))
	u.out.Write(pdf)
	return u, u.readTable()
}

// xrefLine is the length of a line of a cross-reference table.
const xrefLine = 20

// readTable reads where each object starts.
func (u *update) readTable() error {
	head := fmt.Sprintf("xref\n0 %d\n", u.size)
	if u.previous >= len(u.original) || !bytes.HasPrefix(u.original[u.previous:], []byte(head)) {
		return fmt.Errorf("%w: no cross-reference table", errLayout)
	}
	lines := u.original[u.previous+len(head):]
	if len(lines) < u.size*xrefLine {
		return fmt.Errorf("%w: the cross-reference table is short", errLayout)
	}
	u.table = make(map[int]int, u.size)
	for object := 1; object < u.size; object++ {
		line := string(lines[object*xrefLine : (object+1)*xrefLine])
		offset, err := strconv.Atoi(line[:10])
		if err != nil || offset >= len(u.original) {
			return fmt.Errorf("%w: line %d of the cross-reference table", errLayout, object)
		}
		u.table[object] = offset
	}
	return nil
}

// dictionary returns what is between the outer << and >> of an object.
func (u *update) dictionary(object int) (string, error) {
	offset, known := u.table[object]
	if !known {
		return "", fmt.Errorf("%w: no object %d", errLayout, object)
	}
	body, isObject := bytes.CutPrefix(u.original[offset:], fmt.Appendf(nil, "%d 0 obj\n", object))
	end := bytes.Index(body, []byte("endobj"))
	if !isObject || end < 0 {
		return "", fmt.Errorf("%w: object %d", errLayout, object)
	}
	text := strings.TrimSpace(string(body[:end]))
	if !strings.HasPrefix(text, "<<") || !strings.HasSuffix(text, ">>") {
		return "", fmt.Errorf("%w: object %d is no dictionary", errLayout, object)
	}
	return text[2 : len(text)-2], nil
}

// follow returns the number of the object that pattern finds in a dictionary.
func follow(dictionary string, pattern *regexp.Regexp) (int, error) {
	found := pattern.FindStringSubmatch(dictionary)
	if found == nil {
		return 0, fmt.Errorf("%w: no %s", errLayout, pattern)
	}
	return strconv.Atoi(found[1])
}

// addSignature appends the objects of the signature, its hole still empty.
func (u *update) addSignature(about signature) error {
	catalogue, err := u.dictionary(u.catalogue)
	if err != nil {
		return err
	}
	pages, err := follow(catalogue, pagesPattern)
	if err != nil {
		return err
	}
	kids, err := u.dictionary(pages)
	if err != nil {
		return err
	}
	page, err := follow(kids, kidsPattern)
	if err != nil {
		return err
	}
	firstPage, err := u.dictionary(page)
	if err != nil {
		return err
	}
	if strings.Contains(catalogue, "/AcroForm") || strings.Contains(firstPage, "/Annots") {
		return fmt.Errorf("%w: it has a form already", errLayout)
	}
	dictionary, field := u.size, u.size+1
	u.object(page, fmt.Sprintf("<<%s\n/Annots [%d 0 R]\n>>", firstPage, field))
	u.object(u.catalogue, fmt.Sprintf("<<%s\n/AcroForm <</Fields [%d 0 R] /SigFlags 3>>\n>>", catalogue, field))
	u.object(field, fmt.Sprintf("<</Type /Annot /Subtype /Widget /FT /Sig /T (Lender) /F 132 /Rect [0 0 0 0] "+
		"/P %d 0 R /V %d 0 R>>", page, dictionary))
	content := fmt.Sprintf("<</Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached\n"+
		"/M (%s)\n/Name %s\n/Reason %s\n/ByteRange %s\n/Contents <%s>>>",
		about.At.UTC().Format("D:20060102150405Z"), textString(about.Name), textString(about.Reason), byteRangeRoom,
		strings.Repeat("0", 2*cmsBytesMax))
	start := u.object(dictionary, content)
	u.ranges = start + strings.Index(content, byteRangeRoom)
	u.hole = start + strings.Index(content, contentsKey) + len(contentsKey)
	u.size += 2
	return nil
}

// object appends an object and returns where its content starts.
func (u *update) object(number int, content string) int {
	u.newOffsets = append(u.newOffsets, entry{number, u.out.Len()})
	fmt.Fprintf(&u.out, "%d 0 obj\n", number)
	start := u.out.Len()
	u.out.WriteString(content + "\nendobj\n")
	return start
}

// finish writes the cross-reference section and the trailer.
func (u *update) finish() []byte {
	start := u.out.Len()
	u.out.WriteString("xref\n")
	for _, e := range u.newOffsets {
		fmt.Fprintf(&u.out, "%d 1\n%010d 00000 n \n", e.object, e.offset)
	}
	fmt.Fprintf(&u.out, "trailer\n<<\n/Size %d\n/Root %d 0 R\n%s\n/Prev %d\n>>\nstartxref\n%d\n%%%%EOF\n",
		u.size, u.catalogue, u.info, u.previous, start)
	return u.out.Bytes()
}

// textString writes a PDF text string in UTF-16 with its byte order mark, as
// hexadecimal: no character needs an escape.
func textString(text string) string {
	var out strings.Builder
	out.WriteString("<FEFF")
	for _, unit := range utf16Units(text) {
		fmt.Fprintf(&out, "%04X", unit)
	}
	out.WriteByte('>')
	return out.String()
}

// cms returns the detached CMS signature of content.
func (s *signer) cms(content []byte) ([]byte, error) {
	data, err := pkcs7.NewSignedData(content)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	data.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	err = data.AddSignerChain(s.certificate, s.key, s.chain, pkcs7.SignerInfoConfig{
		ExtraSignedAttributes: []pkcs7.Attribute{s.certificateAttribute()},
	})
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	data.Detach()
	cms, err := data.Finish()
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return cms, nil
}

// signingCertificate is SigningCertificateV2 of RFC 5035 with one certificate
// and the default hash, SHA-256.
type signingCertificate struct {
	Certificates []certificateID
}

type certificateID struct {
	Hash []byte
}

var oidSigningCertificateV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}

func (s *signer) certificateAttribute() pkcs7.Attribute {
	hash := sha256.Sum256(s.certificate.Raw)
	return pkcs7.Attribute{
		Type: oidSigningCertificateV2, Value: signingCertificate{[]certificateID{{hash[:]}}},
	}
}
