package island

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

const (
	// helperEnv has the test's own program be the helper of a test.
	helperEnv = "TENOR_TEST_ISLAND_HELPER"
	// lostFor is how long nothing may come through a path that is cut, and
	// backWithin how long it may take afterwards.
	lostFor    = 300 * time.Millisecond
	backWithin = 30 * time.Second
)

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		if err := holdIsland(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// one is an island, if this machine can make one.
func one(t *testing.T) *Island {
	t.Helper()
	islands, err := New(t.Context(), 1)
	if errors.Is(err, ErrNone) {
		t.Skipf("NOT RUN: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := islands[0].Close(); err != nil {
			t.Error(err)
		}
	})
	return islands[0]
}

// connection is one from an island to us, seen from both ends.
type connection struct{ here, there net.Conn }

func connect(t *testing.T, i *Island) connection {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", net.JoinHostPort(i.Near().String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var c connection
	err = i.Enter(func() (err error) {
		c.there, err = (&net.Dialer{}).DialContext(t.Context(), "tcp4", listener.Addr().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.here, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.here.Close(), c.there.Close() })
	return c
}

// arrives sends a word and tells whether it came through within the limit. A word
// that was late comes first the next time.
func arrives(t *testing.T, from, to net.Conn, word string, limit time.Duration) bool {
	t.Helper()
	if word != "" {
		if _, err := from.Write([]byte(word)); err != nil {
			t.Fatalf("sending on a path that is cut: %v", err)
		}
	}
	if err := to.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 16)
	n, err := to.Read(buffer)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	} else if err != nil {
		t.Fatalf("reading from a path that is cut: %v", err)
	}
	return n > 0
}

// TestWhatIsCutIsLostInSilence cuts a connection in each way: nothing comes through
// where it is cut, neither end hears of it, and it goes on when it heals.
func TestWhatIsCutIsLostInSilence(t *testing.T) {
	t.Parallel()
	for name, loss := range map[string]Loss{
		"both": {Requests: true, Answers: true}, "requests": {Requests: true}, "answers": {Answers: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := one(t)
			c, neighbour := connect(t, i), connect(t, i)
			if !arrives(t, c.there, c.here, "ask", backWithin) || !arrives(t, c.here, c.there, "answer", backWithin) {
				t.Fatal("nothing comes through before the cut")
			}
			if err := i.Cut("path", c.here.LocalAddr().String(), loss); err != nil {
				t.Fatal(err)
			}
			if !arrives(t, neighbour.there, neighbour.here, "ask", backWithin) {
				t.Error("the neighbour's path was cut, too")
			}
			asked, answered := arrives(t, c.there, c.here, "ask", lostFor), arrives(t, c.here, c.there, "answer", lostFor)
			if loss.Requests && asked || loss.Answers && answered {
				t.Errorf("something came through: asked %t, answered %t", asked, answered)
			}
			if err := i.Heal("path"); err != nil {
				t.Fatal(err)
			}
			if !asked && !arrives(t, c.there, c.here, "", backWithin) {
				t.Error("the request never came")
			}
			if !answered && !arrives(t, c.here, c.there, "", backWithin) {
				t.Error("the answer never came")
			}
		})
	}
}

func TestACutPathIsCutOnce(t *testing.T) {
	t.Parallel()
	i := one(t)
	at := net.JoinHostPort(i.Near().String(), "5432")
	if err := i.Heal("path"); err == nil {
		t.Error("a whole path was healed")
	}
	if err := i.Cut("path", "nowhere", Loss{Requests: true}); err == nil {
		t.Error("a path to nowhere was cut")
	}
	if err := i.Cut("path", at, Loss{Requests: true}); err != nil {
		t.Fatal(err)
	}
	if err := i.Cut("path", at, Loss{Requests: true}); err == nil {
		t.Error("a path was cut twice")
	}
}

func TestABlockHasItsBounds(t *testing.T) {
	t.Parallel()
	if _, err := New(t.Context(), islandsMax+1); err == nil {
		t.Error("more islands than a block has addresses")
	}
	if last := offset([4]byte{198, 18, 0, 0}, blocks<<blockBits-1); last.String() != "198.19.255.255" {
		t.Errorf("the last address is %s", last)
	}
}

// TestNothingIsLeftBehind closes an island, and kills the holder of another while a
// process lives there: both cables are gone.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	own := one(t)
	name := own.cable.Attrs().Name
	if err := own.Close(); err != nil {
		t.Fatal(err)
	}
	if there(t, name) {
		t.Error("the cable of a closed island is there")
	}
	helper := exec.Command(os.Args[0])
	helper.Env = append(os.Environ(), helperEnv+"=1")
	helper.Stderr = os.Stderr
	out, err := helper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	name = strings.TrimSpace(line)
	if err != nil || !there(t, name) {
		t.Errorf("the helper holds %q: %v", name, err)
	}
	if err := helper.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = helper.Wait() // it was killed
	for end := time.Now().Add(backWithin); there(t, name); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the cable outlives those who used it")
		}
	}
}

// holdIsland makes an island with a process on it, says its name and waits for the
// end, which is not an orderly one.
func holdIsland() error {
	islands, err := New(context.Background(), 1)
	if err != nil {
		return err
	}
	sleeper := exec.Command("sleep", "60")
	sleeper.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := islands[0].Enter(sleeper.Start); err != nil {
		return err
	}
	fmt.Println(islands[0].cable.Attrs().Name)
	return sleeper.Wait()
}

func there(t *testing.T, name string) bool {
	t.Helper()
	_, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if err != nil && !errors.As(err, &missing) {
		t.Fatal(err)
	}
	return err == nil
}
