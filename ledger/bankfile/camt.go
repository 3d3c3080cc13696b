package bankfile

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/money"
)

// Limits of XML, beside those of the file.
const (
	// depthMax is how deep elements may nest; camt.053 itself needs 15.
	depthMax = 32
	// entryBytesMax bounds one Ntry element with all its details.
	entryBytesMax = 4 << 20
	// detailsMax bounds the transactions of one entry.
	detailsMax = 10_000
	// attributesMax bounds the attributes of an element.
	attributesMax = 20
)

// camtSpace is what the namespace of every version of the message begins with.
const camtSpace = "urn:iso:std:iso:20022:tech:xsd:camt.053.001."

// checkedTokens hands on the tokens of a decoder after refusing what a bank's
// message never has and an attacker's may: document types (and with them
// entities), deep nesting, many attributes.
type checkedTokens struct {
	guard   *guard
	decoder *xml.Decoder
	depth   int
	record  int64 // how much may be read before the next token
	place   func() string
}

// Token implements xml.TokenReader.
func (c *checkedTokens) Token() (xml.Token, error) {
	if c.record > 0 {
		c.guard.allow(c.guard.read, c.record, func() *Fault {
			return fault(c.place(), "", "has one piece of more than %d bytes", c.record)
		})
	}
	token, err := c.decoder.RawToken()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case xml.Directive:
		return nil, fault(c.place(), "", "has a document type or another declaration, which a bank's message does not have")
	case xml.StartElement:
		c.depth++
		if c.depth > depthMax {
			return nil, fault(c.place(), "", "is nested more than %d levels deep", depthMax)
		}
		if len(t.Attr) > attributesMax {
			return nil, fault(c.place(), "", "has an element with more than %d attributes", attributesMax)
		}
	case xml.EndElement:
		c.depth--
	}
	return token, nil
}

// camtReader reads one camt.053 message.
type camtReader struct {
	tokens     *checkedTokens
	xml        *xml.Decoder
	currency   money.Currency
	statements []Statement
	lines      int
	entries    int // Ntry elements of the current statement
}

func readCamt(g *guard, currency money.Currency) ([]Statement, error) {
	r := &camtReader{currency: currency}
	inner := xml.NewDecoder(g)
	inner.CharsetReader = func(name string, in io.Reader) (io.Reader, error) {
		out, ok := charset(name, in)
		if !ok {
			return nil, fault("", "encoding", "must be UTF-8, ISO-8859-1, ISO-8859-15 or WINDOWS-1252")
		}
		return out, nil
	}
	r.tokens = &checkedTokens{guard: g, decoder: inner, record: RecordBytesMax, place: r.place}
	r.xml = xml.NewTokenDecoder(r.tokens)
	err := r.document()
	return r.statements, r.translate(err)
}

// translate makes a Fault of what the decoder says.
func (r *camtReader) translate(err error) error {
	var syntax *xml.SyntaxError
	var known *Fault
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, ErrTooLarge):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault(r.place(), "", "ends before the message does")
	case errors.As(err, &syntax):
		line, _ := r.tokens.decoder.InputPos()
		return fault(r.place(), "", "is not well-formed XML at line %d", line)
	}
	return fault(r.place(), "", "is not XML that can be read")
}

func (r *camtReader) place() string {
	switch {
	case len(r.statements) == 0:
		return "Document"
	case r.entries == 0:
		return fmt.Sprintf("Stmt[%d]", len(r.statements))
	}
	return fmt.Sprintf("Stmt[%d].Ntry[%d]", len(r.statements), r.entries)
}

// document finds the message; an envelope around it is passed over.
func (r *camtReader) document() error {
	for {
		token, err := r.xml.Token()
		if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "Document" {
			continue
		}
		if !strings.HasPrefix(start.Name.Space, camtSpace) {
			return fault("Document", "xmlns", "must be a version of camt.053.001; camt.052 and camt.054 are not statements")
		}
		if err := r.children(r.message); err != nil {
			return err
		}
		return r.rest()
	}
}

