package command_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
)

// What was carried out is answered from memory, also where it would be refused by
// now: the key decides, not the state that the first run has left.
func TestABatchOfRepeatsIsAnsweredThoughItWouldBeRefusedNow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	commands := make([]command.Command, 3)
	for i, key := range []string{"a", "b", "c"} {
		commands[i] = command.Command{Name: "test", Actor: b.actor, Subject: uuid.New(), Key: b.key(key, "body")}
	}
	answer := func(refused error) []command.Outcome[outcome] {
		t.Helper()
		outcomes, err := command.RunAll(t.Context(), b.runner, commands,
			func(_ database.Tx, _ time.Time, open []int) ([]command.Outcome[outcome], error) {
				done := make([]command.Outcome[outcome], len(open))
				for i, at := range open {
					if at < 2 && refused != nil {
						done[i].Err = refused
						continue
					}
					done[i].Value = outcome{ID: uuid.New(), Text: commands[at].Key.Value}
				}
				return done, nil
			})
		if err != nil {
			t.Fatal(err)
		}
		return outcomes
	}
	first := answer(nil)
	commands[2].Key = b.key("d", "body") // one that is new beside two that would be refused
	second := answer(errRefused)
	for i := range 2 {
		want := first[i]
		want.Replayed = true
		if diff := cmp.Diff(want, second[i], cmpopts.EquateErrors()); diff != "" {
			t.Errorf("command %d (-want +got):\n%s", i, diff)
		}
	}
	if second[2].Err != nil || second[2].Replayed {
		t.Errorf("the new command: %+v", second[2])
	}
	err := database.InReadTx(t.Context(), b.db, func(tx database.Tx) error {
		for i, want := range []int64{1, 1, 2} { // the third subject has had two commands
			length, err := command.VerifyAudit(t.Context(), tx, commands[i].Subject)
			if err != nil || length != want {
				t.Errorf("audit chain %d: %d rows, %v, want %d", i, length, err, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
