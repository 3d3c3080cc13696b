package servicing

import (
	"encoding/json"
	"fmt"

	"cloud.google.com/go/civil"
)

// Kind implements Fact.
func (Activated) Kind() FactKind { return KindActivated }

// Kind implements Fact.
func (DisbursementInitiated) Kind() FactKind { return KindDisbursementInitiated }

// Kind implements Fact.
func (DisbursementCompleted) Kind() FactKind { return KindDisbursementCompleted }

// Kind implements Fact.
func (DisbursementFailed) Kind() FactKind { return KindDisbursementFailed }

// Kind implements Fact.
func (Paid) Kind() FactKind { return KindPaid }

// Kind implements Fact.
func (Charged) Kind() FactKind { return KindCharged }

// Kind implements Fact.
func (Waived) Kind() FactKind { return KindWaived }

// Kind implements Fact.
func (Refunded) Kind() FactKind { return KindRefunded }

// Kind implements Fact.
func (ChargedBack) Kind() FactKind { return KindChargedBack }

// Kind implements Fact.
func (Rescheduled) Kind() FactKind { return KindRescheduled }

// Kind implements Fact.
func (IncomeDeferred) Kind() FactKind { return KindIncomeDeferred }

// Kind implements Fact.
func (Paused) Kind() FactKind { return KindPaused }

// Kind implements Fact.
func (Quoted) Kind() FactKind { return KindQuoted }

// Kind implements Fact.
func (ChargedOff) Kind() FactKind { return KindChargedOff }

// Kind implements Fact.
func (WrittenOff) Kind() FactKind { return KindWrittenOff }

// Kind implements Fact.
func (Reversed) Kind() FactKind { return KindReversed }

// Kind implements Fact.
func (Booked) Kind() FactKind { return KindBooked }

// Kind implements Fact.
func (Adjusted) Kind() FactKind { return KindAdjusted }

// Kind implements Fact.
func (WentOverdue) Kind() FactKind { return KindWentOverdue }

// Kind implements Fact.
func (LateFeeCharged) Kind() FactKind { return KindLateFee }

// Kind implements Fact.
func (LateFeeReversed) Kind() FactKind { return KindLateFeeBack }

// Kind implements Fact.
func (StageChanged) Kind() FactKind { return KindStageChanged }

// Kind implements Fact.
func (Suspended) Kind() FactKind { return KindSuspended }

// Kind implements Fact.
func (FullyRepaid) Kind() FactKind { return KindFullyRepaid }

// Kind implements Fact.
func (Completed) Kind() FactKind { return KindCompleted }

// Kind implements Fact.
func (Reopened) Kind() FactKind { return KindReopened }

// Date implements Fact.
func (f Activated) Date() civil.Date { return f.On }

// Date implements Fact.
func (f DisbursementInitiated) Date() civil.Date { return f.On }

// Date implements Fact.
func (f DisbursementCompleted) Date() civil.Date { return f.On }

// Date implements Fact.
func (f DisbursementFailed) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Paid) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Charged) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Waived) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Refunded) Date() civil.Date { return f.On }

// Date implements Fact.
func (f ChargedBack) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Rescheduled) Date() civil.Date { return f.On }

// Date implements Fact.
func (f IncomeDeferred) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Paused) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Quoted) Date() civil.Date { return f.On }

// Date implements Fact.
func (f ChargedOff) Date() civil.Date { return f.On }

// Date implements Fact.
func (f WrittenOff) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Reversed) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Booked) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Adjusted) Date() civil.Date { return f.On }

// Date implements Fact.
func (f WentOverdue) Date() civil.Date { return f.On }

// Date implements Fact.
func (f LateFeeCharged) Date() civil.Date { return f.On }

// Date implements Fact.
func (f LateFeeReversed) Date() civil.Date { return f.On }

// Date implements Fact.
func (f StageChanged) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Suspended) Date() civil.Date { return f.On }

// Date implements Fact.
func (f FullyRepaid) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Completed) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Reopened) Date() civil.Date { return f.On }

var decoders = map[FactKind]func([]byte) (Fact, error){
	KindActivated:             decodeAs[Activated],
	KindDisbursementInitiated: decodeAs[DisbursementInitiated],
	KindDisbursementCompleted: decodeAs[DisbursementCompleted],
	KindDisbursementFailed:    decodeAs[DisbursementFailed],
	KindPaid:                  decodeAs[Paid],
	KindCharged:               decodeAs[Charged],
	KindWaived:                decodeAs[Waived],
	KindRefunded:              decodeAs[Refunded],
	KindChargedBack:           decodeAs[ChargedBack],
	KindRescheduled:           decodeAs[Rescheduled],
	KindIncomeDeferred:        decodeAs[IncomeDeferred],
	KindPaused:                decodeAs[Paused],
	KindQuoted:                decodeAs[Quoted],
	KindChargedOff:            decodeAs[ChargedOff],
	KindWrittenOff:            decodeAs[WrittenOff],
	KindReversed:              decodeAs[Reversed],
	KindBooked:                decodeAs[Booked],
	KindAdjusted:              decodeAs[Adjusted],
	KindWentOverdue:           decodeAs[WentOverdue],
	KindLateFee:               decodeAs[LateFeeCharged],
	KindLateFeeBack:           decodeAs[LateFeeReversed],
	KindStageChanged:          decodeAs[StageChanged],
	KindSuspended:             decodeAs[Suspended],
	KindFullyRepaid:           decodeAs[FullyRepaid],
	KindCompleted:             decodeAs[Completed],
	KindReopened:              decodeAs[Reopened],
}

// DecodeFact reads a fact from the JSON that json.Marshal makes of it.
func DecodeFact(kind FactKind, data []byte) (Fact, error) {
	decode, ok := decoders[kind]
	if !ok {
		return nil, fmt.Errorf("%w: unknown kind %q", ErrCorrupt, kind)
	}
	return decode(data)
}

func decodeAs[F Fact](data []byte) (Fact, error) {
	var f F
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, f.Kind(), err)
	}
	return f, nil
}
