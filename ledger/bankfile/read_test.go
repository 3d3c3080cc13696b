package bankfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger/bankfile"
)

var (
	inr = money.MustCurrency("INR")
	eur = money.MustCurrency("EUR")
)

func plain() bankfile.Options {
	return bankfile.Options{Format: bankfile.CSV, Currency: inr, Mapping: bankfile.Mapping{
		Delimiter: ",", Header: true, Decimal: ".", DateLayout: "YYYY-MM-DD", BookingDate: "date", Amount: "amount",
		Reference: "reference", Text: []bankfile.Column{"text"},
	}}
}

func german() bankfile.Options {
	return bankfile.Options{Format: bankfile.CSV, Currency: eur, Mapping: bankfile.Mapping{
		Delimiter: ";", SkipRows: 2, Header: true, NewestFirst: true, Decimal: ",", Group: ".", DateLayout: "DD.MM.YYYY",
		BookingDate: "Buchung", ValueDate: "Wertstellung", In: "Haben", Out: "Soll", Balance: "Saldo",
		Currency: "Währung", Text: []bankfile.Column{"Verwendungszweck"},
	}}
}

func indian() bankfile.Options {
	return bankfile.Options{Format: bankfile.CSV, Currency: inr, Mapping: bankfile.Mapping{
		Delimiter: "|", Encoding: "ISO-8859-1", SkipRows: 1, Decimal: ".", Group: ",", DateLayout: "DD/MM/YY",
		BookingDate: "#1", Text: []bankfile.Column{"#2"}, BankReference: "#3", Out: "#4", In: "#5", Balance: "#6",
	}}
}

