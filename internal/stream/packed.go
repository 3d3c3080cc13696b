package stream

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"github.com/tenor-lending/tenor/internal/event"
)

// Limits of a row: it takes no further event when it has packMax of them, or
// packBytesMax before compression. With the last one it may have a little more.
const (
	packMax        = 250
	packBytesMax   = 1 << 20
	unpackBytesMax = packBytesMax + 2*EventBytesMax
	roomOfEvent    = 1 << 10 // what most events take
)

// errPacked means that a row of the outbox cannot be read.
var errPacked = errors.New("events of the outbox cannot be read")

// announced is an event on its way to the broker.
type announced struct {
	topic, key string
	env        event.Envelope
}

// zip is the compression of outbox rows, made when the first one is written: a
// database that compresses wide values by itself spends more on it than on all
// else that it does for an event.
var zip = sync.OnceValues(func() (codec, error) {
	in, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithLowerEncoderMem(true))
	if err != nil {
		return codec{}, fmt.Errorf("making encoder: %w", err)
	}
	out, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(unpackBytesMax))
	if err != nil {
		return codec{}, fmt.Errorf("making decoder: %w", err)
	}
	return codec{in, out}, nil
})

type codec struct {
	in  *zstd.Encoder
	out *zstd.Decoder
}

// packing collects the events of one row: each is its id, its subject, its
// instant, and texts with their lengths before them. Versions are not known yet.
type packing struct {
	plain []byte
	count int64
}

// newPacking returns an empty row with room for about so many events.
func newPacking(events int) packing {
	return packing{plain: make([]byte, 0, roomOfEvent*min(events, packMax))}
}

func (p *packing) full() bool { return p.count >= packMax || len(p.plain) >= packBytesMax }

func (p *packing) text(s string) {
	p.plain = binary.AppendUvarint(p.plain, uint64(len(s)))
	p.plain = append(p.plain, s...)
}

func (p *packing) add(a *announced) {
	p.count++
	p.plain = append(p.plain, a.env.ID[:]...)
	p.plain = append(p.plain, a.env.Subject[:]...)
	p.plain = binary.AppendVarint(p.plain, a.env.Time.UnixMicro())
	for _, s := range []string{a.topic, a.key, a.env.Type, a.env.Source, a.env.TraceParent} {
		p.text(s)
	}
	p.plain = binary.AppendUvarint(p.plain, uint64(len(a.env.Data)))
	p.plain = append(p.plain, a.env.Data...)
}

func (p *packing) packed() ([]byte, error) {
	z, err := zip()
	if err != nil {
		return nil, err
	}
	return z.in.EncodeAll(p.plain, make([]byte, 0, len(p.plain)/2)), nil
}

// unpacking reads what packing has written; after an error all it reads is empty.
type unpacking struct {
	plain []byte
	err   error
}

func (u *unpacking) take(n uint64) []byte {
	if u.err == nil && n > uint64(len(u.plain)) {
		u.err = fmt.Errorf("%w: they end too early", errPacked)
	}
	if u.err != nil {
		return nil
	}
	taken := u.plain[:n:n]
	u.plain = u.plain[n:]
	return taken
}

func (u *unpacking) bytes() []byte {
	n, size := binary.Uvarint(u.plain)
	if size <= 0 {
		u.take(1 + uint64(len(u.plain)))
		return nil
	}
	u.plain = u.plain[size:]
	return u.take(n)
}

func (u *unpacking) id() (id uuid.UUID) {
	copy(id[:], u.take(uint64(len(id))))
	return id
}

func (u *unpacking) instant() time.Time {
	micros, size := binary.Varint(u.plain)
	u.take(uint64(max(size, 0)))
	return time.UnixMicro(micros).UTC()
}

func (u *unpacking) next() announced {
	a := announced{env: event.Envelope{SpecVersion: event.SpecVersion, DataContentType: "application/json"}}
	a.env.ID, a.env.Subject, a.env.Time = u.id(), u.id(), u.instant()
	for _, s := range []*string{&a.topic, &a.key, &a.env.Type, &a.env.Source, &a.env.TraceParent} {
		*s = string(u.bytes())
	}
	a.env.Data = json.RawMessage(u.bytes())
	return a
}

// unpack returns the events at the places, with their versions.
func unpack(packed []byte, places, versions []int64) ([]announced, error) {
	if len(places) != len(versions) {
		return nil, fmt.Errorf("%w: %d places, %d versions", errPacked, len(places), len(versions))
	}
	z, err := zip()
	if err != nil {
		return nil, err
	}
	plain, err := z.out.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPacked, err)
	}
	u := unpacking{plain: plain}
	list := make([]announced, 0, len(places))
	for at := int64(0); len(u.plain) > 0 && len(list) < len(places); at++ {
		a := u.next()
		if u.err != nil {
			return nil, u.err
		}
		if next := len(list); at == places[next] {
			a.env.Version = versions[next]
			list = append(list, a)
		}
	}
	if len(list) != len(places) {
		return nil, fmt.Errorf("%w: %d of %d are there", errPacked, len(list), len(places))
	}
	return list, nil
}
