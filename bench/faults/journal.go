package faults

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// What a line of the journal says.
const (
	// lineIntent is written before a payment is first sent.
	lineIntent = "intent"
	// lineAcked says that the platform answered that it is booked.
	lineAcked = "acked"
	// lineRefused says that the platform answered a definite no.
	lineRefused = "refused"
	// lineOpen says that the client gave up without having learnt the outcome.
	lineOpen = "open"
)

// line is one line of the journal.
type line struct {
	Kind string    `json:"kind"`
	N    int64     `json:"n"`
	At   time.Time `json:"at"`
	// Loan, Minor and Key are of an intent.
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

// journal is what the client knows, on disk before it counts: the ground truth
// of a drill. Many callers share one fsync.
type journal struct {
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

func newJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // below the bench's directory
	if err != nil {
		return nil, fmt.Errorf("opening the client's journal: %w", err)
	}
	j := &journal{file: file, queue: make(chan waiting, journalQueue), done: make(chan struct{})}
	go j.write()
	return j, nil
}

// note returns when the line is on disk. It must not be called after close.
func (j *journal) note(l line) error {
	data, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encoding a line of the journal: %w", err)
	}
	w := waiting{append(data, '\n'), make(chan error, 1)}
	j.queue <- w
	return <-w.onDisk
}

func (j *journal) write() {
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

// close waits for what is queued.
func (j *journal) close() error {
	close(j.queue)
	<-j.done
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.fault, j.file.Close())
}

// intent is a payment as the journal tells of it.
type intent struct {
	line
	// Acks are the payment ids of its acknowledgements; more than one only when
	// it was sent at once several times.
	Acks []string
	// Refused and Open are how it ended otherwise.
	Refused, Open bool
	Status        int
}

// acked tells whether the platform said that it is booked.
func (i *intent) acked() bool { return len(i.Acks) > 0 }

// readJournal reads a journal back from the disk. A torn last line is one that
// nobody has counted on.
func readJournal(path string) (map[int64]*intent, error) {
	file, err := os.Open(path) //nolint:gosec // below the bench's directory
	if err != nil {
		return nil, fmt.Errorf("reading the client's journal: %w", err)
	}
	defer func() { _ = file.Close() }() // read only
	intents := make(map[int64]*intent)
	lines := bufio.NewReader(file)
	for {
		data, err := lines.ReadBytes('\n')
		if err != nil || len(bytes.TrimSpace(data)) == 0 {
			return intents, nil
		}
		var l line
		if err := json.Unmarshal(data, &l); err != nil {
			return nil, fmt.Errorf("reading the client's journal: %w", err)
		}
		if l.Kind == lineIntent {
			intents[l.N] = &intent{line: l}
			continue
		}
		i := intents[l.N]
		if i == nil {
			return nil, fmt.Errorf("the client's journal: payment %d %s before its intent", l.N, l.Kind)
		}
		switch l.Kind {
		case lineAcked:
			i.Acks = append(i.Acks, l.Payment)
		case lineRefused:
			i.Refused, i.Status = true, l.Status
		case lineOpen:
			i.Open = true
		}
	}
}
