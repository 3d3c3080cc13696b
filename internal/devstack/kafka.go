package devstack

import (
	"context"
	"errors"
)

// ErrUnavailable reports that Apache Kafka cannot be run on this machine: no
// Java, or no registry to bring it from.
var ErrUnavailable = errors.New("not available here")

// KafkaOptions says how to run Apache Kafka.
type KafkaOptions struct {
	// Log receives one line for each step that takes time; nil is silence.
	Log func(line string)
}

// StartKafka starts one Apache Kafka node for one run.
func StartKafka(context.Context, KafkaOptions) (*Broker, error) {
	return nil, ErrUnavailable
}
