package reconcilesvc

import (
	"bytes"
	_ "embed" // the page
	"encoding/csv"
	"fmt"
	"html/template"
	"strconv"

	"github.com/tenor-lending/tenor/ledger/reconcile"
)

// printForm is a form in which a report leaves.
type printForm struct {
	contentType, disposition string
	write                    func(reconcile.Report) ([]byte, error)
}

var printForms = map[string]printForm{
	"html": {contentType: "text/html; charset=utf-8", disposition: "inline", write: printHTML},
	"csv": {
		contentType: "text/csv; charset=utf-8", disposition: `attachment; filename="reconciliation.csv"`, write: printCSV,
	},
}

//go:embed report.html
var pageText string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"kinds": func() []reconcile.ItemKind { return reconcile.ItemKinds },
	"age": func(i int) string {
		switch i {
		case 0:
			return fmt.Sprintf("up to %d day", reconcile.Ages[0])
		case len(reconcile.Ages):
			return fmt.Sprintf("more than %d days", reconcile.Ages[i-1])
		}
		return fmt.Sprintf("%d to %d days", reconcile.Ages[i-1]+1, reconcile.Ages[i])
	},
}).Parse(pageText))

func printHTML(r reconcile.Report) ([]byte, error) {
	var out bytes.Buffer
	if err := page.Execute(&out, r); err != nil {
		return nil, fmt.Errorf("printing the report: %w", err)
	}
	return out.Bytes(), nil
}

// printCSV writes the proof line by line: the rows but the last make its amount.
func printCSV(r reconcile.Report) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	code := r.Currency.Code()
	rows := [][]string{
		{"kind", "id", "date", "age_days", "amount", "currency", "break", "state", "reference", "text", "note"},
		{"BOOK_BALANCE", "", r.Through.String(), "", r.BookClosing.Text(), code, "", "", "", "", ""},
		{"OPENING_DIFFERENCE", "", r.Start.String(), "", r.OpeningDifference.Text(), code, "", "", "", "", ""},
	}
	for _, item := range r.Items {
		rows = append(rows, []string{
			string(item.Kind), item.ID.String(), item.Day.String(), strconv.Itoa(item.Age), item.Amount.Text(), code,
			string(item.Break), item.State, cell(item.Reference), cell(item.Text), cell(item.Note),
		})
	}
	rows = append(rows,
		[]string{"GAP_IN_STATEMENTS", "", "", "", r.Gap.Text(), code, "", "", "", "", ""},
		[]string{"UNEXPLAINED", "", "", "", r.Unexplained.Text(), code, "", "", "", "", ""},
		[]string{"BANK_BALANCE", "", r.Through.String(), "", r.BankClosing.Text(), code, "", "", "", "", ""})
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("writing the report: %w", err)
	}
	return out.Bytes(), nil
}

// cell keeps a spreadsheet from taking the bank's words for a formula.
func cell(text string) string {
	if text != "" && (text[0] == '=' || text[0] == '+' || text[0] == '-' || text[0] == '@') {
		return "'" + text
	}
	return text
}
