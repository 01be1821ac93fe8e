package remote_test

import (
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/kplb/kplb/remote"
	"github.com/kplb/kplb/remote/remotetest"
)

// relay passes one connection on, and everything later by a delay, each way.
func relay(t *testing.T, to string, delay time.Duration) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		here, err := l.Accept()
		if err != nil {
			return
		}
		there, err := net.Dial("tcp", to)
		if err != nil {
			_ = here.Close()
			return
		}
		go pass(there, here, delay)
		pass(here, there, delay)
	}()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

func pass(to io.WriteCloser, from io.Reader, delay time.Duration) {
	type part struct {
		data []byte
		at   time.Time
	}
	parts := make(chan part, 1<<10)
	go func() {
		defer to.Close() //nolint:errcheck // a test's connection
		for p := range parts {
			time.Sleep(time.Until(p.at))
			_, _ = to.Write(p.data)
		}
	}()
	defer close(parts)
	for {
		data := make([]byte, 32<<10)
		n, err := from.Read(data)
		if err != nil {
			return
		}
		parts <- part{data[:n], time.Now().Add(delay)}
	}
}

// TestOpeningCostsNoRoundTrip: the marks come with the answer to the command, so the first script of a connection costs three round trips
// (channel, command, script), and each further one a single one.
func TestOpeningCostsNoRoundTrip(t *testing.T) {
	for who, sudo := range map[string]string{"root": "", "pi": passes} {
		t.Run(who, func(t *testing.T) {
			o := remotetest.Options{Exec: remotetest.LocalShell, User: who}
			if sudo != "" {
				o.Path = fakeSudo(t, sudo)
			}
			s := remotetest.NewServer(t, o)
			fewest := []float64{99, 99, 99}
			for range 5 { // a busy machine makes it longer, never shorter
				for i, trips := range countTrips(t, s, len(fewest)) {
					fewest[i] = min(fewest[i], trips)
				}
				if fewest[0] < 3.5 && fewest[1] < 1.5 && fewest[2] < 1.5 {
					t.Logf("round trips of three scripts: %.2f", fewest)
					return
				}
			}
			t.Errorf("three scripts cost %.2f round trips", fewest)
		})
	}
}

// countTrips has scripts run over a new connection, and gives how many round trips each one took.
func countTrips(t *testing.T, s *remotetest.Server, scripts int) (trips []float64) {
	t.Helper()
	const trip = 300 * time.Millisecond
	target, opts := s.Target(), s.Options()
	target.Port = relay(t, s.Addr(), trip/2)
	opts.KnownHosts, opts.AcceptNew = []string{filepath.Join(t.TempDir(), "known_hosts")}, true
	h := dial(t, target, opts)
	for range scripts {
		start := time.Now()
		if _, err := collect(t, h, remote.Script{Name: "x", Body: "record here"}); err != nil {
			t.Fatal(err)
		}
		trips = append(trips, float64(time.Since(start))/float64(trip))
	}
	return trips
}