func read(t *testing.T, name string, o bankfile.Options) bankfile.File {
	t.Helper()
	f, err := bankfile.Read(bytes.NewReader(content(t, name)), o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return f
}

func content(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// lines writes statements as text, one line each, to compare with a table.
func lines(f bankfile.File) []string {
	var list []string
	for _, s := range f.Statements {
		list = append(list, fmt.Sprintf("%s %s %s: %s to %s, %s to %s, stated %t", s.Place, s.Reference, s.Account, s.From,
			s.To, s.Opening.Text(), s.Closing.Text(), s.Stated))
		for _, l := range s.Lines {
			list = append(list, fmt.Sprintf("%s %s %s %s [%s] [%s] [%s] [%s]", l.Place, l.BookingDate, l.ValueDate,
				l.Amount.Text(), l.Reference, l.BankReference, l.Counterparty, l.Text))
		}
	}
	return list
}

func TestReadFiles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		file    string
		options bankfile.Options
		want    []string
	}{
		{"plain.csv", plain(), []string{
			"  : 2026-03-02 to 2026-03-03, 0.00 to 1534.50, stated false",
			"line[2] 2026-03-02 2026-03-02 1250.00 [INV-1001] [] [] [Payment of Asha]",
			"line[3] 2026-03-02 2026-03-02 -15.50 [] [] [] [Account fee]",
			"line[4] 2026-03-03 2026-03-03 300.00 [INV-1002] [] [] [Transfer, with a comma]",
		}},
		{"german.csv", german(), []string{
			"  : 2026-03-30 to 2026-03-31, 8000.00 to 8800.00, stated true",
			"line[5] 2026-03-30 2026-03-30 2000.00 [] [] [] [Zahlung RE-77]",
			"line[4] 2026-03-31 2026-03-30 -1200.00 [] [] [] [Miete März]",
		}},
		{"indian.csv", indian(), []string{
			"  : 2026-04-01 to 2026-04-02, 100000.00 to 200000.00, stated true",
			"line[2] 2026-04-01 2026-04-01 125000.50 [] [S12345] [] [BY TRANSFER LOAN 42]",
			"line[3] 2026-04-02 2026-04-02 -25000.50 [] [S12346] [] [CHQ 000123 é]",
		}},
		{"daily.camt053.xml", bankfile.Options{Format: bankfile.Camt053, Currency: eur}, []string{
			"Stmt[1] 2026-045 DE02120300000000202051: 2026-03-02 to 2026-03-03, 1000.00 to 1585.50, stated true",
			"Stmt[1].Ntry[1] 2026-03-02 2026-03-01 100.00 [INV-1001] [BANK-1] [Asha Rao] [instalment of March & April]",
			"Stmt[1].Ntry[2].TxDtls[1] 2026-03-03 2026-03-03 200.00 [A-1] [BANK-2] [] []",
			"Stmt[1].Ntry[2].TxDtls[2] 2026-03-03 2026-03-03 300.00 [A-2] [BANK-2] [] []",
			"Stmt[1].Ntry[4] 2026-03-03 2026-03-03 -4.50 [] [] [] [Account fee]",
			"Stmt[1].Ntry[5] 2026-03-03 2026-03-03 -10.00 [] [] [] " +
				"[RF18539007547034 RF18539007547034 second, without its amount]",
			"Stmt[2] 2026-046 DE02120300000000202051: 2026-03-04 to 2026-03-04, 1585.50 to 1585.50, stated true",
		}},
		{"two.mt940", bankfile.Options{Format: bankfile.MT940, Currency: eur}, []string{
			"line[2] STARTUMS/00045/001 12030000/202051: 2025-12-31 to 2026-03-03, 1000.00 to 1096.25, stated true",
			"line[6] 2026-03-02 2026-03-02 100.00 [INV-1001] [BANK-1] [Asha Rao] " +
				"[GUTSCHRIFT EREF+ E2E-77 SVWZ+instalmentof March]",
			"line[8] 2026-03-03 2026-03-03 -4.50 [] [] [] [further details Account fee of March]",
			"line[12] 2025-12-31 2025-12-31 0.75 [E2E-78] [] [Power Company] [E2E-78 Power Company returned]",
			"line[16] STARTUMS/00045/002 12030000/202051: 2026-03-03 to 2026-03-03, 1096.25 to 1000.00, stated true",
			"line[20] 2026-03-03 2026-03-03 -96.25 [E2E-79] [] [] []",
		}},
	} {
		t.Run(test.file, func(t *testing.T) {
			t.Parallel()
			f := read(t, test.file, test.options)
			if diff := cmp.Diff(test.want, lines(f)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if again := read(t, test.file, test.options); again.Name() != f.Name() || len(f.Name()) != 64 {
				t.Errorf("hash %s, then %s", f.Name(), again.Name())
			}
		})
	}
}

// edit is a file with one thing replaced.
func edit(t *testing.T, name, old, with string) string {
	t.Helper()
	text := string(content(t, name))
	if !strings.Contains(text, old) {
		t.Fatalf("%s does not have %q", name, old)
	}
	return strings.Replace(text, old, with, 1)
}

// wantFault reads and compares the place, the field and a part of the detail.
func wantFault(t *testing.T, text string, o bankfile.Options, field, detail string) {
	t.Helper()
	_, err := bankfile.Read(strings.NewReader(text), o)
	var f *bankfile.Fault
	if !errors.As(err, &f) || !errors.Is(err, bankfile.ErrFormat) {
		t.Fatalf("%v, want a fault at %s", err, field)
	}
	if f.FieldName() != field || !strings.Contains(f.Detail, detail) {
		t.Errorf("%v; want %s: …%s…", f, field, detail)
	}
}

func TestCSVFaults(t *testing.T) {
	t.Parallel()
	const header = "date,reference,text,amount\n"
	for name, test := range map[string]struct{ text, field, detail string }{
		"empty":            {"", "file", "ends before its header"},
		"header only":      {header, "file", "has no line"},
		"UTF-16":           {"\xff\xfed\x00a\x00", "file.encoding", "UTF-16"},
		"other header":     {"datum,reference,text,amount\n", "file.line[1].booking_date", "no column"},
		"column twice":     {"date,date,reference,text,amount\n", "file.line[1].booking_date", "two columns"},
		"other delimiter":  {"date;reference;text;amount\n", "file.line[1].booking_date", "delimiter"},
		"mixed separators": {header + "2026-03-02;;;1.00\n", "file.line[2]", "1 fields where the rows before have 4"},
		"one field more":   {header + "2026-03-02,,,1.00,\n", "file.line[2]", "5 fields"},
		"comma decimal":    {header + "2026-03-02,,,\"1,50\"\n", "file.line[2].amount", "decimal mark is \".\""},
		"grouped":          {header + "2026-03-02,,,\"1,000.50\"\n", "file.line[2].amount", "not a decimal number"},
		"three decimals":   {header + "2026-03-02,,,1.005\n", "file.line[2].amount", "more decimals"},
		"words":            {header + "2026-03-02,,,one\n", "file.line[2].amount", "not a decimal number"},
		"exponent":         {header + "2026-03-02,,,1e3\n", "file.line[2].amount", "not a decimal number"},
		"int64 overflow":   {header + "2026-03-02,,,92233720368547758080\n", "file.line[2].amount", "range"},
		"beyond a line":    {header + "2026-03-02,,,10000000000000.01\n", "file.line[2].amount", "range"},
		"zero":             {header + "2026-03-02,,,0.00\n", "file.line[2].amount", "zero"},
		"other date":       {header + "02.03.2026,,,1.00\n", "file.line[2].booking_date", "YYYY-MM-DD"},
		"no such date":     {header + "2026-02-30,,,1.00\n", "file.line[2].booking_date", "YYYY-MM-DD"},
		"open quote":       {header + "2026-03-02,,\"text,1.00\n", "file.line[2]", "well-formed"},
		"bare quote":       {header + "2026-03-02,,te\"xt,1.00\n", "file.line[2]", "well-formed"},
		"not UTF-8":        {header + "2026-03-02,,\xe9,1.00\n", "file.line[2]", "UTF-8"},
		"long reference":   {header + "2026-03-02," + strings.Repeat("r", 201) + ",,1.00\n", "file.line[2].reference", "200"},
		"second line":      {header + "2026-03-02,,,1.00\n\n2026-03-02,,,x\n", "file.line[4].amount", "number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFault(t, test.text, plain(), test.field, test.detail)
		})
	}
}

