package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	requestTimeout = 30 * time.Second
	answerBytesMax = 4 << 20
	shownBytes     = 300
)

// caller sends JSON requests to one base URL.
type caller struct {
	base string
	http *http.Client
}

func newCaller(base string) caller {
	transport := &http.Transport{MaxIdleConns: clients, MaxIdleConnsPerHost: clients, IdleConnTimeout: requestTimeout}
	return caller{base: base, http: &http.Client{Timeout: requestTimeout, Transport: transport}}
}

// statusError is an answer that is no success.
type statusError struct {
	status int
	text   string
}

// Error implements error.
func (e *statusError) Error() string { return e.text }

// isAbsent tells whether the answer was that there is no such thing.
func isAbsent(err error) bool {
	var e *statusError
	return errors.As(err, &e) && (e.status == http.StatusNotFound || e.status == http.StatusBadRequest)
}

// call sends a request and decodes the answer into out, unless that is nil. Any
// status but those of success is an error with the beginning of the answer.
func (c caller) call(ctx context.Context, method, path, key string, body, out any) error {
	var reader io.Reader = http.NoBody
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encoding %s %s: %w", method, path, err)
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return fmt.Errorf("%s %s: reading answer: %w", method, path, err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		text := fmt.Sprintf("%s %s: %s: %.*s", method, path, response.Status, shownBytes, data)
		return &statusError{response.StatusCode, text}
	}
	if out == nil || len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s %s: decoding answer: %w", method, path, err)
	}
	return nil
}