// rest reads what follows the message, which must be well-formed.
func (r *camtReader) rest() error {
	for {
		_, err := r.xml.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// children calls fn for every child of the element that was just begun, until
// its end. fn reads the child to its end.
func (r *camtReader) children(fn func(xml.StartElement) error) error {
	for {
		token, err := r.xml.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if err := fn(t); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

func (r *camtReader) message(start xml.StartElement) error {
	if start.Name.Local != "BkToCstmrStmt" {
		return fault("Document", start.Name.Local, "is not the message of a statement")
	}
	return r.children(func(start xml.StartElement) error {
		if start.Name.Local != "Stmt" {
			return r.xml.Skip()
		}
		return r.readStatement()
	})
}

// Parts of the message, by the names of the standard. encoding/xml leaves out
// what is not named here.
type (
	camtAmount struct {
		Text     string `xml:",chardata"`
		Currency string `xml:"Ccy,attr"`
	}
	camtDate struct {
		Date string `xml:"Dt"`
		Time string `xml:"DtTm"`
	}
	camtAccount struct {
		IBAN     string `xml:"Id>IBAN"`
		Other    string `xml:"Id>Othr>Id"`
		Currency string `xml:"Ccy"`
	}
	camtPeriod struct {
		From string `xml:"FrDtTm"`
		To   string `xml:"ToDtTm"`
	}
	camtBalance struct {
		Code   string     `xml:"Tp>CdOrPrtry>Cd"`
		Amount camtAmount `xml:"Amt"`
		Mark   string     `xml:"CdtDbtInd"`
		Date   camtDate   `xml:"Dt"`
	}
	camtSummary struct {
		Count string `xml:"TtlNtries>NbOfNtries"`
	}
	camtStatus struct {
		Text string `xml:",chardata"` // up to version 7
		Code string `xml:"Cd"`
	}
	camtParty struct {
		Name string `xml:"Nm"`     // up to version 7
		New  string `xml:"Pty>Nm"` // from version 8 on
	}
	camtDetail struct {
		Amount    camtAmount `xml:"Amt"` // from version 3 on
		InAmounts camtAmount `xml:"AmtDtls>TxAmt>Amt"`
		Mark      string     `xml:"CdtDbtInd"`
		EndToEnd  string     `xml:"Refs>EndToEndId"`
		Mandate   string     `xml:"Refs>MndtId"`
		Bank      string     `xml:"Refs>AcctSvcrRef"`
		Debtor    camtParty  `xml:"RltdPties>Dbtr"`
		Creditor  camtParty  `xml:"RltdPties>Cdtr"`
		Text      []string   `xml:"RmtInf>Ustrd"`
		Structure []string   `xml:"RmtInf>Strd>CdtrRefInf>Ref"`
		Addition  string     `xml:"AddtlTxInf"`
	}
	camtEntry struct {
		Reference string       `xml:"NtryRef"`
		Amount    camtAmount   `xml:"Amt"`
		Mark      string       `xml:"CdtDbtInd"`
		Status    camtStatus   `xml:"Sts"`
		Booking   camtDate     `xml:"BookgDt"`
		Value     camtDate     `xml:"ValDt"`
		Bank      string       `xml:"AcctSvcrRef"`
		Details   []camtDetail `xml:"NtryDtls>TxDtls"`
		Addition  string       `xml:"AddtlNtryInf"`
	}
)

// camtStatement is a statement as far as it is read.
type camtStatement struct {
	*Statement
	period         camtPeriod
	openedOn       civil.Date
	carried        bool // the opening date is the last day before the statement
	opened, closed bool
	closedOn       civil.Date
	announced      string // how many entries there are
}

func (r *camtReader) readStatement() error {
	if len(r.statements) == StatementsMax {
		return fmt.Errorf("%w: more than %d statements", ErrTooLarge, StatementsMax)
	}
	r.statements = append(r.statements, Statement{})
	r.entries = 0
	s := &camtStatement{Statement: &r.statements[len(r.statements)-1]}
	s.Place = r.place()
	if err := r.children(func(start xml.StartElement) error { return r.part(s, start) }); err != nil {
		return err
	}
	return r.finish(s)
}

func (r *camtReader) part(s *camtStatement, start xml.StartElement) error {
	switch start.Name.Local {
	case "Id":
		var id string
		if err := r.xml.DecodeElement(&id, &start); err != nil {
			return err
		}
		var err error
		s.Reference, err = reference(s.Place, "Id", id)
		return err
	case "FrToDt":
		return r.xml.DecodeElement(&s.period, &start)
	case "Acct":
		return r.account(s, start)
	case "Bal":
		return r.balance(s, start)
	case "TxsSummry":
		var summary camtSummary
		err := r.xml.DecodeElement(&summary, &start)
		s.announced = summary.Count
		return err
	case "Ntry":
		return r.entry(s, start)
	}
	return r.xml.Skip()
}

func (r *camtReader) account(s *camtStatement, start xml.StartElement) error {
	var account camtAccount
	if err := r.xml.DecodeElement(&account, &start); err != nil {
		return err
	}
	if account.Currency != "" && account.Currency != r.currency.Code() {
		return fault(s.Place, "Acct.Ccy", "must be %s, as the account is", r.currency.Code())
	}
	s.Account = strings.TrimSpace(account.IBAN)
	if s.Account == "" {
		s.Account = strings.TrimSpace(account.Other)
	}
	if s.Account == "" || len(s.Account) > ReferenceBytesMax {
		return fault(s.Place, "Acct.Id", "must have 1 to %d bytes", ReferenceBytesMax)
	}
	return nil
}

// balance takes the booked balances at the opening (or, where the bank gives
// that instead, at the closing of the statement before) and at the closing.
func (r *camtReader) balance(s *camtStatement, start xml.StartElement) error {
	var b camtBalance
	if err := r.xml.DecodeElement(&b, &start); err != nil {
		return err
	}
	code := strings.TrimSpace(b.Code)
	if code != "OPBD" && code != "PRCD" && code != "CLBD" {
		return nil
	}
	field := "Bal." + code
	amount, err := r.amount(b.Amount, b.Mark, s.Place, field)
	if err != nil {
		return err
	}
	date, err := r.date(b.Date, s.Place, field+".Dt")
	if err != nil {
		return err
	}
	switch {
	case code == "CLBD":
		s.closed, s.Closing, s.closedOn = true, amount, date
	case code == "OPBD" || !s.opened:
		s.opened, s.Opening, s.openedOn, s.carried = true, amount, date, code == "PRCD"
	}
	return nil
}

// amount reads an amount with its direction.
func (r *camtReader) amount(a camtAmount, mark, place, field string) (money.Amount, error) {
	if a.Currency != r.currency.Code() {
		return money.Amount{}, fault(place, field+".Amt.Ccy", "must be %s, as the account is", r.currency.Code())
	}
	amount, err := number(a.Text, '.', 0, r.currency)
	if err != nil {
		return money.Amount{}, fault(place, field+".Amt", "%v", err)
	}
	if amount.IsNegative() {
		return money.Amount{}, fault(place, field+".Amt", "must not be negative; CdtDbtInd tells the direction")
	}
	switch strings.TrimSpace(mark) {
	case "CRDT":
		return amount, nil
	case "DBIT":
		return money.New(-amount.Minor(), r.currency), nil
	}
	return money.Amount{}, fault(place, field+".CdtDbtInd", "must be CRDT or DBIT")
}

const dateBytes = len("2006-01-02")

// date reads a date, or the date of an instant as the bank writes it.
func (r *camtReader) date(d camtDate, place, field string) (civil.Date, error) {
	text := strings.TrimSpace(d.Date)
	if text == "" {
		text = strings.TrimSpace(d.Time)
	}
	if len(text) > dateBytes {
		text = text[:dateBytes] // a time of day or a zone follows
	}
	date, err := civil.ParseDate(text)
	if err != nil || !plausible(date) {
		return civil.Date{}, fault(place, field, "must be a date")
	}
	return date, nil
}

// finish checks a statement whose element has ended.
func (r *camtReader) finish(s *camtStatement) error {
	seen := r.entries
	r.entries = 0
	if err := r.count(s, seen); err != nil {
		return err
	}
	switch {
	case s.Account == "":
		return fault(s.Place, "Acct.Id", "is missing")
	case !s.opened:
		return fault(s.Place, "Bal.OPBD", "is missing: there is no opening balance")
	case !s.closed:
		return fault(s.Place, "Bal.CLBD", "is missing: there is no closing balance")
	}
	s.Stated = true
	from, to := s.openedOn, s.closedOn
	if s.carried && from.Before(to) {
		from = from.AddDays(1)
	}
	if s.period != (camtPeriod{}) {
		var err error
		if from, err = r.date(camtDate{Time: s.period.From}, s.Place, "FrToDt.FrDtTm"); err != nil {
			return err
		}
	}
	if from.After(to) {
		return fault(s.Place, "Bal.CLBD.Dt", "is before the statement begins")
	}
	s.span(from, to)
	return nil
}

// count compares the entries with what the statement announces.
func (r *camtReader) count(s *camtStatement, seen int) error {
	if s.announced == "" {
		return nil
	}
	announced, err := strconv.Atoi(strings.TrimSpace(s.announced))
	if err != nil || announced != seen {
		return fault(s.Place, "TxsSummry.TtlNtries.NbOfNtries", "differs from the %d entries that there are", seen)
	}
	return nil
}