func TestCSVBalancesAndDirections(t *testing.T) {
	t.Parallel()
	wantFault(t, edit(t, "german.csv", "8.800,00", "8.800,01"), german(), "file.line[4].balance", "make 8800.00")
	wantFault(t, edit(t, "german.csv", "1.200,00", "1.20,00"), german(), "file.line[4].out", "groups")
	wantFault(t, edit(t, "german.csv", "00;EUR\r\n30", "00;USD\r\n30"), german(), "file.line[4].currency", "must be EUR")
	wantFault(t, edit(t, "german.csv", ";;2.000,00", ";1,00;2.000,00"), german(), "file.line[5].out", "must be empty")
	opening, closing := money.New(1000, inr), money.New(154450, inr)
	o := plain()
	o.Opening, o.Closing = &opening, &closing
	if s := read(t, "plain.csv", o).Statements[0]; s.Closing != closing || !s.Stated {
		t.Errorf("closing %s, stated %t", s.Closing, s.Stated)
	}
	wrong := money.New(154451, inr)
	o.Closing = &wrong
	wantFault(t, string(content(t, "plain.csv")), o, "file.closing_balance", "the 3 lines make 1544.50")
	o.Closing = nil
	wantFault(t, string(content(t, "plain.csv")), o, "file.opening_balance", "both")
	o = plain()
	o.Mapping.Mark, o.Mapping.InMarks, o.Mapping.OutMarks = "reference", []string{"CR"}, []string{"DR"}
	f, err := bankfile.Read(strings.NewReader("date,reference,text,amount\n2026-03-02,DR,,5\n2026-03-02,CR,,7\n"), o)
	if err != nil || f.Statements[0].Closing.Text() != "2.00" {
		t.Errorf("%v, %v", f, err)
	}
	wantFault(t, "date,reference,text,amount\n2026-03-02,XX,,5\n", o, "file.line[2].mark", "words")
	wantFault(t, "date,reference,text,amount\n2026-03-02,DR,,-5\n", o, "file.line[2].amount", "negative")
}

