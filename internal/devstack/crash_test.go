package devstack

import (
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestCrashedDatabaseRecovers kills the server twice, hard and at once, and
// finds what was committed on the same address.
func TestCrashedDatabaseRecovers(t *testing.T) {
	t.Parallel()
	ports, err := FreePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	opts := DatabaseOptions{Dir: openDir(t), Port: ports[0], Engine: EngineAuto}
	db := startDatabase(t, opts)
	exec1(t, db.DSN, "create table kept (n bigint)")
	for i, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGQUIT} {
		exec1(t, db.DSN, "insert into kept (n) values (1)")
		if db.Pid() == 0 {
			t.Error("a running server has no process id")
		}
		if err := db.Crash(signal); err != nil {
			t.Fatal(err)
		}
		if err := db.Crash(signal); err == nil || db.Pid() != 0 {
			t.Error("a server was crashed twice")
		}
		// The orphans of a killed server hold its memory for a moment.
		for end := time.Now().Add(databaseReadyWait); ; time.Sleep(readyPoll) {
			again, err := StartDatabase(t.Context(), opts)
			if err == nil {
				t.Cleanup(func() { _ = again.Stop() })
				db = again
				break
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(int64(i+1), query[int64](t, db.DSN, "select count(*) from kept")); diff != "" {
			t.Errorf("after signal %s: %s", signal, diff)
		}
	}
	given, err := StartDatabase(t.Context(), DatabaseOptions{DSN: db.DSN})
	if err != nil {
		t.Fatal(err)
	}
	if err := given.Crash(syscall.SIGKILL); err == nil {
		t.Error("a given server was crashed")
	}
}

// TestAdvertisedBroker has clients reach the broker by another address only.
func TestAdvertisedBroker(t *testing.T) {
	t.Parallel()
	ports, err := FreePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	own := ports[0]
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broker, err := StartBroker(t.Context(), BrokerOptions{Port: own, Advertise: door.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{door.Addr().String()}, broker.Seeds); diff != "" {
		t.Error(diff)
	}
	go forward(door, net.JoinHostPort("127.0.0.1", strconv.Itoa(own)))
	roundTrip(t, broker.Seeds, "by-the-door")
	if err := broker.Stop(); err != nil {
		t.Error(err)
	}
	_ = door.Close()
	if _, err := StartBroker(t.Context(), BrokerOptions{Advertise: "no address"}); err == nil {
		t.Error("a broker advertises what is no address")
	}
}

// forward connects each client of the door with the broker.
func forward(door net.Listener, to string) {
	for {
		client, err := door.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", to)
		if err != nil {
			_ = client.Close()
			continue
		}
		pipe := func(from, into net.Conn) {
			buffer := make([]byte, 32<<10)
			for {
				n, err := from.Read(buffer)
				if n > 0 {
					if _, writeErr := into.Write(buffer[:n]); writeErr != nil {
						err = writeErr
					}
				}
				if err != nil {
					_, _ = from.Close(), into.Close()
					return
				}
			}
		}
		go pipe(client, server)
		go pipe(server, client)
	}
}
