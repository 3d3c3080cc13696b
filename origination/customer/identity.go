package customer

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/tenor-lending/tenor/internal/privacy"
)

// Limits of identity data, in characters.
const (
	lineMax     = 120
	postcodeMax = 12
)

// Identity is what KYC reviews about a person.
type Identity struct {
	NationalID NationalID
	Address    Address
	// Nationality is an ISO 3166-1 alpha-2 code.
	Nationality privacy.Text
	Occupation  privacy.Text
	// Employment is one of SALARIED, SELF_EMPLOYED, RETIRED, STUDENT, UNEMPLOYED.
	Employment privacy.Text
	// Employer may be empty.
	Employer privacy.Text
}

// NationalID is a document by which a state knows a person.
type NationalID struct {
	// Kind is one of NATIONAL_ID, PASSPORT, TAX_ID, DRIVING_LICENCE, VOTER_ID.
	Kind   privacy.Text
	Number privacy.Text
	// Country issued it, an ISO 3166-1 alpha-2 code.
	Country privacy.Text
}

// Address is where a person lives.
type Address struct {
	Line1 privacy.Text
	// Line2 and Region may be empty.
	Line2, Region privacy.Text
	City          privacy.Text
	// PostalCode may be empty only where the country has none; that is not checked.
	PostalCode privacy.Text
	// Country is an ISO 3166-1 alpha-2 code.
	Country privacy.Text
}

var (
	idNumber   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 /.-]{2,30}[A-Za-z0-9]$`)
	postalCode = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 -]*$`)
)

// check returns everything that is wrong with the identity data. Kinds and
// employments are checked against their lists by the API's schema.
func (i Identity) check() error {
	var f faults
	line := func(value privacy.Text, field string, optional bool) {
		text := value.Reveal()
		f.unless((optional && text == "") || validLine(text, lineMax), field,
			fmt.Sprintf("needs a letter and at most %d characters", lineMax))
	}
	country := func(value privacy.Text, field string) {
		f.unless(isCountry(value.Reveal()), field, "is not an ISO 3166-1 alpha-2 code")
	}
	f.unless(idNumber.MatchString(i.NationalID.Number.Reveal()), "national_id.number",
		"needs 4 to 32 letters and digits, with spaces and / . - between them")
	country(i.NationalID.Country, "national_id.country")
	line(i.Address.Line1, "address.line1", false)
	line(i.Address.Line2, "address.line2", true)
	line(i.Address.City, "address.city", false)
	line(i.Address.Region, "address.region", true)
	postcode := i.Address.PostalCode.Reveal()
	f.unless(len(postcode) <= postcodeMax && (postcode == "" || postalCode.MatchString(postcode)), "address.postal_code",
		fmt.Sprintf("needs at most %d letters and digits", postcodeMax))
	country(i.Address.Country, "address.country")
	country(i.Nationality, "nationality")
	line(i.Occupation, "occupation", false)
	line(i.Employer, "employer", true)
	return f.err()
}

// countries are the officially assigned ISO 3166-1 alpha-2 codes.
var countries = func() map[string]bool {
	set := make(map[string]bool)
	for _, code := range strings.Fields(`
		AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
		CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
		FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
		JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
		MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
		PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
		TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW`) {
		set[code] = true
	}
	return set
}()

func isCountry(code string) bool { return countries[code] }