func TestMappingFaults(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*bankfile.Mapping){
		"delimiter":    func(m *bankfile.Mapping) { m.Delimiter = "x" },
		"encoding":     func(m *bankfile.Mapping) { m.Encoding = "EBCDIC" },
		"skip_rows":    func(m *bankfile.Mapping) { m.SkipRows = 101 },
		"decimal":      func(m *bankfile.Mapping) { m.Decimal = "" },
		"group":        func(m *bankfile.Mapping) { m.Group = "." },
		"date_layout":  func(m *bankfile.Mapping) { m.DateLayout = "YYYY-MM" },
		"booking_date": func(m *bankfile.Mapping) { m.BookingDate = "" },
		"amount":       func(m *bankfile.Mapping) { m.Amount = "" },
		"mark":         func(m *bankfile.Mapping) { m.Amount, m.In, m.Out, m.Mark = "", "a", "b", "c" },
		"in_marks":     func(m *bankfile.Mapping) { m.Mark = "c" },
		"text":         func(m *bankfile.Mapping) { m.Text = make([]bankfile.Column, 6) },
		"reference":    func(m *bankfile.Mapping) { m.Reference = bankfile.Column(strings.Repeat("x", 101)) },
	} {
		m := plain().Mapping
		change(&m)
		var fault *bankfile.MappingError
		if err := m.Validate(); !errors.As(err, &fault) || fault.Field != field || !errors.Is(err, bankfile.ErrMapping) {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, layout := range []string{
		"YYYY-MM-DD", "DD.MM.YYYY", "DD/MM/YY", "MM/DD/YYYY", "YYYYMMDD", "DD-MMM-YYYY", "DD MMM YY",
	} {
		m := plain().Mapping
		m.DateLayout = layout
		if err := m.Validate(); err != nil {
			t.Errorf("%s: %v", layout, err)
		}
	}
}

func TestCamtFaults(t *testing.T) {
	t.Parallel()
	o := bankfile.Options{Format: bankfile.Camt053, Currency: eur}
	const entry = "<Amt Ccy=\"EUR\">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>"
	for name, test := range map[string]struct{ old, with, field, detail string }{
		"camt.054":      {"camt.053.001.08", "camt.054.001.08", "file.Document.xmlns", "camt.053.001"},
		"other message": {"<BkToCstmrStmt>", "<BkToCstmrDbtCdtNtfctn>", "file.Document.BkToCstmrDbtCdtNtfctn", "message"},
		"DTD": {
			"<Document", "<!DOCTYPE lolz [<!ENTITY lol \"lol\">]><Document",
			"file.Document", "document type",
		},
		"entity":    {"March &amp;", "March &lol;", "file.Stmt[1].Ntry[1]", "well-formed"},
		"wrong end": {"</Acct>", "</Akkt>", "file.Stmt[1]", "well-formed"},
		"currency": {
			"<Amt Ccy=\"EUR\">100.00", "<Amt Ccy=\"USD\">100.00",
			"file.Stmt[1].Ntry[1].Amt.Ccy", "must be EUR",
		},
		"account's": {"<Ccy>EUR</Ccy>", "<Ccy>USD</Ccy>", "file.Stmt[1].Acct.Ccy", "must be EUR"},
		"comma":     {">100.00<", ">100,00<", "file.Stmt[1].Ntry[1].Amt", "not a decimal number"},
		"negative":  {">100.00<", ">-100.00<", "file.Stmt[1].Ntry[1].Amt", "negative"},
		"direction": {entry, strings.Replace(entry, "CRDT", "C", 1), "file.Stmt[1].Ntry[1].CdtDbtInd", "CRDT or DBIT"},
		"date": {
			"<Dt>2026-03-02</Dt></BookgDt>", "<Dt>2.3.2026</Dt></BookgDt>",
			"file.Stmt[1].Ntry[1].BookgDt", "date",
		},
		"value date": {"2026-03-01", "2026-13-01", "file.Stmt[1].Ntry[1].ValDt", "date"},
		"closing":    {"1585.50</Amt>", "1585.51</Amt>", "file.Stmt[1].closing_balance", "make 1585.50"},
		"opening":    {">OPBD<", ">XXXX<", "file.Stmt[1].Bal.OPBD", "missing"},
		"no closing": {">CLBD<", ">XXXX<", "file.Stmt[1].Bal.CLBD", "missing"},
		"count":      {"<NbOfNtries>5", "<NbOfNtries>6", "file.Stmt[1].TxsSummry.TtlNtries.NbOfNtries", "5 entries"},
		"no account": {"<Id><IBAN>DE02120300000000202051</IBAN></Id>", "", "file.Stmt[1].Acct.Id", "bytes"},
		"another account": {
			"<Acct><Id><IBAN>DE02120300000000202051</IBAN></Id></Acct>", "<Acct><Id><Othr><Id>7</Id></Othr></Id></Acct>",
			"file.Stmt[2].account", "another account",
		},
		"charset":        {"encoding=\"UTF-8\"", "encoding=\"UTF-7\"", "file.encoding", "UTF-8"},
		"attributes":     {"<GrpHdr>", "<GrpHdr" + strings.Repeat(" a=\"b\"", 21) + ">", "file.Document", "attributes"},
		"long id":        {"2026-045", strings.Repeat("9", 201), "file.Stmt[1].Id", "200"},
		"long reference": {"INV-1001", strings.Repeat("9", 201), "file.Stmt[1].Ntry[1].Refs.EndToEndId", "200"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFault(t, edit(t, "daily.camt053.xml", test.old, test.with), o, test.field, test.detail)
		})
	}
	t.Run("gap between statements", func(t *testing.T) {
		t.Parallel()
		first, second, _ := strings.Cut(string(content(t, "daily.camt053.xml")), "<Id>2026-046</Id>")
		text := first + "<Id>2026-046</Id>" + strings.ReplaceAll(second, "1585.50", "1585.51")
		wantFault(t, text, o, "file.Stmt[2].opening_balance", "closes with 1585.50")
	})
	t.Run("depth", func(t *testing.T) {
		t.Parallel()
		deep := strings.Repeat("<a>", 1_000_000)
		wantFault(t, edit(t, "daily.camt053.xml", "<GrpHdr>", deep), o, "file.Document", "levels deep")
		wantFault(t, edit(t, "daily.camt053.xml", "<NtryRef>1", deep), o, "file.Stmt[1].Ntry[1]", "levels deep")
	})
}

