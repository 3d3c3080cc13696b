package verdict

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// What a line of the journal says.
const (
	// LineIntent is written before a payment is first sent.
	LineIntent = "intent"
	// LineAcked says that the platform answered that it is booked.
	LineAcked = "acked"
	// LineRefused says that the platform answered a definite no.
	LineRefused = "refused"
	// LineOpen says that the client gave up without having learnt the outcome.
	LineOpen = "open"
)

// Line is one line of the journal: something that the client knows about its
// payment number N.
type Line struct {
	// Kind is one of the constants above.
	Kind string    `json:"kind"`
	N    int64     `json:"n"`
	At   time.Time `json:"at"`
	// Loan, Minor (an amount in minor units of Currency) and Key (of idempotency)
	// are of an intent.
	Loan  string `json:"loan,omitempty"`
	Minor int64  `json:"minor,omitempty"`
	Key   string `json:"key,omitempty"`
	// Payment is the id that an acknowledgement named.
	Payment string `json:"payment,omitempty"`
	// Status is that of a refusal.
	Status int `json:"status,omitempty"`
}

// journalQueue bounds the lines that wait for the disk.
const journalQueue = 4096

// Journal is what the client knows, on disk before it counts: the ground truth
// of a drill. Many callers share one fsync.
type Journal struct {
	file  *os.File
	queue chan waiting
	done  chan struct{}
	mu    sync.Mutex
	fault error
}

type waiting struct {
	data   []byte
	onDisk chan error
}

// NewJournal begins a journal in a new file; one that exists already is an error,
// for its lines are of another drill.
func NewJournal(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // below the bench's directory
	if err != nil {
		return nil, fmt.Errorf("opening the client's journal: %w", err)
	}
	j := &Journal{file: file, queue: make(chan waiting, journalQueue), done: make(chan struct{})}
	go j.write()
	return j, nil
}

// Note returns when the line is on disk, or with the error of writing it. It must
// not be called after Close.
func (j *Journal) Note(l Line) error {
	data, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encoding a line of the journal: %w", err)
	}
	w := waiting{append(data, '\n'), make(chan error, 1)}
	j.queue <- w
	return <-w.onDisk
}

func (j *Journal) write() {
	defer close(j.done)
	for first := range j.queue {
		batch := []waiting{first}
		for more := true; more && len(batch) < journalQueue; {
			select {
			case next, ok := <-j.queue:
				if more = ok; ok {
					batch = append(batch, next)
				}
			default:
				more = false
			}
		}
		var data []byte
		for _, w := range batch {
			data = append(data, w.data...)
		}
		_, err := j.file.Write(data)
		err = errors.Join(err, j.file.Sync())
		for _, w := range batch {
			w.onDisk <- err
		}
		if err != nil {
			j.mu.Lock()
			j.fault = err
			j.mu.Unlock()
		}
	}
}

// Close waits for what is queued. It returns the last error of any line, too.
func (j *Journal) Close() error {
	close(j.queue)
	<-j.done
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.fault, j.file.Close())
}

// Intent is a payment as the journal tells of it. Its line is the one before the
// payment was sent, with the status of a refusal added.
type Intent struct {
	Line
	// Acks are the payment ids of its acknowledgements; more than one only when
	// it was sent at once several times.
	Acks []string
	// Refused says that the platform answered a definite no.
	Refused bool
}

// Acked tells whether the platform said that it is booked.
func (i *Intent) Acked() bool { return len(i.Acks) > 0 }

// Open tells whether nobody has learnt its outcome.
func (i *Intent) Open() bool { return !i.Acked() && !i.Refused }

// Reference ties a payment to its line of the journal: the client sends it along,
// and the platform shows it in the history of the loan.
func Reference(n int64) string { return fmt.Sprintf("drill %d", n) }

// ReadJournal reads a journal back from the disk, by the numbers of its payments.
// A torn last line is one that nobody has counted on; any other that makes no
// sense is an error.
func ReadJournal(path string) (map[int64]*Intent, error) {
	file, err := os.Open(path) //nolint:gosec // below the bench's directory
	if err != nil {
		return nil, fmt.Errorf("reading the client's journal: %w", err)
	}
	defer func() { _ = file.Close() }() // read only
	intents := make(map[int64]*Intent)
	lines := bufio.NewReader(file)
	for {
		data, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) || err == nil && len(bytes.TrimSpace(data)) == 0 {
			return intents, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the client's journal: %w", err)
		}
		var l Line
		if err := json.Unmarshal(data, &l); err != nil {
			return nil, fmt.Errorf("reading the client's journal: %w", err)
		}
		if l.Kind == LineIntent {
			intents[l.N] = &Intent{Line: l}
			continue
		}
		i := intents[l.N]
		if i == nil {
			return nil, fmt.Errorf("the client's journal: payment %d %s before its intent", l.N, l.Kind)
		}
		switch l.Kind {
		case LineAcked:
			i.Acks = append(i.Acks, l.Payment)
		case LineRefused:
			i.Refused, i.Status = true, l.Status
		}
	}
}
