package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"

	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/journey"
)

const defaultDir = ".dev"

// takeFlag takes --name VALUE or --name=VALUE out of args.
func takeFlag(args []string, name, fallback string) (value string, rest []string) {
	value = fallback
	for i := 0; i < len(args); i++ {
		text, found := strings.CutPrefix(strings.TrimLeft(args[i], "-"), name)
		switch {
		case !strings.HasPrefix(args[i], "-") || !found:
			rest = append(rest, args[i])
		case strings.HasPrefix(text, "="):
			value = text[1:]
		case text == "" && i+1 < len(args):
			i++
			value = args[i]
		default:
			rest = append(rest, args[i])
		}
	}
	return value, rest
}

// upCommand keeps the platform running until it is interrupted.
func upCommand(ctx context.Context, args []string, std streams) int {
	dir, flags := takeFlag(args, "dir", defaultDir)
	profile, flags := takeFlag(flags, "cpuprofile", "")
	p, err := startPlatform(ctx, platformOptions{
		dir: dir, tls: true, environ: config.Environ(), flags: flags,
		say: func(format string, args ...any) { say(std.out, format+"\n", args...) },
	})
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		say(std.err, "tenor up: %v\n", err)
		return exitFailed
	}
	stopProfile, err := startProfile(profile)
	if err != nil {
		say(std.err, "tenor up: %v\n", errors.Join(err, p.stop()))
		return exitFailed
	}
	defer stopProfile()
	p.printWhereToLook(std)
	select {
	case <-ctx.Done():
		say(std.out, "\nstopping\n")
	case err := <-p.failed():
		say(std.err, "tenor up: the services stopped: %v\n", err)
		p.failed() <- err
		_ = p.stop() // says the same again
		return exitFailed
	}
	if err := p.stop(); err != nil {
		say(std.err, "tenor up: %v\n", err)
		return exitFailed
	}
	say(std.out, "stopped; the data stays in %s (make clean removes it)\n", dir)
	return 0
}

// startProfile writes to the file where the process spends its processor time,
// for go tool pprof, until stop; "" is no file.
func startProfile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	file, err := os.Create(path) //nolint:gosec // named by the user
	if err != nil {
		return nil, fmt.Errorf("profile of the processor time: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, fmt.Errorf("profile of the processor time: %w", errors.Join(err, file.Close()))
	}
	return func() {
		pprof.StopCPUProfile()
		_ = file.Close() // a profile that was not written shows when it is read
	}, nil
}

func (p *platform) printWhereToLook(std streams) {
	base := p.client.Base()
	say(std.out, "\nTenor is up.\n\n  gateway    %s\n  API docs   %s/docs\n", base, base)
	say(std.out, "  OpenAPI    %s/openapi.json\n", base)
	say(std.out, "  log        %s\n", p.logPath)
	if p.certificate != nil {
		say(std.out, "  authority  %s (curl --cacert; the certificate is self-made)\n", p.certificate.ca)
	}
	say(std.out, "\nA token for each role, good for 15 minutes:\n\n")
	for _, name := range tokenNames() {
		say(std.out, "  TOKEN=$(%s token %s --dir %s)\n", os.Args[0], name, p.dir)
	}
	say(std.out, "\nCtrl-C stops it.\n")
}

// tokenNames are the names for which tenor token gives a token.
func tokenNames() []string {
	names := []string{"admin"}
	for _, officer := range officers {
		names = append(names, officer.name)
	}
	return append(names, "system", "partner")
}

// tokenCommand logs in at the platform that runs on a directory and prints the
// access token.
func tokenCommand(ctx context.Context, args []string, std streams) int {
	dir, rest := takeFlag(args, "dir", defaultDir)
	if len(rest) != 1 || !slices.Contains(tokenNames(), rest[0]) {
		say(std.err, "usage: tenor token %s [--dir DIR]\n", strings.Join(tokenNames(), "|"))
		return exitUsage
	}
	token, err := fetchToken(ctx, dir, rest[0])
	if err != nil {
		say(std.err, "tenor token: %v\n", err)
		return exitFailed
	}
	say(std.out, "%s\n", token)
	return 0
}

// localClient speaks to the platform that runs on a directory.
func localClient(dir string) (*client.Client, *secrets, error) {
	path := filepath.Join(dir, "secrets.json")
	if _, err := os.Stat(path); err != nil { //nolint:gosec // below the directory that the user named
		return nil, nil, fmt.Errorf("no platform was started on %s: %w", dir, err)
	}
	known, err := loadSecrets(path)
	if err != nil {
		return nil, nil, err
	}
	var transport http.RoundTripper
	if files, err := loadCertificate(filepath.Join(dir, "tls")); err == nil {
		transport = files.transport()
	}
	return client.New(known.Gateway, transport), known, nil
}

func fetchToken(ctx context.Context, dir, name string) (string, error) {
	c, known, err := localClient(dir)
	if err != nil {
		return "", err
	}
	switch name {
	case "system":
		return journey.ClientToken(ctx, c, known.System.ID, known.System.Secret)
	case "partner":
		return journey.ClientToken(ctx, c, known.Partner.ID, known.Partner.Secret)
	case "admin":
		return journey.Login(ctx, c, adminEmail, known.AdminPassword)
	}
	return journey.Login(ctx, c, emailOf(name), known.StaffPassword)
}
