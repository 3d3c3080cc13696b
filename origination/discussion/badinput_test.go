package discussion_test

import (
	"net/http"
	"testing"

	"github.com/tenor-lending/tenor/internal/stream/streamtest"
)

func TestBadOffersLeaveNoTrace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	charge := func(amount object, party string) []object {
		return []object{{"name": "fee", "amount": amount, "party": party}}
	}
	yen, unknown := object{"amount": "20000", "currency": "JPY"}, object{"amount": "1", "currency": "XXX"}
	minus := inr("-1")
	tiny := changed("principal", inr("0.01"))
	tiny["instalments"] = 2
	delete(tiny, "charges")
	tests := map[string]struct {
		body  object
		slug  string
		field string
	}{
		"above the maximum":      {changed("principal", inr("20000.01")), "invalid-value", "body.principal"},
		"zero":                   {changed("principal", inr("0")), "invalid-value", "body.principal"},
		"negative":               {changed("principal", inr("-20000")), "invalid-value", "body.principal"},
		"other currency":         {changed("principal", yen), "invalid-value", "body.principal"},
		"unknown currency":       {changed("principal", unknown), "validation", "body.principal.currency"},
		"too many decimals":      {changed("principal", inr("1.001")), "validation", "body.principal.amount"},
		"number for a string":    {changed("annual_rate_percent", 15), "validation", "body.annual_rate_percent"},
		"absurd rate":            {changed("annual_rate_percent", "100.01"), "invalid-value", "body.annual_rate_percent"},
		"negative rate":          {changed("annual_rate_percent", "-1"), "validation", "body.annual_rate_percent"},
		"rate in words":          {changed("annual_rate_percent", "1e2"), "validation", "body.annual_rate_percent"},
		"no instalments":         {changed("instalments", 0), "validation", "body.instalments"},
		"too many instalments":   {changed("instalments", 601), "validation", "body.instalments"},
		"not valid at all":       {changed("valid_days", 0), "validation", "body.valid_days"},
		"valid for ever":         {changed("valid_days", 91), "validation", "body.valid_days"},
		"no such date":           {changed("disbursement_date", "2026-13-01"), "validation", "body.disbursement_date"},
		"disbursed yesterday":    {changed("disbursement_date", "2026-11-22"), "invalid-value", "body.disbursement_date"},
		"disbursed in ten years": {changed("disbursement_date", "2036-11-23"), "invalid-value", "body.disbursement_date"},
		"due before disbursed":   {changed("first_due_date", "2026-11-23"), "invalid-value", "body.first_due_date"},
		"due in ten years":       {changed("first_due_date", "2036-11-23"), "invalid-value", "body.first_due_date"},
		"charge of nothing":      {changed("charges", charge(inr("0"), "LENDER")), "invalid-value", "body.charges[0].amount"},
		"negative charge":        {changed("charges", charge(minus, "LENDER")), "invalid-value", "body.charges[0].amount"},
		"charge in yen":          {changed("charges", charge(yen, "LENDER")), "invalid-value", "body.charges[0].amount"},
		"charges take all":       {changed("charges", charge(inr("20000"), "LENDER")), "invalid-value", "body.charges"},
		"charge for whom":        {changed("charges", charge(inr("1"), "FRIEND")), "validation", "body.charges[0].party"},
		"unknown field":          {changed("rate", "15"), "validation", "body.rate"},
		"one paisa, two months":  {tiny, "invalid-value", "body.instalments"},
	}
	for name, test := range tests {
		t.Log(name) // the last one logged is the one that failed
		b.asOfficer().Post(b.path("offer"), test.body).
			WantProblem(http.StatusUnprocessableEntity, test.slug).WantField(t, test.field)
	}
	several := changed("principal", inr("30000"))
	several["annual_rate_percent"] = "999"
	problem := b.asOfficer().Post(b.path("offer"), several).WantProblem(http.StatusUnprocessableEntity, "invalid-value")
	problem.WantField(t, "body.principal")
	problem.WantField(t, "body.annual_rate_percent")
	b.asOfficer().WithKey("-").Post(b.path("offer"), illustration()).
		WantProblem(http.StatusBadRequest, "idempotency-key-missing")
	b.asOwner().Get(b.path("offer")).WantProblem(http.StatusNotFound, "offer-not-found")
	if types := streamtest.Types(t, b.db); len(types) != 0 {
		t.Errorf("announced %v", types)
	}
	if o := b.offer(illustration()); o.Version != 1 {
		t.Errorf("first good offer has version %d", o.Version)
	}
}

func TestBadAnswersLeaveNoTrace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	o := b.offer(illustration())
	b.asOwner().Post(b.path("accept"), object{"offer_id": o.ID}).
		WantProblem(http.StatusUnprocessableEntity, "validation")
	b.asOwner().Post(b.path("accept"), object{"offer_id": o.ID, "schedule_hash": "abc"}).
		WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "body.schedule_hash")
	b.asOwner().Post(b.path("decline"), object{"reason": ""}).
		WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "body.reason")
	b.asOwner().Post(b.path("decline"), object{"reason": "because"}).
		WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "body.reason")
	if got := b.current(); got.Status != "OPEN" {
		t.Errorf("status %s", got.Status)
	}
}
