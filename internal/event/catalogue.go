package event

// Catalogue lists every event contract, by publisher: the source of the
// generated event documentation and of the golden files.
var Catalogue = map[string][]Event{
	"customer":    {CustomerRegistered{}, CustomerKYCSubmitted{}},
	"application": {ApplicationCreated{}, ApplicationSubmitted{}, ApplicationStageChanged{}},
	"document":    {DocumentUploaded{}, DocumentDeleted{}},
	"kyc":         {KYCAssigned{}, KYCVerified{}, KYCApproved{}, KYCRejected{}},
	"risk":        {RiskAssessed{}, RiskApproved{}, RiskRejected{}},
	"discussion":  {OfferMade{}, OfferAccepted{}, OfferDeclined{}, OfferExpired{}},
	"approval":    {ApprovalRecorded{}, ApprovalGranted{}, ApprovalRejected{}},
	"agreement": {
		AgreementGenerated{}, SigningCodeIssued{}, AgreementUploaded{}, AgreementReturned{}, AgreementSigned{},
	},
	"activation": {
		LoanProductSaved{},
		LoanActivated{},
		RepaymentScheduleCreated{},
		DisbursementInitiated{},
		DisbursementCompleted{},
		DisbursementFailed{},
	},
	"repayment": {
		PaymentReceived{},
		PaymentVerified{},
		PaymentRejected{},
		PaymentReversed{},
		LateFeeReversed{},
		LoanCharged{},
		LoanWaived{},
		LoanRefunded{},
		LoanChargedBack{},
		LoanRescheduled{},
		LoanChargedOff{},
		LoanWrittenOff{},
		LoanReopened{},
		LoanFullyRepaid{},
		LoanCompleted{},
	},
	"closeofday":   {PaymentOverdue{}, LateFeeCharged{}, LoanStageChanged{}, BusinessDayClosed{}},
	"ledger":       {ReconciliationCompleted{}},
	"notification": {NotificationRead{}, NotificationPreferencesChanged{}},
	"identity":     {SessionStarted{}, SessionEnded{}, PasswordChanged{}, ResetCodeIssued{}},
}

// AggregateOf returns what events of the type are about, as Event.Aggregate; "" for
// a type that is not in the catalogue.
func AggregateOf(typ string) string { return aggregates[typ] }

var aggregates = func() map[string]string {
	found := make(map[string]string)
	for _, events := range Catalogue {
		for _, e := range events {
			found[e.Type()] = e.Aggregate()
		}
	}
	return found
}()
