package reconcilesvc_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
)

func TestRulesAndMappings(t *testing.T) {
	t.Parallel()
	d := open(t)
	var set struct {
		Version int64
		RuleSet object `json:"rule_set"`
	}
	d.finance.Get(base + "/rule-sets/default").Want(http.StatusOK).Into(&set)
	if set.Version != 0 || set.RuleSet["rules"] == nil {
		t.Errorf("default rules %+v", set)
	}
	d.finance.Get(base+"/rule-sets/mine").WantProblem(404, "not-in-reconciliation")
	rule := object{"name": "amount", "shape": "ONE_TO_ONE", "reference": "ANY", "days_before": 3, "days_after": 3}
	for want := range 2 { // the same again is no new version
		d.finance.Put(base+"/rule-sets/mine", object{"rules": []object{rule}}).Want(http.StatusOK).Into(&set)
		if set.Version != 1 {
			t.Errorf("version %d in round %d", set.Version, want)
		}
	}
	rule["days_after"] = 4
	d.finance.Put(base+"/rule-sets/mine", object{"rules": []object{rule}}).Want(http.StatusOK).Into(&set)
	if set.Version != 2 {
		t.Errorf("version %d", set.Version)
	}
	rule["days_after"] = 400
	d.finance.Put(base+"/rule-sets/mine", object{"rules": []object{rule}}).WantProblem(422, "reconciliation-rules").
		WantField(t, "body.rules[0].days_after")
	d.finance.Put(base+"/csv-mappings/house", object{
		"delimiter": "x", "header": true, "decimal": ".", "date_layout": "YYYY-MM-DD", "booking_date": "date",
	}).WantProblem(422, "csv-mapping").WantField(t, "body.delimiter")
	var mapping struct {
		Version int64
		Mapping object
	}
	d.finance.Get(base + "/csv-mappings/house").Want(http.StatusOK).Into(&mapping)
	if mapping.Version != 1 || mapping.Mapping["decimal"] != "." {
		t.Errorf("mapping %+v", mapping)
	}
	d.book("2026-03-03", "A", "5.00")
	d.send(header+"2026-03-01,,,-7.00\n2026-03-04,,,5.00\n", "").Want(http.StatusCreated)
	trial := object{"account": "bank", "rule_set": object{"rules": []object{
		{"name": "same day", "shape": "ONE_TO_ONE", "reference": "ANY", "days_before": 0, "days_after": 0},
	}}}
	var preview struct {
		Run    run
		Breaks []struct {
			Candidates []struct{ Rejections []struct{ Why string } }
		}
	}
	d.finance.Post(base+"/previews", trial).Want(http.StatusOK).Into(&preview)
	if preview.Run.Matches != 0 || preview.Breaks[1].Candidates[0].Rejections[0].Why != "DATE" {
		t.Errorf("preview %+v", preview)
	}
	var found struct{ Matches int64 }
	d.finance.Post(base+"/runs", object{"account": "bank", "rules": "mine"}).Want(http.StatusCreated).Into(&found)
	if found.Matches != 1 {
		t.Errorf("by the saved rules %d matches", found.Matches)
	}
	var matches struct{ Items []struct{ Rule string } }
	d.finance.Get(base + "/matches?account=bank").Want(http.StatusOK).Into(&matches)
	if len(matches.Items) != 1 || matches.Items[0].Rule != "amount" {
		t.Errorf("matches %+v", matches)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	d := open(t)
	for _, role := range access.Roles {
		client := d.server.As(uuid.New(), role)
		read, write := http.StatusForbidden, http.StatusForbidden
		switch role {
		case access.Finance, access.System:
			read, write = http.StatusOK, http.StatusCreated
		case access.Admin:
			read = http.StatusOK
		default:
		}
		if got := client.Get(base + "/breaks?account=bank").Status; got != read {
			t.Errorf("%s reads: %d, want %d", role, got, read)
		}
		file := header + "2026-03-02,," + url.PathEscape(string(role)) + ",1.00\n"
		if got := client.Post(base+"/statements?account=bank&format=CSV&mapping=house", file).Status; got != write {
			t.Errorf("%s imports: %d, want %d", role, got, write)
		}
	}
}

func TestOtherBankAccount(t *testing.T) {
	t.Parallel()
	d := open(t)
	mt := func(account, day string) string {
		return ":20:X\n:25:" + account + "\n:28C:" + day + "\n:60F:C2603" + day + "INR1,\n:61:2603" + day +
			"C1,NTRFA\n:62F:C2603" + day + "INR2,\n"
	}
	path := base + "/statements?account=bank&format=MT940"
	d.finance.Post(path, mt("111", "01")).Want(http.StatusCreated)
	d.finance.Post(path, mt("222", "02")).WantProblem(http.StatusConflict, "other-bank-account")
	d.finance.Post(path, mt("111", "02")).Want(http.StatusCreated)
	r := d.report("")
	if r.Gap.Amount != "-1.00" || r.Proven { // the second begins with 1 where the first ends with 2
		t.Errorf("a gap between statements: %+v", r)
	}
}

func TestMatchByHandAndUndo(t *testing.T) {
	t.Parallel()
	d := open(t)
	entry := d.book("2026-03-01", "X", "12.00")
	d.send(header+"2026-03-20,,one,5.00\n2026-03-20,,two,6.00\n", "").Want(http.StatusCreated)
	d.run()
	var lines struct{ Items []struct{ ID string } }
	d.finance.Get(base + "/bank-lines?account=bank&unmatched=true").Want(http.StatusOK).Into(&lines)
	bank := []object{{"id": lines.Items[0].ID, "line_no": 0}, {"id": lines.Items[1].ID, "line_no": 0}}
	bookLine := []object{{"id": entry, "line_no": 0}}
	order := object{"account": "bank", "bank": bank, "books": bookLine, "note": "two parts and one left out"}
	var m struct {
		ID         string
		State      string
		Difference struct{ Amount string }
	}
	d.finance.Post(base+"/matches", order).Want(http.StatusCreated).Into(&m)
	if m.Difference.Amount != "-1.00" || m.State != "ACTIVE" {
		t.Errorf("match %+v", m)
	}
	d.finance.Post(base+"/matches", order).WantProblem(http.StatusConflict, "line-matched")
	open := d.breaks("")
	if len(open) != 1 || open[0].Side != "MATCH" || open[0].Amount.Amount != "-1.00" {
		t.Errorf("breaks %+v", open)
	}
	d.finance.Post(base+"/matches/"+m.ID+"/undo", object{"reason": "wrong borrower"}).Want(http.StatusOK).Into(&m)
	if m.State != "UNDONE" {
		t.Errorf("undone %+v", m)
	}
	d.finance.Post(base+"/matches/"+m.ID+"/undo", object{"reason": "again"}).
		WantProblem(http.StatusConflict, "match-undone")
	if open := d.breaks(""); len(open) != 3 {
		t.Errorf("after the undoing: %+v", open)
	}
	d.finance.Post(base+"/breaks/"+open[0].ID+"/explain", object{"text": "x"}).WantProblem(409, "break-closed")
	d.finance.Post(base+"/matches", order).Want(http.StatusCreated)
	d.audited(m.ID)
	for field, bad := range map[string]object{
		"body.bank[1]":  {"account": "bank", "bank": []object{bank[0], bank[0]}, "note": "twice"},
		"body.bank[0]":  {"account": "bank", "bank": []object{{"id": uuid.NewString(), "line_no": 0}}, "note": "none"},
		"body.books[0]": {"account": "bank", "books": []object{{"id": entry, "line_no": 1}}, "note": "another account's"},
	} {
		d.finance.Post(base+"/matches", bad).WantProblem(422, "unmatchable-line").WantField(t, field)
	}
	d.finance.Post(base+"/matches", object{"account": "bank", "note": "nothing"}).WantProblem(422, "unmatchable-line")
	for _, path := range []string{"/matches/", "/breaks/", "/runs/"} {
		d.finance.Get(base+path+uuid.NewString()).WantProblem(404, "not-in-reconciliation")
	}
}
