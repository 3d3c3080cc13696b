package money

import (
	"fmt"
	"strings"
)

// Currency is an ISO 4217 currency. Currencies compare with ==; the zero
// Currency is none. It is an index into a table, so that an Amount is two
// machine words and a schedule of thousands of amounts stays small.
type Currency struct{ index uint8 }

// ParseCurrency returns the currency with the ISO 4217 alphabetic code, in
// upper case, or ErrUnknownCurrency.
func ParseCurrency(code string) (Currency, error) {
	c, ok := byCode[code]
	if !ok {
		return Currency{}, fmt.Errorf("%w: %.8q", ErrUnknownCurrency, code)
	}
	return c, nil
}

// MustCurrency is ParseCurrency for constants; it panics on an unknown code.
func MustCurrency(code string) Currency {
	c, err := ParseCurrency(code)
	if err != nil {
		panic(err)
	}
	return c
}

// Code returns the ISO 4217 alphabetic code, or "" for no currency.
func (c Currency) Code() string { return table[c.index].code }

// Exponent returns the number of decimals of the minor unit, 0 to 4.
func (c Currency) Exponent() int { return table[c.index].exponent }

// IsZero reports whether c is no currency.
func (c Currency) IsZero() bool { return c.index == 0 }

// String returns the code.
func (c Currency) String() string { return c.Code() }

// MarshalText writes the code; no currency has no text.
func (c Currency) MarshalText() ([]byte, error) {
	if c.IsZero() {
		return nil, fmt.Errorf("encoding a currency: %w", ErrUnknownCurrency)
	}
	return []byte(c.Code()), nil
}

// UnmarshalText reads a code.
func (c *Currency) UnmarshalText(text []byte) error {
	parsed, err := ParseCurrency(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

// minorUnits lists the active ISO 4217 codes by the number of decimals of
// their minor unit (ISO 4217 list one; codes without a minor unit, such as
// gold and test codes, are left out).
var minorUnits = map[int]string{
	0: `BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF`,
	2: `
		AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD
		BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD
		EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
		INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK
		MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK
		PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN
		SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST
		XCD XCG YER ZAR ZMW ZWG`,
	3: `BHD IQD JOD KWD LYD OMR TND`,
	4: `CLF UYW`,
}

type tableRow struct {
	code     string
	exponent int
}

// table holds every currency at its index; row 0 is no currency. byCode is
// its inverse.
var table, byCode = func() ([]tableRow, map[string]Currency) {
	rows := []tableRow{{}}
	index := make(map[string]Currency)
	for exponent := range 5 {
		for _, code := range strings.Fields(minorUnits[exponent]) {
			index[code] = Currency{index: uint8(len(rows))}
			rows = append(rows, tableRow{code: code, exponent: exponent})
		}
	}
	return rows, index
}()