// TestTruncated cuts each file at every byte: none may be taken for whole, but
// a CSV file that ends between rows, which nothing tells from a shorter one.
func TestTruncated(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]bankfile.Options{
		"daily.camt053.xml": {Format: bankfile.Camt053, Currency: eur},
		"two.mt940":         {Format: bankfile.MT940, Currency: eur},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := content(t, name)
			want := read(t, name, o)
			for cut := range len(whole) {
				f, err := bankfile.Read(bytes.NewReader(whole[:cut]), o)
				if err == nil && f.Lines != want.Lines && !strings.HasPrefix(string(whole[cut:]), ":20:") &&
					!strings.HasPrefix(string(whole[cut:]), "\n-}") && !strings.HasPrefix(string(whole[cut:]), "-}") &&
					!strings.HasPrefix(string(whole[cut:]), "}\n:20") && !strings.HasPrefix(string(whole[cut:]), "\n:20") {
					t.Fatalf("cut at byte %d of %d: %d lines and no fault", cut, len(whole), f.Lines)
				}
			}
		})
	}
}

func TestMT940Faults(t *testing.T) {
	t.Parallel()
	o := bankfile.Options{Format: bankfile.MT940, Currency: eur}
	for name, test := range map[string]struct{ old, with, field, detail string }{
		"no field":       {"{1:F01BANKDEFFXXXX0000000000}{2:I940BANKDEFFXXXXN}{4:\n", "hello\n", "file.line[1]", "no field"},
		"no account":     {":25:12030000/202051\n", "", "file.line[4].60F", "where it belongs"},
		"currency":       {":60F:C260301EUR", ":60F:C260301USD", "file.line[5].60F.currency", "must be EUR"},
		"balance":        {":60F:C260301EUR1000,00", ":60F:1000,00", "file.line[5].60F", "C or D"},
		"balance date":   {":60F:C260301", ":60F:C261301", "file.line[5].60F.date", "YYMMDD"},
		"point":          {"CR100,00", "CR100.00", "file.line[6].61.amount", "number"},
		"no amount":      {"CR100,00NTRF", "CRNTRF", "file.line[6].61.amount", "number"},
		"zero":           {"CR100,00", "CR0,00", "file.line[6].61.amount", "zero"},
		"three decimals": {"CR100,00", "CR100,005", "file.line[6].61.amount", "decimals"},
		"overflow":       {"CR100,00", "CR99999999999999999999,", "file.line[6].61.amount", "range"},
		"mark":           {"0302CR100", "0302X100", "file.line[6].61.mark", "C, D, RC or RD"},
		"value date":     {":61:260302", ":61:260332", "file.line[6].61.value_date", "YYMMDD"},
		"entry date":     {":61:2603020302", ":61:2603021332", "file.line[6].61.entry_date", "MMDD"},
		"type":           {"D4,50NMSCNONREF", "D4,50N", "file.line[8].61.type", "letter"},
		"closing":        {"EUR1096,25\n-}", "EUR1096,26\n-}", "file.line[2].closing_balance", "make 1096.25"},
		"no closing":     {":62M:C260303EUR1096,25\n-}\n", "", "file.line[2]", "begins before the closing"},
		"no end": {
			":62F:C260303EUR1000,00\n:64:C260303EUR900,00\n:86:about the whole statement\n-\n", "",
			"file.line[16]", "ends before",
		},
		"86 first":       {":61:2603020302CR100,00NTRFINV-1001//BANK-1\n", "", "file.line[6].86", "where it belongs"},
		"61 late":        {":64:C260303EUR900,00", ":61:2603020302CR100,00NTRF", "file.line[22].61", "where it belongs"},
		"many lines":     {"further details", strings.Repeat("x\n", 50), "file.line[8].61", "40 lines"},
		"long reference": {"INV-1001", strings.Repeat("9", 201), "file.line[6].61.reference", "200"},
		"gap": {
			":60M:C260303EUR1096,25\n:61:2603030303RCR96,25", ":60M:C260303EUR1096,26\n:61:2603030303RCR96,26",
			"file.line[16].opening_balance", "closes with 1096.25",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFault(t, edit(t, "two.mt940", test.old, test.with), o, test.field, test.detail)
		})
	}
}

