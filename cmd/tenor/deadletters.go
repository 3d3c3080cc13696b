package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"

	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/stream"
)

// deadLettersCommand lists the events that consumers gave up on, one JSON
// object a line, or sends those of one consumer again.
func deadLettersCommand(ctx context.Context, args []string, std streams) int {
	words, flags := splitArgs(args)
	cfg, rest, err := config.Load(config.Environ(), flags, std.err)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	words = append(words, rest...)
	if err == nil && len(cfg.KafkaSeeds) == 0 {
		err = errors.New(config.Prefix + "KAFKA_SEEDS: required")
	}
	if err != nil {
		say(std.err, "tenor dead-letters: %v\n", err)
		return exitUsage
	}
	switch {
	case len(words) == 1 && words[0] == "list":
		encoder := json.NewEncoder(std.out)
		err = stream.DeadLetters(ctx, cfg.KafkaSeeds, func(letter stream.DeadLetter) error { return encoder.Encode(letter) })
	case len(words) == 2 && words[0] == "replay":
		var replayed int
		replayed, err = stream.ReplayDeadLetters(ctx, cfg.KafkaSeeds, words[1])
		say(std.out, "%d events sent again for %s\n", replayed, words[1])
	default:
		say(std.err, "usage: tenor dead-letters list | replay CONSUMER\n")
		return exitUsage
	}
	if err != nil {
		say(std.err, "tenor dead-letters: %v\n", err)
		return exitFailed
	}
	return 0
}
