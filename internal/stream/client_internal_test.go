package stream

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// An answer to a commit of offsets says for each partition how it went.
func TestCommitFaultIsThatOfAPartition(t *testing.T) {
	t.Parallel()
	answer := func(codes ...int16) *kmsg.OffsetCommitResponse {
		topic := kmsg.NewOffsetCommitResponseTopic()
		topic.Topic = "loan"
		for i, code := range codes {
			p := kmsg.NewOffsetCommitResponseTopicPartition()
			p.Partition, p.ErrorCode = int32(i), code
			topic.Partitions = append(topic.Partitions, p)
		}
		return &kmsg.OffsetCommitResponse{Topics: []kmsg.OffsetCommitResponseTopic{topic}}
	}
	fenced := kerr.IllegalGeneration
	for name, c := range map[string]struct {
		answer *kmsg.OffsetCommitResponse
		want   error
	}{
		"none":               {nil, nil},
		"all committed":      {answer(0, 0), nil},
		"one of a new group": {answer(0, fenced.Code, 0), fenced},
	} {
		if err := commitFault(c.answer); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