// endless gives the same bytes for ever.
type endless struct {
	head, repeat string
	read         int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.head)
	e.head = e.head[n:]
	for n < len(p) {
		n += copy(p[n:], e.repeat)
	}
	e.read += int64(n)
	return n, nil
}

// TestEndlessFiles holds that a file without end is refused after a known
// number of bytes, and that little of it is in memory by then.
func TestEndlessFiles(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	camt, _, _ := strings.Cut(string(content(t, "daily.camt053.xml")), "<Ntry>")
	csvHead := "date,reference,text,amount\n"
	//nolint:paralleltest // as above
	for name, test := range map[string]struct {
		o       bankfile.Options
		source  *endless
		readMax int64
	}{
		"CSV without line ends": {plain(), &endless{head: csvHead, repeat: "xxxxxxxx"}, 1 << 18},
		"CSV open quote":        {plain(), &endless{head: csvHead + "2026-03-02,,\"", repeat: "x\n"}, 1 << 18},
		"CSV of empty lines":    {plain(), &endless{head: csvHead, repeat: "\n"}, bankfile.BytesMax + 1<<16},
		"CSV of lines":          {plain(), &endless{head: csvHead, repeat: "2026-03-02,,,1.00\n"}, bankfile.BytesMax},
		"MT940 without line ends": {
			bankfile.Options{Format: bankfile.MT940, Currency: eur},
			&endless{head: ":20:X\n", repeat: "x"}, 1 << 18,
		},
		"MT940 of empty lines": {
			bankfile.Options{Format: bankfile.MT940, Currency: eur}, &endless{repeat: "\n"}, bankfile.BytesMax + 1<<16,
		},
		"camt of one text": {
			bankfile.Options{Format: bankfile.Camt053, Currency: eur}, &endless{head: camt + "<X>", repeat: "x"}, 1 << 18,
		},
		"camt comment": {
			bankfile.Options{Format: bankfile.Camt053, Currency: eur}, &endless{head: "<!--", repeat: "x"}, 1 << 18,
		},
		"camt endless entry": {
			bankfile.Options{Format: bankfile.Camt053, Currency: eur},
			&endless{head: camt + "<Ntry><NtryDtls>", repeat: "<TxDtls><AddtlTxInf>x</AddtlTxInf></TxDtls>"}, 5 << 20,
		},
		"camt of statements": {
			bankfile.Options{Format: bankfile.Camt053, Currency: eur},
			&endless{head: camt + "</Stmt>", repeat: "<Stmt></Stmt>"}, 1 << 18,
		},
		"camt of attributes": {
			bankfile.Options{Format: bankfile.Camt053, Currency: eur}, &endless{head: "<Document", repeat: " a=\"b\""}, 1 << 18,
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			_, err := bankfile.Read(test.source, test.o)
			if !errors.Is(err, bankfile.ErrFormat) && !errors.Is(err, bankfile.ErrTooLarge) {
				t.Errorf("error %v", err)
			}
			if test.source.read > test.readMax {
				t.Errorf("read %d bytes, want at most %d", test.source.read, test.readMax)
			}
			const mib = 1 << 20
			if grown := heap() - before; grown > 100*mib {
				t.Errorf("%d MiB more on the heap", grown/mib)
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestSourceThatFails(t *testing.T) {
	t.Parallel()
	for _, o := range []bankfile.Options{
		plain(), {Format: bankfile.Camt053, Currency: eur}, {Format: bankfile.MT940, Currency: eur},
	} {
		heads := map[bankfile.Format]string{
			bankfile.CSV: "date,reference,text,amount\n", bankfile.Camt053: "<Envelope>", bankfile.MT940: ":20:X\n",
		}
		source := io.MultiReader(strings.NewReader(heads[o.Format]), broken{})
		if _, err := bankfile.Read(source, o); !errors.Is(err, io.ErrClosedPipe) || errors.Is(err, bankfile.ErrFormat) {
			t.Errorf("%s: %v", o.Format, err)
		}
	}
	_, err := bankfile.Read(broken{}, bankfile.Options{Format: "PDF"})
	if !errors.Is(err, bankfile.ErrFormat) {
		t.Errorf("unknown format: %v", err)
	}
}
