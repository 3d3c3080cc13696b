package bankfile

import (
	"slices"
	"strings"
)

// information is what field 86 says. The standard leaves its form to the banks;
// three are common: subfields "?20text", words "/EREF/text/REMI/…", and plain text.
type information struct{ text, name, endToEnd string }

func readInformation(value string) information {
	joined := strings.ReplaceAll(value, "\n", "")
	switch {
	case len(joined) > 4 && joined[3] == '?':
		return subfields(joined[3:])
	case strings.HasPrefix(joined, "/"):
		return slashWords(joined)
	}
	return information{text: strings.ReplaceAll(value, "\n", " ")}
}

// subfields reads "?20text?21more?32name": 20 to 29 and 60 to 63 are the
// remittance information, 32 and 33 the name of the other side.
func subfields(text string) information {
	var info information
	var remittance strings.Builder
	for _, part := range strings.Split(text, "?")[1:] {
		if len(part) < 2 {
			continue
		}
		code, content := part[:2], part[2:]
		switch {
		case code >= "20" && code <= "29" || code >= "60" && code <= "63":
			if plusWord(content) >= 0 && remittance.Len() > 0 {
				remittance.WriteByte(' ')
			}
			remittance.WriteString(content)
		case code == "32" || code == "33":
			info.name += content
		case code == "00":
			info.text = content
		}
	}
	info.text = strings.TrimSpace(info.text + " " + remittance.String())
	info.endToEnd = plusValue(remittance.String())
	return info
}

// plusWords begin the parts of a remittance information of SEPA payments.
var plusWords = []string{"EREF+", "KREF+", "MREF+", "CRED+", "DEBT+", "COAM+", "OAMT+", "SVWZ+", "ABWA+", "ABWE+"}

// plusWord returns where the first of them begins, or -1.
func plusWord(text string) int {
	first := -1
	for _, word := range plusWords {
		if at := strings.Index(text, word); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return first
}

// plusValue returns the end-to-end id behind "EREF+".
func plusValue(text string) string {
	_, rest, ok := strings.Cut(text, plusWords[0])
	if !ok {
		return ""
	}
	if end := plusWord(rest); end >= 0 {
		rest = rest[:end]
	}
	return strings.TrimSpace(rest)
}

// slashCodes are the words of the form "/EREF/text/REMI/text".
var slashCodes = []string{
	"EREF", "REMI", "BENM", "ORDP", "NAME", "IBAN", "BIC", "TRTP", "MARF", "CSID", "PREF", "RTRN", "ISDT", "CNTP", "PURP",
	"ID", "ADDR", "USTD", "STRD", "ULTD", "ULTB", "SVCL", "ACCW", "TRCD",
}

func slashWords(text string) information {
	info := information{}
	code := ""
	var words []string
	values := map[string][]string{}
	for _, part := range strings.Split(text, "/") {
		if slices.Contains(slashCodes, part) {
			code = part
			continue
		}
		if part == "" {
			continue
		}
		values[code] = append(values[code], part)
		words = append(words, part)
	}
	info.text = strings.Join(words, " ")
	info.endToEnd = strings.Join(values["EREF"], "/")
	info.name = strings.Join(values["NAME"], " ")
	return info
}
