// Package amortization turns the terms of a loan into exact figures: the
// schedule of instalments, the interest accrued on a day, the payoff, the split
// of a payment, the schedule after a change, and the rates that the law asks to
// disclose.
//
// It is pure and deterministic: no clock, no I/O, no floating point. The same
// terms give the same schedule, and [Schedule.Hash] names it. Rounding happens
// once, at named places, by a policy that is part of the terms.
//
// # 1. Terms
//
// [Terms] hold what lender and borrower agree on; every optional field has a
// sound default. [DecodeTerms], [Terms.Validate] and [New] report all faults at
// once, each a [TermsError] that names the field and the [Rule]; see [Faults].
//
//   - repayment: [Method] — annuity, equal principal, flat, interest-only, bullet,
//     balloon, graduated, Rule of 78, fixed instalment, principal plan
//   - rates: a nominal rate in percent, [RateStep], [IndexedRate]; [ChangePolicy]
//   - dates: [Frequency], [MonthEnd], [Calendar], [BusinessDayRule], [BrokenPeriod], [Window]
//   - relief: [Grace]; further money: [Tranche], down payment
//   - charges: [Fee], with tax and payee
//   - rounding: [Rounding], [Residual]
//
// # 2. Periods and day counts
//
// A period runs from its first day, inclusive, to its due date, exclusive: the
// interest of a day belongs to the period in which the day lies. Months keep
// their anchor day: a loan due on the 31st is due on 28 February and on 31 March
// again. [DayCount] gives the part of a year as an exact [Fraction], by the 2006
// ISDA Definitions, section 4.16, ICMA rule 251, and the AFB master agreement.
//
// # 3. Interest and instalments
//
// With balance B and the factor f(k) = rate × part of a year of period k:
//
//	interest          I(k) = B(k-1)·f(k), summed over segments of one rate and balance [1]
//	annuity           A = B·∏(1+f) / Σ(k) ∏(j>k)(1+f(j)) [2]
//	balloon           A = (B·∏(1+f) - balloon) / Σ(k) ∏(j>k)(1+f(j)) [2]
//	graduated         A(k) = A·(1+g)^⌊(k-1)/s⌋, sized likewise with these weights [3]
//	equal principal   P(k) = B/n [4]
//	interest-only     P(n) = B, all others 0 [4]
//	fixed instalment  A given, n follows; P(k) = A - I(k) [4]
//	flat              I = B·Σf, A = (B+I)/n [5]
//	Rule of 78        I(k) = FC·(n-k+1)/(n(n+1)/2), FC = n·A - B [5]
//	bullet            I(n) = B·Σf, or B·(∏(1+f) - 1) compounded [1]
//
// Sources, in S. G. Kellison, The Theory of Interest: [1] The Measurement of
// Interest; [2] Elementary Annuities; [3] More General Annuities; [4] Amortization
// Schedules and Sinking Funds; [5] Practical Applications, for the add-on rate and
// the sum of the digits (which 15 USC 1615 bars beyond 61 months).
//
// The definition is the reference path: products exact, quotients and growth in
// decimals of at least 34 digits, as IEEE 754 decimal128 has. A path in machine
// words answers where it is certain to give the same, and properties hold the two
// together row for row; a third implementation, in rationals, checks both.
//
// The number of rows is the number agreed, the principal repaid is the principal
// disbursed, and the last closing balance is exactly zero. What cannot be so is
// refused. [Schedule.All], [Schedule.At] and [Schedule.Len] give the rows, and
// [Affordable] the principal for an instalment.
//
// # 4. The life of a loan
//
// [Accrued], [Outstanding] and [Payoff] give the state on a day; [Allocate]
// splits a payment by an [Order], which is data, and [PercentOf] is the share that
// a late fee or a tax takes. [Prepay], [Reschedule], [ChangeRate], [Reamortize],
// [ReAge], [Holiday] and [Draw] return a [Revision]: the new schedule, its past
// rows unchanged, and the exact [Difference].
//
// # 5. Disclosure
//
//   - [Disclose]: the key facts of the Reserve Bank of India's circular of 15 April
//     2024, with a nominal and an effective annual rate
//   - [RegulationZ]: the actuarial method of 12 CFR 1026 Appendix J;
//     [WithinTolerance] is 12 CFR 1026.22(a)
//   - [EU]: the annual percentage rate of charge of Directives 2008/48/EC and (EU) 2023/2225
//   - [XIRR], [IRR], [MIRR] and the time value of money as spreadsheets define
//     them: [Payment], [PresentValue], [FutureValue], [Periods], [Rate]
//
// A rate is found inside a bracket, so that the search ends, or fails with
// [ErrNoRate] and says why.
//
// # What this package must not know
//
// Loans as aggregates, events, storage, HTTP, and the clock. Package legacy
// keeps the conventions of older systems, and package conform runs test vectors.
package amortization
