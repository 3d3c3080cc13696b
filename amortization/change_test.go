package amortization_test

import (
	"errors"
	"testing"

	"cloud.google.com/go/civil"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// twelveMonths is 1,200.00 at 12 % by 30/360 from 1 January 2024.
func twelveMonths(t testing.TB, method amortization.Method) *amortization.Schedule {
	return build(t, amortization.Terms{
		Principal: inr(120_000), AnnualRatePercent: amortization.MustDecimal("12"), Instalments: 12, Method: method,
		DisbursementDate: date(t, "2024-01-01"),
	})
}

// prepay makes a prepayment that must succeed.
func prepay(t testing.TB, s *amortization.Schedule, on string, minor int64,
	effect amortization.PrepaymentEffect,
) *amortization.Revision {
	t.Helper()
	r, err := amortization.Prepay(s, date(t, on), inr(minor), effect)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPrepaymentReducesTheInstalment(t *testing.T) {
	t.Parallel()
	s := twelveMonths(t, amortization.Annuity)
	r := prepay(t, s, "2024-07-01", 20_000, amortization.ReduceInstalment)
	// 617.89 outstanding after six instalments, less 200.00: 417.89·0.01/(1-1.01^-6) = 72.11.
	if got, want := s.At(5).Closing, inr(61_789); got != want {
		t.Fatalf("outstanding %s, want %s", got, want)
	}
	if got, want := r.Difference.NextInstalmentAfter, inr(7_211); got != want {
		t.Errorf("instalment %s, want %s", got, want)
	}
	if r.Difference.Instalments != 0 || r.Difference.MaturityAfter != s.MaturityDate() {
		t.Errorf("the term changed: %+v", r.Difference)
	}
	if !r.Difference.Interest.IsNegative() || !r.Difference.Total.IsNegative() {
		t.Errorf("a prepayment saved nothing: %+v", r.Difference)
	}
	if row := r.Schedule.At(6); row.Kind != amortization.Change || row.Principal != inr(20_000) {
		t.Errorf("row of the change %+v", row)
	}
}

func TestPrepaymentReducesTheTerm(t *testing.T) {
	t.Parallel()
	s := twelveMonths(t, amortization.Annuity)
	r := prepay(t, s, "2024-07-01", 30_000, amortization.ReduceTerm)
	if got, want := r.Difference.NextInstalmentAfter, r.Difference.NextInstalmentBefore; got != want {
		t.Errorf("instalment %s, want %s as before", got, want)
	}
	if got, want := r.Difference.Instalments, -2; got != want {
		t.Errorf("%d instalments fewer, want %d", got, want)
	}
	byPrincipal := twelveMonths(t, amortization.EqualPrincipal)
	r = prepay(t, byPrincipal, "2024-07-01", 25_000, amortization.ReduceTerm)
	if got, want := r.Difference.Instalments, -2; got != want {
		t.Errorf("equal principal: %d instalments fewer, want %d", got, want)
	}
}

func TestPrepaymentOfTheNextInstalments(t *testing.T) {
	t.Parallel()
	s := twelveMonths(t, amortization.EqualPrincipal) // 100.00 of principal each
	r := prepay(t, s, "2024-07-01", 25_000, amortization.NextInstalments)
	var got []int64
	for i := 7; i < r.Schedule.Len(); i++ {
		row := r.Schedule.At(i)
		got = append(got, row.Principal.Minor())
	}
	want := []int64{0, 0, 5_000, 10_000, 10_000, 10_000}
	for i := range want {
		if len(got) != len(want) || got[i] != want[i] {
			t.Fatalf("principal %v, want %v", got, want)
		}
	}
	if row := r.Schedule.At(7); row.Interest != inr(350) {
		t.Errorf("interest %s on 350.00, want 3.50", row.Interest)
	}
}

func TestPrepaymentInsideAPeriodKeepsWhatWasEarned(t *testing.T) {
	t.Parallel()
	s := twelveMonths(t, amortization.InterestOnly) // 12.00 a month
	r := prepay(t, s, "2024-01-16", 60_000, amortization.ReduceInstalment)
	cut, next := r.Schedule.At(0), r.Schedule.At(1)
	if cut.Earned != inr(600) || !cut.Interest.IsZero() {
		t.Errorf("half a month earned %s and paid %s, want 6.00 and 0", cut.Earned, cut.Interest)
	}
	if next.Earned != inr(300) || next.Interest != inr(900) || next.Opening != inr(60_000) {
		t.Errorf("the rest earned %s on %s and pays %s, want 3.00 on 600.00 and 9.00", next.Earned, next.Opening,
			next.Interest)
	}
	accrued, err := amortization.Accrued(r.Schedule, date(t, "2024-01-16"))
	if err != nil {
		t.Fatal(err)
	}
	if accrued != inr(600) {
		t.Errorf("accrued on the day %s, want 6.00", accrued)
	}
	again := prepay(t, r.Schedule, "2024-01-21", 30_000, amortization.ReduceInstalment)
	// 6.00 + 5 days of 600.00 (1.00) + 10 days of 300.00 (1.00).
	if got := again.Schedule.At(2); got.Interest != inr(800) || got.Earned != inr(100) {
		t.Errorf("after two changes interest %s earned %s, want 8.00 and 1.00", got.Interest, got.Earned)
	}
}

func TestRateChangeHolidayReAgeAndDraw(t *testing.T) {
	t.Parallel()
	s := twelveMonths(t, amortization.Annuity)
	on := date(t, "2024-07-01")
	up, err := amortization.ChangeRate(s, on, amortization.MustDecimal("24"))
	if err != nil {
		t.Fatal(err)
	}
	if !up.Difference.Interest.IsPositive() || up.Schedule.At(6).Interest != inr(1_236) {
		t.Errorf("at 24 %% the seventh instalment pays %s on 617.89", up.Schedule.At(6).Interest)
	}
	same, err := amortization.ChangeRate(s, on, amortization.MustDecimal("12"))
	if err != nil || !same.Difference.Total.IsZero() {
		t.Errorf("the same rate changed %+v, %v", same, err)
	}
	rest, err := amortization.Holiday(s, on, 2, false, true)
	if err != nil {
		t.Fatal(err)
	}
	if rows := rowsOf(rest.Schedule); !rows[6].Total.IsZero() || !rows[7].Total.IsZero() || len(rows) != 14 ||
		rows[8].Interest != inr(3*618) {
		t.Errorf("holiday: %+v", rows[6:9])
	}
	capitalised, err := amortization.Holiday(s, on, 2, true, false)
	if err != nil {
		t.Fatal(err)
	}
	if rows := rowsOf(capitalised.Schedule); rows[6].Capitalised != inr(618) ||
		rows[7].Capitalised != inr(624) || len(rows) != 12 {
		t.Errorf("capitalising holiday: %+v", rows[6:8])
	}
	aged, err := amortization.ReAge(s, on, inr(80_000), date(t, "2024-09-15"), 20)
	if err != nil {
		t.Fatal(err)
	}
	if rows := rowsOf(aged.Schedule); len(rows) != 6+1+20 || rows[7].Due != date(t, "2024-09-15") ||
		rows[7].Opening != inr(80_000) {
		t.Errorf("re-aged: %d rows, %+v", len(rows), rows[7])
	}
	spread, err := amortization.Reamortize(s, on, inr(71_790))
	if err != nil {
		t.Fatal(err)
	}
	if spread.Difference.Instalments != 0 || spread.Schedule.At(7).Opening != inr(71_790) {
		t.Errorf("re-amortized: %+v", spread.Difference)
	}
	more, err := amortization.Draw(s, on, inr(50_000))
	if err != nil {
		t.Fatal(err)
	}
	if row := more.Schedule.At(6); row.Disbursed != inr(50_000) || row.Closing != inr(111_789) {
		t.Errorf("draw: %+v", row)
	}
	if got, want := more.Schedule.Totals.NetDisbursed, inr(170_000); got != want {
		t.Errorf("net disbursed %s, want %s", got, want)
	}
}

// TestMonthEndAnchorSurvivesAChange: a loan due on the 31st, changed while the
// running instalment is due on 29 February, is due on 31 March again.
func TestMonthEndAnchorSurvivesAChange(t *testing.T) {
	t.Parallel()
	s := build(t, amortization.Terms{
		Principal: inr(120_000), AnnualRatePercent: amortization.MustDecimal("12"), Instalments: 6,
		DisbursementDate: date(t, "2023-12-31"),
	})
	r := prepay(t, s, "2024-02-10", 10_000, amortization.ReduceInstalment)
	for i, want := range []string{"2024-01-31", "2024-02-10", "2024-02-29", "2024-03-31", "2024-04-30"} {
		if got := r.Schedule.At(i).Due; got != date(t, want) {
			t.Errorf("row %d due %s, want %s", i+1, got, want)
		}
	}
}

func tryPrepay(s *amortization.Schedule, on string, minor int64,
	effect amortization.PrepaymentEffect,
) (*amortization.Revision, error) {
	day, err := civil.ParseDate(on)
	if err != nil {
		return nil, err
	}
	return amortization.Prepay(s, day, inr(minor), effect)
}

func TestChangesThatAreRefused(t *testing.T) {
	t.Parallel()
	s, flat := twelveMonths(t, amortization.Annuity), twelveMonths(t, amortization.Flat)
	if _, err := tryPrepay(s, "2024-07-01", 61_790, amortization.ReduceTerm); !errors.Is(err, amortization.ErrAmount) {
		t.Errorf("prepaying everything: %v", err)
	}
	if _, err := tryPrepay(s, "2023-07-01", 10, amortization.ReduceTerm); !errors.Is(err, amortization.ErrDay) {
		t.Errorf("before the disbursement: %v", err)
	}
	if _, err := tryPrepay(s, "2025-01-01", 10, amortization.ReduceTerm); len(amortization.Faults(err)) != 1 {
		t.Errorf("at maturity: %v", err)
	}
	if _, err := tryPrepay(s, "2024-07-01", 10, "vanish"); len(amortization.Faults(err)) != 1 {
		t.Errorf("unknown effect: %v", err)
	}
	if _, err := tryPrepay(flat, "2024-07-01", 10, amortization.ReduceTerm); len(amortization.Faults(err)) != 1 {
		t.Errorf("flat interest: %v", err)
	}
	bullet := twelveMonths(t, amortization.Bullet)
	for _, effect := range []amortization.PrepaymentEffect{amortization.ReduceTerm, amortization.NextInstalments} {
		if _, err := tryPrepay(bullet, "2024-07-01", 10, effect); len(amortization.Faults(err)) != 1 {
			t.Errorf("bullet, %s: %v", effect, err)
		}
	}
	if _, err := amortization.Draw(s, date(t, "2024-07-01"), inr(-5)); !errors.Is(err, amortization.ErrAmount) {
		t.Errorf("drawing less than nothing: %v", err)
	}
	euro := money.New(5, money.MustCurrency("EUR"))
	if _, err := amortization.Draw(s, date(t, "2024-07-01"), euro); !errors.Is(err, amortization.ErrAmount) {
		t.Errorf("drawing in euro: %v", err)
	}
}

// TestRevisedSchedulesAreSound draws changes one after another.
func TestRevisedSchedulesAreSound(t *testing.T) {
	t.Parallel()
	changed := 0
	rapid.Check(t, func(t *rapid.T) {
		s, err := amortization.New(anyTerms(t))
		if err != nil {
			return
		}
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			span := s.MaturityDate().DaysSince(s.Terms.DisbursementDate)
			on := s.Terms.DisbursementDate.AddDays(rapid.IntRange(0, span-1).Draw(t, "on"))
			r, err := anyChange(t, s, on)
			if err != nil {
				if len(amortization.Faults(err)) == 0 && !errors.Is(err, amortization.ErrAmount) &&
					!errors.Is(err, amortization.ErrDay) {
					t.Fatalf("untyped error %v", err)
				}
				continue
			}
			changed++
			checkRevised(t, s, r, on)
			s = r.Schedule
		}
	})
	if changed == 0 {
		t.Error("nothing was changed")
	}
}

func anyChange(t *rapid.T, s *amortization.Schedule, on civil.Date) (*amortization.Revision, error) {
	some := money.New(rapid.Int64Range(1, s.Terms.Principal.Minor()/2+1).Draw(t, "amount"), s.Terms.Principal.Currency())
	switch rapid.IntRange(0, 5).Draw(t, "change") {
	case 0:
		return amortization.Prepay(s, on, some, amortization.ReduceInstalment)
	case 1:
		return amortization.Prepay(s, on, some, amortization.ReduceTerm)
	case 2:
		return amortization.Prepay(s, on, some, amortization.NextInstalments)
	case 3:
		return amortization.ChangeRate(s, on, anyRate(t, "newRate"))
	case 4:
		return amortization.Holiday(s, on, rapid.IntRange(1, 3).Draw(t, "holiday"), rapid.Bool().Draw(t, "capitalise"), true)
	}
	return amortization.Draw(s, on, some)
}

func checkRevised(t *rapid.T, before *amortization.Schedule, r *amortization.Revision, on civil.Date) {
	after := r.Schedule
	balance, drawn := before.At(0).Opening.Minor(), before.At(0).Opening.Minor()
	var principal, interest, earned, capitalised int64
	for i, row := range after.All() {
		if row.Opening.Minor() != balance || row.Number != i+1 {
			t.Fatalf("row %d opens with %s, balance %d", row.Number, row.Opening, balance)
		}
		if row.Principal.IsNegative() || row.Interest.IsNegative() || row.Earned.IsNegative() || row.Closing.IsNegative() {
			t.Fatalf("negative row %+v", row)
		}
		balance += row.Disbursed.Minor() + row.Capitalised.Minor() - row.Principal.Minor()
		if row.Closing.Minor() != balance {
			t.Fatalf("row %d closes with %s, balance %d", row.Number, row.Closing, balance)
		}
		drawn += row.Disbursed.Minor()
		principal += row.Principal.Minor()
		interest += row.Interest.Minor()
		earned += row.Earned.Minor()
		capitalised += row.Capitalised.Minor()
	}
	if balance != 0 || principal != drawn+capitalised || earned != interest+capitalised {
		t.Fatalf("balance %d, principal %d of %d and %d, earned %d, interest %d", balance, principal, drawn,
			capitalised, earned, interest)
	}
	was, err := amortization.Accrued(before, on)
	if err != nil {
		t.Fatal(err)
	}
	is, err := amortization.Accrued(after, on)
	if err != nil {
		t.Fatal(err)
	}
	if was != is {
		t.Fatalf("accrued on %s was %s and is %s", on, was, is)
	}
	if got := r.Difference.Total.Minor(); got != after.Totals.Total.Minor()-before.Totals.Total.Minor() {
		t.Fatalf("difference %d", got)
	}
}

// TestPlainLoansTakeEveryPrepayment: a monthly annuity accepts any prepayment
// on any day, with any effect, and the difference is a saving.
func TestPlainLoansTakeEveryPrepayment(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms := regularTerms(t)
		rate := rapid.SampledFrom([]string{"0", "3.5", "12", "30"}).Draw(t, "someRate")
		terms.AnnualRatePercent = amortization.MustDecimal(rate)
		s := mustNew(t, terms)
		span := s.MaturityDate().DaysSince(terms.DisbursementDate)
		on := terms.DisbursementDate.AddDays(rapid.IntRange(0, span-1).Draw(t, "on"))
		open, err := amortization.Outstanding(s, on)
		if err != nil {
			t.Fatal(err)
		}
		if open.Minor() < 100_000 {
			return
		}
		paid := money.New(rapid.Int64Range(1, open.Minor()*9/10).Draw(t, "paid"), open.Currency())
		for _, effect := range []amortization.PrepaymentEffect{
			amortization.ReduceInstalment, amortization.ReduceTerm,
			amortization.NextInstalments,
		} {
			r, err := amortization.Prepay(s, on, paid, effect)
			if err != nil {
				t.Fatalf("%s of %s on %s: %v", effect, paid, on, err)
			}
			checkRevised(t, s, r, on)
			// Rounding may cost a unit a row.
			if saved := -r.Difference.Interest.Minor(); saved < -int64(s.Len()) {
				t.Fatalf("%s of %s on %s costs %d", effect, paid, on, -saved)
			}
		}
	})
}

func rowsOf(s *amortization.Schedule) []amortization.Instalment {
	rows := make([]amortization.Instalment, s.Len())
	for i := range rows {
		rows[i] = s.At(i)
	}
	return rows
}
