package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// hang is a kplb that takes long to take things back: see TestInterrupt.
func hang() {
	ctx, stop := interruptible(context.Background())
	defer stop()
	fmt.Println("at work")
	<-ctx.Done()
	fmt.Println("taking back")
	time.Sleep(time.Minute)
}

// TestInterrupt: the first signal is an end with grace, the second one is the
// end.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Env = append(os.Environ(), "KPLB_TEST_HANGS=1")
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for _, want := range []string{"at work", "taking back"} {
			if !lines.Scan() || lines.Text() != want {
				t.Fatalf("it says %q, not %q", lines.Text(), want)
			}
			if want == "taking back" {
				time.Sleep(50 * time.Millisecond) // the handler is taken away beside
			}
			if err := c.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		var exit *exec.ExitError
		if err := c.Wait(); !errors.As(err, &exit) {
			t.Fatalf("it ends with %v", err)
		}
		if status, ok := exit.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != signal {
			t.Errorf("%s twice ends with %v", signal, exit)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("it took %s", took)
		}
	}
}
